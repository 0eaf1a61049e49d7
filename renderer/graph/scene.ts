/**
 * What the graph canvas draws, eased towards the newest layout: nodes and ribbons keyed as in the view, so that a
 * change of rate widens a ribbon instead of replacing it.
 */
import type { GraphLayout } from './layout.ts';

export interface SceneNode {
  key: number;
  side: number;
  label: string;
  detail: string;
  bps: number;
  matches: boolean;
  trouble: number;
  filter: string | null;
  grouped: boolean;
  folded: boolean;
  y: number;
  height: number;
  barTop: number;
  barHeight: number;
}

export interface SceneEdge {
  key: number;
  left: number;
  right: number;
  bps: number;
  rttP50Us: number;
  rttP99Us: number;
  responseP50Us: number;
  retransmits: number;
  drops: number;
  segments: number;
  flows: number;
  trouble: number;
  inbound: boolean;
  matches: boolean;
  flow: number;
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
}

export const emptyScene = (): Scene => ({ nodes: new Map(), edges: new Map(), plates: [], folds: [] });

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
    const { y, height, barTop, barHeight } = old;
    Object.assign(old, node, { y, height, barTop, barHeight });
    for (const name of ['y', 'height', 'barTop', 'barHeight'] as const) moving = ease(old, node, name, share) || moving;
  }
  for (const key of shown.nodes.keys()) if (!target.nodes.has(key)) shown.nodes.delete(key);
  for (const [key, edge] of target.edges) {
    const old = shown.edges.get(key);
    if (!old) {
      shown.edges.set(key, { ...edge });
      continue;
    }
    const { y0, y1, width } = old;
    Object.assign(old, edge, { y0, y1, width });
    for (const name of ['y0', 'y1', 'width'] as const) moving = ease(old, edge, name, share) || moving;
  }
  for (const key of shown.edges.keys()) if (!target.edges.has(key)) shown.edges.delete(key);
  shown.plates = target.plates;
  shown.folds = target.folds;
  return moving;
}
