/** The graph as a tree: plates, processes on them, and who each of them talks to. */
import type { Rows } from './inputs.ts';
import type { EdgeRow, NodeRow } from './rows.ts';

export interface TreeRow {
  id: string;
  level: number;
  /** Rows of the same parent, and the place among them, from 1. */
  size: number;
  at: number;
  /** null = it has nothing below it. */
  expanded: boolean | null;
  group: string | null;
  node: NodeRow | null;
  edge: EdgeRow | null;
  /** Of an edge: who it leads to. */
  peer: NodeRow | null;
  bps: number;
  flows: number;
  trouble: number;
}

const busiest = (a: { bps: number }, b: { bps: number }): number => b.bps - a.bps;
const sum = (nodes: readonly NodeRow[], what: 'bps' | 'flows'): number =>
  nodes.reduce((total, node) => total + node[what], 0);

function grouped<T, K>(values: readonly T[], keyOf: (value: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const value of values) {
    const key = keyOf(value);
    const group = groups.get(key);
    if (group) group.push(value);
    else groups.set(key, [value]);
  }
  return groups;
}

/** Busiest first; what is `closed` hides what is below it. At most `limit` edges, of which `chosen` (a key) is one. */
export function treeOf({ nodes, edges }: Rows, closed: ReadonlySet<string>, limit = Infinity, chosen = -1): TreeRow[] {
  const byKey = new Map(nodes.map((node) => [node.key, node]));
  const edgesOf = grouped(
    edges.toSorted(busiest).filter(({ key }, i) => i < limit || key === chosen),
    ({ left }) => left,
  );
  const processes = nodes.filter(({ key }) => edgesOf.has(key)).sort(busiest);
  const groups = [...grouped(processes, ({ group, key }) => group ?? key)]
    .map(([name, members]) => ({ name: typeof name === 'string' ? name : null, members }))
    .sort((a, b) => sum(b.members, 'bps') - sum(a.members, 'bps'));
  const rows: TreeRow[] = [];
  const add = (row: Omit<TreeRow, 'expanded'>, below: boolean): boolean => {
    const expanded = below ? !closed.has(row.id) : null;
    rows.push({ ...row, expanded });
    return expanded === true;
  };
  const nothing = { group: null, node: null, edge: null, peer: null };
  const addProcess = (node: NodeRow, level: number, size: number, at: number): void => {
    const own = edgesOf.get(node.key) ?? [];
    const { bps, flows, trouble } = node;
    if (!add({ ...nothing, id: node.id, level, size, at, node, bps, flows, trouble }, true)) return;
    own.forEach((edge, i) => {
      const peer = byKey.get(edge.right) ?? null;
      const id = `${node.id} ${edge.key}`;
      add({ ...nothing, ...edge, id, level: level + 1, size: own.length, at: i + 1, node, edge, peer }, false);
    });
  };
  groups.forEach(({ name, members }, i) => {
    if (name === null) {
      for (const node of members) addProcess(node, 1, groups.length, i + 1);
      return;
    }
    const trouble = members.reduce((bits, node) => bits | node.trouble, 0);
    const row = { ...nothing, id: `group ${name}`, level: 1, size: groups.length, at: i + 1, group: name, bps: sum(members, 'bps'), flows: sum(members, 'flows'), trouble }; // prettier-ignore
    if (add(row, true)) members.forEach((node, at) => addProcess(node, 2, members.length, at + 1));
  });
  return rows;
}
