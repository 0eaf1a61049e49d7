/**
 * Column layout of the tables that make up a view. A row is named by its key (a safe integer, sent as float64); the
 * engine sends only rows that changed since the version the page acknowledged.
 */

/** f64, u32, u8 as they are; str = id of an interned string (0 = null). */
export type ColumnType = 'f64' | 'f32' | 'u32' | 'u8' | 'str';

export interface TableSchema {
  readonly name: string;
  readonly columns: readonly (readonly [name: string, type: ColumnType])[];
}

/** Marks on an edge, flow or lane, as bits. */
export const TROUBLE = { retransmit: 1, drop: 2, reset: 4, zeroWindow: 8, slow: 16, refused: 32, timeout: 64 } as const;

/** Flow states as sent in views. */
export const FLOW_STATES = [
  'new',
  'syn-sent',
  'syn-received',
  'established',
  'closing',
  'closed',
  'active',
  'idle',
] as const;

/** What happened at a mark on the timeline. */
export const MARK_KINDS = [
  'retransmit',
  'drop',
  'reset',
  'zero-window',
  'slow',
  'refused',
  'timeout',
  'lost-data',
  'trigger',
] as const;

const schema = <const S extends TableSchema>(value: S): S => value;

/** One end of an edge: left = processes of this machine, right = peers. Order = first appearance. */
export const GRAPH_NODES = schema({
  name: 'nodes',
  columns: [
    ['side', 'u8'], // 0 left, 1 right
    ['order', 'u32'], // fixed by first appearance
    ['label', 'str'],
    ['detail', 'str'], // pid, port, address count
    ['group', 'str'], // plate the node belongs to; null = none
    ['groupKind', 'str'],
    ['bps', 'f64'], // bits per second in the window, both directions
    ['flows', 'u32'],
    ['trouble', 'u8'],
    ['matches', 'u8'], // 1 = at least one of its flows passes the filter
    ['filter', 'str'], // filter text that names exactly this node
    ['process', 'str'], // of a peer that runs here too: its process; null = it does not
    ['same', 'f64'], // and the key that the process has on the left, whether or not it is there; 0 = none
  ],
});

export const GRAPH_EDGES = schema({
  name: 'edges',
  columns: [
    ['left', 'f64'], // node key
    ['right', 'f64'],
    ['bps', 'f64'],
    ['rttP50Us', 'f64'], // NaN = unknown
    ['rttP99Us', 'f64'],
    ['responseP50Us', 'f64'],
    ['flows', 'u32'],
    ['retransmits', 'u32'],
    ['drops', 'u32'],
    ['segments', 'f64'], // sent and received packets, for percentages
    ['trouble', 'u8'],
    ['inbound', 'u8'], // 1 = the peer opened it
    ['matches', 'u8'],
    ['flow', 'f64'], // its busiest flow, for the details pane
  ],
});

/** One row, key 0: how many there are, also those that are not sent because there are too many edges. */
export const GRAPH_INFO = schema({
  name: 'info',
  columns: [
    ['processes', 'u32'],
    ['peers', 'u32'],
    ['edges', 'u32'],
  ],
});

export const FLOW_ROWS = schema({
  name: 'rows',
  columns: [
    ['rank', 'u32'], // position in the sorted list
    ['state', 'u8'], // FLOW_STATES
    ['trouble', 'u8'],
    ['matches', 'u8'],
    ['process', 'str'],
    ['pid', 'u32'],
    ['unknown', 'str'], // why there is no process
    ['group', 'str'],
    ['peer', 'str'], // name, else address
    ['port', 'u32'],
    ['address', 'str'],
    ['protocol', 'str'],
    ['application', 'str'], // TLS 1.3 h2, DNS …; null = unknown
    ['bps', 'f64'],
    ['spark', 'str'], // 30 base-64 digits: throughput of the last 60 s relative to its own maximum
    ['sent', 'f64'],
    ['received', 'f64'],
    ['packets', 'f64'],
    ['rttP50Us', 'f64'],
    ['rttP99Us', 'f64'],
    ['responseP50Us', 'f64'],
    ['responseP99Us', 'f64'],
    ['dist', 'str'], // 24 base-64 digits: RTT (else response) histogram from 0.1 ms to 1 s, log scale
    ['retransmits', 'f64'], // NaN = not observable
    ['startedNs', 'f64'],
    ['ageNs', 'f64'],
    ['ended', 'u8'],
    ['inbound', 'u8'],
    ['filter', 'str'], // filter text that names exactly this flow
    ['interface', 'str'],
    ['labels', 'str'], // of the user's rules, joined by "; "; null = none
    ['network', 'str'], // whose the peer's network is, else what its range is for
  ],
});

export const TABLE_INFO = schema({
  name: 'info',
  columns: [
    ['total', 'u32'],
    ['matching', 'u32'],
    ['rows', 'u32'], // of groups and flows together; without groups, of flows
  ],
});

/** Groups of the flow table; key = number of the group, `rank` among the rows of groups and flows. */
export const FLOW_GROUPS = schema({
  name: 'groups',
  columns: [
    ['rank', 'u32'],
    ['label', 'str'],
    ['filter', 'str'], // filter text that names its flows; null = there is none
    ['open', 'u8'],
    ['flows', 'u32'],
    ['matching', 'u32'],
    ['trouble', 'u8'],
    ['bps', 'f64'],
    ['sent', 'f64'],
    ['received', 'f64'],
    ['packets', 'f64'],
    ['retransmits', 'f64'], // NaN = of no flow observable
  ],
});

export const LANES = schema({
  name: 'lanes',
  columns: [
    ['rank', 'u32'],
    ['process', 'str'],
    ['pid', 'u32'],
    ['peer', 'str'],
    ['port', 'u32'],
    ['rttP50Us', 'f64'],
    ['rttP99Us', 'f64'],
    ['responseP50Us', 'f64'],
    ['startedNs', 'f64'],
    ['endedNs', 'f64'], // NaN = open
    ['matches', 'u8'],
  ],
});

/** What a connection was at, from a moment on; UDP and ICMP are open throughout. */
export const LANE_PHASES = ['handshake', 'open', 'closing', 'closed'] as const;

/** key = lane flow × 64 + running number. */
export const LANE_STATES = schema({
  name: 'states',
  columns: [
    ['flow', 'f64'],
    ['atNs', 'f64'],
    ['phase', 'u8'], // LANE_PHASES
  ],
});

/**
 * key = lane flow × 2^32 + bin number − `baseBin` of the range; bin number = floor(time / binNs). The base keeps numbers
 * of nanosecond bins small, and moves so rarely that keys stay the same while a live view scrolls.
 */
export const LANE_BINS = schema({
  name: 'bins',
  columns: [
    ['rttMinUs', 'f32'], // NaN = no sample in the bin
    ['rttMaxUs', 'f32'],
    ['rttMeanUs', 'f32'],
    ['responseMinUs', 'f32'],
    ['responseMaxUs', 'f32'],
    ['responses', 'u32'],
    ['bytes', 'f64'],
    ['trouble', 'u8'],
  ],
});

/** A heatmap cell is this many bins of the range wide. */
export const HEAT_FACTOR = 4;
/** key = cell number × 64 + row; row 0 = fastest (0.1 ms), 32 rows of log scale up to 1 s and over. */
export const HEAT = schema({ name: 'heat', columns: [['count', 'u32']] });
export const HEAT_ROWS = 32;
/** Bins after which the base moves on: half of what a key has room for. */
export const BASE_BINS = 2 ** 31;

/** key = running number of the mark. */
export const MARKS = schema({
  name: 'marks',
  columns: [
    ['atNs', 'f64'],
    ['flow', 'f64'], // −1 = not about one flow
    ['kind', 'u8'], // MARK_KINDS
    ['count', 'u32'],
    ['text', 'str'],
  ],
});

/** One row, key 0: what range and bin width the other tables are in. */
export const RANGE = schema({
  name: 'range',
  columns: [
    ['fromNs', 'f64'],
    ['toNs', 'f64'],
    ['binNs', 'f64'],
    ['responses', 'f64'],
    ['baseBin', 'f64'],
  ],
});

/** Intervals in which data of our own was lost, or (0 records) an interface was away: hatched. key = running number. */
export const GAPS = schema({
  name: 'gaps',
  columns: [
    ['fromNs', 'f64'],
    ['toNs', 'f64'],
    ['records', 'f64'],
    /** 1 = a person paused the recording: nothing is wrong. */
    ['paused', 'u8'],
  ],
});

/** Findings; key = number of the finding. Words are made of the numbers by contract/findings.ts. */
export const FINDINGS = schema({
  name: 'findings',
  columns: [
    ['rank', 'u32'], // position in the list
    ['kind', 'u8'], // FINDING_KINDS
    ['active', 'u8'], // 1 = it goes on
    ['subject', 'str'],
    ['process', 'str'], // local processes that suffer; null = not known
    ['reason', 'str'], // kernel's name of a drop reason, or ports
    ['sinceNs', 'f64'],
    ['untilNs', 'f64'],
    ['count', 'f64'],
    ['flows', 'u32'],
    ['flowList', 'str'], // flow numbers, separated by commas
    ['filter', 'str'], // filter text that names its flows
    ['usualUs', 'f64'], // NaN = does not apply
    ['nowUs', 'f64'],
    ['waitedNs', 'f64'],
    ['measured', 'u8'], // 0 = waitedNs is an estimate
  ],
});

export const VIEW_TABLES = {
  graph: [GRAPH_NODES, GRAPH_EDGES, GRAPH_INFO],
  table: [TABLE_INFO, FLOW_ROWS, FLOW_GROUPS],
  timeline: [RANGE, LANES, LANE_BINS, HEAT, MARKS, GAPS, LANE_STATES],
  overview: [RANGE, HEAT, MARKS, GAPS],
  trouble: [FINDINGS],
} as const satisfies Record<string, readonly TableSchema[]>;

export type ViewKind = keyof typeof VIEW_TABLES;
