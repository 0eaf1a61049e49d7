/**
 * A drawing context that writes SVG: the part of CanvasRenderingContext2D that the drawing code of graph and timeline
 * uses, so that a picture is drawn by the same code as the screen. Text is measured by a real canvas.
 */

const round = (value: number): string => String(Math.round(value * 100) / 100);
const escaped = (text: string): string =>
  text.replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c] ?? c);

/** Collects a path as SVG path data. */
class PathData {
  d = '';
  moveTo(x: number, y: number): void {
    this.d += `M${round(x)} ${round(y)}`;
  }
  lineTo(x: number, y: number): void {
    this.d += `${this.d === '' ? 'M' : 'L'}${round(x)} ${round(y)}`;
  }
  bezierCurveTo(x1: number, y1: number, x2: number, y2: number, x: number, y: number): void {
    this.d += `C${[x1, y1, x2, y2, x, y].map(round).join(' ')}`;
  }
  closePath(): void {
    this.d += 'Z';
  }
  rect(x: number, y: number, width: number, height: number): void {
    this.d += `M${round(x)} ${round(y)}h${round(width)}v${round(height)}h${round(-width)}Z`;
  }
  roundRect(x: number, y: number, width: number, height: number, radius: number): void {
    const r = Math.max(0, Math.min(radius, width / 2, height / 2));
    const corner = (dx: number, dy: number): string => `a${round(r)} ${round(r)} 0 0 1 ${round(dx)} ${round(dy)}`;
    this.d +=
      `M${round(x + r)} ${round(y)}h${round(width - 2 * r)}${corner(r, r)}v${round(height - 2 * r)}${corner(-r, r)}` +
      `h${round(2 * r - width)}${corner(-r, -r)}v${round(2 * r - height)}${corner(r, -r)}Z`;
  }
  /** Whole circles only; a canvas joins a circle to the point before it, which nobody wants. */
  arc(x: number, y: number, r: number): void {
    this.d += `M${round(x + r)} ${round(y)}a${round(r)} ${round(r)} 0 1 1 ${round(-2 * r)} 0a${round(r)} ${round(r)} 0 1 1 ${round(2 * r)} 0Z`;
  }
}

class Gradient {
  readonly id: string;
  readonly #from: string;
  #stops = '';
  constructor(id: string, x0: number, y0: number, x1: number, y1: number) {
    this.id = id;
    this.#from = `x1="${round(x0)}" y1="${round(y0)}" x2="${round(x1)}" y2="${round(y1)}"`;
  }
  addColorStop(share: number, color: string): void {
    this.#stops += `<stop offset="${round(share)}" stop-color="${escaped(color)}"/>`;
  }
  get markup(): string {
    return `<linearGradient id="${this.id}" gradientUnits="userSpaceOnUse" ${this.#from}>${this.#stops}</linearGradient>`;
  }
}

type Paint = string | Gradient;

interface Style {
  fillStyle: Paint;
  strokeStyle: Paint;
  lineWidth: number;
  lineCap: string;
  lineJoin: string;
  globalAlpha: number;
  font: string;
  textAlign: string;
  dash: string;
  transform: string;
  clip: string;
}

const START: Style = {
  fillStyle: '#000',
  strokeStyle: '#000',
  lineWidth: 1,
  lineCap: 'butt',
  lineJoin: 'miter',
  globalAlpha: 1,
  font: '10px sans-serif',
  textAlign: 'left',
  dash: '',
  transform: '',
  clip: '',
};

export class SvgContext {
  textBaseline = 'alphabetic';
  /** Everything that was written as text, for choosing fonts. */
  characters = new Set<string>();
  fonts = new Set<string>();
  readonly #measure = document.createElement('canvas').getContext('2d')!;
  readonly #stack: Style[] = [];
  readonly #gradients: Gradient[] = [];
  #clips = '';
  #clipCount = 0;
  #style: Style = { ...START };
  #path = new PathData();
  #body: string[] = [];

  get fillStyle(): Paint {
    return this.#style.fillStyle;
  }
  set fillStyle(value: Paint) {
    this.#style.fillStyle = value;
  }
  get strokeStyle(): Paint {
    return this.#style.strokeStyle;
  }
  set strokeStyle(value: Paint) {
    this.#style.strokeStyle = value;
  }
  get lineWidth(): number {
    return this.#style.lineWidth;
  }
  set lineWidth(value: number) {
    this.#style.lineWidth = value;
  }
  set lineCap(value: string) {
    this.#style.lineCap = value;
  }
  set lineJoin(value: string) {
    this.#style.lineJoin = value;
  }
  get globalAlpha(): number {
    return this.#style.globalAlpha;
  }
  set globalAlpha(value: number) {
    this.#style.globalAlpha = value;
  }
  get font(): string {
    return this.#style.font;
  }
  set font(value: string) {
    this.#style.font = value;
  }
  set textAlign(value: string) {
    this.#style.textAlign = value;
  }

  save(): void {
    this.#stack.push({ ...this.#style });
  }
  restore(): void {
    this.#style = this.#stack.pop() ?? { ...START };
  }
  translate(x: number, y: number): void {
    this.#style.transform += `translate(${round(x)} ${round(y)})`;
  }
  scale(x: number, y: number): void {
    this.#style.transform += `scale(${x} ${y})`;
  }
  setLineDash(dash: readonly number[]): void {
    this.#style.dash = dash.join(' ');
  }
  /** A fresh picture has nothing to clear. */
  clearRect(): void {
    // Nothing was drawn yet.
  }

  beginPath(): void {
    this.#path = new PathData();
  }
  moveTo(x: number, y: number): void {
    this.#path.moveTo(x, y);
  }
  lineTo(x: number, y: number): void {
    this.#path.lineTo(x, y);
  }
  bezierCurveTo(...points: [number, number, number, number, number, number]): void {
    this.#path.bezierCurveTo(...points);
  }
  closePath(): void {
    this.#path.closePath();
  }
  rect(x: number, y: number, width: number, height: number): void {
    this.#path.rect(x, y, width, height);
  }
  roundRect(x: number, y: number, width: number, height: number, radius: number): void {
    this.#path.roundRect(x, y, width, height, radius);
  }
  arc(x: number, y: number, r: number): void {
    this.#path.arc(x, y, r);
  }
  newPath(): PathData {
    return new PathData();
  }
  createLinearGradient(x0: number, y0: number, x1: number, y1: number): Gradient {
    const gradient = new Gradient(`g${this.#gradients.length}`, x0, y0, x1, y1);
    this.#gradients.push(gradient);
    return gradient;
  }

  clip(): void {
    const id = `c${this.#clipCount++}`;
    this.#clips += `<clipPath id="${id}"><path d="${this.#path.d}"/></clipPath>`;
    this.#style.clip = id;
  }
  fill(path: PathData = this.#path): void {
    if (path.d !== '') this.#add(`<path d="${path.d}"`, `fill="${this.#paint(this.#style.fillStyle)}"`, '/>');
  }
  stroke(path: PathData = this.#path): void {
    if (path.d !== '') this.#add(`<path d="${path.d}"`, this.#pen(), '/>');
  }
  fillRect(x: number, y: number, width: number, height: number): void {
    this.#add(`<rect x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}"`, `fill="${this.#paint(this.#style.fillStyle)}"`, '/>'); // prettier-ignore
  }
  fillText(text: string, x: number, y: number): void {
    this.#text(text, x, y, `fill="${this.#paint(this.#style.fillStyle)}"`);
  }
  strokeText(text: string, x: number, y: number): void {
    this.#text(text, x, y, this.#pen());
  }
  #text(text: string, x: number, y: number, paint: string): void {
    const { font, textAlign } = this.#style;
    for (const character of text) this.characters.add(character);
    this.fonts.add(font);
    const anchor = textAlign === 'right' ? 'end' : textAlign === 'center' ? 'middle' : 'start';
    const [, weight = '400', size = '12px', family = 'sans-serif'] = /^(\d+) (\S+) (.*)$/.exec(font) ?? [];
    this.#add(
      `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}" font-family="${escaped(family.replaceAll('"', "'"))}" font-size="${size}" font-weight="${weight}"`,
      paint,
      `>${escaped(text)}</text>`,
    );
  }
  measureText(text: string): TextMetrics {
    this.#measure.font = this.#style.font;
    return this.#measure.measureText(text);
  }

  /** One of our icons, whose markup is SVG already, on a grid of 16. */
  icon(markup: string, x: number, y: number, size: number, color: string, width: number): void {
    const place = `transform="${this.#style.transform}translate(${round(x)} ${round(y)})scale(${round(size / 16)})"`;
    const pen = `fill="none" stroke="${escaped(color)}" color="${escaped(color)}" stroke-width="${width}" stroke-linecap="round" stroke-linejoin="round"`;
    this.#body.push(`<g ${place} ${pen}${this.#effects()}>${markup}</g>`);
  }

  /** The document; `style` goes into it, for fonts. */
  document(width: number, height: number, title: string, style: string): string {
    return (
      `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(title)}">` +
      `<title>${escaped(title)}</title><defs>${style === '' ? '' : `<style>${style}</style>`}` +
      `${this.#gradients.map(({ markup }) => markup).join('')}${this.#clips}</defs>${this.#body.join('')}</svg>`
    );
  }

  #paint(paint: Paint): string {
    return typeof paint === 'string' ? escaped(paint) : `url(#${paint.id})`;
  }
  #pen(): string {
    const { strokeStyle, lineWidth, lineCap, lineJoin, dash } = this.#style;
    const dashes = dash === '' ? '' : ` stroke-dasharray="${dash}"`;
    return `fill="none" stroke="${this.#paint(strokeStyle)}" stroke-width="${round(lineWidth)}" stroke-linecap="${lineCap}" stroke-linejoin="${lineJoin}"${dashes}`;
  }
  #effects(): string {
    const { globalAlpha, clip } = this.#style;
    return `${globalAlpha < 1 ? ` opacity="${round(globalAlpha)}"` : ''}${clip === '' ? '' : ` clip-path="url(#${clip})"`}`;
  }
  #add(begin: string, paint: string, end: string): void {
    const { transform } = this.#style;
    const place = transform === '' ? '' : ` transform="${transform}"`;
    this.#body.push(`${begin} ${paint}${place}${this.#effects()}${end}`);
  }
}

/** A path for `c.fill(path)`, of the kind that the context takes. */
export function newPath(c: CanvasRenderingContext2D): Path2D {
  return c instanceof SvgContext ? (c.newPath() as unknown as Path2D) : new Path2D();
}
