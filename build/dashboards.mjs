// The Grafana dashboards of deploy/grafana/dashboards, from this short description: node build/dashboards.mjs writes them.
// A test holds them equal, and runs every query of every panel against a real Prometheus (test/kernel/agent.test.ts).
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ROOT } from './tools.mjs';

/** Which flows a dashboard is about: its variables. */
const SELECTED = 'instance=~"$instance",process=~"$process",service=~"$service",peer=~"$peer"';
const RATE = '[$__rate_interval]';

const rate = (family, more = '') => `rate(${family}{${SELECTED}${more === '' ? '' : `,${more}`}}${RATE})`;
const sumRate = (family, by = '', more = '') => `sum${by === '' ? '' : ` by (${by})`} (${rate(family, more)})`;
const quantile = (q, family, by = '') =>
  `histogram_quantile(${q}, sum by (le${by === '' ? '' : `, ${by}`}) (${rate(`${family}_bucket`)}))`;
/** Health is of an agent, not of flows. */
const health = (family, by = 'instance') => `sum by (${by}) (${family}{instance=~"$instance"})`;
const healthRate = (family, by = 'instance') => `sum by (${by}) (rate(${family}{instance=~"$instance"}${RATE}))`;

const percentiles = (family) => [
  { expr: quantile(0.5, family), legend: 'p50' },
  { expr: quantile(0.9, family), legend: 'p90' },
  { expr: quantile(0.99, family), legend: 'p99' },
];

/** A panel: title, unit, queries, and how wide it is of 24. */
const panel = (title, unit, targets, width = 12, type = 'timeseries') => ({
  title,
  unit,
  type,
  width,
  targets: typeof targets === 'string' ? [{ expr: targets, legend: '' }] : targets,
});

const DASHBOARDS = [
  {
    uid: 'flowglass-overview',
    title: 'Flowglass: overview',
    variables: ['instance', 'process', 'service', 'peer'],
    panels: [
      panel('Open flows', 'short', `sum(flowglass_flows_open{${SELECTED}})`, 6, 'stat'),
      panel('New flows', 'ops', sumRate('flowglass_flows_opened_total'), 6, 'stat'),
      panel('Traffic', 'Bps', sumRate('flowglass_bytes_total'), 6, 'stat'),
      panel(
        'Ended badly',
        'ops',
        sumRate('flowglass_flows_closed_total', '', 'end=~"reset|timeout|refused"'),
        6,
        'stat',
      ),
      panel('New flows by process', 'ops', [{ expr: `topk(10, ${sumRate('flowglass_flows_opened_total', 'process')})`, legend: '{{process}}' }]), // prettier-ignore
      panel('Traffic by process', 'Bps', [{ expr: `topk(10, ${sumRate('flowglass_bytes_total', 'process')})`, legend: '{{process}}' }]), // prettier-ignore
      panel('Traffic by peer group', 'Bps', [{ expr: sumRate('flowglass_bytes_total', 'peer, direction'), legend: '{{peer}} {{direction}}' }]), // prettier-ignore
      panel('Slowest answers (p99) by process', 's', [{ expr: `topk(10, ${quantile(0.99, 'flowglass_response_seconds', 'process')})`, legend: '{{process}}' }]), // prettier-ignore
    ],
  },
  {
    uid: 'flowglass-service',
    title: 'Flowglass: a service',
    variables: ['instance', 'process', 'service', 'peer'],
    panels: [
      panel('New flows by role and port', 'ops', [{ expr: sumRate('flowglass_flows_opened_total', 'role, port'), legend: '{{role}} {{port}}' }]), // prettier-ignore
      panel('Traffic sent and received', 'Bps', [{ expr: sumRate('flowglass_bytes_total', 'direction'), legend: '{{direction}}' }]), // prettier-ignore
      panel('Response time', 's', percentiles('flowglass_response_seconds')),
      panel('Connect time', 's', percentiles('flowglass_connect_seconds')),
      panel('Share of flows that ended badly', 'percentunit', `${sumRate('flowglass_flows_closed_total', '', 'end=~"reset|timeout|refused"')} / ${sumRate('flowglass_flows_closed_total')}`), // prettier-ignore
      panel('Answers', 'ops', sumRate('flowglass_response_seconds_count')),
    ],
  },
  {
    uid: 'flowglass-quality',
    title: 'Flowglass: quality of flows',
    variables: ['instance', 'process', 'service', 'peer'],
    panels: [
      panel('Round trips', 's', percentiles('flowglass_rtt_seconds')),
      panel('Segments sent again, share', 'percentunit', [{ expr: `${sumRate('flowglass_retransmits_total', 'direction')} / ${sumRate('flowglass_packets_total', 'direction', 'protocol="tcp"')}`, legend: '{{direction}}' }]), // prettier-ignore
      panel('Segments sent again by peer group', 'ops', [{ expr: sumRate('flowglass_retransmits_total', 'peer'), legend: '{{peer}}' }]), // prettier-ignore
      panel('Resets', 'ops', [{ expr: sumRate('flowglass_resets_total', 'direction'), legend: '{{direction}}' }]),
      panel('Zero windows', 'ops', [{ expr: sumRate('flowglass_zero_windows_total', 'direction'), legend: '{{direction}}' }]), // prettier-ignore
      panel('Ends', 'ops', [{ expr: sumRate('flowglass_flows_closed_total', 'end'), legend: '{{end}}' }]),
      panel('Packets dropped by the kernel', 'ops', [{ expr: sumRate('flowglass_drops_total', 'reason'), legend: '{{reason}}' }], 24), // prettier-ignore
    ],
  },
  {
    uid: 'flowglass-agents',
    title: 'Flowglass: agents',
    variables: ['instance'],
    panels: [
      panel('Ready', 'short', [{ expr: health('flowglass_ready'), legend: '{{instance}}' }], 6, 'stat'),
      panel('Interfaces watched', 'short', [{ expr: `count by (instance) (flowglass_interface_attached{instance=~"$instance"} == 1)`, legend: '{{instance}}' }], 6, 'stat'), // prettier-ignore
      panel('Groups with series of their own, share of the limit', 'percentunit', [{ expr: `${health('flowglass_metric_groups')} / ${health('flowglass_metric_groups_limit')}`, legend: '{{instance}}' }], 6, 'stat'), // prettier-ignore
      panel('Time to write a scrape', 's', [{ expr: health('flowglass_last_scrape_seconds'), legend: '{{instance}}' }], 6, 'stat'), // prettier-ignore
      panel('Traffic by interface', 'Bps', [{ expr: healthRate('flowglass_interface_bytes_total', 'instance, interface'), legend: '{{instance}} {{interface}}' }]), // prettier-ignore
      panel('Processor time, agent and helper', 'percentunit', [
        { expr: `sum by (instance) (rate(process_cpu_seconds_total{instance=~"$instance",job="flowglass"}${RATE}))`, legend: '{{instance}} agent' }, // prettier-ignore
        { expr: healthRate('flowglass_helper_cpu_seconds_total'), legend: '{{instance}} helper' },
      ]),
      panel('Memory', 'bytes', [
        { expr: 'sum by (instance) (process_resident_memory_bytes{instance=~"$instance",job="flowglass"})', legend: '{{instance}} agent' }, // prettier-ignore
        { expr: health('flowglass_helper_resident_memory_bytes'), legend: '{{instance}} helper' },
      ]),
      panel('Lost', 'ops', [
        { expr: healthRate('flowglass_lost_records_total', 'instance, stream'), legend: '{{instance}} records of {{stream}}' }, // prettier-ignore
        { expr: healthRate('flowglass_lost_flow_packets_total'), legend: '{{instance}} packets without a flow' },
        { expr: healthRate('flowglass_stream_lost_total', 'instance, stream'), legend: '{{instance}} events for {{stream}}' }, // prettier-ignore
      ]),
      panel('Flows counted as (other)', 'ops', [{ expr: healthRate('flowglass_metric_groups_folded_flows_total'), legend: '{{instance}}' }]), // prettier-ignore
      panel('Packets of no flow', 'ops', [{ expr: healthRate('flowglass_unparsed_packets_total', 'instance, reason'), legend: '{{instance}} {{reason}}' }]), // prettier-ignore
    ],
  },
];

const DATASOURCE = { type: 'prometheus', uid: '${datasource}' };
const HEIGHT = 8;
const STAT_HEIGHT = 4;

/** A label's values, all of them to begin with; no value is a value too. */
const variable = (name) => ({
  name,
  label: name,
  type: 'query',
  datasource: DATASOURCE,
  query: { query: `label_values(flowglass_${name === 'instance' ? 'ready' : 'flows_open'}, ${name})`, refId: name },
  refresh: 2,
  includeAll: true,
  allValue: '.*',
  multi: true,
  current: { text: 'All', value: '$__all' },
});

/** Left to right, top to bottom. */
function placed(panels) {
  let [x, y, line] = [0, 0, 0];
  return panels.map(({ title, unit, type, width, targets }, i) => {
    if (x + width > 24) [x, y] = [0, y + line];
    const h = type === 'stat' ? STAT_HEIGHT : HEIGHT;
    const gridPos = { x, y, w: width, h };
    [x, line] = [x + width, h];
    return {
      id: i + 1,
      type,
      title,
      datasource: DATASOURCE,
      gridPos,
      fieldConfig: { defaults: { unit, min: 0 }, overrides: [] },
      options: type === 'stat' ? { reduceOptions: { calcs: ['lastNotNull'] } } : { tooltip: { mode: 'multi' }, legend: { displayMode: 'list', placement: 'bottom' } }, // prettier-ignore
      targets: targets.map(({ expr, legend }, n) => ({
        refId: String.fromCharCode(65 + n),
        datasource: DATASOURCE,
        expr,
        legendFormat: legend === '' ? '__auto' : legend,
        exemplar: type !== 'stat' && expr.includes('_bucket'),
      })),
    };
  });
}

/** File name to text, of every dashboard. */
export function dashboards() {
  return new Map(
    DASHBOARDS.map(({ uid, title, variables, panels }) => [
      `${uid}.json`,
      `${JSON.stringify(
        {
          uid,
          title,
          tags: ['flowglass'],
          schemaVersion: 39,
          editable: true,
          timezone: 'browser',
          time: { from: 'now-1h', to: 'now' },
          refresh: '30s',
          links: [{ type: 'dashboards', tags: ['flowglass'], title: 'Flowglass', asDropdown: false, includeVars: true, keepTime: true }], // prettier-ignore
          templating: { list: [{ name: 'datasource', label: 'Prometheus', type: 'datasource', query: 'prometheus' }, ...variables.map(variable)] }, // prettier-ignore
          panels: placed(panels),
        },
        null,
        2,
      )}\n`,
    ]),
  );
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const folder = join(ROOT, 'deploy/grafana/dashboards');
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of dashboards()) writeFileSync(join(folder, name), text);
}
