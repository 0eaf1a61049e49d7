/**
 * Pictures of graph and timeline, drawn by their own drawing code with what a picture alone has to say: title, time,
 * filter, and the legend with its units. As PNG at twice the size, or as SVG with the fonts in it.
 */
import { latencyColor, latencyShare, token } from '../draw/latency-scale.ts';
import { font, text, type Pen } from '../draw/pen.ts';
import { SvgContext } from '../draw/svg-context.ts';
import { downloadBlob } from '../export/save.ts';
import { embeddedFonts } from './fonts.ts';
import { t } from '../language/language.ts';

/** A canvas of that size cannot be had. */
export class PictureError extends Error {}

export type PictureForm = 'svg' | 'png';

export interface Picture {
  /** Of the file, without extension. */
  readonly name: string;
  readonly title: string;
  /** Time range and time zone, filter. */
  readonly lines: readonly string[];
  /** What the shapes mean, after the latency scale. */
  readonly legend: readonly string[];
  /** CSS pixels of what `draw` draws. */
  readonly width: number;
  readonly height: number;
  draw(c: CanvasRenderingContext2D): void;
}

const SCALE = 2;
const PADDING = 16;
const HEAD = 52;
const FOOT = 44;
const TICKS: readonly (readonly [number, string])[] = [
  [100, '0.1 ms'],
  [1000, '1 ms'],
  [10_000, '10 ms'],
  [100_000, '100 ms'],
  [1_000_000, '1 s'],
];

const sizeOf = ({ width, height }: Picture): readonly [number, number] => [
  Math.ceil(width) + 2 * PADDING,
  Math.ceil(height) + HEAD + FOOT,
];

/** Draws all of a picture at the origin. */
export function drawPicture(c: CanvasRenderingContext2D, picture: Picture): void {
  const [width, height] = sizeOf(picture);
  c.fillStyle = token('--bg-1');
  c.fillRect(0, 0, width, height);
  c.textBaseline = 'alphabetic';
  const pen: Pen = { c, ui: token('--font-ui') };
  text(pen, picture.title, PADDING, 24, 14, 600, token('--fg-1'));
  text(pen, picture.lines.join('  ·  '), PADDING, 42, 11, 400, token('--fg-2'));
  c.save();
  c.translate(PADDING, HEAD);
  picture.draw(c);
  c.restore();
  c.globalAlpha = 1;
  drawLegend(pen, picture.legend, height - FOOT + 10, width - PADDING);
}

function drawLegend(pen: Pen, legend: readonly string[], top: number, right: number): void {
  const { c } = pen;
  const label = text(pen, t('graph.rttP50'), PADDING, top + 9, 11, 400, token('--fg-3'));
  const left = Math.round(PADDING + label + 12);
  const span = 220;
  for (let x = 0; x < span; x += 2) {
    c.fillStyle = latencyColor(100 * 10 ** ((4 * (x + 1)) / span));
    c.fillRect(left + x, top, 2, 8);
  }
  for (const [us, word] of TICKS) {
    c.font = font(pen, 11, 400);
    text(pen, word, left + span * latencyShare(us) - c.measureText(word).width / 2, top + 22, 11, 400, token('--fg-2'));
  }
  const begin = left + span + 40;
  let at = begin;
  let y = top + 9;
  for (const words of legend) {
    if (at > begin && at + c.measureText(words).width > right) [at, y] = [begin, y + 14];
    at += text(pen, words, at, y, 11, 400, token('--fg-2')) + 20;
  }
}

/** The picture as a file of that form. */
export async function renderPicture(picture: Picture, form: PictureForm): Promise<Blob> {
  const [width, height] = sizeOf(picture);
  await document.fonts.ready;
  if (form === 'svg') {
    const svg = new SvgContext();
    drawPicture(svg as unknown as CanvasRenderingContext2D, picture);
    const style = await embeddedFonts(svg.characters);
    return new Blob([svg.document(width, height, `${picture.title}, ${picture.lines.join(', ')}`, style)], { type: 'image/svg+xml' }); // prettier-ignore
  }
  const canvas = document.createElement('canvas');
  canvas.width = width * SCALE;
  canvas.height = height * SCALE;
  const context = canvas.getContext('2d');
  if (!context) throw new PictureError();
  context.scale(SCALE, SCALE);
  drawPicture(context, picture);
  // What draws for the screen clears its part first.
  context.globalCompositeOperation = 'destination-over';
  context.fillStyle = token('--bg-1');
  context.fillRect(0, 0, width, height);
  return new Promise((resolve, reject) =>
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new PictureError())), 'image/png'),
  );
}

export async function savePicture(picture: Picture, form: PictureForm): Promise<void> {
  downloadBlob(await renderPicture(picture, form), `${picture.name}.${form}`);
}
