/** Rows of the table view as plain values for drawing: only those the pane shows, a few dozen. */
import type { EngineClient } from '../engine/client.ts';
import type { Column, RowSet } from '../../core/contract/view-codec.ts';
import { FLOW_ROWS, FLOW_STATES } from '../../core/contract/tables.ts';

export interface FlowCells {
  flow: number;
  rank: number;
  state: string;
  trouble: number;
  matches: boolean;
  process: string | null;
  pid: number;
  unknown: string | null;
  group: string | null;
  peer: string;
  port: number;
  address: string;
  protocol: string;
  interface: string;
  application: string | null;
  bps: number;
  spark: string;
  sent: number;
  received: number;
  packets: number;
  rttP50Us: number;
  rttP99Us: number;
  responseP50Us: number;
  responseP99Us: number;
  dist: string;
  retransmits: number;
  startedNs: number;
  ageNs: number;
  ended: boolean;
  inbound: boolean;
  filter: string | null;
  network: string;
  labels: string;
}

/** Reads rows again and again, and gives the same object for a row that did not change: nothing is drawn anew for it. */
export class RowReader {
  private known = new Map<number, { raw: Float64Array; cells: FlowCells }>();

  /** All rows the page has, by rank. */
  read(set: RowSet, client: EngineClient): FlowCells[] {
    const next = new Map<number, { raw: Float64Array; cells: FlowCells }>();
    const columns = set.columns;
    const rows: FlowCells[] = [];
    for (let row = 0; row < set.length; row++) {
      const flow = set.keys[row] ?? -1;
      let entry = this.known.get(flow);
      if (!entry || !same(entry.raw, columns, row)) {
        const raw = Float64Array.from(columns, (column) => column[row] ?? NaN);
        entry = { raw, cells: readRow(set, row, client) };
      }
      next.set(flow, entry);
      rows.push(entry.cells);
    }
    this.known = next;
    return rows.sort((a, b) => a.rank - b.rank);
  }
}

function same(raw: Float64Array, columns: readonly Column[], row: number): boolean {
  for (let i = 0; i < columns.length; i++) if (!Object.is(raw[i], columns[i]?.[row])) return false;
  return true;
}

const AT = new Map<string, number>(FLOW_ROWS.columns.map(([name], i) => [name, i]));

function readRow(set: RowSet, row: number, client: EngineClient): FlowCells {
  const number = (name: string): number => set.columns[AT.get(name) ?? -1]?.[row] ?? NaN;
  const text = (name: string): string | null => client.text(number(name));
  return {
    flow: set.keys[row] ?? -1,
    rank: number('rank'),
    state: FLOW_STATES[number('state')] ?? 'new',
    trouble: number('trouble'),
    matches: number('matches') === 1,
    process: text('process'),
    pid: number('pid'),
    unknown: text('unknown'),
    group: text('group'),
    peer: text('peer') ?? '',
    port: number('port'),
    address: text('address') ?? '',
    protocol: text('protocol') ?? '',
    interface: text('interface') ?? '',
    application: text('application'),
    bps: number('bps'),
    spark: text('spark') ?? '',
    sent: number('sent'),
    received: number('received'),
    packets: number('packets'),
    rttP50Us: number('rttP50Us'),
    rttP99Us: number('rttP99Us'),
    responseP50Us: number('responseP50Us'),
    responseP99Us: number('responseP99Us'),
    dist: text('dist') ?? '',
    retransmits: number('retransmits'),
    startedNs: number('startedNs'),
    ageNs: number('ageNs'),
    ended: number('ended') === 1,
    inbound: number('inbound') === 1,
    filter: text('filter'),
    network: text('network') ?? '',
    labels: text('labels') ?? '',
  };
}
