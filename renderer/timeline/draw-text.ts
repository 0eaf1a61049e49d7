/** Words and lines on the canvases of the timeline. */
import { token } from '../draw/latency-scale.ts';

export type C = CanvasRenderingContext2D;

export const setFont = (c: C, size: number, weight: number): void =>
  void (c.font = `${weight} ${size}px ${token('--font-ui')}`);

export interface TextStyle {
  size?: number;
  weight?: number;
  color?: string;
  align?: CanvasTextAlign;
}

/** Draws text with its baseline at `y`; returns its width. */
export function text(c: C, value: string, x: number, y: number, style: TextStyle = {}): number {
  const { size = 11, weight = 400, color = '--fg-3', align = 'left' } = style;
  setFont(c, size, weight);
  c.fillStyle = token(color);
  c.textAlign = align;
  c.fillText(value, x, y);
  return c.measureText(value).width;
}

export function line(c: C, x0: number, y0: number, x1: number, y1: number, color: string, dash: number[] = []): void {
  c.strokeStyle = token(color);
  c.lineWidth = 1;
  c.setLineDash(dash);
  c.beginPath();
  c.moveTo(x0, y0);
  c.lineTo(x1, y1);
  c.stroke();
  c.setLineDash([]);
}
