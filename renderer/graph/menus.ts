/** Menus of the graph: of a node, of an edge, and of the graph itself. */
import { commandOf } from '../shell/commands.ts';
import { t, type PlainKey } from '../language/language.ts';
import { useFilter } from '../stores/filter.ts';
import { useGraph, type GraphForm } from '../stores/graph.ts';
import { useSelection } from '../stores/selection.ts';
import { SEPARATOR, useShell, type MenuItem, type OpenMenu } from '../stores/shell.ts';
import { visibleText } from '../draw/format.ts';
import { copyText } from '../shell/clipboard.ts';
import type { EdgeRow, NodeRow } from './rows.ts';

type Items = OpenMenu['items'];
const named = (label: string): string => visibleText(label, 32);

function undoItem(): MenuItem {
  const shell = useShell();
  return { label: t('shell.undo'), keys: commandOf('undo').keys ?? '', disabled: shell.undos.length === 0, run: () => shell.undo() }; // prettier-ignore
}

/** "Only this", "not this" and the text itself, of a condition; null = there is none. */
function conditionItems(condition: string | null, only: string, not: string): MenuItem[] {
  const filter = useFilter();
  const disabled = condition === null;
  const text = condition ?? '';
  return [
    { label: only, keys: 'O', disabled, run: () => filter.only(text) },
    { label: not, keys: 'Shift O', disabled, run: () => filter.hide(text) },
    { label: t('graph.copyFilter'), disabled, run: () => copyText(text, 'copied.filter') },
  ];
}

export function nodeMenu(node: NodeRow, busiest: EdgeRow | null): Items {
  const graph = useGraph();
  const selection = useSelection();
  const pinned = graph.pins.has(node.id);
  const [only, not, asFilter] = conditionItems(
    node.filter,
    t('graph.only', { name: named(node.label) }),
    t('graph.not', { name: named(node.label) }),
  );
  return [
    only as MenuItem,
    not as MenuItem,
    SEPARATOR,
    { label: t(pinned ? 'graph.unpin' : 'graph.pin'), keys: 'P', run: () => graph.togglePin(node.id) },
    {
      label: t('graph.openBusiest'),
      disabled: busiest === null || busiest.flow < 0,
      run: () => selection.open(busiest?.flow ?? -1),
    },
    SEPARATOR,
    { label: t('graph.copyName'), run: () => copyText(node.label, 'copied.name') },
    asFilter as MenuItem,
    SEPARATOR,
    undoItem(),
  ];
}

/** Condition of all flows between two ends; null = neither can be named. */
export const conditionOfEdge = (left: NodeRow | undefined, right: NodeRow | undefined): string | null => {
  const parts = [left?.filter, right?.filter].filter((part) => part !== null && part !== undefined);
  return parts.length === 0 ? null : parts.map((part) => (part.includes('||') ? `(${part})` : part)).join(' && ');
};

export function edgeMenu(edge: EdgeRow, left: NodeRow | undefined, right: NodeRow | undefined): Items {
  const selection = useSelection();
  const [only, not, asFilter] = conditionItems(conditionOfEdge(left, right), t('graph.onlyThese'), t('graph.notThese'));
  return [
    only as MenuItem,
    not as MenuItem,
    SEPARATOR,
    { label: t('graph.openBusiest'), disabled: edge.flow < 0, run: () => selection.open(edge.flow) },
    asFilter as MenuItem,
    SEPARATOR,
    undoItem(),
  ];
}

const FORMS: readonly (readonly [GraphForm, PlainKey])[] = [
  ['columns', 'graph.formColumns'],
  ['free', 'graph.formFree'],
  ['table', 'graph.formTable'],
];

export function graphMenu(rearrange: () => void): Items {
  const graph = useGraph();
  const free = graph.form === 'free';
  return [
    ...FORMS.map(([form, label]): MenuItem => ({
      label: t(label),
      checked: graph.form === form,
      run: () => (graph.form = form),
    })),
    SEPARATOR,
    ...(free
      ? [
          { label: t('graph.everyNode'), checked: graph.everyNode, run: () => (graph.everyNode = !graph.everyNode) },
          { label: t('graph.arrange'), run: rearrange },
        ]
      : [
          { label: t('graph.allProcesses'), checked: graph.opened[0] >= 0, run: () => graph.toggleFold(0) },
          { label: t('graph.allPeers'), checked: graph.opened[1] >= 0, run: () => graph.toggleFold(1) },
        ]),
    { label: t('graph.unpinAll'), disabled: graph.pins.size === 0, run: () => graph.pins.clear() },
    SEPARATOR,
    { label: t('graph.findMenu'), keys: commandOf('graph.find').keys ?? '', run: () => (graph.searching = true) },
  ];
}
