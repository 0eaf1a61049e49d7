/** Rows of the timeline view put in order for drawing: per lane one run of bins, sorted by time. */
import type { ViewState } from '../../core/contract/view-codec.ts';
import { LANE_PHASES, MARK_KINDS } from '../../core/contract/tables.ts';
import type { EngineClient } from '../engine/client.ts';
import type { GlyphName } from '../draw/icons.ts';

const KEY_BINS = 2 ** 32;
/** More than a range can have: bins are never narrower than a pixel. */
const MAX_BINS = 20_000;

export interface Lane {
  flow: number;
  rank: number;
  process: string | null;
  pid: number;
  peer: string;
  port: number;
  rttP50Us: number;
  rttP99Us: number;
  responseP50Us: number;
  startedNs: number;
  endedNs: number;
  matches: boolean;
  /** Row numbers of the bins table, in order of time. */
  rows: Int32Array;
  /** Bin number of each row. */
  bins: Float64Array;
  maxBytes: number;
  /** What the connection was at, in order of time. */
  phases: readonly { atNs: number; phase: (typeof LANE_PHASES)[number] }[];
}

export interface TimelineMark {
  atNs: number;
  flow: number;
  kind: (typeof MARK_KINDS)[number];
  count: number;
  text: string | null;
}

export interface TimelineData {
  fromNs: number;
  toNs: number;
  binNs: number;
  responses: number;
  lanes: Lane[];
  marks: TimelineMark[];
  gaps: { fromNs: number; toNs: number; records: number; paused: boolean }[];
  /** Heatmap cells: bin, row, count. */
  heat: Float64Array;
  columns: {
    rttMinUs: ArrayLike<number>;
    rttMaxUs: ArrayLike<number>;
    rttMeanUs: ArrayLike<number>;
    responseMinUs: ArrayLike<number>;
    responseMaxUs: ArrayLike<number>;
    responses: ArrayLike<number>;
    bytes: ArrayLike<number>;
    trouble: ArrayLike<number>;
  };
}

export const MARK_GLYPHS: Record<TimelineMark['kind'], GlyphName> = {
  retransmit: 'retransmit',
  drop: 'drop',
  reset: 'reset',
  'zero-window': 'zeroWindow',
  slow: 'slow',
  refused: 'reset',
  timeout: 'slow',
  'lost-data': 'drop',
  trigger: 'slow',
};

const value = (column: ArrayLike<number>, row: number): number => column[row] ?? NaN;

export function readMarks(state: ViewState, client: EngineClient): TimelineMark[] {
  const table = state.table('marks');
  const column = (name: string): ArrayLike<number> => table.column(name);
  const [at, flow, kind, count, text] = [
    column('atNs'),
    column('flow'),
    column('kind'),
    column('count'),
    column('text'),
  ];
  return Array.from({ length: table.length }, (_, row) => ({
    atNs: value(at, row),
    flow: value(flow, row),
    kind: MARK_KINDS[value(kind, row)] ?? 'slow',
    count: value(count, row),
    text: client.text(value(text, row)),
  })).sort((a, b) => a.atNs - b.atNs);
}

export function readHeat(state: ViewState): { heat: Float64Array } {
  const table = state.table('heat');
  const counts = table.column('count');
  const heat = new Float64Array(table.length * 3);
  for (let row = 0; row < table.length; row++) {
    const key = table.keys[row] ?? 0;
    heat[row * 3] = Math.floor(key / 64);
    heat[row * 3 + 1] = key % 64;
    heat[row * 3 + 2] = counts[row] ?? 0;
  }
  return { heat };
}

export function readGaps(state: ViewState): TimelineData['gaps'] {
  const table = state.table('gaps');
  const from = table.column('fromNs');
  const to = table.column('toNs');
  const records = table.column('records');
  const paused = table.column('paused');
  return Array.from({ length: table.length }, (_, row) => ({
    fromNs: from[row] ?? 0,
    toNs: to[row] ?? 0,
    records: records[row] ?? 0,
    paused: paused[row] === 1,
  }));
}

function readPhases(state: ViewState): Map<number, Lane['phases'][number][]> {
  const table = state.table('states');
  const [flows, times, kinds] = [table.column('flow'), table.column('atNs'), table.column('phase')];
  const byFlow = new Map<number, Lane['phases'][number][]>();
  for (let row = 0; row < table.length; row++) {
    const flow = value(flows, row);
    const phases = byFlow.get(flow) ?? [];
    byFlow.set(flow, phases);
    phases.push({ atNs: value(times, row), phase: LANE_PHASES[value(kinds, row)] ?? 'open' });
  }
  for (const phases of byFlow.values()) phases.sort((a, b) => a.atNs - b.atNs);
  return byFlow;
}

export function readTimeline(state: ViewState, client: EngineClient): TimelineData | null {
  const range = state.table('range');
  if (range.length === 0) return null;
  const binsTable = state.table('bins');
  // Bins of a lane are whole numbers in the range: each row goes to its place, nothing is sorted.
  const binNs = range.column('binNs')[0] ?? 1;
  const baseBin = range.column('baseBin')[0] ?? 0;
  const firstBin = Math.floor((range.column('fromNs')[0] ?? 0) / binNs) - 1;
  const wanted = Math.ceil((range.column('toNs')[0] ?? 0) / binNs) - firstBin + 2;
  const rowsOf = new Map<number, Int32Array>();
  const places = Math.max(1, Math.min(MAX_BINS, wanted));
  for (let row = 0; row < binsTable.length; row++) {
    const key = binsTable.keys[row] ?? 0;
    const flow = Math.floor(key / KEY_BINS);
    const place = key - flow * KEY_BINS + baseBin - firstBin;
    if (place < 0 || place >= places) continue;
    let rows = rowsOf.get(flow);
    if (!rows) rowsOf.set(flow, (rows = new Int32Array(places).fill(-1)));
    rows[place] = row;
  }
  const bytes = binsTable.column('bytes');
  const table = state.table('lanes');
  const column = (name: string): ArrayLike<number> => table.column(name);
  const get = {
    rank: column('rank'),
    process: column('process'),
    pid: column('pid'),
    peer: column('peer'),
    port: column('port'),
    p50: column('rttP50Us'),
    p99: column('rttP99Us'),
    response: column('responseP50Us'),
    started: column('startedNs'),
    ended: column('endedNs'),
    matches: column('matches'),
  };
  const phases = readPhases(state);
  const lanes = Array.from({ length: table.length }, (_, row): Lane => {
    const flow = table.keys[row] ?? -1;
    const rows = (rowsOf.get(flow) ?? new Int32Array(0)).filter((at) => at >= 0);
    let maxBytes = 0;
    for (const bin of rows) maxBytes = Math.max(maxBytes, bytes[bin] ?? 0);
    return {
      flow,
      rank: value(get.rank, row),
      process: client.text(value(get.process, row)),
      pid: value(get.pid, row),
      peer: client.text(value(get.peer, row)) ?? '',
      port: value(get.port, row),
      rttP50Us: value(get.p50, row),
      rttP99Us: value(get.p99, row),
      responseP50Us: value(get.response, row),
      startedNs: value(get.started, row),
      endedNs: value(get.ended, row),
      matches: value(get.matches, row) === 1,
      rows,
      bins: Float64Array.from(rows, (at) => (binsTable.keys[at] ?? 0) - flow * KEY_BINS + baseBin),
      maxBytes,
      phases: phases.get(flow) ?? [],
    };
  }).sort((a, b) => a.rank - b.rank);
  return {
    fromNs: range.column('fromNs')[0] ?? 0,
    toNs: range.column('toNs')[0] ?? 1,
    binNs: range.column('binNs')[0] ?? 1,
    responses: range.column('responses')[0] ?? 0,
    lanes,
    marks: readMarks(state, client),
    gaps: readGaps(state),
    ...readHeat(state),
    columns: {
      rttMinUs: binsTable.column('rttMinUs'),
      rttMaxUs: binsTable.column('rttMaxUs'),
      rttMeanUs: binsTable.column('rttMeanUs'),
      responseMinUs: binsTable.column('responseMinUs'),
      responseMaxUs: binsTable.column('responseMaxUs'),
      responses: binsTable.column('responses'),
      bytes,
      trouble: binsTable.column('trouble'),
    },
  };
}
