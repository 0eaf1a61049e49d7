/** Draws the free form of the graph: a square for a process of this machine, a circle for a peer, a line for who talks. */
import { formatRate, joined, visibleText } from '../draw/format.ts';
import { latencyColor, token } from '../draw/latency-scale.ts';
import { drawGlyph, fit, font, glyphsOf, text, type Pen } from '../draw/pen.ts';
import { isDim, opacityOf, stands, type GraphGeometry, type GraphHighlight } from './draw-graph.ts';
import { latencyOf } from './rows.ts';
import type { Scene, SceneEdge, SceneNode } from './scene.ts';
import { t } from '../language/language.ts';

/** Room of a name below its node, px. */
const NAME_ROOM = 116;
/** Where the trouble of an edge stands on it: nearer to the peer. */
const GLYPH_AT = 0.66;
const GLYPH_APART = 19;

export function drawFree(
  c: CanvasRenderingContext2D,
  geometry: GraphGeometry,
  scene: Scene,
  highlight: GraphHighlight,
): void {
  const pen: Pen = { c, ui: token('--font-ui') };
  c.clearRect(0, 0, geometry.width, geometry.height);
  c.textBaseline = 'alphabetic';
  c.lineCap = 'round';
  const edges = [...scene.edges.values()]
    .map((edge) => ({ edge, opacity: opacityOf(edge, scene, highlight) }))
    .sort((a, b) => a.opacity - b.opacity || b.edge.width - a.edge.width);
  for (const { edge, opacity } of edges) drawLine(c, scene, edge, opacity, edge.key === highlight.edge);
  c.globalAlpha = 1;
  const selected = scene.edges.get(highlight.edge);
  const isChosen = (node: SceneNode): boolean =>
    node.id === highlight.node || node.key === selected?.left || node.key === selected?.right;
  const nodes = [...scene.nodes.values()];
  for (const node of nodes) drawBody(c, node, isChosen(node), highlight);
  // Below its node, else above. Where two names would lie on each other the one that matters less is left out; pointing at its node shows it.
  const weight = (node: SceneNode): number =>
    (node.key === highlight.hovered || node.key === highlight.focused ? 8 : 0) +
    (isChosen(node) ? 4 : 0) +
    (stands(node, highlight) || node.pinned ? 2 : 0) +
    (node.side === 0 ? 1 : 0);
  const taken: Box[] = [];
  for (const node of nodes.sort((a, b) => weight(b) - weight(a) || b.bps - a.bps))
    drawName(pen, geometry, node, isChosen(node), highlight, taken);
  for (const { edge } of edges) drawTrouble(c, scene, edge);
  if (scene.left.count > 0) drawLeft(pen, geometry, scene);
}

/** Ends of a line; null when one of them is not there. */
export function lineOf(scene: Scene, edge: SceneEdge): [SceneNode, SceneNode] | null {
  const from = scene.nodes.get(edge.left);
  const to = scene.nodes.get(edge.right);
  return from && to && from !== to ? [from, to] : null;
}

function drawLine(
  c: CanvasRenderingContext2D,
  scene: Scene,
  edge: SceneEdge,
  opacity: number,
  selected: boolean,
): void {
  const ends = lineOf(scene, edge);
  if (!ends) return;
  const stroke = (color: string, width: number): void => {
    c.strokeStyle = color;
    c.lineWidth = width;
    c.beginPath();
    c.moveTo(ends[0].x, ends[0].y);
    c.lineTo(ends[1].x, ends[1].y);
    c.stroke();
  };
  c.globalAlpha = selected ? 1 : opacity;
  if (selected) {
    stroke(token('--bg-1'), edge.width + 8);
    stroke(token('--fg-1'), edge.width + 3);
  }
  stroke(latencyColor(latencyOf(edge)), edge.width);
}

function outline(c: CanvasRenderingContext2D, { side, x, y }: SceneNode, radius: number): void {
  c.beginPath();
  if (side === 0) c.roundRect(x - radius, y - radius, radius * 2, radius * 2, 4);
  else c.arc(x, y, radius, 0, 2 * Math.PI);
}

function drawBody(c: CanvasRenderingContext2D, node: SceneNode, chosen: boolean, highlight: GraphHighlight): void {
  const radius = node.height / 2;
  const dim = isDim(node, highlight);
  const lit = node.key === highlight.hovered;
  if (node.key === highlight.focused) {
    outline(c, node, radius + 4);
    c.strokeStyle = token('--accent');
    c.lineWidth = 2;
    c.stroke();
  }
  outline(c, node, radius);
  c.fillStyle = token(chosen ? '--accent-soft' : lit ? '--bg-3' : '--bg-2');
  c.fill();
  c.strokeStyle = token(chosen || node.pinned ? '--accent' : dim ? '--line-3' : '--fg-2');
  c.lineWidth = node.pinned ? 3 : 1.5;
  c.stroke();
}

type Box = readonly [left: number, top: number, right: number, bottom: number];
const NAME_HEIGHT = 14;

function drawName(
  pen: Pen,
  { width }: GraphGeometry,
  node: SceneNode,
  chosen: boolean,
  highlight: GraphHighlight,
  taken: Box[],
): void {
  const { c } = pen;
  const weight = chosen || stands(node, highlight) ? 600 : 500;
  c.font = font(pen, 11, weight);
  const name = fit(c, `${visibleText(node.label, 60)} ${visibleText(node.detail, 24)}`.trim(), NAME_ROOM);
  const half = c.measureText(name).width / 2 + 3;
  const x = Math.min(width - half - 4, Math.max(half + 4, node.x));
  const boxAt = (y: number): Box => [x - half, y - NAME_HEIGHT + 3, x + half, y + 3];
  const isFree = (box: Box): boolean =>
    taken.every((other) => box[0] >= other[2] || box[2] <= other[0] || box[1] >= other[3] || box[3] <= other[1]);
  const below = node.y + node.height / 2 + 13;
  const above = node.y - node.height / 2 - 6;
  const y = [below, above].find((each) => isFree(boxAt(each)));
  if (y === undefined) return;
  taken.push(boxAt(y));
  // A name may lie over a line: the ground around its letters keeps it readable.
  c.textAlign = 'center';
  c.strokeStyle = token('--bg-1');
  c.lineWidth = 4;
  c.lineJoin = 'round';
  c.strokeText(name, x, y);
  text(pen, name, x, y, 11, weight, token(isDim(node, highlight) ? '--fg-2' : '--fg-1'), 'center');
}

function drawTrouble(c: CanvasRenderingContext2D, scene: Scene, edge: SceneEdge): void {
  const ends = edge.trouble === 0 ? null : lineOf(scene, edge);
  if (!ends) return;
  const length = Math.max(1, Math.hypot(ends[1].x - ends[0].x, ends[1].y - ends[0].y));
  glyphsOf(edge.trouble)
    .slice(0, 3)
    .forEach((name, i) => {
      const at = Math.max(0.2, GLYPH_AT - (i * GLYPH_APART) / length);
      const x = ends[0].x + (ends[1].x - ends[0].x) * at;
      const y = ends[0].y + (ends[1].y - ends[0].y) * at;
      drawGlyph(c, name, Math.round(x) - 8, Math.round(y) - 8);
    });
}

/** How much is not drawn; the menu shows it all. */
function drawLeft(pen: Pen, { height }: GraphGeometry, { left }: Scene): void {
  const what = t('graph.quieter', { n: left.count, rate: joined(formatRate(left.bps)) });
  text(pen, what, 12, height - 10, 11, 400, token('--fg-3'));
}
