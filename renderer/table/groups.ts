/** Groups of the flow table as the page has them: their rows. */
import { FLOW_GROUPS } from '../../core/contract/tables.ts';
import type { RowSet } from '../../core/contract/view-codec.ts';
import type { EngineClient } from '../engine/client.ts';

export interface GroupCells {
  key: number;
  rank: number;
  label: string;
  filter: string | null;
  open: boolean;
  flows: number;
  matching: number;
  trouble: number;
  bps: number;
  sent: number;
  received: number;
  packets: number;
  retransmits: number;
}

const AT = new Map<string, number>(FLOW_GROUPS.columns.map(([name], i) => [name, i]));

/** All groups the page has, by rank. */
export function readGroups(set: RowSet, client: EngineClient): GroupCells[] {
  const rows = Array.from({ length: set.length }, (_, row): GroupCells => {
    const number = (name: string): number => set.columns[AT.get(name) ?? -1]?.[row] ?? NaN;
    return {
      key: set.keys[row] ?? 0,
      rank: number('rank'),
      label: client.text(number('label')) ?? '',
      filter: client.text(number('filter')),
      open: number('open') === 1,
      flows: number('flows'),
      matching: number('matching'),
      trouble: number('trouble'),
      bps: number('bps'),
      sent: number('sent'),
      received: number('received'),
      packets: number('packets'),
      retransmits: number('retransmits'),
    };
  });
  return rows.sort((a, b) => a.rank - b.rank);
}
