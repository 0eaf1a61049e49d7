/** Draws the scrubber: the whole session as a heatmap, trouble, the chosen range and the time cursor. */
import { token } from '../draw/latency-scale.ts';
import { drawGlyph } from '../graph/draw-graph.ts';
import { drawHeat, hatch } from '../timeline/draw-heat.ts';
import { timeTicks } from '../timeline/time-axis.ts';
import { MARK_GLYPHS, type TimelineData, type TimelineMark } from '../timeline/lanes.ts';
import type { TimeRange } from '../stores/replay.ts';

export const SCRUBBER_HEIGHT = 80;
/** Where the heatmap begins, and its height, px. */
export const HEAT_TOP = 10;
export const HEAT_HEIGHT = 46;
/** Marks closer than a glyph are one. */
const GLYPH_APART = 20;

export type Overview = Pick<TimelineData, 'fromNs' | 'toNs' | 'binNs' | 'heat' | 'gaps'> & { marks: TimelineMark[] };

export interface ScrubberState {
  width: number;
  startNs: number;
  endNs: number;
  cursorNs: number;
  epochNs: string;
  range: TimeRange | null;
}

type C = CanvasRenderingContext2D;
type X = (ns: number) => number;

export function drawScrubber(c: C, data: Overview | null, state: ScrubberState): void {
  const { width, startNs, endNs } = state;
  const span = Math.max(1, endNs - startNs);
  const x: X = (ns) => ((ns - startNs) / span) * width;
  c.clearRect(0, 0, width, SCRUBBER_HEIGHT);
  if (data) drawData(c, data, width, x);
  drawTicks(c, state, x);
  drawMarks(c, data?.marks ?? [], width, x);
  if (state.range) drawRange(c, state.range, width, x);
  drawCursor(c, Math.round(x(state.cursorNs)) + 0.5);
}

function drawData(c: C, data: Overview, width: number, x: X): void {
  // The heatmap came for another range when a session grows: it is drawn where it belongs.
  const [left, right] = [x(data.fromNs), x(data.toNs)];
  drawHeat(c, left, HEAT_TOP, Math.min(width, right) - left, HEAT_HEIGHT, data);
  for (const gap of data.gaps)
    hatch(
      c,
      x(gap.fromNs),
      HEAT_TOP,
      Math.max(2, x(gap.toNs) - x(gap.fromNs)),
      HEAT_HEIGHT,
      gap.paused ? '--fg-3' : '--warn',
    );
}

function drawTicks(c: C, { startNs, endNs, width, epochNs }: ScrubberState, x: X): void {
  c.font = `400 11px ${token('--font-ui')}`;
  c.textAlign = 'center';
  c.fillStyle = token('--fg-2');
  for (const { atNs, label } of timeTicks(startNs, endNs, width, epochNs, 120)) {
    const at = x(atNs);
    if (at > 28 && at < width - 28) c.fillText(label, at, HEAT_TOP + HEAT_HEIGHT + 17);
  }
}

function drawMarks(c: C, marks: readonly TimelineMark[], width: number, x: X): void {
  let previous = -Infinity;
  for (const mark of marks) {
    const at = x(mark.atNs);
    if (at - previous < GLYPH_APART) continue;
    previous = at;
    c.strokeStyle = token('--bad');
    c.lineWidth = 1;
    c.beginPath();
    c.moveTo(at, HEAT_TOP + 8);
    c.lineTo(at, HEAT_TOP + HEAT_HEIGHT);
    c.stroke();
    drawGlyph(c, MARK_GLYPHS[mark.kind], Math.min(width - 17, Math.max(1, at - 8)), HEAT_TOP);
  }
}

/** The range in a violet frame with a handle at each end; the rest steps back. */
function drawRange(c: C, { fromNs, toNs }: TimeRange, width: number, x: X): void {
  const left = Math.max(0.75, x(fromNs));
  const right = Math.min(width - 0.75, Math.max(left + 1.5, x(toNs)));
  c.globalAlpha = 0.55;
  c.fillStyle = token('--bg-0');
  c.fillRect(0, HEAT_TOP, left, HEAT_HEIGHT);
  c.fillRect(right, HEAT_TOP, width - right, HEAT_HEIGHT);
  c.globalAlpha = 1;
  c.strokeStyle = token('--accent');
  c.lineWidth = 1.5;
  c.beginPath();
  c.roundRect(left, HEAT_TOP - 1, right - left, HEAT_HEIGHT + 2, 2);
  c.stroke();
  for (const at of [left, right]) {
    c.fillStyle = token('--accent');
    c.beginPath();
    c.roundRect(Math.min(width - 8, Math.max(0, at - 4)), HEAT_TOP + HEAT_HEIGHT / 2 - 9, 8, 18, 3);
    c.fill();
    c.fillStyle = token('--bg-0');
    const inner = Math.min(width - 8, Math.max(0, at - 4));
    for (const line of [2.5, 5]) c.fillRect(inner + line, HEAT_TOP + HEAT_HEIGHT / 2 - 4, 1, 8);
  }
}

function drawCursor(c: C, at: number): void {
  c.strokeStyle = token('--fg-1');
  c.lineWidth = 1.5;
  c.beginPath();
  c.moveTo(at, 6);
  c.lineTo(at, HEAT_TOP + HEAT_HEIGHT + 4);
  c.stroke();
  c.fillStyle = token('--fg-1');
  c.beginPath();
  c.moveTo(at - 6, 0);
  c.lineTo(at + 6, 0);
  c.lineTo(at + 6, 5);
  c.lineTo(at, 10);
  c.lineTo(at - 6, 5);
  c.closePath();
  c.fill();
}
