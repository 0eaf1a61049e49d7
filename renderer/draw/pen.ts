/** What all canvases draw with: texts in the font of the page, icons, trouble glyphs; also into an SVG picture. */
import { TROUBLE } from '../../core/contract/tables.ts';
import { GLYPHS, type GlyphName } from './icons.ts';
import { token } from './latency-scale.ts';
import { SvgContext } from './svg-context.ts';
import { t } from '../language/language.ts';

/** A context and the font of the page. */
export interface Pen {
  c: CanvasRenderingContext2D;
  ui: string;
}

export const font = (pen: Pen, size: number, weight: number): string => `${weight} ${size}px ${pen.ui}`;

/** Writes a text and gives its width, px. */
export function text(
  pen: Pen,
  value: string,
  x: number,
  y: number,
  size: number,
  weight: number,
  color: string,
  align: CanvasTextAlign = 'left',
): number {
  const { c } = pen;
  c.font = font(pen, size, weight);
  c.fillStyle = color;
  c.textAlign = align;
  c.fillText(value, x, y);
  return c.measureText(value).width;
}

/** Cuts the middle out of a name until it fits. */
export function fit(c: CanvasRenderingContext2D, value: string, room: number): string {
  if (c.measureText(value).width <= room) return value;
  const points = Array.from(value);
  let low = 1;
  let high = points.length;
  let best = '…';
  while (low <= high) {
    const keep = (low + high) >> 1;
    const head = Math.ceil(keep / 2);
    const candidate = `${points.slice(0, head).join('')}…${points.slice(points.length - (keep - head)).join('')}`;
    if (c.measureText(candidate).width <= room) {
      best = candidate;
      low = keep + 1;
    } else high = keep - 1;
  }
  return best;
}

/** Draws the markup of one of our icons, `size` px high. */
export function path(pen: Pen, markup: string, x: number, y: number, size: number, color: string, width = 1.5): void {
  const { c } = pen;
  if (c instanceof SvgContext) {
    c.icon(markup, x, y, size, color, width);
    return;
  }
  c.save();
  c.translate(x, y);
  c.scale(size / 16, size / 16);
  c.strokeStyle = color;
  c.fillStyle = color;
  c.lineWidth = width;
  c.lineCap = 'round';
  c.lineJoin = 'round';
  for (const shape of shapes(markup)) {
    if (shape.fill) c.fill(shape.path);
    else c.stroke(shape.path);
  }
  c.restore();
}

const shapeCache = new Map<string, { path: Path2D; fill: boolean }[]>();
/** The paths of one of our own icons, parsed once. */
function shapes(markup: string): { path: Path2D; fill: boolean }[] {
  let found = shapeCache.get(markup);
  if (found) return found;
  found = [];
  const parsed = new DOMParser().parseFromString(
    `<svg xmlns="http://www.w3.org/2000/svg">${markup}</svg>`,
    'image/svg+xml',
  );
  for (const el of parsed.documentElement.children) {
    const number = (name: string): number => Number(el.getAttribute(name) ?? 0);
    const shape = new Path2D();
    if (el.tagName === 'path') shape.addPath(new Path2D(el.getAttribute('d') ?? ''));
    else if (el.tagName === 'circle') shape.arc(number('cx'), number('cy'), number('r'), 0, 2 * Math.PI);
    else if (el.tagName === 'rect')
      shape.roundRect(number('x'), number('y'), number('width'), number('height'), number('rx'));
    found.push({ path: shape, fill: el.getAttribute('fill') === 'currentColor' });
  }
  shapeCache.set(markup, found);
  return found;
}

/** A trouble glyph on its plate, 16 px. */
export function drawGlyph(c: CanvasRenderingContext2D, name: GlyphName, x: number, y: number): void {
  const pen = { c, ui: '' };
  c.fillStyle = token('--bg-1');
  c.strokeStyle = token('--bad');
  c.lineWidth = 1;
  c.beginPath();
  c.roundRect(x, y, 16, 16, 4);
  c.fill();
  c.stroke();
  path(pen, GLYPHS[name], x, y, 16, token('--bad'));
}

const GLYPH_BITS: readonly (readonly [number, GlyphName])[] = [
  [TROUBLE.retransmit, 'retransmit'],
  [TROUBLE.drop, 'drop'],
  [TROUBLE.refused | TROUBLE.reset, 'reset'],
  [TROUBLE.zeroWindow, 'zeroWindow'],
  [TROUBLE.timeout | TROUBLE.slow, 'slow'],
];
export const glyphsOf = (trouble: number): GlyphName[] =>
  GLYPH_BITS.filter(([bit]) => trouble & bit).map(([, name]) => name);

/** What the glyphs mean, as they are read out. */
export const glyphName = (glyph: GlyphName): string => t(`draw.${glyph}`);
