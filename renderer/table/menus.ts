/** Menus of the flow table: of a column's head, of all columns, and of a row. */
import { copyText } from '../shell/clipboard.ts';
import { commandOf } from '../shell/commands.ts';
import { groupings } from '../../core/contract/requests.ts';
import { t } from '../language/language.ts';
import { useFilter } from '../stores/filter.ts';
import { useSelection } from '../stores/selection.ts';
import { SEPARATOR, useShell, type MenuItem, type OpenMenu } from '../stores/shell.ts';
import type { Sorting, useTable } from '../stores/table.ts';
import { visibleText } from '../draw/format.ts';
import type { TableColumn } from './columns.ts';
import type { GroupCells } from './groups.ts';
import { cellText, conditionsOf, describeFlow, flowJson } from './flow-texts.ts';
import type { FlowCells } from './rows.ts';

type Table = ReturnType<typeof useTable>;
const WIDER = 32;

/** All columns with a tick, as a menu. */
export const columnsMenu = (table: Table): OpenMenu['items'] => [
  ...table.all.map((column): MenuItem => {
    const checked = table.isShown(column);
    return { label: t(column.label), checked, run: () => table.show(column, !checked) };
  }),
  SEPARATOR,
  { label: t('table.atFirst'), run: () => table.reset() },
];

/** What the flows can be grouped by, as a menu. */
export const groupsMenu = (table: Table): OpenMenu['items'] => [
  { label: t('table.noGroups'), checked: table.group === null, run: () => table.groupBy(null) },
  SEPARATOR,
  ...groupings.map((by): MenuItem => ({
    label: t('table.by', { grouping: t(`groupings.${by}`) }),
    checked: table.group === by,
    run: () => table.groupBy(by),
  })),
];

/** What can be done with a group of flows; `all` = the groups at hand. */
export function groupMenu(table: Table, group: GroupCells, all: readonly GroupCells[]): OpenMenu['items'] {
  const filter = useFilter();
  const text = group.filter ?? '';
  const disabled = group.filter === null;
  return [
    { label: t(group.open ? 'table.close' : 'table.expand'), keys: 'Enter', run: () => table.toggleGroup(group.label) },
    { label: t('table.openAll'), run: () => (table.opened = all.map(({ label }) => label)) },
    { label: t('table.closeAll'), run: () => (table.opened = []) },
    SEPARATOR,
    {
      label: t('graph.only', { name: visibleText(group.label, 32) }),
      keys: 'O',
      disabled,
      run: () => filter.only(text),
    },
    {
      label: t('graph.not', { name: visibleText(group.label, 32) }),
      keys: 'Shift O',
      disabled,
      run: () => filter.hide(text),
    },
    { label: t('table.copyFilter'), disabled, run: () => copyText(text, 'copied.flowFilter') },
    SEPARATOR,
    { label: t('table.noGroups'), run: () => table.groupBy(null) },
  ];
}

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
    { label: t('table.sortUp'), disabled: !column.sort, run: () => by(false) },
    { label: t('table.sortDown'), disabled: !column.sort, run: () => by(true) },
    { label: t('table.asCame'), run: () => sort([]) },
    SEPARATOR,
    { label: t('table.moveLeft'), keys: 'Alt ←', disabled: at === 0, run: () => table.move(column.id, -1) },
    {
      label: t('table.moveRight'),
      keys: 'Alt →',
      disabled: at === table.columns.length - 1,
      run: () => table.move(column.id, 1),
    },
    { label: t('table.wider'), keys: 'Alt Shift →', run: () => table.resize(column.id, width + WIDER) },
    { label: t('table.narrower'), keys: 'Alt Shift ←', run: () => table.resize(column.id, width - WIDER) },
    { label: t('table.hide', { name: t(column.label) }), run: () => table.show(column, false) },
    SEPARATOR,
    ...groupOfColumn(table, column),
    ...columnsMenu(table),
  ];
}

/** Grouping by what a column shows, where one can. */
function groupOfColumn(table: Table, { id, label }: TableColumn): OpenMenu['items'] {
  const by = id === 'group' ? 'unit' : groupings.find((grouping) => grouping === id);
  if (!by) return [];
  const checked = table.group === by;
  return [
    { label: t('table.groupByColumn', { name: t(label) }), checked, run: () => table.groupBy(checked ? null : by) },
    SEPARATOR,
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
    { label: t('table.open'), keys: 'Enter', run: () => selection.open(row.flow) },
    SEPARATOR,
    ...conditions.map(({ label, text }): MenuItem => ({
      label: t('graph.only', { name: named(label) }),
      run: () => filter.only(text),
    })),
    ...(flow === null
      ? []
      : [
          {
            label: t('table.onlyThis'),
            keys: 'O',
            run: () => filter.set(flow, t('table.onlyThis')),
          } satisfies MenuItem,
        ]),
    SEPARATOR,
    ...conditions.map(({ label, text }): MenuItem => ({
      label: t('graph.not', { name: named(label) }),
      run: () => filter.hide(text),
    })),
    ...(flow === null
      ? []
      : [{ label: t('table.notThis'), keys: 'Shift O', run: () => filter.hide(flow) } satisfies MenuItem]),
    SEPARATOR,
    { label: t('table.copyText'), run: () => copyText(asText(), 'copied.rowText') },
    { label: t('table.copyFilter'), disabled: flow === null, run: () => copyText(flow ?? '', 'copied.flowFilter') },
    { label: t('table.copyJson'), run: () => copyText(flowJson(row), 'copied.flowJson') },
    { label: t('table.copyLine'), keys: 'C', run: () => copyText(describeFlow(row), 'copied.flowLine') },
    SEPARATOR,
    {
      label: t('shell.undo'),
      keys: commandOf('undo').keys ?? '',
      disabled: shell.undos.length === 0,
      run: () => shell.undo(),
    },
  ];
}
