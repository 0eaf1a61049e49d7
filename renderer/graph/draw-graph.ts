/** Draws the connection graph: plates, ribbons, bars, labels, glyphs. Labels never lie over ribbons. */
import { formatLatency, formatPercent, formatRate, joined, visibleText } from '../draw/format.ts';
import { ICONS, type IconName } from '../draw/icons.ts';
import { latencyColor, token } from '../draw/latency-scale.ts';
import { drawGlyph, fit, font, glyphsOf, path, text, type Pen } from '../draw/pen.ts';
import { latencyOf } from './rows.ts';
import type { Scene, SceneEdge, SceneNode } from './scene.ts';
import { t } from '../language/language.ts';

export { drawGlyph, fit };

export interface GraphGeometry {
  width: number;
  height: number;
  leftWidth: number;
  rightWidth: number;
}

export interface GraphHighlight {
  /** Selected edge key, −1 = none. */
  edge: number;
  /** Id of the selected node, '' = none. */
  node: string;
  /** Hovered node or edge key, −1 = none. */
  hovered: number;
  /** A filter is set: the rest is dimmed. */
  filtered: boolean;
  /** Node with the keyboard, −1 = none; LEFT_FOLD and RIGHT_FOLD are the "+n" nodes. */
  focused: number;
  /** What the search found; null = nothing is looked for. */
  found: ((node: SceneNode) => boolean) | null;
}
/** Keys of the "+n" nodes of both sides. */
export const LEFT_FOLD = -2;
export const RIGHT_FOLD = -3;
export const foldKey = (side: number): number => (side === 0 ? LEFT_FOLD : RIGHT_FOLD);

/** How much an edge is in the foreground: 2 = pointed at or of what is selected, 1 = matches, 0 = the rest. */
export function emphasis(edge: SceneEdge, scene: Scene, highlight: GraphHighlight): 0 | 1 | 2 {
  if (edge.key === highlight.hovered || edge.left === highlight.hovered || edge.right === highlight.hovered) return 2;
  const left = scene.nodes.get(edge.left);
  const right = scene.nodes.get(edge.right);
  if (highlight.node !== '' && (left?.id === highlight.node || right?.id === highlight.node)) return 2;
  const { found } = highlight;
  if (found) return (left && found(left)) || (right && found(right)) ? 1 : 0;
  return !highlight.filtered || edge.matches ? 1 : 0;
}
const somethingSelected = (scene: Scene, { edge, node }: GraphHighlight): boolean =>
  node !== '' || (edge >= 0 && scene.edges.has(edge));
/** Opacity of an edge that is not the selected one. */
export function opacityOf(edge: SceneEdge, scene: Scene, highlight: GraphHighlight): number {
  const level = emphasis(edge, scene, highlight);
  if (level === 2) return 1;
  const name = level === 0 ? '--edge-other' : somethingSelected(scene, highlight) ? '--edge-unsel' : '--edge-match';
  return parseFloat(token(name));
}
/** A node is in the foreground: it is looked for, or it matches. */
export const stands = (node: SceneNode, { filtered, found }: GraphHighlight): boolean =>
  found ? found(node) : filtered && node.matches;
export const isDim = (node: SceneNode, { filtered, found }: GraphHighlight): boolean =>
  found ? !found(node) : filtered && !node.matches;

const BAR = 5;
const fonts = { label: 12, small: 11 };

/** Where the ribbons run: from the bars on the left to the bars on the right. */
export const ribbonSpan = ({ width, leftWidth, rightWidth }: GraphGeometry): [number, number] => [
  leftWidth + BAR + 1,
  width - rightWidth - 1,
];

function ribbon(c: CanvasRenderingContext2D, x0: number, x1: number, y0: number, y1: number, width: number): void {
  const middle = (x0 + x1) / 2;
  c.beginPath();
  c.moveTo(x0, y0);
  c.bezierCurveTo(middle, y0, middle, y1, x1, y1);
  c.lineTo(x1, y1 + width);
  c.bezierCurveTo(middle, y1 + width, middle, y0 + width, x0, y0 + width);
  c.closePath();
}

/** Point on a ribbon's middle line at t = 0 (left) .. 1 (right). */
export function ribbonPoint(
  geometry: GraphGeometry,
  edge: { y0: number; y1: number; width: number },
  t: number,
): [number, number] {
  const [x0, x1] = ribbonSpan(geometry);
  const middle = (x0 + x1) / 2;
  const a = edge.y0 + edge.width / 2;
  const b = edge.y1 + edge.width / 2;
  const u = 1 - t;
  return [
    u * u * u * x0 + 3 * u * u * t * middle + 3 * u * t * t * middle + t * t * t * x1,
    u * u * u * a + 3 * u * u * t * a + 3 * u * t * t * b + t * t * t * b,
  ];
}

export function drawGraph(
  c: CanvasRenderingContext2D,
  geometry: GraphGeometry,
  scene: Scene,
  highlight: GraphHighlight,
): void {
  const pen: Pen = { c, ui: token('--font-ui') };
  c.clearRect(0, 0, geometry.width, geometry.height);
  c.textBaseline = 'alphabetic';
  drawHeads(pen, geometry);
  for (const plate of scene.plates) drawPlate(pen, geometry, plate);
  drawRibbons(pen, geometry, scene, highlight);
  const selected = scene.edges.get(highlight.edge);
  for (const node of scene.nodes.values())
    drawNode(
      pen,
      geometry,
      node,
      node.id === highlight.node ||
        (selected !== undefined && (selected.left === node.key || selected.right === node.key)),
      highlight,
    );
  drawFoldNodes(pen, geometry, scene, highlight);
  drawGlyphs(pen, geometry, scene, highlight);
  if (selected && !Number.isNaN(selected.width)) drawReading(pen, geometry, scene, selected);
}

function drawHeads(pen: Pen, { width, leftWidth, rightWidth }: GraphGeometry): void {
  const color = token('--fg-3');
  text(pen, t('graph.processesHead'), 12, 15, 11, 500, color);
  text(pen, t('graph.bits'), leftWidth - 12, 15, 11, 400, color, 'right');
  text(pen, t('graph.peersHead'), width - rightWidth + 12, 15, 11, 500, color);
  text(pen, t('graph.bits'), width - 16, 15, 11, 400, color, 'right');
}

const PLATE_ICON: Record<string, IconName> = {
  container: 'box',
  unit: 'unit',
  session: 'user',
  network: 'globe',
  domain: 'globe',
  site: 'server',
};

function drawPlate(pen: Pen, geometry: GraphGeometry, plate: Scene['plates'][number]): void {
  const { c } = pen;
  const x = plate.side ? geometry.width - geometry.rightWidth + 2 : 10;
  const width = (plate.side ? geometry.rightWidth : geometry.leftWidth) - 12;
  c.fillStyle = token('--bg-2');
  c.beginPath();
  c.roundRect(x, plate.top, width, plate.bottom - plate.top, 6);
  c.fill();
  path(pen, ICONS[PLATE_ICON[plate.kind] ?? 'box'], x + 7, plate.top + 4, 12, token('--fg-3'));
  const kind = text(pen, plate.kind, x + width - 8, plate.top + 14, 11, 400, token('--fg-3'), 'right');
  c.font = font(pen, 11, 500);
  text(pen, fit(c, visibleText(plate.label), width - kind - 44), x + 24, plate.top + 14, 11, 500, token('--fg-3'));
}

function drawRibbons(pen: Pen, geometry: GraphGeometry, scene: Scene, highlight: GraphHighlight): void {
  const { c } = pen;
  const [x0, x1] = ribbonSpan(geometry);
  const share = (name: string): number => parseFloat(token(name));
  const some = somethingSelected(scene, highlight) || highlight.found !== null;
  c.globalAlpha = highlight.filtered || some ? share('--edge-other') : share('--edge-match') * 0.7;
  for (const fold of scene.folds)
    for (const edge of fold.edges) {
      c.fillStyle = latencyColor(edge.us);
      ribbon(c, x0, x1, edge.y0, edge.y1, edge.width);
      c.fill();
    }
  const levels = new Map(
    [...scene.edges.values()].flatMap((edge) =>
      Number.isNaN(edge.width) ? [] : [[edge, emphasis(edge, scene, highlight)] as const],
    ),
  );
  const order = [...levels].sort(([a, level], [b, other]) => level - other || b.width - a.width);
  for (const [edge] of order) {
    if (edge.key === highlight.edge) continue;
    c.globalAlpha = opacityOf(edge, scene, highlight);
    c.fillStyle = latencyColor(latencyOf(edge));
    ribbon(c, x0, x1, edge.y0, edge.y1, edge.width);
    c.fill();
    chevron(pen, geometry, edge);
  }
  c.globalAlpha = 1;
  const selected = scene.edges.get(highlight.edge);
  if (!selected || Number.isNaN(selected.width)) return;
  ribbon(c, x0, x1, selected.y0, selected.y1, selected.width);
  c.lineJoin = 'round';
  c.strokeStyle = token('--bg-1');
  c.lineWidth = 7;
  c.stroke();
  c.fillStyle = latencyColor(latencyOf(selected));
  c.fill();
  c.strokeStyle = token('--fg-1');
  c.lineWidth = 1.5;
  c.stroke();
  chevron(pen, geometry, selected);
}

/** Points away from whoever opened the connection. */
function chevron({ c }: Pen, geometry: GraphGeometry, edge: SceneEdge): void {
  if (edge.width < 5) return;
  const [x, y] = ribbonPoint(geometry, edge, edge.inbound ? 0.94 : 0.06);
  const d = edge.inbound ? -1 : 1;
  const k = Math.min(3.2, edge.width / 2 - 1);
  c.strokeStyle = token('--bg-1');
  c.lineWidth = 1.4;
  c.lineCap = 'round';
  c.lineJoin = 'round';
  c.beginPath();
  c.moveTo(x - d * k * 0.6, y - k);
  c.lineTo(x + d * k * 0.6, y);
  c.lineTo(x - d * k * 0.6, y + k);
  c.stroke();
}

function drawNode(
  pen: Pen,
  geometry: GraphGeometry,
  node: SceneNode,
  selected: boolean,
  highlight: GraphHighlight,
): void {
  const { c } = pen;
  if (Number.isNaN(node.y)) return;
  const right = node.side === 1;
  const bar = right ? geometry.width - geometry.rightWidth : geometry.leftWidth;
  const x = right ? bar + 2 : 10;
  const width = (right ? geometry.rightWidth : geometry.leftWidth) - 12;
  const dim = isDim(node, highlight);
  const weight = selected || stands(node, highlight) ? 600 : 500;
  const row = Math.min(node.height, 26);
  if (selected || node.key === highlight.hovered || node.key === highlight.focused) {
    c.fillStyle = token(selected ? '--accent-soft' : '--bg-3');
    c.beginPath();
    c.roundRect(x + 2, node.y - row / 2, width - 4, row, 5);
    c.fill();
    if (node.key === highlight.focused) {
      c.strokeStyle = token('--accent');
      c.lineWidth = 2;
      c.stroke();
    }
  }
  c.fillStyle = token(selected ? '--accent' : dim ? '--line-3' : '--fg-2');
  c.beginPath();
  c.roundRect(bar, node.barTop - 2, BAR, node.barHeight + 4, 2);
  c.fill();
  const color = token(dim ? '--fg-2' : '--fg-1');
  const y = node.y + 4.2;
  const [value, unit] = formatRate(node.bps);
  const rateEnd = right ? geometry.width - 16 : geometry.leftWidth - 12;
  const unitText = unit.replace('bit/s', '');
  const unitWidth = unitText ? text(pen, unitText, rateEnd, y, 11, 400, token('--fg-3'), 'right') + 3 : 0;
  const rateWidth = text(pen, value, rateEnd - unitWidth, y, 11, 400, token('--fg-2'), 'right') + unitWidth;
  const start = right ? bar + 14 : 34;
  if (!right && !node.grouped) path(pen, ICONS.unit, 16, node.y - 6, 12, token('--fg-3'));
  const pinRoom = node.pinned ? 16 : 0;
  if (node.pinned) path(pen, ICONS.pin, rateEnd - rateWidth - 16, node.y - 6, 12, token('--accent'));
  const room = rateEnd - rateWidth - pinRoom - start - 8;
  c.font = font(pen, fonts.small, 400);
  const detail = visibleText(node.detail, 24);
  const detailWidth = node.detail ? c.measureText(detail).width + 6 : 0;
  c.font = font(pen, fonts.label, weight);
  const label = fit(c, visibleText(node.label), room - detailWidth);
  const labelWidth = text(pen, label, start, y, fonts.label, weight, color);
  if (node.detail)
    text(pen, detail, start + labelWidth + 6, y, fonts.small, 400, token(selected ? '--fg-2' : '--fg-3'));
}

/** What the pill of a fold says: how many it stands for, or which rows of an open one are shown. */
export function foldText({ side, count, from }: Scene['folds'][number], shown: number): string {
  if (from < 0) return t(side === 1 ? 'graph.foldPeers' : 'graph.foldProcesses', { n: count });
  return t('graph.foldOpen', { shown, more: count });
}

/** Rows of a side that are shown. */
export const rowsOf = (scene: Scene, side: number): number =>
  [...scene.nodes.values()].reduce((sum, node) => sum + Number(node.side === side), 0);

function drawFoldNodes(pen: Pen, geometry: GraphGeometry, scene: Scene, highlight: GraphHighlight): void {
  const { c } = pen;
  for (const fold of scene.folds) {
    const right = fold.side === 1;
    const bar = right ? geometry.width - geometry.rightWidth : geometry.leftWidth;
    c.fillStyle = token('--line-3');
    c.beginPath();
    c.roundRect(bar, fold.barTop - 2, BAR, fold.barHeight + 4, 2);
    c.fill();
    const label = foldText(fold, rowsOf(scene, fold.side));
    const lit = highlight.focused === foldKey(fold.side) || highlight.hovered === foldKey(fold.side);
    c.font = font(pen, 12, 500);
    const width = c.measureText(label).width + 32;
    const x = right ? bar + 10 : 12;
    c.fillStyle = token('--bg-3');
    c.strokeStyle = token(lit ? '--accent' : '--line-2');
    c.lineWidth = lit ? 2 : 1;
    c.beginPath();
    c.roundRect(x, fold.y - 10, width, 20, 10);
    c.fill();
    c.stroke();
    path(pen, fold.from < 0 ? ICONS.stack : ICONS.up, x + 7, fold.y - 6, 12, token('--fg-2'));
    text(pen, label, x + 24, fold.y + 4.2, 12, 500, token('--fg-1'));
    const [value, unit] = formatRate(fold.bps);
    text(
      pen,
      `${value} ${unit.replace('bit/s', '')}`.trim(),
      right ? geometry.width - 16 : geometry.leftWidth - 12,
      fold.y + 4.2,
      11,
      400,
      token('--fg-2'),
      'right',
    );
  }
}

const GLYPH_APART = 19;
/** Glyphs ride near the peer; where one would lie on another it steps left along its ribbon. */
function drawGlyphs({ c }: Pen, geometry: GraphGeometry, scene: Scene, highlight: GraphHighlight): void {
  const span = Math.max(80, ribbonSpan(geometry)[1] - ribbonSpan(geometry)[0]);
  const placed: [number, number][] = [];
  const free = ([x, y]: [number, number]): boolean =>
    placed.every(([px, py]) => Math.abs(px - x) >= GLYPH_APART || Math.abs(py - y) >= GLYPH_APART - 1);
  const dimmed = (edge: SceneEdge): boolean => emphasis(edge, scene, highlight) === 0 && edge.key !== highlight.edge;
  const troubled = [...scene.edges.values()]
    .filter((edge) => edge.trouble !== 0 && !Number.isNaN(edge.width))
    .sort((a, b) => Number(dimmed(a)) - Number(dimmed(b)) || a.y1 - b.y1);
  for (const edge of troubled) {
    let t = 0.82;
    for (const name of glyphsOf(edge.trouble).slice(0, 3)) {
      let point = ribbonPoint(geometry, edge, t);
      while (!free(point) && t > 0.2) point = ribbonPoint(geometry, edge, (t -= 4 / span));
      if (!free(point)) continue;
      placed.push(point);
      c.globalAlpha = dimmed(edge) ? 0.55 : 1;
      drawGlyph(c, name, Math.round(point[0]) - 8, Math.round(point[1]) - 8);
      t -= GLYPH_APART / span;
    }
  }
  c.globalAlpha = 1;
}

/** The reading chip of the selected edge, above its middle or below where there is no room. */
function drawReading(pen: Pen, geometry: GraphGeometry, scene: Scene, edge: SceneEdge): void {
  const { c } = pen;
  const parts: [string, string][] = [];
  const latency = (name: string, us: number): void => {
    if (!Number.isNaN(us)) parts.push([`${name} `, joined(formatLatency(us))]);
  };
  latency('p50', Number.isNaN(edge.rttP50Us) ? edge.responseP50Us : edge.rttP50Us);
  latency('p99', edge.rttP99Us);
  if (parts.length === 0) parts.push(['', t('graph.latencyUnknown')]);
  if (edge.retransmits > 0)
    parts.push(['', t('graph.retransmitShare', { share: joined(formatPercent(edge.retransmits / Math.max(1, edge.segments))) })]); // prettier-ignore
  if (edge.drops > 0) parts.push(['', t('graph.drops', { n: edge.drops })]);
  parts.push(['', t('graph.flowCount', { n: edge.flows })]);
  const separator = ' · ';
  const [x0, x1] = ribbonSpan(geometry);
  c.font = font(pen, 11, 600);
  const widthOf = (): number =>
    parts.reduce((sum, [name, value]) => sum + c.measureText(name + value).width, 0) +
    c.measureText(separator).width * (parts.length - 1) +
    16;
  // Between the labels, never over them: what matters least goes first.
  while (parts.length > 1 && widthOf() > x1 - x0 - 16) parts.pop();
  const total = widthOf();
  const [cx, cy] = ribbonPoint(geometry, edge, 0.5);
  const taken = (y: number): number =>
    [...scene.edges.values()].reduce((worst, other) => {
      if (other.key === edge.key || Number.isNaN(other.width) || !other.matches) return worst;
      const [, at] = ribbonPoint(geometry, other, 0.5);
      return worst + (Math.abs(at - (y + 11)) < 16 ? 1 : 0);
    }, 0);
  const slots = [
    cy - edge.width / 2 - 32,
    cy + edge.width / 2 + 10,
    cy - edge.width / 2 - 62,
    cy + edge.width / 2 + 40,
  ].filter((y) => y > 20 && y < geometry.height - 26);
  const y = slots.sort((a, b) => taken(a) - taken(b))[0] ?? 22;
  const x = Math.min(x1 - total - 8, Math.max(x0 + 8, cx - total / 2));
  c.fillStyle = token('--bg-2');
  c.strokeStyle = token('--line-2');
  c.lineWidth = 1;
  c.beginPath();
  c.roundRect(x, y, total, 22, 5);
  c.fill();
  c.stroke();
  let at = x + 8;
  parts.forEach(([name, value], i) => {
    if (i) at += text(pen, separator, at, y + 15, 11, 400, token('--fg-2'));
    if (name) at += text(pen, name, at, y + 15, 11, 400, token('--fg-2'));
    at += text(pen, value, at, y + 15, 11, 600, token('--fg-1'));
  });
}
