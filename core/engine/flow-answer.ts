/** Everything known of one flow, for the details pane: the summary's words with session times and drawings beside. */
import { networkText } from '../place/places.ts';
import type {
  ApplicationAnswer,
  EndAnswer,
  FlowAnswer,
  LatencyAnswer,
  ProcessAnswer,
  SetupPart,
  SetupUnknown,
  WherePart,
} from '../contract/answers.ts';
import type { FlowModel } from '../flow/model.ts';
import { TCP_STATES } from '../flow/names.ts';
import { ownerOfSide } from '../flow/owners.ts';
import { PROCESS_PARENT_KNOWN } from '../flow/processes.ts';
import { SEGMENT_CLASSES } from '../flow/tcp-trouble.ts';
import { lifeOf, responseOf, rttOf, transitionsOf } from '../flow/state.ts';
import { flowSummary, type DistributionSummary, type FlowSummary, type WhereSummary } from '../summary/flow.ts';
import { containerName } from '../processes/places.ts';
import type { ProcessSummary } from '../summary/process.ts';
import type { SummarySource } from '../summary/source.ts';
import type { FlowWords } from './facts.ts';

const ANCESTORS_MAX = 16;

/** Of the flow in row `flow`. */
export function flowAnswer(source: SummarySource, flow: number, words: FlowWords): FlowAnswer {
  const { model } = source;
  const summary = flowSummary(source, flow);
  const { local } = words.read(flow);
  const { endedNs } = lifeOf(model, flow);
  const end = ({ address, port, name, ...rest }: typeof summary.client): EndAnswer => ({
    address,
    port,
    name,
    network: networkText(rest.network, rest),
    names: rest.names.map((each) => ({ ...each })),
  });
  return {
    flow: model.flows.id.data[flow]!,
    id: summary.id,
    protocol: summary.protocol,
    interface: pathText(summary),
    client: end(summary.client),
    server: end(summary.server),
    roles: summary.roles ?? 'first-packet',
    clientProcess: processAnswer(summary.clientProcess),
    clientProcessUnknown: summary.clientProcessUnknown,
    serverProcess: processAnswer(summary.serverProcess),
    serverProcessUnknown: summary.serverProcessUnknown,
    tree: ancestors(model, ownerOfSide(model, flow, local).process, words),
    startedNs: model.flows.firstNs.data[flow]!,
    endedNs: Number.isNaN(endedNs) ? null : endedNs,
    started: summary.started ?? '',
    ended: summary.ended,
    state: summary.state,
    end: summary.end,
    states:
      transitionsOf(model, flow)?.map(({ atNs, from, to }) => ({
        atNs,
        from: TCP_STATES[from] ?? String(from),
        to: TCP_STATES[to] ?? String(to),
      })) ?? null,
    sent: { packets: summary.sent.packets, bytes: summary.sent.bytes, payloadBytes: summary.sent.payloadBytes },
    received: {
      packets: summary.received.packets,
      bytes: summary.received.bytes,
      payloadBytes: summary.received.payloadBytes,
    },
    connectUs: summary.latency.connectUs,
    rtt: latencyAnswer(model, rttOf(model, flow), summary.latency.rtt),
    response: latencyAnswer(model, responseOf(model, flow), summary.latency.response),
    setup: setupAnswer(summary),
    where: whereAnswer(summary.latency.where),
    retransmits: summary.retransmits,
    resets: summary.resets ?? 0,
    zeroWindows: summary.zeroWindows ?? 0,
    segments: segmentAnswers(summary),
    drops: summary.drops.map(({ reason, count }) => ({ reason, count })),
    application: applicationAnswer(summary),
    owners: summary.owners.map(({ at, side, process, source: told }) => ({ at, side, pid: process.pid, name: process.name ?? `process ${process.pid}`, source: told ?? 'unknown' })), // prettier-ignore
    packetsStored: source.captured.packets,
  };
}

function segmentAnswers(summary: FlowSummary): FlowAnswer['segments'] {
  const { sentOutOfOrder, receivedOutOfOrder, sentDuplicateAcks, receivedDuplicateAcks, segments } = summary;
  const counts: [string, number][] = [
    ['outOfOrder', (sentOutOfOrder ?? 0) + (receivedOutOfOrder ?? 0)],
    ['duplicateAcks', (sentDuplicateAcks ?? 0) + (receivedDuplicateAcks ?? 0)],
    ...SEGMENT_CLASSES.map((kind): [string, number] => [
      kind,
      (segments?.sent[kind] ?? 0) + (segments?.received[kind] ?? 0),
    ]),
  ];
  return counts.flatMap(([kind, count]) => (count > 0 ? [{ kind, count }] : []));
}

function applicationAnswer({ application, banner, dns, tls, http }: FlowSummary): ApplicationAnswer {
  return { name: application, banner, dns, tls: tls && { ...tls, alpn: [...tls.alpn] }, http };
}

/** What came before the first exchange, each once. */
function setupAnswer({ protocol, latency, dns, tls }: FlowSummary): FlowAnswer['setup'] {
  const part = (name: SetupPart, us: number | null, unknown: SetupUnknown) => ({ part: name, us, unknown: us === null ? unknown : null }); // prettier-ignore
  return [
    part('dns', latency.dns?.meanUs ?? null, dns === null ? 'own flow' : 'not seen'),
    part('connect', latency.connectUs, protocol === 'tcp' ? 'not seen' : 'no handshake'),
    part('tls', latency.tls?.meanUs ?? null, tls === null ? 'no tls' : 'not seen'),
  ];
}

function whereAnswer(where: WhereSummary): FlowAnswer['where'] {
  const part = (name: WherePart, from: { readonly meanUs: number } | null, unknown: string | null) =>
    ({ part: name, meanUs: from?.meanUs ?? null, unknown: from === null ? (unknown ?? 'no exchange') : null }); // prettier-ignore
  return [
    part('network', where.network, where.networkUnknown),
    part('client kernel', where.clientQueue, where.clientUnknown),
    part('client application', where.clientApplication, where.clientUnknown),
    part('server kernel', where.serverQueue, where.serverUnknown),
    part('server application', where.serverApplication, where.serverUnknown),
    part('peer', where.peerMeanUs === null ? null : { meanUs: where.peerMeanUs }, where.peerUnknown),
  ];
}

function processAnswer(process: ProcessSummary | null): ProcessAnswer | null {
  if (!process) return null;
  const { pid, exe, commandLine, uid, started, cgroup, source, script } = process;
  const program = process.name ?? `process ${pid}`;
  const name = script === null ? program : `${script} (${program})`;
  const place = placeText(process);
  return { pid, name, exe, commandLine, uid, started, cgroup, place, source: source ?? 'unknown' };
}

function placeText({ container, package: app, unit }: ProcessSummary): string | null {
  if (container !== null) {
    const pod = container.pod === null ? null : `pod ${container.namespace ?? ''}/${container.pod}`;
    return [pod, `${container.runtime} container ${containerName(container)}`, container.image]
      .filter((part) => part !== null)
      .join(', ');
  }
  return app === null ? unit : `${app.kind} ${app.name}`;
}

function latencyAnswer(model: FlowModel, histogram: number, summary: DistributionSummary | null): LatencyAnswer | null {
  if (!summary) return null;
  const bins: [number, number][] = [];
  model.histograms.each(histogram, (valueNs, count) => bins.push([valueNs / 1000, count]));
  return { ...summary, bins: bins.sort((a, b) => a[0] - b[0]) };
}

/** The process and its ancestors, outermost first; a parent is the process of that pid that started last before it. */
function ancestors(model: FlowModel, process: number, words: FlowWords): { pid: number; name: string }[] {
  const { processes } = model;
  const found: { pid: number; name: string }[] = [];
  for (let at = process; at >= 0 && found.length < ANCESTORS_MAX;) {
    found.unshift({ pid: processes.pid.data[at]!, name: words.processName(at) });
    if ((processes.flags.data[at]! & PROCESS_PARENT_KNOWN) === 0) break;
    at = newest(model, processes.parentPid.data[at]!, at);
  }
  return found;
}

function newest(model: FlowModel, pid: number, child: number): number {
  const { processes } = model;
  const start = (row: number): number => processes.startHigh.data[row]! * 4294967296 + processes.startLow.data[row]!;
  let best = -1;
  for (let row = 0; row < processes.rows.count; row++) {
    if (row === child || processes.pid.data[row] !== pid || start(row) > start(child)) continue;
    if (best < 0 || start(row) > start(best)) best = row;
  }
  return best;
}

/** The interfaces that its packets passed, and the other addresses that it has there. */
function pathText({ path, interface: own, nat }: FlowSummary): string {
  const ends = ({ address, port }: { address: string; port: number | null }): string =>
    port === null ? address : address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
  const translated = (nat ?? []).map((each) => ` (${each.interface}: ${ends(each.client)} → ${ends(each.server)})`);
  return `${path.length > 1 ? path.join(' → ') : (own ?? '–')}${translated.join('')}`;
}
