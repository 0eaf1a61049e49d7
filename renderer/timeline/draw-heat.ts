/** Draws the heatmap of response times and the hatch of what is not known; the timeline and the scrubber share them. */
import { HEAT_FACTOR, HEAT_ROWS } from '../../core/contract/tables.ts';
import { latencyColor, token } from '../draw/latency-scale.ts';
import type { TimelineData } from './lanes.ts';

/** Cells of the heatmap are at least this large, px, with the gap. */
const CELL_MIN = 5;

type C = CanvasRenderingContext2D;

/**
 * Responses heatmap: hue = latency (same as y), opacity = number of responses. Cells snap to pixels; where they would be
 * smaller than CELL_MIN, neighbours are added up.
 */
export function drawHeat(
  c: C,
  x: number,
  y: number,
  width: number,
  height: number,
  data: Pick<TimelineData, 'fromNs' | 'toNs' | 'binNs' | 'heat'>,
): void {
  c.fillStyle = token('--bg-0');
  c.fillRect(x, y, width, height);
  const perNs = width / (data.toNs - data.fromNs);
  let cellNs = data.binNs * HEAT_FACTOR;
  const across = Math.max(1, Math.ceil(CELL_MIN / (cellNs * perNs) - 0.2));
  cellNs *= across;
  let upwards = 1;
  while (upwards < HEAT_ROWS && (height / HEAT_ROWS) * upwards < CELL_MIN) upwards *= 2;
  const rows = HEAT_ROWS / upwards;
  const rowHeight = height / rows;
  const first = Math.floor(data.fromNs / cellNs);
  const columns = Math.max(1, Math.ceil(data.toNs / cellNs) - first + 1);
  const counts = new Float64Array(columns * rows);
  let max = 1;
  for (let i = 0; i < data.heat.length; i += 3) {
    const column = Math.floor((data.heat[i] as number) / across) - first;
    if (column < 0 || column >= columns) continue;
    const at = column * rows + Math.min(rows - 1, Math.floor((data.heat[i + 1] as number) / upwards));
    const sum = (counts[at] as number) + (data.heat[i + 2] as number);
    counts[at] = sum;
    if (sum > max) max = sum;
  }
  for (let row = 0; row < rows; row++) {
    const y0 = Math.round(y + height - (row + 1) * rowHeight);
    const y1 = Math.max(y0 + 1, Math.round(y + height - row * rowHeight) - 1);
    c.fillStyle = latencyColor(100 * 10 ** ((4 * (row + 0.5)) / rows));
    for (let column = 0; column < columns; column++) {
      const count = counts[column * rows + row] as number;
      if (count === 0) continue;
      const left = x + ((first + column) * cellNs - data.fromNs) * perNs;
      const x0 = Math.max(x, Math.round(left));
      const x1 = Math.min(x + width, Math.max(x0 + 1, Math.round(left + cellNs * perNs) - 1));
      if (x1 <= x0) continue;
      c.globalAlpha = 0.18 + 0.82 * Math.sqrt(count / max);
      c.fillRect(x0, y0, x1 - x0, y1 - y0);
    }
  }
  c.globalAlpha = 1;
}

/** Diagonal hatch: we do not know. */
export function hatch(c: C, x: number, y: number, width: number, height: number, color = '--line-3'): void {
  c.save();
  c.beginPath();
  c.rect(x, y, width, height);
  c.clip();
  c.strokeStyle = token(color);
  c.lineWidth = 1;
  c.beginPath();
  for (let at = x - height; at < x + width; at += 6) {
    c.moveTo(at, y + height);
    c.lineTo(at + height, y);
  }
  c.stroke();
  c.restore();
}
