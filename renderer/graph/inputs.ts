/** Rows of the view as the layouts take them: which nodes and edges there are to place, as columns of numbers. */
import type { FreeInput } from './force.ts';
import type { GraphInput } from './layout.ts';
import type { EdgeRow, NodeRow } from './rows.ts';
import { nodeSize, type Laid } from './scene.ts';
import { latencyOf } from './rows.ts';

export interface Rows {
  nodes: NodeRow[];
  edges: EdgeRow[];
}

/** What is to be shown: all, or what matches. */
export function rowsToShow(
  nodes: ReadonlyMap<number, NodeRow>,
  edges: ReadonlyMap<number, EdgeRow>,
  onlyMatches: boolean,
): Rows {
  const usable = [...edges.values()].filter(
    (edge) => (!onlyMatches || edge.matches) && nodes.has(edge.left) && nodes.has(edge.right),
  );
  if (!onlyMatches) return { nodes: [...nodes.values()], edges: usable };
  const linked = new Set(usable.flatMap(({ left, right }) => [left, right]));
  return { nodes: [...nodes.values()].filter(({ key }) => linked.has(key)), edges: usable };
}

/** Numbers of the plates that nodes stand on; 0 = none. */
function platesOf(nodes: readonly NodeRow[]): { groups: Laid['groups']; group: Uint32Array } {
  const groups = [{ side: 0, kind: '', label: '' }];
  const known = new Map<string, number>();
  const group = Uint32Array.from(nodes, (node) => {
    if (!node.group) return 0;
    const name = `${node.side} ${node.groupKind} ${node.group}`;
    let id = known.get(name);
    if (id === undefined) {
      id = groups.push({ side: node.side, kind: node.groupKind, label: node.group }) - 1;
      known.set(name, id);
    }
    return id;
  });
  return { groups, group };
}

export interface ColumnsWishes {
  size: Pick<GraphInput, 'width' | 'height' | 'leftWidth' | 'rightWidth'>;
  keep: (node: NodeRow) => boolean;
  shown: (key: number) => boolean;
  opened: readonly [number, number];
}
/** Room for the heads of the columns, px. */
const TOP = 24;

export function columnsInput(rows: Rows, wishes: ColumnsWishes): { input: GraphInput; groups: Laid['groups'] } {
  const { nodes, edges } = rows;
  const { groups, group } = platesOf(nodes);
  const index = new Map(nodes.map((node, i) => [node.key, i]));
  const input: GraphInput = {
    ...wishes.size,
    top: TOP,
    rowMin: wishes.size.width < 700 ? 20 : 22,
    side: Uint8Array.from(nodes, ({ side }) => side),
    order: Uint32Array.from(nodes, ({ order }) => order),
    group,
    bps: Float64Array.from(nodes, ({ bps }) => bps),
    keep: Uint8Array.from(nodes, (node) => Number(wishes.keep(node))),
    shown: Uint8Array.from(nodes, ({ key }) => Number(wishes.shown(key))),
    opened: wishes.opened,
    edgeLeft: Uint32Array.from(edges, ({ left }) => index.get(left) ?? 0),
    edgeRight: Uint32Array.from(edges, ({ right }) => index.get(right) ?? 0),
    edgeBps: Float64Array.from(edges, ({ bps }) => bps),
    edgeUs: Float64Array.from(edges, latencyOf),
  };
  return { input, groups };
}

/**
 * Nodes of the free form: a peer that runs here too is its process. At most `limit` of them, those that must be shown
 * first, then by rate.
 */
export function freeRows(rows: Rows, keep: (node: NodeRow) => boolean, limit: number): Rows & { left: NodeRow[] } {
  const merged = new Map<number, NodeRow>();
  const keyOf = new Map<number, number>();
  for (const node of rows.nodes) {
    const key = node.same || node.key;
    keyOf.set(node.key, key);
    const other = merged.get(key);
    if (!other) merged.set(key, node.same ? asProcess(node) : { ...node });
    else addTo(other, node);
  }
  const weight = (node: NodeRow): number => (keep(node) ? 1e18 : 0) + node.bps;
  const list = [...merged.values()].sort((a, b) => weight(b) - weight(a) || a.order - b.order);
  const nodes = list.slice(0, limit);
  const there = new Set(nodes.map(({ key }) => key));
  const edges = rows.edges.flatMap((edge) => {
    const left = keyOf.get(edge.left) ?? edge.left;
    const right = keyOf.get(edge.right) ?? edge.right;
    return there.has(left) && there.has(right) ? [{ ...edge, left, right }] : [];
  });
  return { nodes, edges, left: list.slice(limit) };
}

function asProcess(node: NodeRow): NodeRow {
  const [, name = '', pid = ''] = /^(.*) (\d+)$/.exec(node.process ?? '') ?? [];
  return { ...node, key: node.same, side: 0, label: name || node.label, detail: pid || node.detail };
}

function addTo(node: NodeRow, other: NodeRow): void {
  node.bps += other.bps;
  node.flows += other.flows;
  node.trouble |= other.trouble;
  node.matches ||= other.matches;
  if (other.same === 0) Object.assign(node, { label: other.label, detail: other.detail, filter: other.filter, id: other.id }); // prettier-ignore
}

export function freeInput(
  { nodes, edges }: Rows,
  size: { width: number; height: number },
  wish: Pick<FreeInput, 'anew' | 'moved'>,
): FreeInput {
  const index = new Map(nodes.map((node, i) => [node.key, i]));
  return {
    width: size.width,
    height: size.height,
    keys: Float64Array.from(nodes, ({ key }) => key),
    radius: Float32Array.from(nodes, ({ bps }) => nodeSize(bps) / 2),
    from: Uint32Array.from(edges, ({ left }) => index.get(left) ?? 0),
    to: Uint32Array.from(edges, ({ right }) => index.get(right) ?? 0),
    ...wish,
  };
}
