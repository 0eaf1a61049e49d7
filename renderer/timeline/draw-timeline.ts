/** Draws the latency timeline: heatmap above, one lane a flow below, one time axis and crosshair for all. */
import { TROUBLE } from '../../core/contract/tables.ts';
import { formatClock, formatCount, formatLatency, formatLatencyTick, joined, visibleText } from '../draw/format.ts';
import { latencyColor, latencyShare, token } from '../draw/latency-scale.ts';
import { newPath } from '../draw/svg-context.ts';
import { drawGlyph, fit } from '../graph/draw-graph.ts';
import { drawHeat, hatch } from './draw-heat.ts';
import { MARK_GLYPHS, type Lane, type TimelineData } from './lanes.ts';

export interface TimelineGeometry {
  width: number;
  height: number;
  /** Label column at the left, value column at the right. */
  gutter: number;
  rightGutter: number;
  heatHeight: number;
}

export interface TimelinePointer {
  /** Session time under the crosshair, NaN = none. */
  hoverNs: number;
  /** Replay cursor, NaN = follow. */
  cursorNs: number;
  selectedFlow: number;
  epochNs: string;
}

export const AXIS = 22;
/** Few lanes do not grow to fill the pane: a taller lane tells no more. */
const FIRST_MAX = 150;
const LANE_MAX = 92;
const LANE_DETAIL = 26;
/** Lower than this a lane has no words. */
const LANE_LABEL = 20;
const GRADIENT_STEPS = 24;
export const plotWidth = ({ width, gutter, rightGutter }: TimelineGeometry): number =>
  Math.max(10, width - gutter - rightGutter);
const STEPS_NS = [1, 2, 5, 10, 20, 50, 100, 200, 500]
  .flatMap((n) => [n * 1e3, n * 1e6])
  .concat(
    [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400, 604800, 2592000, 31536000].map(
      (s) => s * 1e9,
    ),
  )
  .sort((a, b) => a - b);

type C = CanvasRenderingContext2D;
const setFont = (c: C, size: number, weight: number): void =>
  void (c.font = `${weight} ${size}px ${token('--font-ui')}`);
function text(
  c: C,
  value: string,
  x: number,
  y: number,
  size: number,
  weight: number,
  color: string,
  align: CanvasTextAlign = 'left',
): number {
  setFont(c, size, weight);
  c.fillStyle = token(color);
  c.textAlign = align;
  c.fillText(value, x, y);
  return c.measureText(value).width;
}
function line(c: C, x0: number, y0: number, x1: number, y1: number, color: string, dash: number[] = []): void {
  c.strokeStyle = token(color);
  c.lineWidth = 1;
  c.setLineDash(dash);
  c.beginPath();
  c.moveTo(x0, y0);
  c.lineTo(x1, y1);
  c.stroke();
  c.setLineDash([]);
}

/** Heights of the lanes: the first (selected or most interesting) is taller when there is room. */
export function laneTops(geometry: TimelineGeometry, lanes: number): number[] {
  const top = geometry.heatHeight + AXIS + 6;
  const room = geometry.height - top;
  if (lanes === 0) return [top];
  const share = lanes > 2 && room > 240 ? 0.28 : 1 / lanes;
  const first = Math.min(FIRST_MAX, room * share);
  const rest = lanes > 1 ? Math.min(LANE_MAX, (room - first) / (lanes - 1)) : 0;
  const tops = [top];
  for (let i = 0; i < lanes; i++) tops.push(Math.round((tops[i] as number) + (i === 0 ? first : rest)));
  return tops;
}

/** How many lanes fit without their labels touching. */
export const lanesThatFit = (geometry: TimelineGeometry): number =>
  Math.max(1, Math.min(12, Math.floor((geometry.height - geometry.heatHeight - AXIS - 6) / 50)));

/** Ticks of the time axis: round wall-clock steps, at least `apart` px between labels. */
export function timeTicks(
  fromNs: number,
  toNs: number,
  width: number,
  epochNs: string,
  apart = 76,
): { atNs: number; label: string }[] {
  const wanted = ((toNs - fromNs) / width) * apart;
  const step = STEPS_NS.find((ns) => ns >= wanted) ?? (STEPS_NS[STEPS_NS.length - 1] as number);
  const epoch = BigInt(epochNs);
  const offset = Number(epoch % BigInt(Math.round(step)));
  const ticks: { atNs: number; label: string }[] = [];
  for (let atNs = Math.ceil((fromNs + offset) / step) * step - offset; atNs <= toNs; atNs += step)
    ticks.push({ atNs, label: formatClock(epochNs, atNs, step >= 1e9 ? 0 : step >= 1e6 ? 3 : 6) });
  return ticks;
}

type Shape = Pick<TimelinePointer, 'selectedFlow'>;
const xOf =
  (geometry: TimelineGeometry, data: TimelineData) =>
  (ns: number): number =>
    geometry.gutter + ((ns - data.fromNs) / (data.toNs - data.fromNs)) * plotWidth(geometry);

/** What changes with the data, the size, the theme or the selection; kept while only the pointer moves. */
export function drawTimeline(c: C, geometry: TimelineGeometry, data: TimelineData, pointer: TimelinePointer): void {
  const { width, height, gutter, heatHeight } = geometry;
  const pw = plotWidth(geometry);
  const x = xOf(geometry, data);
  c.clearRect(0, 0, width, height);
  c.textBaseline = 'alphabetic';

  text(c, 'Responses', 12, 17, 12, 500, '--fg-1');
  text(c, joined(formatCount(data.responses)), 12, 33, 11, 400, '--fg-3');
  drawHeat(c, gutter, 4, pw, heatHeight, data);
  for (const us of [100, 1000, 10_000, 100_000, 1e6]) {
    if (heatHeight < 100 && (us === 1000 || us === 100_000)) continue;
    const y = 4 + heatHeight * (1 - latencyShare(us));
    line(c, gutter - 4, y, gutter, y, '--line-3');
    const at = Math.min(heatHeight + 4, Math.max(13, y + 4));
    text(c, formatLatencyTick(us), gutter - 8, at, 11, 400, '--fg-3', 'right');
  }
  const axisY = heatHeight + 4;
  for (const { atNs } of timeTicks(data.fromNs, data.toNs, pw, pointer.epochNs)) {
    const at = x(atNs);
    line(c, at, axisY, at, axisY + 4, '--line-3');
    line(c, at, axisY + AXIS, at, height, '--line-1');
  }

  const tops = laneTops(geometry, data.lanes.length);
  const lowUs = lowestUs(data);
  data.lanes.forEach((lane, i) =>
    drawLane(c, geometry, data, lane, tops[i] as number, tops[i + 1] as number, lowUs, pointer),
  );
  line(c, 0, tops[tops.length - 1] as number, width, tops[tops.length - 1] as number, '--line-1');
  for (const gap of data.gaps) {
    const left = Math.max(gutter, x(gap.fromNs));
    const right = Math.min(gutter + pw, Math.max(left + 2, x(gap.toNs)));
    if (right > gutter && left < gutter + pw) hatch(c, left, 4, right - left, height - 4, '--warn');
  }
}

/** Bottom of the lanes' axis: 1 ms, or 10 µs where something is faster. */
const lowestUs = (data: TimelineData): number => (data.lanes.some(({ rttP50Us }) => rttP50Us < 1000) ? 10 : 1000);

/** Labels of the time axis, crosshair, its time, and one reading a lane; drawn over the rest. */
export function drawCrosshair(c: C, geometry: TimelineGeometry, data: TimelineData, pointer: TimelinePointer): void {
  const { height, gutter, heatHeight } = geometry;
  const pw = plotWidth(geometry);
  const x = xOf(geometry, data);
  const axisY = heatHeight + 4;
  const pillNs = Number.isNaN(pointer.hoverNs) ? pointer.cursorNs : pointer.hoverNs;
  const pillX = pillNs >= data.fromNs && pillNs <= data.toNs ? x(pillNs) : NaN;
  c.textBaseline = 'alphabetic';
  for (const { atNs, label } of timeTicks(data.fromNs, data.toNs, pw, pointer.epochNs)) {
    const at = x(atNs);
    if (!(Math.abs(at - pillX) < 80) && at > gutter + 26 && at < gutter + pw - 26)
      text(c, label, at, axisY + 16, 11, 400, '--fg-2', 'center');
  }
  if (Number.isNaN(pillX)) return;
  const tops = laneTops(geometry, data.lanes.length);
  const lowUs = lowestUs(data);
  line(c, Math.round(pillX) + 0.5, 4, Math.round(pillX) + 0.5, height, '--fg-1');
  drawPill(c, pillX, axisY + 2, formatClock(pointer.epochNs, pillNs, 3), gutter, gutter + pw);
  data.lanes.forEach((lane, i) =>
    drawTag(c, geometry, data, lane, tops[i] as number, tops[i + 1] as number, lowUs, pillX, pillNs),
  );
}

function drawPill(c: C, x: number, y: number, label: string, left: number, right: number): void {
  setFont(c, 11, 600);
  const width = c.measureText(label).width + 20;
  const at = Math.min(right - width, Math.max(left, x - width / 2));
  c.fillStyle = token('--fg-1');
  c.beginPath();
  c.roundRect(at, y, width, 18, 4);
  c.fill();
  text(c, label, at + width / 2, y + 13, 11, 600, '--bg-1', 'center');
}

const laneY = (us: number, lowUs: number, top: number, bottom: number): number => {
  const share = Math.min(1, Math.max(0, Math.log(us / lowUs) / Math.log(1e6 / lowUs)));
  return bottom - 12 - share * (bottom - top - 18);
};

function drawLane(
  c: C,
  geometry: TimelineGeometry,
  data: TimelineData,
  lane: Lane,
  top: number,
  bottom: number,
  lowUs: number,
  { selectedFlow }: Shape,
): void {
  const { width, gutter, rightGutter } = geometry;
  const selected = lane.flow === selectedFlow;
  const x = xOf(geometry, data);
  const pw = plotWidth(geometry);
  const height = bottom - top;
  if (selected) {
    c.globalAlpha = 0.55;
    c.fillStyle = token('--accent-soft');
    c.fillRect(0, top, width, height);
    c.globalAlpha = 1;
    c.fillStyle = token('--accent');
    c.fillRect(0, top, 2, height);
  }
  line(c, 0, top, width, top, '--line-1');
  if (height >= LANE_LABEL) drawLaneLabels(c, lane, top, height, gutter, selected);
  for (const us of height < LANE_LABEL ? [] : height > 74 ? [1000, 10_000, 100_000] : [lowUs < 1000 ? 1000 : 30_000]) {
    if (us < lowUs) continue;
    const y = laneY(us, lowUs, top, bottom);
    line(c, gutter, y, gutter + pw, y, '--line-1', [2, 3]);
    text(c, formatLatencyTick(us), width - rightGutter + 6, y + 4, 11, 400, '--fg-3');
  }
  c.save();
  c.beginPath();
  c.rect(gutter, top, pw, height);
  c.clip();
  const half = data.binNs / 2;
  const at = (i: number): number => x((lane.bins[i] as number) * data.binNs + half);
  // A lane too low to tell them apart shows its line alone.
  if (height >= LANE_DETAIL) drawThroughput(c, data, lane, at, bottom, height, pw);
  drawRtt(c, data, lane, at, lowUs, top, bottom);
  if (height >= LANE_DETAIL) drawResponses(c, data, lane, at, lowUs, top, bottom);
  drawStateBand(c, data, lane, x, bottom);
  c.restore();
  let previous = -Infinity;
  for (const mark of data.marks) {
    if (mark.flow !== lane.flow || mark.atNs < data.fromNs || mark.atNs > data.toNs) continue;
    const gx = x(mark.atNs);
    if (gx - previous < 18) continue;
    previous = gx;
    drawGlyph(c, MARK_GLYPHS[mark.kind], Math.min(gutter + pw - 16, Math.max(gutter, gx - 8)), top + 2);
  }
}

function drawLaneLabels(c: C, lane: Lane, top: number, height: number, gutter: number, selected: boolean): void {
  const room = gutter - 24;
  setFont(c, 12, selected ? 600 : 500);
  const port = lane.port ? `:${lane.port}` : '';
  const portWidth = c.measureText(port).width;
  const name = fit(c, visibleText(lane.peer), room - portWidth);
  const used = text(c, name, 12, top + 17, 12, selected ? 600 : 500, '--fg-1');
  text(c, port, 12 + used, top + 17, 12, 400, '--fg-3');
  if (height < 36) return;
  setFont(c, 11, 400);
  const process = lane.process ? `${visibleText(lane.process, 40)} ${lane.pid}` : 'process not known';
  text(c, fit(c, process, room), 12, top + 33, 11, 400, lane.process ? '--fg-2' : '--fg-3');
  if (height < 76) return;
  let y = top + 53;
  for (const [label, us] of [
    ['p50', lane.rttP50Us],
    ['p99', lane.rttP99Us],
  ] as const) {
    if (y > top + height - 8) break;
    const w = text(c, `${label} `, 12, y, 11, 400, '--fg-2');
    text(c, joined(formatLatency(us)), 12 + w, y, 11, 600, '--fg-1');
    y += 15;
  }
}

function drawThroughput(
  c: C,
  data: TimelineData,
  lane: Lane,
  at: (i: number) => number,
  bottom: number,
  height: number,
  plot: number,
): void {
  if (lane.maxBytes <= 0) return;
  const base = bottom - 9;
  const scale = (height * 0.4) / lane.maxBytes;
  const half = Math.max(0.75, (data.binNs / (data.toNs - data.fromNs)) * plot * 0.5);
  c.fillStyle = token('--fg-3');
  c.globalAlpha = 0.2;
  c.beginPath();
  // One outline over bins that follow each other.
  let open = NaN;
  for (let i = 0; i < lane.rows.length; i++) {
    const bytes = data.columns.bytes[lane.rows[i] as number] ?? 0;
    const x = at(i);
    if (!(Math.abs(x - half - open) < 1)) {
      if (!Number.isNaN(open)) c.lineTo(open, base);
      c.moveTo(x - half, base);
    }
    const y = base - bytes * scale;
    c.lineTo(x - half, y);
    c.lineTo(x + half, y);
    open = x + half;
  }
  if (!Number.isNaN(open)) c.lineTo(open, base);
  c.fill();
  c.globalAlpha = 1;
}

/** The latency scale along a lane's axis: height and colour say the same, so one stroke colours a whole line. */
function laneGradient(c: C, lowUs: number, top: number, bottom: number): CanvasGradient {
  const [high, low] = [laneY(1e6, lowUs, top, bottom), laneY(lowUs, lowUs, top, bottom)];
  const gradient = c.createLinearGradient(0, high, 0, low);
  for (let step = 0; step <= GRADIENT_STEPS; step++) {
    const share = step / GRADIENT_STEPS;
    gradient.addColorStop(share, latencyColor(1e6 * (lowUs / 1e6) ** share));
  }
  return gradient;
}

function drawRtt(
  c: C,
  data: TimelineData,
  lane: Lane,
  at: (i: number) => number,
  lowUs: number,
  top: number,
  bottom: number,
): void {
  const { rttMinUs, rttMaxUs, rttMeanUs } = data.columns;
  const path = newPath(c);
  const spread = newPath(c);
  let started = false;
  for (let i = 0; i < lane.rows.length; i++) {
    const row = lane.rows[i] as number;
    const mean = rttMeanUs[row] ?? NaN;
    if (Number.isNaN(mean)) continue;
    const x = at(i);
    const y = laneY(mean, lowUs, top, bottom);
    const low = laneY(rttMinUs[row] ?? mean, lowUs, top, bottom);
    const high = laneY(rttMaxUs[row] ?? mean, lowUs, top, bottom);
    if (low - high > 2) spread.rect(x - 0.8, high, 1.6, low - high);
    if (started) path.lineTo(x, y);
    else {
      path.moveTo(x, y);
      path.lineTo(x + 0.8, y);
      started = true;
    }
  }
  const gradient = laneGradient(c, lowUs, top, bottom);
  c.globalAlpha = 0.35;
  c.fillStyle = gradient;
  c.fill(spread);
  c.globalAlpha = 1;
  c.strokeStyle = gradient;
  c.lineWidth = 1.6;
  c.lineJoin = 'bevel';
  c.lineCap = 'butt';
  c.stroke(path);
}

function drawResponses(
  c: C,
  data: TimelineData,
  lane: Lane,
  at: (i: number) => number,
  lowUs: number,
  top: number,
  bottom: number,
): void {
  const { responseMinUs, responseMaxUs, responses } = data.columns;
  let answered = 0;
  for (const row of lane.rows) if ((responses[row] ?? 0) > 0) answered++;
  // Rings that would run into a band become dots.
  const dense = answered > Math.abs(at(lane.bins.length - 1) - at(0)) / 7;
  const path = newPath(c);
  for (let i = 0; i < lane.rows.length; i++) {
    const row = lane.rows[i] as number;
    const count = responses[row] ?? 0;
    if (count === 0) continue;
    for (let end = count > 1 ? 0 : 1; end < 2; end++) {
      const us = (end === 0 ? responseMinUs[row] : responseMaxUs[row]) ?? NaN;
      if (Number.isNaN(us)) continue;
      const x = at(i);
      const y = laneY(us, lowUs, top, bottom);
      if (dense) path.rect(x - 0.75, y - 0.75, 1.5, 1.5);
      else {
        path.moveTo(x + 2, y);
        path.arc(x, y, 2, 0, 2 * Math.PI);
      }
    }
  }
  const gradient = laneGradient(c, lowUs, top, bottom);
  c.globalAlpha = dense ? 0.7 : 0.9;
  if (dense) {
    c.fillStyle = gradient;
    c.fill(path);
  } else {
    c.strokeStyle = gradient;
    c.lineWidth = 1.1;
    c.stroke(path);
  }
  c.globalAlpha = 1;
}

/** 3 px bar while alive, 6 px solid in loss recovery, hatch at zero window. */
function drawStateBand(c: C, data: TimelineData, lane: Lane, x: (ns: number) => number, bottom: number): void {
  const end = Number.isNaN(lane.endedNs) ? data.toNs : lane.endedNs;
  const left = x(Math.max(data.fromNs, lane.startedNs));
  const right = x(Math.min(data.toNs, end));
  c.fillStyle = token('--fg-3');
  c.globalAlpha = 0.6;
  if (right > left) c.fillRect(left, bottom - 6, Math.max(2, right - left), 3);
  c.globalAlpha = 1;
  for (let i = 0; i < lane.rows.length; i++) {
    const trouble = data.columns.trouble[lane.rows[i] as number] ?? 0;
    if (!trouble) continue;
    const x0 = x((lane.bins[i] as number) * data.binNs);
    const width = Math.max(3, x(((lane.bins[i] as number) + 1) * data.binNs) - x0);
    if (trouble & TROUBLE.zeroWindow) hatch(c, x0, bottom - 8, width, 6, '--warn');
    else {
      c.fillStyle = token('--bad');
      c.fillRect(x0, bottom - 8, width, 6);
    }
  }
}

/** One reading per lane at the crosshair, to the right of it (left when near the edge). */
function drawTag(
  c: C,
  geometry: TimelineGeometry,
  data: TimelineData,
  lane: Lane,
  top: number,
  bottom: number,
  lowUs: number,
  x: number,
  atNs: number,
): void {
  const bin = atNs / data.binNs;
  let best = -1;
  let nearest = Math.max(4, (12 / plotWidth(geometry)) * ((data.toNs - data.fromNs) / data.binNs));
  for (let i = 0; i < lane.bins.length; i++) {
    const row = lane.rows[i] as number;
    if (Number.isNaN(data.columns.rttMeanUs[row] ?? NaN) && !(data.columns.responses[row] ?? 0)) continue;
    const distance = Math.abs((lane.bins[i] as number) + 0.5 - bin);
    if (distance < nearest) {
      nearest = distance;
      best = lane.rows[i] as number;
    }
  }
  if (best < 0) return;
  const rtt = data.columns.rttMeanUs[best] ?? NaN;
  const us = Number.isNaN(rtt) ? (data.columns.responseMaxUs[best] ?? NaN) : rtt;
  const y = laneY(us, lowUs, top, bottom);
  c.fillStyle = token('--bg-1');
  c.strokeStyle = latencyColor(us);
  c.lineWidth = 2;
  c.beginPath();
  c.arc(x, y, 3, 0, 2 * Math.PI);
  c.fill();
  c.stroke();
  const label = `${joined(formatLatency(us))}${Number.isNaN(rtt) ? ' response' : ''}`;
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
  text(c, label, at + 6, tagY + 13, 11, 600, '--fg-1');
}
