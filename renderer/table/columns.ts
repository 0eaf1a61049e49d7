/** The columns of the flow table: how they are named, and from which width of the pane they show by themselves. */
import type { SortColumn } from '../../core/contract/requests.ts';
import type { PlainKey } from '../language/language.ts';

export const WIDTH_MIN = 24;
export const WIDTH_MAX = 1200;

export interface TableColumn {
  id: string;
  /** Over the column; `label` is its name where there is room, as in menus. */
  head: PlainKey | null;
  label: PlainKey;
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
  { id: 'state', head: null, label: 'columns.state', width: 28, sort: 'state' },
  { id: 'process', head: 'columns.process', label: 'columns.process', width: 128, sort: 'process' },
  { id: 'group', head: 'columns.groupHead', label: 'columns.group', width: 96, sort: null, from: 1300 },
  { id: 'peer', head: 'columns.peer', label: 'columns.peer', width: 0, sort: 'peer' },
  { id: 'address', head: 'columns.address', label: 'columns.address', width: 112, sort: null, from: 1240 },
  { id: 'protocol', head: 'columns.protocol', label: 'columns.protocol', width: 122, sort: 'protocol' },
  { id: 'interface', head: 'columns.interface', label: 'columns.interface', width: 80, sort: null, extra: true },
  { id: 'labels', head: 'columns.labels', label: 'columns.labels', width: 110, sort: null, extra: true },
  { id: 'network', head: 'columns.networkHead', label: 'columns.network', width: 140, sort: null, extra: true },
  { id: 'rate', head: 'columns.rateHead', label: 'columns.rate', width: 152, sort: 'rate' },
  { id: 'sent', head: 'columns.sent', label: 'columns.sent', width: 72, sort: 'sent', numeric: true, from: 1040 },
  {
    id: 'received',
    head: 'columns.received',
    label: 'columns.received',
    width: 76,
    sort: 'received',
    numeric: true,
    from: 1040,
  },
  {
    id: 'packets',
    head: 'columns.packets',
    label: 'columns.packets',
    width: 76,
    sort: 'packets',
    numeric: true,
    extra: true,
  },
  { id: 'rttP50', head: 'columns.rttP50', label: 'columns.rttP50', width: 68, sort: 'rttP50', numeric: true },
  { id: 'rttP99', head: 'columns.rttP99', label: 'columns.rttP99', width: 68, sort: 'rttP99', numeric: true },
  { id: 'dist', head: 'columns.distHead', label: 'columns.dist', width: 84, sort: null, from: 1100 },
  {
    id: 'responseP50',
    head: 'columns.responseP50Head',
    label: 'columns.responseP50',
    width: 76,
    sort: 'responseP50',
    numeric: true,
    extra: true,
  },
  { id: 'response', head: 'columns.responseHead', label: 'columns.response', width: 76, sort: 'responseP99', numeric: true, from: 1460 }, // prettier-ignore
  {
    id: 'retransmits',
    head: 'columns.retransmitsHead',
    label: 'columns.retransmits',
    width: 84,
    sort: 'retransmits',
    numeric: true,
  },
  {
    id: 'started',
    head: 'columns.started',
    label: 'columns.started',
    width: 84,
    sort: 'started',
    numeric: true,
    extra: true,
  },
  { id: 'age', head: 'columns.age', label: 'columns.age', width: 76, sort: 'age', numeric: true },
];
