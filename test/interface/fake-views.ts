/** Fills the tables of the contract's views from the invented machine, as the engine would. */
import type { GraphParams, SortColumn, TableParams, TimelineParams } from '../../core/contract/requests.ts';
import { BASE_BINS, FLOW_STATES, HEAT_FACTOR, HEAT_ROWS, LANE_PHASES, TROUBLE } from '../../core/contract/tables.ts';
import type { RowSet, StringInterner } from '../../core/contract/view-codec.ts';
import { bell, bytesAt, latencyAt, noise, rateAt, type FakeFlow, type World } from './fake-world.ts';

const KEY_BINS = 2 ** 32;
const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

export interface FakeMoment {
  world: World;
  atS: number;
  startS: number;
  endS: number;
  /** null = no filter. */
  matches: ((flow: FakeFlow) => boolean) | null;
}

const isNew = (flow: FakeFlow, atS: number): boolean => flow.startS <= atS;
const passes = (moment: FakeMoment, flow: FakeFlow): boolean => moment.matches === null || moment.matches(flow);
/** Trouble shows once the first bad time has begun. */
export const troubleAt = (moment: FakeMoment, flow: FakeFlow): number =>
  moment.world.marks.some((mark) => mark.flow === flow.index && mark.atS <= moment.atS) || flow.index > 19
    ? flow.trouble
    : 0;
export const percentiles = (moment: FakeMoment, flow: FakeFlow): [number, number, number, number] => {
  // The summary of a flow knows its bad times too.
  const bad = flow.slowBy > 1 && [0, 5, 10, 20, 40].some((ago) => moment.world.slow(moment.atS - ago));
  const slow = bad ? flow.slowBy * 0.45 : 1;
  return [flow.rttUs * slow, flow.rttUs * slow * 2.6 * (flow.slowBy > 1 ? 2 : 1), flow.responseUs * slow, flow.responseUs * slow * 2.4]; // prettier-ignore
};
const put = (rows: RowSet, key: number, values: readonly number[]): void => {
  const row = rows.upsert(key);
  values.forEach((value, c) => ((rows.columns[c] as Float64Array)[row] = value));
};
const quote = (text: string): string => `"${text.replace(/[\\"]/g, '\\$&')}"`;

/** Keys of nodes stay theirs, as the engine's do. */
const keys = new WeakMap<World, Map<string, number>>();
function keyOf(world: World, name: string): number {
  const known = keys.get(world) ?? new Map<string, number>();
  keys.set(world, known);
  const key = known.get(name) ?? known.size + 1;
  known.set(name, key);
  return key;
}

export function fillGraph(
  params: GraphParams,
  moment: FakeMoment,
  tables: readonly RowSet[],
  strings: StringInterner,
): void {
  const [nodes, edges, info] = tables as [RowSet, RowSet, RowSet];
  const seen = new Map<string, { key: number; values: number[] }>();
  const lines = new Map<string, { key: number; values: number[]; best: number }>();
  const node = (name: string, make: () => (number | string | null)[]): number[] => {
    let found = seen.get(name);
    if (!found) {
      const values = make().map((value) => (typeof value === 'number' ? value : strings.id(value)));
      seen.set(name, (found = { key: keyOf(moment.world, name), values }));
      found.values[1] = found.key;
    }
    return found.values;
  };
  for (const flow of moment.world.flows) {
    if (!isNew(flow, moment.atS) || moment.atS - flow.endS > 60) continue;
    const { process, peer } = flow;
    const [label, detail, filter] = peerNode(params, flow);
    const bps = rateAt(moment.world, flow, moment.atS);
    const trouble = troubleAt(moment, flow);
    const matches = passes(moment, flow) ? 1 : 0;
    const left = node(`0${process?.pid ?? flow.unknown}`, () => [
      0, 0, process?.name ?? 'unknown process', process ? String(process.pid) : '', params.groupLeft === 'unit' ? (process?.group ?? null) : params.groupLeft === 'user' ? 'root' : null, params.groupLeft === 'user' ? 'user' : (process?.groupKind ?? ''), 0, 0, 0, 0, process ? `process.pid == ${process.pid}` : null, null, 0,
    ]); // prettier-ignore
    const right = node(`1${label} ${detail}`, () => [
      1, 0, label, detail, params.groupRight === 'name' ? groupOf(params, peer.name, peer.address) : null, 'domain', 0, 0, 0, 0, filter, null, 0,
    ]); // prettier-ignore
    for (const end of [left, right]) {
      end[6] = (end[6] ?? 0) + bps;
      end[7] = (end[7] ?? 0) + 1;
      end[8] = (end[8] ?? 0) | trouble;
      end[9] = (end[9] ?? 0) | matches;
    }
    const name = `${left[1]} ${right[1]}`;
    const [p50, p99, response] = percentiles(moment, flow);
    let edge = lines.get(name);
    if (!edge) {
      const key = (left[1] ?? 0) * 65_536 + (right[1] ?? 0);
      edge = { key, best: -1, values: [left[1] ?? 0, right[1] ?? 0, 0, p50, p99, response, 0, 0, 0, 0, 0, flow.inbound ? 1 : 0, 0, flow.index] }; // prettier-ignore
      lines.set(name, edge);
    }
    const { values } = edge;
    values[2] = (values[2] ?? 0) + bps;
    values[6] = (values[6] ?? 0) + 1;
    values[7] = (values[7] ?? 0) + (trouble & TROUBLE.retransmit ? flow.retransmits : 0);
    values[8] = (values[8] ?? 0) + (trouble & TROUBLE.drop ? flow.drops : 0);
    values[9] = (values[9] ?? 0) + bytesAt(flow, moment.atS) / 900;
    values[10] = (values[10] ?? 0) | trouble;
    values[12] = (values[12] ?? 0) | matches;
    if (bps > edge.best) {
      edge.best = bps;
      values[13] = flow.index;
    }
  }
  const kept = [...lines.values()]
    .sort((a, b) => (b.values[12] ?? 0) - (a.values[12] ?? 0) || (b.values[2] ?? 0) - (a.values[2] ?? 0))
    .slice(0, params.edges);
  const linked = new Set(kept.flatMap(({ values }) => [values[0], values[1]]));
  const sides = [...seen.values()].map(({ values }) => values[0]);
  put(info, 0, [sides.filter((side) => side === 0).length, sides.filter((side) => side === 1).length, lines.size]);
  for (const { key, values } of kept) put(edges, key, values);
  for (const { key, values } of seen.values()) if (linked.has(key)) put(nodes, key, values);
}

/** Label, detail and filter of a peer's node. */
function peerNode(params: GraphParams, { peer, inbound }: FakeFlow): [string, string, string] {
  const group = groupOf(params, peer.name, peer.address);
  if (params.groupRight === 'network' && group !== null) return [group, '', `ip.addr == ${group}`];
  if (params.groupRight === 'domain' && group !== null)
    return [group, '', `peer.name ~ ${quote(`(^|\\.)${group.replaceAll('.', '\\.')}$`)}`];
  const filter = peer.name === null ? `ip.addr == ${peer.address}` : `peer.name == ${quote(peer.name)} && port == ${peer.port}`; // prettier-ignore
  return [peer.name ?? peer.address, inbound ? 'inbound' : `:${peer.port}`, filter];
}

function groupOf(params: GraphParams, name: string | null, address: string): string | null {
  if (params.groupRight !== 'network') return name === null ? null : name.split('.').slice(-2).join('.');
  return address.includes(':') ? '2001:db8::/32' : `${address.split('.').slice(0, 3).join('.')}.0/24`;
}

function sortValue(column: SortColumn, moment: FakeMoment, flow: FakeFlow): number | string {
  const [p50, p99, response50, response] = percentiles(moment, flow);
  switch (column) {
    case 'process':
      return flow.process?.name ?? '\uffff';
    case 'peer':
      return flow.peer.name ?? flow.peer.address;
    case 'protocol':
      return flow.protocol;
    case 'state':
      return troubleAt(moment, flow) ? 0 : 1;
    case 'rate':
      return rateAt(moment.world, flow, moment.atS);
    case 'sent':
      return bytesAt(flow, moment.atS) * 0.3;
    case 'received':
      return bytesAt(flow, moment.atS) * 0.7;
    case 'packets':
      return bytesAt(flow, moment.atS) / 900;
    case 'responseP50':
      return response50;
    case 'rttP50':
      return p50;
    case 'rttP99':
      return p99;
    case 'responseP99':
      return response;
    case 'retransmits':
      return flow.retransmits;
    case 'age':
      return -flow.startS;
    case 'started':
      return flow.startS;
  }
}

interface FakeGroup {
  label: string;
  flows: FakeFlow[];
}
/** Flows, or groups (of processes, else of protocols) and the flows of open ones. */
function groupedLines({ group, open }: TableParams, list: readonly FakeFlow[]): (FakeFlow | FakeGroup)[] {
  if (group === null) return [...list];
  const groups = new Map<string, FakeFlow[]>();
  for (const flow of list) {
    const label = group === 'process' ? (flow.process?.name ?? 'unknown process') : flow.protocol.toUpperCase();
    groups.set(label, [...(groups.get(label) ?? []), flow]);
  }
  return [...groups].flatMap(([label, flows]) => [{ label, flows }, ...(open.includes(label) ? flows : [])]);
}
function fillGroups(
  params: TableParams,
  moment: FakeMoment,
  lines: readonly (FakeFlow | FakeGroup)[],
  groups: RowSet,
  strings: StringInterner,
): void {
  let key = 0;
  lines.forEach((line, rank) => {
    if (!('label' in line)) return;
    const { label, flows } = line;
    const bytes = flows.reduce((sum, flow) => sum + bytesAt(flow, moment.atS), 0);
    const filter = params.group === 'process' ? `process.name == ${quote(label)}` : label.toLowerCase();
    put(groups, key++, [
      rank,
      strings.id(label),
      strings.id(filter),
      params.open.includes(label) ? 1 : 0,
      flows.length,
      flows.filter((flow) => passes(moment, flow)).length,
      flows.reduce((bits, flow) => bits | troubleAt(moment, flow), 0),
      flows.reduce((sum, flow) => sum + rateAt(moment.world, flow, moment.atS), 0),
      bytes * 0.3,
      bytes * 0.7,
      bytes / 900,
      flows.reduce((sum, flow) => sum + flow.retransmits, 0),
    ]);
  });
}

export function fillTable(
  params: TableParams,
  moment: FakeMoment,
  tables: readonly RowSet[],
  strings: StringInterner,
): void {
  const [info, rows, groups] = tables as [RowSet, RowSet, RowSet];
  const all = moment.world.flows.filter((flow) => isNew(flow, moment.atS));
  const order = (list: FakeFlow[]): FakeFlow[] => {
    if (params.sort.length === 0) return list;
    const keyed = list.map((flow) => ({
      flow,
      keys: params.sort.map(({ column }) => sortValue(column, moment, flow)),
    }));
    keyed.sort((a, b) => {
      for (let i = 0; i < params.sort.length; i++) {
        const [x, y] = [a.keys[i], b.keys[i]];
        if (x === y || x === undefined || y === undefined) continue;
        if (Number.isNaN(x)) return 1;
        if (Number.isNaN(y)) return -1;
        return (x < y ? -1 : 1) * (params.sort[i]?.descending ? -1 : 1);
      }
      return a.flow.index - b.flow.index;
    });
    return keyed.map(({ flow }) => flow);
  };
  const matched = order(all.filter((flow) => passes(moment, flow)));
  const list = params.show === 'all' ? [...matched, ...order(all.filter((flow) => !passes(moment, flow)))] : matched;
  const lines = groupedLines(params, list);
  put(info, 0, [all.length, matched.length, lines.length]);
  if (params.group !== null) fillGroups(params, moment, lines, groups, strings);
  lines.slice(params.from, params.from + params.count).forEach((flow, i) => {
    if ('label' in flow) return;
    const [p50, p99, response50, response99] = percentiles(moment, flow);
    const bytes = bytesAt(flow, moment.atS);
    const ended = moment.atS > flow.endS;
    const ports = `port == ${flow.peer.port} && port == ${flow.local.port}`;
    put(rows, flow.index, [
      params.from + i,
      FLOW_STATES.indexOf(ended ? 'closed' : flow.protocol === 'udp' ? 'active' : 'established'),
      troubleAt(moment, flow),
      passes(moment, flow) ? 1 : 0,
      strings.id(flow.process?.name ?? null),
      flow.process?.pid ?? 0,
      strings.id(flow.unknown),
      strings.id(flow.process?.group ?? null),
      strings.id(flow.peer.name ?? flow.peer.address),
      flow.inbound ? 0 : flow.peer.port,
      strings.id(flow.peer.address),
      strings.id(flow.protocol.toUpperCase()),
      strings.id(flow.application),
      rateAt(moment.world, flow, moment.atS),
      strings.id(spark(moment, flow)),
      Math.round(bytes * 0.3),
      Math.round(bytes * 0.7),
      Math.round(bytes / 900),
      p50,
      p99,
      response50,
      response99,
      strings.id(distribution(flow, p50, response50)),
      flow.protocol === 'tcp' ? (troubleAt(moment, flow) ? flow.retransmits : 0) : NaN,
      flow.startS * 1e9,
      (Math.min(moment.atS, flow.endS) - flow.startS) * 1e9,
      ended ? 1 : 0,
      flow.inbound ? 1 : 0,
      strings.id(`ip.addr == ${flow.peer.address} && ip.addr == ${flow.local.address} && ${ports}`),
      strings.id('eth0'),
    ]);
  });
}

function spark(moment: FakeMoment, flow: FakeFlow): string {
  const last = Math.floor(moment.atS / 2) * 2;
  const values = Array.from({ length: 30 }, (_, i) => rateAt(moment.world, flow, last - 58 + i * 2));
  const max = Math.max(...values);
  return values.map((value) => DIGITS[max > 0 ? Math.ceil((value / max) * 63) : 0]).join('');
}

function distribution(flow: FakeFlow, p50: number, response: number): string {
  const us = Number.isNaN(p50) ? response : p50;
  if (Number.isNaN(us)) return 'A'.repeat(24);
  const centre = (Math.log10(us / 100) / 4) * 24;
  return Array.from({ length: 24 }, (_, i) => {
    const height = Math.exp(-(((i - centre) / 1.5) ** 2)) * (0.75 + 0.25 * noise(flow.index, i));
    return DIGITS[height < 0.02 ? 0 : Math.ceil(height * 63)];
  }).join('');
}

export const binNsFor = (rangeNs: number, pixels: number): number =>
  2 ** Math.ceil(Math.log2(Math.max(1, rangeNs / Math.max(1, pixels))) - 1e-9);

type RowSets = [RowSet, RowSet, RowSet, RowSet, RowSet, RowSet, RowSet];

export function fillTimeline(
  params: TimelineParams,
  moment: FakeMoment,
  tables: readonly RowSet[],
  strings: StringInterner,
): void {
  const [range, lanes, bins, heat, marks, gaps, states] = tables as RowSets;
  const toNs = params.toNs ?? moment.atS * 1e9;
  const fromNs = params.fromNs ?? Math.max(moment.startS * 1e9, toNs - params.spanNs);
  const binNs = binNsFor(toNs - fromNs, params.width);
  const baseBin = Math.floor(fromNs / binNs / BASE_BINS) * BASE_BINS;
  put(range, 0, [
    fromNs,
    toNs,
    binNs,
    fillHeat(moment, fromNs, Math.min(toNs, moment.endS * 1e9), binNs, heat),
    baseBin,
  ]);
  const place = (flow: FakeFlow): number => params.flows.indexOf(flow.index) + 1 || Infinity;
  // The one asked for keeps its place when it has one.
  const rankOf = ({ index }: FakeFlow): number => (index === params.also && index >= params.lanes ? -1 : index);
  const wanted = new Set([...params.flows, ...(params.also === null ? [] : [params.also])]);
  const chosen = moment.world.flows
    .filter((flow) => isNew(flow, moment.atS) && (wanted.has(flow.index) || passes(moment, flow)))
    .sort((a, b) => Number(wanted.has(b.index)) - Number(wanted.has(a.index)) || a.index - b.index)
    .slice(0, Math.max(params.lanes, wanted.size))
    .sort((a, b) => (place(a) === place(b) ? rankOf(a) - rankOf(b) : place(a) - place(b)));
  chosen.forEach((flow, rank) => {
    const [p50, p99, response] = percentiles(moment, flow);
    put(lanes, flow.index, [
      rank, strings.id(flow.process?.name ?? null), flow.process?.pid ?? 0, strings.id(flow.peer.name ?? flow.peer.address), flow.inbound ? 0 : flow.peer.port, p50, p99, response, flow.startS * 1e9, flow.endS === Infinity || flow.endS > moment.atS ? NaN : flow.endS * 1e9, passes(moment, flow) ? 1 : 0,
    ]); // prettier-ignore
    fillBins(moment, flow, { fromNs, toNs: Math.min(toNs, moment.endS * 1e9), binNs, baseBin }, bins);
    fillStates(flow, states);
  });
  fillMarks(moment, fromNs, toNs, marks, strings);
  fillGaps(moment, gaps);
}

/** A TCP connection shakes hands for a round trip, and closes for a second. */
function fillStates(flow: FakeFlow, states: RowSet): void {
  const began = flow.startS * 1e9;
  const phases: [number, (typeof LANE_PHASES)[number]][] =
    flow.protocol === 'tcp' && !Number.isNaN(flow.rttUs)
      ? [[began, 'handshake'], [began + flow.rttUs * 1e3, 'open'], ...(flow.endS === Infinity ? [] : ([[(flow.endS - 1) * 1e9, 'closing'], [flow.endS * 1e9, 'closed']] as [number, 'closing'][]))]
      : [[began, 'open']]; // prettier-ignore
  phases.forEach(([atNs, phase], i) =>
    put(states, flow.index * 64 + i, [flow.index, atNs, LANE_PHASES.indexOf(phase)]),
  );
}

interface Shown {
  fromNs: number;
  toNs: number;
  binNs: number;
  baseBin: number;
}

function fillBins(moment: FakeMoment, flow: FakeFlow, { fromNs, toNs, binNs, baseBin }: Shown, bins: RowSet): void {
  const { world } = moment;
  for (let bin = Math.floor(fromNs / binNs); bin * binNs < toNs; bin++) {
    const atS = ((bin + 0.5) * binNs) / 1e9;
    if (atS < flow.startS || atS > flow.endS) continue;
    const mean = latencyAt(world, flow, flow.rttUs, atS, 1);
    const wanted = flow.responsesPerSecond * (binNs / 1e9);
    const count = Math.floor(wanted) + (noise(flow.index + 900, bin) < wanted % 1 ? 1 : 0);
    const response = latencyAt(world, flow, flow.responseUs * 1.1, atS, 4);
    const slow = world.slow(atS);
    const trouble = slow && flow.slowBy > 1 && !world.slow(atS - 14) ? TROUBLE.retransmit : slow && flow.index === 1 && noise(3, bin) < 2 && world.slow(atS - 9) ? TROUBLE.zeroWindow : 0; // prettier-ignore
    put(bins, flow.index * KEY_BINS + bin - baseBin, [
      mean * 0.9,
      mean * 1.15,
      mean,
      count ? response : NaN,
      count ? response * (count > 1 ? 1.5 : 1) : NaN,
      count,
      (rateAt(world, flow, atS) / 8) * (binNs / 1e9),
      trouble,
    ]);
  }
}

/** Humps of the response times of the whole machine: [log10 ms, width, weight]. */
const HUMPS = [
  [-0.4, 0.2, 0.85],
  [0.2, 0.35, 0.1],
  [0.64, 0.17, 0.8],
  [1.15, 0.26, 0.4],
  [1.48, 0.2, 0.26],
  [2.05, 0.24, 0.1],
] as const;
function fillHeat(moment: FakeMoment, fromNs: number, toNs: number, binNs: number, heat: RowSet): number {
  const cellNs = binNs * HEAT_FACTOR;
  let total = 0;
  if (!moment.world.flows.some((flow) => passes(moment, flow))) return 0;
  const scale = cellNs / 1e9;
  for (let cell = Math.floor(fromNs / cellNs); cell * cellNs < toNs; cell++) {
    const slow = moment.world.slow(((cell + 0.5) * cellNs) / 1e9);
    const humps = slow ? [...HUMPS, [2.15, 0.26, 0.62] as const] : HUMPS;
    for (let row = 0; row < HEAT_ROWS; row++) {
      const x = -1 + (4 * (row + 0.5)) / HEAT_ROWS;
      const density = humps.reduce((sum, [mu, sd, n]) => sum + n * Math.exp(-(((x - mu) / sd) ** 2) / 2), 0);
      const mean = density * 14 * scale * (moment.matches ? 0.4 : 1);
      const count = Math.max(0, Math.round(mean + bell(row + 40, cell) * Math.sqrt(mean) * 0.5));
      if (count === 0) continue;
      total += count;
      put(heat, cell * 64 + row, [count]);
    }
  }
  return total;
}

function fillMarks(moment: FakeMoment, fromNs: number, toNs: number, rows: RowSet, strings: StringInterner): void {
  moment.world.marks.forEach((mark, i) => {
    const atNs = mark.atS * 1e9;
    if (atNs < fromNs || atNs > Math.min(toNs, moment.endS * 1e9)) return;
    put(rows, i, [atNs, mark.flow, mark.kind, mark.count, strings.id(mark.text)]);
  });
}

const fillGaps = (moment: FakeMoment, rows: RowSet): void =>
  moment.world.gaps.forEach((gap, i) => put(rows, i, [gap.fromS * 1e9, gap.toS * 1e9, gap.records, 0]));

export function fillOverview(
  width: number,
  moment: FakeMoment,
  tables: readonly RowSet[],
  strings: StringInterner,
): void {
  const [range, heat, marks, gaps] = tables as [RowSet, RowSet, RowSet, RowSet];
  const [fromNs, toNs] = [moment.startS * 1e9, Math.max(moment.endS, moment.startS + 1e-3) * 1e9];
  const binNs = binNsFor(toNs - fromNs, width);
  put(range, 0, [fromNs, toNs, binNs, fillHeat({ ...moment, matches: null }, fromNs, toNs, binNs, heat)]);
  fillMarks(moment, fromNs, toNs, marks, strings);
  fillGaps(moment, gaps);
}
