/** What `/metrics` says of the interfaces, of losses, and of the agent itself. */
import { readdirSync, readFileSync } from 'node:fs';
import type { FlowModel } from '../flow/model.ts';
import { TOTALS_EGRESS, TOTALS_FLOW_LOST, TOTALS_INGRESS, TOTALS_UNPARSED } from '../flow/interfaces.ts';
import { UNPARSED } from '../flow/names.ts';
import type { HelperStats } from '../wire/messages.ts';
import type { Family, Sample } from './families.ts';
import type { Meter } from './meter.ts';

/** What the families are read from; asked at each scrape. */
export interface Health {
  readonly version: string;
  readonly model: FlowModel;
  readonly meter: Meter;
  readonly attached: readonly {
    readonly name: string;
    readonly ingress: string;
    readonly egress: string;
    readonly up: boolean;
  }[];
  readonly stats: HelperStats | null;
  readonly ready: boolean;
  /** Seconds that the last scrape took to write; 0 before the first. */
  readonly scrapeSeconds: number;
  readonly scrapesRefused: number;
  readonly reloads: { readonly good: number; readonly bad: number; readonly lastGood: boolean };
  readonly streams: readonly StreamHealth[];
  readonly alerts: AlertHealth;
}

/** Alerts, and how it goes with telling them. */
export interface AlertHealth {
  readonly states: readonly {
    readonly rule: { readonly alert: string };
    readonly onSinceNs: number | null;
    readonly happened: number;
  }[];
  readonly health: readonly {
    readonly name: string;
    readonly delivered: number;
    readonly failed: number;
    readonly lost: number;
    readonly waiting: number;
  }[];
}

/** One stream of events to a collector. */
export interface StreamHealth {
  readonly name: string;
  readonly written: number;
  readonly lost: number;
  readonly queuedBytes: number;
  readonly connected: boolean;
}

const STREAMS = ['state', 'events', 'packets'] as const;

type Simple = readonly [name: string, help: string, value: (health: Health) => number];

const GAUGES: readonly Simple[] = [
  ['flowglass_ready', '1 = attached, and the helper lives', ({ ready }) => Number(ready)],
  ['flowglass_metric_groups', 'Groups of flows that have series of their own', ({ meter }) => meter.groups.count],
  ['flowglass_metric_groups_limit', 'How many there may be; further ones are counted as (other)', ({ meter }) => meter.groups.limit], // prettier-ignore
  ['flowglass_tracked_flows', 'Flows in memory', ({ meter }) => meter.tracked],
  ['flowglass_model_bytes', 'Bytes of the flow model', ({ model }) => model.bytes],
  ['flowglass_last_scrape_seconds', 'How long the text of the last scrape took', ({ scrapeSeconds }) => scrapeSeconds],
  ['flowglass_config_last_reload_successful', '0 = the configuration was refused and the one before is in force', ({ reloads }) => Number(reloads.lastGood)], // prettier-ignore
  ['flowglass_helper_resident_memory_bytes', 'Memory of the capture helper', ({ stats }) => stats?.residentBytes ?? 0],
  ['process_resident_memory_bytes', 'Resident memory size in bytes.', () => process.memoryUsage.rss()],
  ['process_start_time_seconds', 'Start time of the process since unix epoch in seconds.', () => Math.round(Date.now() / 1000 - process.uptime())], // prettier-ignore
  ['process_open_fds', 'Number of open file descriptors.', () => openFiles()],
  ['process_max_fds', 'Maximum number of open file descriptors.', () => fileLimit()],
];

const COUNTERS: readonly Simple[] = [
  ['flowglass_metric_groups_folded_flows_total', 'Flows counted as (other)', ({ meter }) => meter.groups.foldedFlows],
  ['flowglass_metric_groups_evicted_total', 'Groups given up for heavier ones', ({ meter }) => meter.groups.evicted],
  ['flowglass_lost_flow_packets_total', 'Packets that were counted but belong to no flow', ({ model }) => model.interfaces.sum(TOTALS_FLOW_LOST)], // prettier-ignore
  ['flowglass_lost_samples_total', 'Latency samples given up', ({ meter }) => meter.lostSamples],
  ['flowglass_lost_peeks_total', 'First payload bytes given up', ({ stats }) => stats?.lostPeeks ?? 0],
  ['flowglass_scrapes_refused_total', 'Connections to the metrics address refused', ({ scrapesRefused }) => scrapesRefused], // prettier-ignore
  ['flowglass_helper_cpu_seconds_total', 'Processor time of the capture helper', ({ stats }) => (stats?.cpuNs ?? 0) / 1e9], // prettier-ignore
  ['process_cpu_seconds_total', 'Total user and system CPU time spent in seconds.', () => cpuSeconds()],
];

/** All of it; `health` is asked at each scrape. */
export function healthFamilies(health: () => Health): Family[] {
  const simple = (type: Family['type'], [name, help, value]: Simple): Family => ({
    name,
    help,
    type,
    samples: () => [{ value: value(health()) }],
  });
  const list = (type: Family['type'], name: string, help: string, samples: (health: Health) => Sample[]): Family => ({
    name,
    help,
    type,
    samples: () => samples(health()),
  });
  return [
    list('gauge', 'flowglass_build_info', 'Version', ({ version }) => [{ value: 1, labels: { version } }]),
    ...GAUGES.map((each) => simple('gauge', each)),
    ...COUNTERS.map((each) => simple('counter', each)),
    list(
      'gauge',
      'flowglass_interface_attached',
      'Interfaces that are watched, and how',
      ({ attached }) =>
      attached.map(({ name, ingress, egress, up }) => ({ value: Number(up), labels: { interface: name, ingress, egress } })), // prettier-ignore
    ),
    list('counter', 'flowglass_interface_packets_total', 'Wire packets of an interface', ({ model }) => traffic(model, 0)), // prettier-ignore
    list('counter', 'flowglass_interface_bytes_total', 'Bytes of an interface', ({ model }) => traffic(model, 1)),
    list('counter', 'flowglass_unparsed_packets_total', 'Packets of no flow, by why', ({ model }) => unparsed(model)),
    list('counter', 'flowglass_lost_records_total', 'Records of the kernel that did not arrive', ({ stats }) =>
      (stats?.streams ?? []).map(({ lostRing, lostQueue, lostSocket }, i) => ({
        value: lostRing + lostQueue + lostSocket,
        labels: { stream: STREAMS[i] ?? String(i) },
      })),
    ),
    list('counter', 'flowglass_config_reloads_total', 'Times that the configuration was read again', ({ reloads }) => [
      { value: reloads.good, labels: { result: 'accepted' } },
      { value: reloads.bad, labels: { result: 'refused' } },
    ]),
    ...streams(list),
    ...alertFamilies(list),
  ];
}

type ListFamily = (type: Family['type'], name: string, help: string, samples: (health: Health) => Sample[]) => Family;

function alertFamilies(list: ListFamily): Family[] {
  type State = AlertHealth['states'][number];
  const each = (value: (state: State) => number) => (health: Health) =>
    health.alerts.states.map((state) => ({ value: value(state), labels: { alert: state.rule.alert } }));
  return [
    list(
      'gauge',
      'flowglass_alert_active',
      '1 = it is so now',
      each(({ onSinceNs }) => Number(onSinceNs !== null)),
    ),
    list('counter', 'flowglass_alerts_total', 'Times that an alert began, or was seen', each(({ happened }) => happened)), // prettier-ignore
    list('counter', 'flowglass_alert_notices_total', 'Notices to a target, by what became of them', ({ alerts }) =>
      alerts.health.flatMap(
        ({ name, delivered, failed, lost }) =>
        Object.entries({ delivered, failed, lost }).map(([result, value]) => ({ value, labels: { target: name, result } })), // prettier-ignore
      ),
    ),
    list('gauge', 'flowglass_alert_notices_waiting', 'Notices that wait for a target', ({ alerts }) =>
      alerts.health.map(({ name, waiting }) => ({ value: waiting, labels: { target: name } })),
    ),
  ];
}

function streams(list: ListFamily): Family[] {
  const each = (value: (stream: StreamHealth) => number) => (health: Health) =>
    health.streams.map((stream) => ({ value: value(stream), labels: { stream: stream.name } }));
  return [
    list(
      'counter',
      'flowglass_stream_events_total',
      'Events handed to a stream',
      each(({ written }) => written),
    ),
    list(
      'counter',
      'flowglass_stream_lost_total',
      'Events that a stream had no room for',
      each(({ lost }) => lost),
    ),
    list('gauge', 'flowglass_stream_queue_bytes', 'Bytes that wait for a collector', each(({ queuedBytes }) => queuedBytes)), // prettier-ignore
    list('gauge', 'flowglass_stream_connected', '1 = the collector takes events', each(({ connected }) => Number(connected))), // prettier-ignore
  ];
}

/** By interface name: numbers change when one comes back, names do not. */
function traffic(model: FlowModel, field: number): Sample[] {
  const sums = new Map<string, [number, number]>();
  for (const { iface, name } of model.interfaces.list) {
    const [received, sent] = sums.get(name) ?? [0, 0];
    sums.set(name, [
      received + model.interfaces.total(iface, TOTALS_INGRESS + field),
      sent + model.interfaces.total(iface, TOTALS_EGRESS + field),
    ]);
  }
  return [...sums].flatMap(([name, [received, sent]]) => [
    { value: received, labels: { interface: name, direction: 'received' } },
    { value: sent, labels: { interface: name, direction: 'sent' } },
  ]);
}

function unparsed(model: FlowModel): Sample[] {
  return UNPARSED.map((reason, i) => ({ value: model.interfaces.sum(TOTALS_UNPARSED + i), labels: { reason } }));
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

function openFiles(): number {
  try {
    return readdirSync('/proc/self/fd').length;
  } catch {
    return 0;
  }
}

function fileLimit(): number {
  try {
    return Number(/^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? 0);
  } catch {
    return 0;
  }
}
