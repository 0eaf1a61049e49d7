/** Draws one lane: labels, throughput, RTT line, responses, and the band of what the connection was at. */
import { formatLatency, formatLatencyTick, joined, visibleText } from '../draw/format.ts';
import { latencyColor, token } from '../draw/latency-scale.ts';
import { newPath } from '../draw/svg-context.ts';
import { drawGlyph, fit } from '../graph/draw-graph.ts';
import { t } from '../language/language.ts';
import { drawBand } from './draw-band.ts';
import { line, setFont, text, type C } from './draw-text.ts';
import { plotWidth, xOf, type TimelineGeometry } from './geometry.ts';
import { MARK_GLYPHS, type Lane, type TimelineData } from './lanes.ts';

/** A lane lower than this shows its line alone, and one lower than LANE_LABEL has no words. */
const LANE_DETAIL = 26;
const LANE_LABEL = 20;
const GRADIENT_STEPS = 24;

/** A lane and the place it is drawn at. */
export interface LaneFrame {
  c: C;
  geometry: TimelineGeometry;
  data: TimelineData;
  lane: Lane;
  top: number;
  bottom: number;
  /** Bottom of the lanes' axis, µs. */
  lowUs: number;
  selected: boolean;
  pinned: boolean;
}

/** y of a latency in a lane. */
export const laneY = ({ lowUs, top, bottom }: Pick<LaneFrame, 'lowUs' | 'top' | 'bottom'>, us: number): number => {
  const share = Math.min(1, Math.max(0, Math.log(us / lowUs) / Math.log(1e6 / lowUs)));
  const height = bottom - top;
  // A lane without words and band uses all of its height.
  return height < LANE_DETAIL ? bottom - 1 - share * (height - 2) : bottom - 12 - share * (height - 18);
};

export function drawLane(frame: LaneFrame): void {
  const { c, geometry, top, bottom, lowUs } = frame;
  const { width, gutter, rightGutter } = geometry;
  const height = bottom - top;
  const pw = plotWidth(geometry);
  if (frame.selected) drawSelected(frame);
  line(c, 0, top, width, top, '--line-1');
  if (height >= LANE_LABEL) {
    drawLabels(frame);
    for (const us of height > 74 ? [1000, 10_000, 100_000] : [lowUs < 1000 ? 1000 : 30_000]) {
      const y = laneY(frame, us);
      line(c, gutter, y, gutter + pw, y, '--line-1', [2, 3]);
      text(c, formatLatencyTick(us), width - rightGutter + 6, y + 4);
    }
  }
  c.save();
  c.beginPath();
  c.rect(gutter, top, pw, height);
  c.clip();
  drawPlot(frame);
  c.restore();
  drawMarks(frame);
}

function drawPlot(frame: LaneFrame): void {
  const { geometry, data, top, bottom } = frame;
  const x = xOf(geometry, data);
  const { binNs, fromNs, toNs } = data;
  // From the range's beginning: bin numbers of nanoseconds are too large for pixels to be worked out from zero.
  const perNs = plotWidth(geometry) / (toNs - fromNs);
  const perBin = binNs * perNs;
  const at = (bin: number): number => geometry.gutter + ((bin + 0.5) * binNs - fromNs) * perNs;
  if (bottom - top < LANE_DETAIL) {
    drawRtt(frame, at, latencyColor(frame.lane.rttP50Us));
    return;
  }
  const gradient = laneGradient(frame);
  drawThroughput(frame, at, Math.max(0.75, perBin / 2));
  drawRtt(frame, at, gradient);
  drawResponses(frame, at, gradient);
  drawBand(frame, x);
}

function drawSelected({ c, geometry, top, bottom }: LaneFrame): void {
  c.globalAlpha = 0.55;
  c.fillStyle = token('--accent-soft');
  c.fillRect(0, top, geometry.width, bottom - top);
  c.globalAlpha = 1;
  c.fillStyle = token('--accent');
  c.fillRect(0, top, 2, bottom - top);
}

function drawMarks({ c, geometry, data, lane, top }: LaneFrame): void {
  const { gutter } = geometry;
  const right = gutter + plotWidth(geometry);
  const x = xOf(geometry, data);
  let previous = -Infinity;
  for (const mark of data.marks) {
    if (mark.flow !== lane.flow || mark.atNs < data.fromNs || mark.atNs > data.toNs) continue;
    const at = x(mark.atNs);
    if (at - previous < 18) continue;
    previous = at;
    drawGlyph(c, MARK_GLYPHS[mark.kind], Math.min(right - 16, Math.max(gutter, at - 8)), top + 2);
  }
}

/** A lane that is kept in place has a pin before its name. */
function drawPin(c: C, x: number, y: number): void {
  c.fillStyle = token('--accent');
  c.beginPath();
  c.arc(x + 3, y - 6, 3, 0, 2 * Math.PI);
  c.rect(x + 2.3, y - 4, 1.4, 5);
  c.fill();
}

function drawLabels({ c, geometry, lane, top, bottom, selected, pinned }: LaneFrame): void {
  const height = bottom - top;
  const left = pinned ? 23 : 12;
  const room = geometry.gutter - left - 12;
  if (pinned) drawPin(c, 12, top + 18);
  const weight = selected ? 600 : 500;
  setFont(c, 12, weight);
  const port = lane.port ? `:${lane.port}` : '';
  const name = fit(c, visibleText(lane.peer), room - c.measureText(port).width);
  const used = text(c, name, left, top + 17, { size: 12, weight, color: '--fg-1' });
  text(c, port, left + used, top + 17, { size: 12 });
  if (height < 36) return;
  setFont(c, 11, 400);
  const process = lane.process ? `${visibleText(lane.process, 40)} ${lane.pid}` : t('timeline.processUnknown');
  text(c, fit(c, process, geometry.gutter - 24), 12, top + 33, lane.process ? { color: '--fg-2' } : {});
  if (height < 76) return;
  let y = top + 53;
  for (const [label, us] of [
    [t('timeline.p50'), lane.rttP50Us],
    [t('timeline.p99'), lane.rttP99Us],
  ] as const) {
    if (y > bottom - 8) break;
    const width = text(c, `${label} `, 12, y, { color: '--fg-2' });
    text(c, joined(formatLatency(us)), 12 + width, y, { weight: 600, color: '--fg-1' });
    y += 15;
  }
}

function drawThroughput({ c, data, lane, top, bottom }: LaneFrame, at: (bin: number) => number, half: number): void {
  if (lane.maxBytes <= 0) return;
  const base = bottom - 9;
  const scale = ((bottom - top) * 0.4) / lane.maxBytes;
  const { bytes } = data.columns;
  c.fillStyle = token('--fg-3');
  c.globalAlpha = 0.2;
  c.beginPath();
  // One outline over bins that follow each other.
  let open = NaN;
  for (let i = 0; i < lane.rows.length; i++) {
    const x = at(lane.bins[i] as number);
    if (!(Math.abs(x - half - open) < 1)) {
      if (!Number.isNaN(open)) c.lineTo(open, base);
      c.moveTo(x - half, base);
    }
    const y = base - (bytes[lane.rows[i] as number] ?? 0) * scale;
    c.lineTo(x - half, y);
    c.lineTo(x + half, y);
    open = x + half;
  }
  if (!Number.isNaN(open)) c.lineTo(open, base);
  c.fill();
  c.globalAlpha = 1;
}

/** The latency scale along a lane's axis: height and colour say the same, so one stroke colours a whole line. */
function laneGradient(frame: LaneFrame): CanvasGradient {
  const { c, lowUs } = frame;
  const gradient = c.createLinearGradient(0, laneY(frame, 1e6), 0, laneY(frame, lowUs));
  for (let step = 0; step <= GRADIENT_STEPS; step++) {
    const share = step / GRADIENT_STEPS;
    gradient.addColorStop(share, latencyColor(1e6 * (lowUs / 1e6) ** share));
  }
  return gradient;
}

/** `paint` = the scale along the axis, or one colour where a lane is too low for it. */
function drawRtt(frame: LaneFrame, at: (bin: number) => number, paint: CanvasGradient | string): void {
  const { c, data, lane } = frame;
  const spreads = typeof paint !== 'string';
  const { rttMinUs, rttMaxUs, rttMeanUs } = data.columns;
  const path = newPath(c);
  const spread = newPath(c);
  let started = false;
  for (let i = 0; i < lane.rows.length; i++) {
    const row = lane.rows[i] as number;
    const mean = rttMeanUs[row] ?? NaN;
    if (Number.isNaN(mean)) continue;
    const x = at(lane.bins[i] as number);
    const y = laneY(frame, mean);
    if (spreads) {
      const low = laneY(frame, rttMinUs[row] ?? mean);
      const high = laneY(frame, rttMaxUs[row] ?? mean);
      if (low - high > 2) spread.rect(x - 0.8, high, 1.6, low - high);
    }
    if (started) path.lineTo(x, y);
    else {
      path.moveTo(x, y);
      path.lineTo(x + 0.8, y);
      started = true;
    }
  }
  c.globalAlpha = 0.35;
  c.fillStyle = paint;
  if (spreads) c.fill(spread);
  c.globalAlpha = 1;
  c.strokeStyle = paint;
  c.lineWidth = 1.6;
  c.lineJoin = 'bevel';
  c.lineCap = 'butt';
  c.stroke(path);
}

function drawResponses(frame: LaneFrame, at: (bin: number) => number, gradient: CanvasGradient): void {
  const { c, data, lane } = frame;
  const { responseMinUs, responseMaxUs, responses } = data.columns;
  let answered = 0;
  for (const row of lane.rows) if ((responses[row] ?? 0) > 0) answered++;
  // Rings that would run into a band become dots.
  const dense = answered > Math.abs(at(lane.bins.at(-1) ?? 0) - at(lane.bins[0] ?? 0)) / 7;
  const path = newPath(c);
  for (let i = 0; i < lane.rows.length; i++) {
    const row = lane.rows[i] as number;
    const count = responses[row] ?? 0;
    if (count === 0) continue;
    const x = at(lane.bins[i] as number);
    for (let end = count > 1 ? 0 : 1; end < 2; end++) {
      const us = (end === 0 ? responseMinUs[row] : responseMaxUs[row]) ?? NaN;
      if (Number.isNaN(us)) continue;
      const y = laneY(frame, us);
      if (dense) path.rect(x - 0.75, y - 0.75, 1.5, 1.5);
      else {
        path.moveTo(x + 2, y);
        path.arc(x, y, 2, 0, 2 * Math.PI);
      }
    }
  }
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
