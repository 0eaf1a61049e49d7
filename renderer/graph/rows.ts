/** Rows of the graph view as objects that stay the same from update to update: only what changed is written. */
import type { RowSet, ViewState } from '../../core/contract/view-codec.ts';
import { word } from '../language/words.ts';

export interface NodeRow {
  key: number;
  /** 0 = a process of this machine, 1 = a peer. */
  side: number;
  order: number;
  label: string;
  detail: string;
  group: string | null;
  groupKind: string;
  bps: number;
  flows: number;
  trouble: number;
  matches: boolean;
  filter: string | null;
  /** Of a peer that runs here too: its process, and the key that it has on the left. */
  process: string | null;
  same: number;
  /** Stays its own while keys begin anew: for pins and for what is selected. */
  id: string;
}

export interface EdgeRow {
  key: number;
  left: number;
  right: number;
  bps: number;
  rttP50Us: number;
  rttP99Us: number;
  responseP50Us: number;
  flows: number;
  retransmits: number;
  drops: number;
  segments: number;
  trouble: number;
  inbound: boolean;
  matches: boolean;
  flow: number;
}

/** RTT, else response time: the one meaning of colour. NaN = not known. */
export const latencyOf = ({ rttP50Us, responseP50Us }: Pick<EdgeRow, 'rttP50Us' | 'responseP50Us'>): number =>
  Number.isNaN(rttP50Us) ? responseP50Us : rttP50Us;

/** Text ids of a node as they were read last: texts are looked up again only when an id changed. */
type Known = NodeRow & { ids: number[] };
/** Filter of the node of all processes that are not known. */
const NO_PROCESS = '!process.pid';
const TEXTS = [2, 3, 4, 5, 10, 11] as const;

export class GraphReader {
  readonly nodes = new Map<number, NodeRow>();
  readonly edges = new Map<number, EdgeRow>();
  /** How many there are, also those that were not sent. */
  totals = { processes: 0, peers: 0, edges: 0 };
  private readonly text: (id: number) => string | null;

  /** `text` = the connection's interned strings. */
  constructor(text: (id: number) => string | null) {
    this.text = text;
  }

  read(state: ViewState): void {
    this.readNodes(state.table('nodes'));
    this.readEdges(state.table('edges'));
    const info = state.table('info');
    const at = (column: string): number => (info.length > 0 ? (info.column(column)[0] ?? 0) : 0);
    this.totals = { processes: at('processes'), peers: at('peers'), edges: at('edges') };
  }

  private readNodes(rows: RowSet): void {
    const [side, order, , , , , bps, flows, trouble, matches, , , same] = rows.columns;
    for (let row = 0; row < rows.length; row++) {
      const key = rows.keys[row] ?? 0;
      let node = this.nodes.get(key) as Known | undefined;
      if (!node || TEXTS.some((column, i) => node?.ids[i] !== rows.columns[column]?.[row])) {
        node = this.newNode(key, rows, row, side?.[row] ?? 0);
        this.nodes.set(key, node);
      }
      node.order = order?.[row] ?? 0;
      node.bps = bps?.[row] ?? 0;
      node.flows = flows?.[row] ?? 0;
      node.trouble = trouble?.[row] ?? 0;
      node.matches = matches?.[row] === 1;
      node.same = same?.[row] ?? 0;
    }
    forgetGone(this.nodes, rows);
  }

  private newNode(key: number, rows: RowSet, row: number, side: number): Known {
    const ids = TEXTS.map((column) => rows.columns[column]?.[row] ?? 0);
    const [label, detail, group, groupKind, filter, process] = ids.map((id) => this.text(id));
    const named = filter ?? `${label ?? ''} ${detail ?? ''}`;
    return {
      key,
      side,
      order: 0,
      label: filter === NO_PROCESS ? word('unknown process') : (label ?? '–'),
      detail: word(detail ?? ''),
      group: group ?? null,
      groupKind: word(groupKind ?? ''),
      bps: 0,
      flows: 0,
      trouble: 0,
      matches: false,
      filter: filter ?? null,
      process: process ?? null,
      same: 0,
      id: `${side} ${named}`,
      ids,
    };
  }

  private readEdges(rows: RowSet): void {
    const columns = rows.columns;
    for (let row = 0; row < rows.length; row++) {
      const key = rows.keys[row] ?? 0;
      let edge = this.edges.get(key);
      if (!edge) this.edges.set(key, (edge = newEdge(key)));
      edge.left = columns[0]?.[row] ?? 0;
      edge.right = columns[1]?.[row] ?? 0;
      edge.bps = columns[2]?.[row] ?? 0;
      edge.rttP50Us = columns[3]?.[row] ?? NaN;
      edge.rttP99Us = columns[4]?.[row] ?? NaN;
      edge.responseP50Us = columns[5]?.[row] ?? NaN;
      edge.flows = columns[6]?.[row] ?? 0;
      edge.retransmits = columns[7]?.[row] ?? 0;
      edge.drops = columns[8]?.[row] ?? 0;
      edge.segments = columns[9]?.[row] ?? 0;
      edge.trouble = columns[10]?.[row] ?? 0;
      edge.inbound = columns[11]?.[row] === 1;
      edge.matches = columns[12]?.[row] === 1;
      edge.flow = columns[13]?.[row] ?? -1;
    }
    forgetGone(this.edges, rows);
  }
}

function forgetGone(known: Map<number, unknown>, rows: RowSet): void {
  if (known.size === rows.length) return;
  const there = new Set<number>();
  for (let row = 0; row < rows.length; row++) there.add(rows.keys[row] ?? 0);
  for (const key of known.keys()) if (!there.has(key)) known.delete(key);
}

const newEdge = (key: number): EdgeRow => ({
  key,
  left: 0,
  right: 0,
  bps: 0,
  rttP50Us: NaN,
  rttP99Us: NaN,
  responseP50Us: NaN,
  flows: 0,
  retransmits: 0,
  drops: 0,
  segments: 0,
  trouble: 0,
  inbound: false,
  matches: false,
  flow: -1,
});
