/**
 * What the graph canvas draws, eased towards the newest layout: nodes and ribbons keyed as in the view, so that a
 * change of rate widens a ribbon instead of replacing it.
 */
import type { FreeLayout } from './force.ts';
import type { GraphLayout } from './layout.ts';
import type { EdgeRow, NodeRow } from './rows.ts';

export interface SceneNode extends NodeRow {
  grouped: boolean;
  pinned: boolean;
  /** Centre; x in the free form only. */
  x: number;
  y: number;
  /** Of its row; in the free form its diameter. */
  height: number;
  barTop: number;
  barHeight: number;
}

export interface SceneEdge extends EdgeRow {
  y0: number;
  y1: number;
  width: number;
}

export interface ScenePlate {
  side: number;
  label: string;
  kind: string;
  top: number;
  bottom: number;
}

export interface Scene {
  nodes: Map<number, SceneNode>;
  edges: Map<number, SceneEdge>;
  plates: ScenePlate[];
  folds: GraphLayout['folds'];
  /** Nodes that the free form leaves out, and their rate. */
  left: { count: number; bps: number };
}

export const emptyScene = (): Scene => ({
  nodes: new Map(),
  edges: new Map(),
  plates: [],
  folds: [],
  left: { count: 0, bps: 0 },
});

/** The rows a layout was asked for; indices of the layout are theirs. */
export interface Laid {
  nodes: readonly NodeRow[];
  edges: readonly EdgeRow[];
  /** Plates by number: side, kind and label. */
  groups: readonly { side: number; kind: string; label: string }[];
  /** Ids of pinned nodes. */
  pins: ReadonlySet<string>;
}

/** Diameter of a node of the free form, px, by rate: as ribbons are wide, but never less than can be clicked. */
export const nodeSize = (bps: number): number => 14 + Math.min(14, Math.max(0, 3 * Math.log10(Math.max(1, bps / 1e4))));

export function columnsScene({ nodes, edges, groups, pins }: Laid, layout: GraphLayout): Scene {
  const scene = emptyScene();
  nodes.forEach((node, i) => {
    const y = layout.y[i] ?? NaN;
    if (Number.isNaN(y)) return;
    scene.nodes.set(node.key, {
      ...node,
      grouped: layout.plates.some((plate) => plate.side === node.side && y > plate.top && y < plate.bottom),
      pinned: pins.has(node.id),
      x: 0,
      y,
      height: layout.rowHeight[i] ?? 0,
      barTop: layout.barTop[i] ?? 0,
      barHeight: layout.barHeight[i] ?? 0,
    });
  });
  edges.forEach((edge, i) => {
    const width = layout.edgeWidth[i] ?? NaN;
    if (Number.isNaN(width)) return;
    scene.edges.set(edge.key, { ...edge, y0: layout.edgeY0[i] ?? 0, y1: layout.edgeY1[i] ?? 0, width });
  });
  scene.plates = layout.plates.map(({ side, group, top, bottom }) => ({
    side,
    kind: groups[group]?.kind ?? '',
    label: groups[group]?.label ?? '',
    top,
    bottom,
  }));
  scene.folds = layout.folds;
  return scene;
}

/** `width` = of the ribbon of an edge, px. */
export function freeScene({ nodes, edges, pins }: Laid, layout: FreeLayout, width: (bps: number) => number): Scene {
  const scene = emptyScene();
  nodes.forEach((node, i) => {
    scene.nodes.set(node.key, {
      ...node,
      grouped: false,
      pinned: pins.has(node.id),
      x: layout.x[i] ?? 0,
      y: layout.y[i] ?? 0,
      height: nodeSize(node.bps),
      barTop: 0,
      barHeight: 0,
    });
  });
  for (const edge of edges) scene.edges.set(edge.key, { ...edge, y0: 0, y1: 0, width: width(edge.bps) });
  return scene;
}

/**
 * The newest values in an old layout: nothing moves, comes or changes its width; what is gone goes. Ends of edges stay
 * those of the layout (the free form draws a peer that runs here as its process).
 */
export function refreshScene(
  scene: Scene,
  nodes: ReadonlyMap<number, NodeRow>,
  edges: ReadonlyMap<number, EdgeRow>,
): void {
  for (const [key, node] of scene.nodes) {
    const now = nodes.get(key);
    if (now) Object.assign(node, now);
    else scene.nodes.delete(key);
  }
  for (const [key, edge] of scene.edges) {
    const now = edges.get(key);
    const { left, right } = edge;
    if (now) Object.assign(edge, now, { left, right });
    else scene.edges.delete(key);
  }
}

/** Moves one number towards its target; true while it has not arrived. */
function ease<T extends Record<K, number>, K extends string>(from: T, to: T, name: K, share: number): boolean {
  const distance = to[name] - from[name];
  (from[name] as number) += Math.abs(distance) < 0.3 ? distance : distance * share;
  return Math.abs(distance) >= 0.3;
}

/**
 * Brings `shown` closer to `target` by `share` (0..1; 1 = at once). New things appear in place, gone ones go.
 * Returns true while something still moves.
 */
export function approach(shown: Scene, target: Scene, share: number): boolean {
  let moving = false;
  for (const [key, node] of target.nodes) {
    const old = shown.nodes.get(key);
    if (!old) {
      shown.nodes.set(key, { ...node });
      continue;
    }
    const { x, y, height, barTop, barHeight } = old;
    Object.assign(old, node);
    old.x = x;
    old.y = y;
    old.height = height;
    old.barTop = barTop;
    old.barHeight = barHeight;
    for (const name of ['x', 'y', 'height', 'barTop', 'barHeight'] as const)
      moving = ease(old, node, name, share) || moving;
  }
  for (const key of shown.nodes.keys()) if (!target.nodes.has(key)) shown.nodes.delete(key);
  for (const [key, edge] of target.edges) {
    const old = shown.edges.get(key);
    if (!old) {
      shown.edges.set(key, { ...edge });
      continue;
    }
    const { y0, y1, width } = old;
    Object.assign(old, edge);
    old.y0 = y0;
    old.y1 = y1;
    old.width = width;
    for (const name of ['y0', 'y1', 'width'] as const) moving = ease(old, edge, name, share) || moving;
  }
  for (const key of shown.edges.keys()) if (!target.edges.has(key)) shown.edges.delete(key);
  shown.plates = target.plates;
  shown.folds = target.folds;
  shown.left = target.left;
  return moving;
}
