/** Rows of the table view as plain values for drawing: only those the pane shows, a few dozen. */
import type { EngineClient } from '../engine/client.ts';
import type { RowSet } from '../../core/contract/view-codec.ts';
import { FLOW_STATES } from '../../core/contract/tables.ts';

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
  application: string | null;
  bps: number;
  spark: string;
  sent: number;
  received: number;
  packets: number;
  rttP50Us: number;
  rttP99Us: number;
  responseP99Us: number;
  dist: string;
  retransmits: number;
  ageNs: number;
  ended: boolean;
  inbound: boolean;
  filter: string | null;
}

/** All rows the page has, by rank. */
export function readRows(set: RowSet, client: EngineClient): FlowCells[] {
  const column = (name: string) => set.column(name);
  const text = (name: string) => {
    const ids = column(name);
    return (row: number): string | null => client.text(ids[row] ?? 0);
  };
  const number = (name: string) => {
    const values = column(name);
    return (row: number): number => values[row] ?? NaN;
  };
  const get = {
    rank: number('rank'),
    state: number('state'),
    trouble: number('trouble'),
    matches: number('matches'),
    process: text('process'),
    pid: number('pid'),
    unknown: text('unknown'),
    group: text('group'),
    peer: text('peer'),
    port: number('port'),
    address: text('address'),
    protocol: text('protocol'),
    application: text('application'),
    bps: number('bps'),
    spark: text('spark'),
    sent: number('sent'),
    received: number('received'),
    packets: number('packets'),
    rttP50Us: number('rttP50Us'),
    rttP99Us: number('rttP99Us'),
    responseP99Us: number('responseP99Us'),
    dist: text('dist'),
    retransmits: number('retransmits'),
    ageNs: number('ageNs'),
    ended: number('ended'),
    inbound: number('inbound'),
    filter: text('filter'),
  };
  const rows = Array.from({ length: set.length }, (_, row): FlowCells => ({
    flow: set.keys[row] ?? -1,
    rank: get.rank(row),
    state: FLOW_STATES[get.state(row)] ?? 'new',
    trouble: get.trouble(row),
    matches: get.matches(row) === 1,
    process: get.process(row),
    pid: get.pid(row),
    unknown: get.unknown(row),
    group: get.group(row),
    peer: get.peer(row) ?? '',
    port: get.port(row),
    address: get.address(row) ?? '',
    protocol: get.protocol(row) ?? '',
    application: get.application(row),
    bps: get.bps(row),
    spark: get.spark(row) ?? '',
    sent: get.sent(row),
    received: get.received(row),
    packets: get.packets(row),
    rttP50Us: get.rttP50Us(row),
    rttP99Us: get.rttP99Us(row),
    responseP99Us: get.responseP99Us(row),
    dist: get.dist(row) ?? '',
    retransmits: get.retransmits(row),
    ageNs: get.ageNs(row),
    ended: get.ended(row) === 1,
    inbound: get.inbound(row) === 1,
    filter: get.filter(row),
  }));
  return rows.sort((a, b) => a.rank - b.rank);
}
