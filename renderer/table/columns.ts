/** The columns of the flow table: how they are named, and from which width of the pane they show by themselves. */
import type { SortColumn } from '../../core/contract/requests.ts';

export const WIDTH_MIN = 24;
export const WIDTH_MAX = 1200;

export interface TableColumn {
  id: string;
  /** Over the column; `label` is its name where there is room, as in menus. */
  head: string;
  label: string;
  /** px; 0 = shares what is left. */
  width: number;
  sort: SortColumn | null;
  numeric?: boolean;
  /** Dropped from the table below this pane width, px. */
  from?: number;
  /** Only shown when chosen. */
  extra?: boolean;
}

export const COLUMNS: readonly TableColumn[] = [
  { id: 'state', head: '', label: 'State', width: 28, sort: 'state' },
  { id: 'process', head: 'Process', label: 'Process', width: 128, sort: 'process' },
  { id: 'group', head: 'Group', label: 'Unit or container', width: 96, sort: null, from: 1300 },
  { id: 'peer', head: 'Peer', label: 'Peer', width: 0, sort: 'peer' },
  { id: 'address', head: 'Address', label: 'Address', width: 112, sort: null, from: 1240 },
  { id: 'protocol', head: 'Protocol', label: 'Protocol', width: 122, sort: 'protocol' },
  { id: 'interface', head: 'Interface', label: 'Interface', width: 80, sort: null, extra: true },
  { id: 'labels', head: 'Labels', label: 'Labels', width: 110, sort: null, extra: true },
  { id: 'network', head: 'Network', label: 'Network of the peer', width: 140, sort: null, extra: true },
  { id: 'rate', head: 'Rate, last 60 s', label: 'Rate', width: 152, sort: 'rate' },
  { id: 'sent', head: 'Sent', label: 'Sent', width: 72, sort: 'sent', numeric: true, from: 1040 },
  { id: 'received', head: 'Received', label: 'Received', width: 76, sort: 'received', numeric: true, from: 1040 },
  { id: 'packets', head: 'Packets', label: 'Packets', width: 76, sort: 'packets', numeric: true, extra: true },
  { id: 'rttP50', head: 'RTT p50', label: 'RTT p50', width: 68, sort: 'rttP50', numeric: true },
  { id: 'rttP99', head: 'RTT p99', label: 'RTT p99', width: 68, sort: 'rttP99', numeric: true },
  { id: 'dist', head: '0.1 ms – 1 s', label: 'Latency distribution', width: 84, sort: null, from: 1100 },
  {
    id: 'responseP50',
    head: 'Resp. p50',
    label: 'Response p50',
    width: 76,
    sort: 'responseP50',
    numeric: true,
    extra: true,
  },
  { id: 'response', head: 'Resp. p99', label: 'Response p99', width: 76, sort: 'responseP99', numeric: true, from: 1460 }, // prettier-ignore
  { id: 'retransmits', head: 'Retrans.', label: 'Retransmits', width: 84, sort: 'retransmits', numeric: true },
  { id: 'started', head: 'Started', label: 'Started', width: 84, sort: 'started', numeric: true, extra: true },
  { id: 'age', head: 'Age', label: 'Age', width: 76, sort: 'age', numeric: true },
];
