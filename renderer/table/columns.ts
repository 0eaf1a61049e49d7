/** The columns of the flow table: where the value stands in a row, how it is written, and from which width it shows. */
import type { SortColumn } from '../../core/contract/requests.ts';

export interface TableColumn {
  id: string;
  head: string;
  /** px; 0 = shares what is left. */
  width: number;
  sort: SortColumn | null;
  numeric?: boolean;
  /** Dropped from the table below this pane width, px. */
  from?: number;
}

export const COLUMNS: readonly TableColumn[] = [
  { id: 'state', head: '', width: 28, sort: 'state' },
  { id: 'process', head: 'Process', width: 128, sort: 'process' },
  { id: 'group', head: 'Group', width: 96, sort: null, from: 1300 },
  { id: 'peer', head: 'Peer', width: 0, sort: 'peer' },
  { id: 'address', head: 'Address', width: 112, sort: null, from: 1240 },
  { id: 'protocol', head: 'Protocol', width: 122, sort: 'protocol' },
  { id: 'rate', head: 'Rate, last 60 s', width: 152, sort: 'rate' },
  { id: 'sent', head: 'Sent', width: 72, sort: 'sent', numeric: true, from: 1040 },
  { id: 'received', head: 'Received', width: 76, sort: 'received', numeric: true, from: 1040 },
  { id: 'rttP50', head: 'RTT p50', width: 68, sort: 'rttP50', numeric: true },
  { id: 'rttP99', head: 'RTT p99', width: 68, sort: 'rttP99', numeric: true },
  { id: 'dist', head: '0.1 ms – 1 s', width: 84, sort: null, from: 1100 },
  { id: 'response', head: 'Resp. p99', width: 76, sort: 'responseP99', numeric: true, from: 1460 },
  { id: 'retransmits', head: 'Retrans.', width: 84, sort: 'retransmits', numeric: true },
  { id: 'age', head: 'Age', width: 76, sort: 'age', numeric: true },
];
