/** Menus of the flow table: of a column's head, of all columns, and of a row. */
import { copyText } from '../shell/clipboard.ts';
import { commandOf } from '../shell/commands.ts';
import { useFilter } from '../stores/filter.ts';
import { useSelection } from '../stores/selection.ts';
import { SEPARATOR, useShell, type MenuItem, type OpenMenu } from '../stores/shell.ts';
import type { useTable } from '../stores/table.ts';
import { visibleText } from '../draw/format.ts';
import type { TableColumn } from './columns.ts';
import { cellText, conditionsOf, describeFlow, flowJson } from './flow-texts.ts';
import type { FlowCells } from './rows.ts';
import type { Sorting } from './TableHead.vue';

type Table = ReturnType<typeof useTable>;
const WIDER = 32;

/** All columns with a tick, as a menu. */
export const columnsMenu = (table: Table): OpenMenu['items'] => [
  ...table.all.map((column): MenuItem => {
    const checked = table.isShown(column);
    return { label: column.label, checked, run: () => table.show(column, !checked) };
  }),
  SEPARATOR,
  { label: 'As at first', run: () => table.reset() },
];

export function columnMenu(
  table: Table,
  column: TableColumn,
  width: number,
  sort: (by: Sorting) => void,
): OpenMenu['items'] {
  const at = table.columns.findIndex(({ id }) => id === column.id);
  const by = (descending: boolean): void => {
    if (column.sort) sort([{ column: column.sort, descending }]);
  };
  return [
    { label: 'Sort upwards', disabled: !column.sort, run: () => by(false) },
    { label: 'Sort downwards', disabled: !column.sort, run: () => by(true) },
    { label: 'As they came', run: () => sort([]) },
    SEPARATOR,
    { label: 'Move left', keys: 'Alt ←', disabled: at === 0, run: () => table.move(column.id, -1) },
    {
      label: 'Move right',
      keys: 'Alt →',
      disabled: at === table.columns.length - 1,
      run: () => table.move(column.id, 1),
    },
    { label: 'Wider', keys: 'Alt Shift →', run: () => table.resize(column.id, width + WIDER) },
    { label: 'Narrower', keys: 'Alt Shift ←', run: () => table.resize(column.id, width - WIDER) },
    { label: `Hide ${column.label}`, run: () => table.show(column, false) },
    SEPARATOR,
    ...columnsMenu(table),
  ];
}

/** What can be done with a flow; `column` = the cell that was asked about, null = the whole row. */
export function rowMenu(row: FlowCells, column: string | null, columns: readonly TableColumn[]): OpenMenu['items'] {
  const filter = useFilter();
  const selection = useSelection();
  const shell = useShell();
  const conditions = conditionsOf(row, column);
  const named = (label: string): string => visibleText(label, 32);
  const asText = (): string => columns.map(({ id }) => cellText(row, id)).join('\t');
  const { filter: flow } = row;
  return [
    { label: 'Open', keys: 'Enter', run: () => selection.open(row.flow) },
    SEPARATOR,
    ...conditions.map(({ label, text }): MenuItem => ({ label: `Only ${named(label)}`, run: () => filter.only(text) })),
    ...(flow === null
      ? []
      : [{ label: 'Only this flow', keys: 'O', run: () => filter.set(flow, 'Only this flow') } satisfies MenuItem]),
    SEPARATOR,
    ...conditions.map(({ label, text }): MenuItem => ({ label: `Not ${named(label)}`, run: () => filter.hide(text) })),
    ...(flow === null
      ? []
      : [{ label: 'Not this flow', keys: 'Shift O', run: () => filter.hide(flow) } satisfies MenuItem]),
    SEPARATOR,
    { label: 'Copy as text', run: () => copyText(asText(), 'the row as text') },
    { label: 'Copy as filter', disabled: flow === null, run: () => copyText(flow ?? '', 'a filter for this flow') },
    { label: 'Copy as JSON', run: () => copyText(flowJson(row), 'the flow as JSON') },
    { label: 'Copy as one line', keys: 'C', run: () => copyText(describeFlow(row), 'what the flow is') },
    SEPARATOR,
    { label: 'Undo', keys: commandOf('undo').keys ?? '', disabled: shell.undos.length === 0, run: () => shell.undo() },
  ];
}
