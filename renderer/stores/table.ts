/** The flow table as the person arranged it: which columns, in which order, how wide. Kept in this browser. */
import { defineStore } from 'pinia';
import { computed, ref, shallowRef } from 'vue';
import type { GroupBy, SortColumn } from '../../core/contract/requests.ts';
import { COLUMNS, WIDTH_MAX, WIDTH_MIN, type TableColumn } from '../table/columns.ts';
import { recall, remember } from './remembered.ts';
import { useShell } from './shell.ts';
import { t } from '../language/language.ts';

interface Arrangement {
  /** Ids in order; unknown ones are passed over, missing ones follow. */
  order: string[];
  /** Chosen by hand: shown at any width of the pane, or never. */
  shown: Record<string, boolean>;
  widths: Record<string, number>;
}
const KEY = 'flowglass.columns';
/** As many open groups as the contract takes. */
const OPEN_MAX = 500;
const AT_FIRST: Arrangement = { order: [], shown: {}, widths: {} };
const isArrangement = (value: unknown): value is Arrangement =>
  typeof value === 'object' &&
  value !== null &&
  'order' in value &&
  Array.isArray(value.order) &&
  value.order.every((id) => typeof id === 'string') &&
  'shown' in value &&
  typeof value.shown === 'object' &&
  value.shown !== null &&
  'widths' in value &&
  typeof value.widths === 'object' &&
  value.widths !== null &&
  Object.values(value.widths).every((width) => typeof width === 'number' && width >= WIDTH_MIN && width <= WIDTH_MAX);

/** By what the table is sorted, most important first. */
export type Sorting = { column: SortColumn; descending: boolean }[];

export const useTable = defineStore('table', () => {
  const shell = useShell();
  const arrangement = ref(recall(KEY, AT_FIRST, isArrangement));
  const sort = ref<Sorting>([]);
  /** By what flows are put together; null = they are not. */
  const group = ref<GroupBy | null>(null);
  /** Labels of open groups. */
  const opened = shallowRef<readonly string[]>([]);
  function groupBy(next: GroupBy | null): void {
    group.value = next;
    opened.value = [];
  }
  /** Opens a group, or closes it; `open` = which of both, whatever it is now. */
  function toggleGroup(label: string, open = !opened.value.includes(label)): void {
    const others = opened.value.filter((each) => each !== label);
    opened.value = open ? [...others, label].slice(-OPEN_MAX) : others;
  }

  /** Width of the pane, px. */
  const paneWidth = ref(1400);

  function arrange(next: Arrangement): void {
    arrangement.value = next;
    remember(KEY, next);
  }
  /** A change that can be undone; `quietly` = one sees where to turn it back. */
  function change(next: Arrangement, what: string, quietly = false): void {
    const before = arrangement.value;
    arrange(next);
    shell.did(what, () => arrange(before), quietly);
  }

  /** All columns in their order, each as wide as it was made. */
  const all = computed<readonly TableColumn[]>(() => {
    const { order, widths } = arrangement.value;
    const known = new Map(COLUMNS.map((column) => [column.id, column]));
    const ids = [...order.filter((id) => known.has(id)), ...COLUMNS.map(({ id }) => id)];
    return [...new Set(ids)].map((id) => {
      const column = known.get(id) as TableColumn;
      const width = widths[id];
      return width === undefined ? column : { ...column, width };
    });
  });
  const isShown = (column: TableColumn): boolean =>
    arrangement.value.shown[column.id] ?? (!column.extra && (column.from ?? 0) <= paneWidth.value);
  const columns = computed(() => all.value.filter(isShown));

  function show(column: TableColumn, shown: boolean): void {
    if (!shown && columns.value.length === 1) return; // a table without columns cannot be got back to
    const now = arrangement.value;
    change(
      { ...now, shown: { ...now.shown, [column.id]: shown } },
      t(shown ? 'table.shown' : 'table.hidden', { name: t(column.label) }),
      shown,
    );
  }
  /** Moves a shown column by `by` places among the shown ones. */
  function move(id: string, by: number): void {
    const ids = columns.value.map((column) => column.id);
    const at = ids.indexOf(id);
    const to = ids[at + by];
    if (at >= 0 && to !== undefined) moveTo(id, to, by > 0);
  }
  /** Puts a column before another, or after it. */
  function moveTo(id: string, to: string, after: boolean): void {
    if (id === to) return;
    const order = all.value.map((column) => column.id).filter((each) => each !== id);
    order.splice(order.indexOf(to) + (after ? 1 : 0), 0, id);
    change({ ...arrangement.value, order }, t('table.moved'), true);
  }
  /** null = as wide as at first. */
  function resize(id: string, px: number | null): void {
    const { [id]: _old, ...widths } = arrangement.value.widths;
    if (px !== null) widths[id] = Math.round(Math.min(WIDTH_MAX, Math.max(WIDTH_MIN, px)));
    arrange({ ...arrangement.value, widths });
  }
  /** Shown columns in their order where they are not as at first, with the widths that were chosen; else null. */
  const arranged = computed(() =>
    JSON.stringify(arrangement.value) === JSON.stringify(AT_FIRST)
      ? null
      : columns.value.map(({ id }) => ({ id, width: arrangement.value.widths[id] ?? null })),
  );
  /** Shows exactly these, as long as the page is open: what is kept in this browser stays as it is. */
  function showOnly(list: readonly { id: string; width: number | null }[]): void {
    const ids = list.map(({ id }) => id);
    arrangement.value = {
      order: ids,
      shown: Object.fromEntries(COLUMNS.map(({ id }) => [id, ids.includes(id)])),
      widths: Object.fromEntries(list.flatMap(({ id, width }) => (width === null ? [] : [[id, width]]))),
    };
  }
  const reset = (): void => change(AT_FIRST, t('table.reset'));

  return {
    sort,
    group,
    opened,
    groupBy,
    toggleGroup,
    arranged,
    showOnly,
    all,
    columns,
    paneWidth,
    isShown,
    show,
    move,
    moveTo,
    resize,
    reset,
  };
});
