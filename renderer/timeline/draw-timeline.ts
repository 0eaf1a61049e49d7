/** Draws the latency timeline: heatmap above, one lane a flow below, one time axis and crosshair for all. */
import { formatClock, formatCount, formatLatency, formatLatencyTick, joined } from '../draw/format.ts';
import { latencyColor, latencyShare, token } from '../draw/latency-scale.ts';
import { t } from '../language/language.ts';
import { drawHeat, hatch } from './draw-heat.ts';
import { drawLane, laneY, type LaneFrame } from './draw-lane.ts';
import { drawPins } from './draw-pins.ts';
import { line, setFont, text, type C } from './draw-text.ts';
import { AXIS, laneTops, plotWidth, xOf, type TimelineGeometry } from './geometry.ts';
import type { TimelineData } from './lanes.ts';
import { digitsFor, timeTicks } from './time-axis.ts';

export interface TimelinePointer {
  /** Session time under the crosshair, NaN = none. */
  hoverNs: number;
  /** Replay cursor, NaN = follow. */
  cursorNs: number;
  selectedFlow: number;
  epochNs: string;
  /** Pinned moments, session ns. */
  pins?: readonly number[];
  /** Flows whose lanes are kept in place. */
  kept?: ReadonlySet<number>;
}

/** What changes with the data, the size, the theme or the selection; kept while only the pointer moves. */
export function drawTimeline(c: C, geometry: TimelineGeometry, data: TimelineData, pointer: TimelinePointer): void {
  const { width, height, gutter, heatHeight } = geometry;
  const pw = plotWidth(geometry);
  const x = xOf(geometry, data);
  c.clearRect(0, 0, width, height);
  c.textBaseline = 'alphabetic';

  drawHeatmap(c, geometry, data);
  const axisY = heatHeight + 4;
  for (const { atNs } of timeTicks(data.fromNs, data.toNs, pw, pointer.epochNs)) {
    line(c, x(atNs), axisY, x(atNs), axisY + 4, '--line-3');
    line(c, x(atNs), axisY + AXIS, x(atNs), height, '--line-1');
  }
  const frames = laneFrames(c, geometry, data, pointer);
  for (const frame of frames) drawLane(frame);
  const end = frames.at(-1)?.bottom ?? heatHeight + AXIS + 6;
  line(c, 0, end, width, end, '--line-1');
  for (const gap of data.gaps) {
    const left = Math.max(gutter, x(gap.fromNs));
    const right = Math.min(gutter + pw, Math.max(left + 2, x(gap.toNs)));
    if (right > gutter && left < gutter + pw)
      hatch(c, left, 4, right - left, height - 4, gap.paused ? '--fg-3' : '--warn');
  }
}

function drawHeatmap(c: C, geometry: TimelineGeometry, data: TimelineData): void {
  const { gutter, heatHeight } = geometry;
  text(c, t('timeline.responses'), 12, 17, { size: 12, weight: 500, color: '--fg-1' });
  text(c, joined(formatCount(data.responses)), 12, 33);
  drawHeat(c, gutter, 4, plotWidth(geometry), heatHeight, data);
  for (const us of [100, 1000, 10_000, 100_000, 1e6]) {
    if (heatHeight < 100 && (us === 1000 || us === 100_000)) continue;
    const y = 4 + heatHeight * (1 - latencyShare(us));
    line(c, gutter - 4, y, gutter, y, '--line-3');
    const at = Math.min(heatHeight + 4, Math.max(13, y + 4));
    text(c, formatLatencyTick(us), gutter - 8, at, { align: 'right' });
  }
}

/** The lanes with their places; the selected one has more room. */
function laneFrames(c: C, geometry: TimelineGeometry, data: TimelineData, pointer: TimelinePointer): LaneFrame[] {
  const tops = laneTops(geometry, data.lanes.length, tallLane(data, pointer.selectedFlow));
  // 1 ms, or 10 µs where something is faster.
  const lowUs = data.lanes.some(({ rttP50Us }) => rttP50Us < 1000) ? 10 : 1000;
  return data.lanes.map((lane, i) => ({
    c,
    geometry,
    data,
    lane,
    top: tops[i] as number,
    bottom: tops[i + 1] as number,
    lowUs,
    selected: lane.flow === pointer.selectedFlow,
    pinned: pointer.kept?.has(lane.flow) ?? false,
  }));
}

export const tallLane = ({ lanes }: TimelineData, selectedFlow: number): number =>
  Math.max(
    0,
    lanes.findIndex(({ flow }) => flow === selectedFlow),
  );

/** Labels of the time axis, pinned moments, crosshair, its time, and one reading a lane; drawn over the rest. */
export function drawCrosshair(c: C, geometry: TimelineGeometry, data: TimelineData, pointer: TimelinePointer): void {
  const { height, gutter, heatHeight } = geometry;
  const pw = plotWidth(geometry);
  const x = xOf(geometry, data);
  const axisY = heatHeight + 4;
  const pillNs = Number.isNaN(pointer.hoverNs) ? pointer.cursorNs : pointer.hoverNs;
  const pillX = pillNs >= data.fromNs && pillNs <= data.toNs ? x(pillNs) : NaN;
  c.textBaseline = 'alphabetic';
  const pill = Number.isNaN(pillX) ? '' : formatClock(pointer.epochNs, pillNs, cursorDigits(geometry, data));
  setFont(c, 11, 600);
  const reach = Number.isNaN(pillX) ? 0 : c.measureText(pill).width / 2 + 12;
  for (const { atNs, label } of timeTicks(data.fromNs, data.toNs, pw, pointer.epochNs)) {
    setFont(c, 11, 400);
    const half = c.measureText(label).width / 2;
    const at = x(atNs);
    if (!(Math.abs(at - pillX) < half + reach) && at > gutter + half && at < gutter + pw - half)
      text(c, label, at, axisY + 16, { color: '--fg-2', align: 'center' });
  }
  drawPins(c, geometry, data, pointer);
  if (Number.isNaN(pillX)) return;
  line(c, Math.round(pillX) + 0.5, 4, Math.round(pillX) + 0.5, height, '--fg-1');
  drawPill(c, pillX, axisY + 2, pill, gutter, gutter + pw);
  for (const frame of laneFrames(c, geometry, data, pointer)) drawTag(frame, pillX, pillNs);
}

/** A time under the pointer is told a thousand times finer than a pixel needs at most. */
export const cursorDigits = (geometry: TimelineGeometry, { fromNs, toNs }: TimelineData): 3 | 6 | 9 =>
  Math.max(3, digitsFor((toNs - fromNs) / plotWidth(geometry))) as 3 | 6 | 9;

function drawPill(c: C, x: number, y: number, label: string, left: number, right: number): void {
  setFont(c, 11, 600);
  const width = c.measureText(label).width + 20;
  const at = Math.min(right - width, Math.max(left, x - width / 2));
  c.fillStyle = token('--fg-1');
  c.beginPath();
  c.roundRect(at, y, width, 18, 4);
  c.fill();
  text(c, label, at + width / 2, y + 13, { weight: 600, color: '--bg-1', align: 'center' });
}

/** Row of the bin with a latency that is nearest to a time, −1 = none is near. */
function nearestRow({ geometry, data, lane }: LaneFrame, atNs: number): number {
  const { rttMeanUs, responses } = data.columns;
  const bin = atNs / data.binNs;
  let best = -1;
  let nearest = Math.max(4, (12 / plotWidth(geometry)) * ((data.toNs - data.fromNs) / data.binNs));
  for (let i = 0; i < lane.bins.length; i++) {
    const row = lane.rows[i] as number;
    if (Number.isNaN(rttMeanUs[row] ?? NaN) && !(responses[row] ?? 0)) continue;
    const distance = Math.abs((lane.bins[i] as number) + 0.5 - bin);
    if (distance < nearest) {
      nearest = distance;
      best = row;
    }
  }
  return best;
}

/** One reading per lane at the crosshair, to the right of it (left when near the edge). */
function drawTag(frame: LaneFrame, x: number, atNs: number): void {
  const { c, geometry, data, top, bottom } = frame;
  const best = nearestRow(frame, atNs);
  if (best < 0) return;
  const rtt = data.columns.rttMeanUs[best] ?? NaN;
  const us = Number.isNaN(rtt) ? (data.columns.responseMaxUs[best] ?? NaN) : rtt;
  const y = laneY(frame, us);
  c.fillStyle = token('--bg-1');
  c.strokeStyle = latencyColor(us);
  c.lineWidth = 2;
  c.beginPath();
  c.arc(x, y, 3, 0, 2 * Math.PI);
  c.fill();
  c.stroke();
  const value = joined(formatLatency(us));
  const label = Number.isNaN(rtt) ? t('timeline.response', { value }) : value;
  setFont(c, 11, 600);
  const width = c.measureText(label).width + 12;
  const right = geometry.gutter + plotWidth(geometry);
  const at = x + 8 + width > right ? x - 8 - width : x + 8;
  const tagY = Math.min(bottom - 27, Math.max(top + 19, y - 9));
  c.fillStyle = token('--bg-3');
  c.strokeStyle = token('--line-2');
  c.lineWidth = 1;
  c.beginPath();
  c.roundRect(at, tagY, width, 18, 4);
  c.fill();
  c.stroke();
  text(c, label, at + 6, tagY + 13, { weight: 600, color: '--fg-1' });
}
