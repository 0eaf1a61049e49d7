/** What lies under a point of the graph, and which node is next in a direction. */
import { lineOf } from './draw-free.ts';
import { foldKey, ribbonPoint, ribbonSpan, type GraphGeometry } from './draw-graph.ts';
import type { Scene, SceneEdge, SceneNode } from './scene.ts';

export type Hit = { node: SceneNode } | { edge: SceneEdge } | { fold: Scene['folds'][number] };

/** Key of what was hit, as highlights have it; −1 = nothing. */
export const keyOfHit = (hit: Hit | null): number =>
  !hit ? -1 : 'node' in hit ? hit.node.key : 'edge' in hit ? hit.edge.key : foldKey(hit.fold.side);

/** How far from a line one may point, px. */
const NEAR = 4;

/** Nodes win over ribbons. */
export function hitColumns(scene: Scene, geometry: GraphGeometry, x: number, y: number): Hit | null {
  const side = x < geometry.leftWidth + 6 ? 0 : x > geometry.width - geometry.rightWidth ? 1 : -1;
  for (const node of scene.nodes.values())
    if (node.side === side && Math.abs(y - node.y) <= node.height / 2) return { node };
  const fold = scene.folds.find((each) => each.side === side && Math.abs(y - each.y) <= 12);
  if (fold) return { fold };
  const [x0, x1] = ribbonSpan(geometry);
  const share = (x - x0) / (x1 - x0);
  if (share < 0 || share > 1) return null;
  const t = curveAt(share);
  return nearest(scene, (edge) => Math.abs(ribbonPoint(geometry, edge, t)[1] - y) - edge.width / 2);
}

export function hitFree(scene: Scene, x: number, y: number): Hit | null {
  for (const node of scene.nodes.values())
    if (Math.hypot(node.x - x, node.y - y) <= node.height / 2 + NEAR) return { node };
  return nearest(scene, (edge) => {
    const ends = lineOf(scene, edge);
    return ends ? distanceToLine(ends, x, y) - edge.width / 2 : Infinity;
  });
}

function nearest(scene: Scene, distanceTo: (edge: SceneEdge) => number): Hit | null {
  let best: SceneEdge | null = null;
  let least = NEAR;
  for (const edge of scene.edges.values()) {
    const distance = distanceTo(edge);
    if (distance < least) {
      least = distance;
      best = edge;
    }
  }
  return best ? { edge: best } : null;
}

function distanceToLine([a, b]: [SceneNode, SceneNode], x: number, y: number): number {
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  const along = ((x - a.x) * dx + (y - a.y) * dy) / Math.max(1, dx * dx + dy * dy);
  const t = Math.min(1, Math.max(0, along));
  return Math.hypot(a.x + t * dx - x, a.y + t * dy - y);
}

/** Curve parameter whose x is the share of the way, of a Bézier with both handles in the middle; by bisection. */
function curveAt(share: number): number {
  let low = 0;
  let high = 1;
  for (let i = 0; i < 20; i++) {
    const u = (low + high) / 2;
    const x = 1.5 * u * (1 - u) * (1 - u) + 1.5 * u * u * (1 - u) + u * u * u;
    if (x < share) low = u;
    else high = u;
  }
  return low;
}

/** A stop of the keyboard: a node, or the "+n" of a side. */
export interface Stop {
  key: number;
  side: number;
  x: number;
  y: number;
}
const ARROWS: Readonly<Record<string, readonly [dx: number, dy: number]>> = {
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
};

/** The stops of the two columns, each side from top to bottom. */
export function stopsOfColumns(scene: Scene): Stop[] {
  const nodes = [...scene.nodes.values()].map(({ key, side, y }) => ({ key, side, x: side, y }));
  const folds = scene.folds.map(({ side, y }) => ({ key: foldKey(side), side, x: side, y }));
  return [...nodes, ...folds].sort((a, b) => a.side - b.side || a.y - b.y);
}

/** Where an arrow leads in the two columns; undefined = the key is no arrow, or there is nothing. */
export function nextInColumns(stops: readonly Stop[], focused: number, arrow: string): Stop | undefined {
  const step = ARROWS[arrow];
  if (!step) return undefined;
  const current = stops.find(({ key }) => key === focused);
  if (step[0] !== 0) {
    const other = stops.filter(({ side }) => side === (step[0] > 0 ? 1 : 0));
    return closest(other, (stop) => Math.abs(stop.y - (current?.y ?? 0)));
  }
  const column = stops.filter(({ side }) => side === (current?.side ?? 0));
  const at = column.findIndex(({ key }) => key === focused);
  return column[Math.min(column.length - 1, Math.max(0, at + step[1]))];
}

/** The nearest stop in the direction of an arrow: what is to the side counts double. */
export function nextFree(stops: readonly Stop[], focused: number, arrow: string): Stop | undefined {
  const step = ARROWS[arrow];
  if (!step) return undefined;
  const current = stops.find(({ key }) => key === focused);
  if (!current) return closest(stops, ({ x, y }) => x + y);
  const ahead = stops.filter(({ x, y }) => (x - current.x) * step[0] + (y - current.y) * step[1] > 1);
  return closest(ahead, ({ x, y }) => {
    const along = (x - current.x) * step[0] + (y - current.y) * step[1];
    const aside = Math.abs((x - current.x) * step[1]) + Math.abs((y - current.y) * step[0]);
    return along + 2 * aside;
  });
}

const closest = (stops: readonly Stop[], distance: (stop: Stop) => number): Stop | undefined =>
  stops.length === 0 ? undefined : stops.reduce((best, stop) => (distance(stop) < distance(best) ? stop : best));
