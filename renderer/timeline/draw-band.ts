/**
 * The band under a lane. Shape says it: dashes = handshake, 3 px bar = open, hairline = open and a second or more without
 * a byte, dotted = closing, 6 px solid = loss recovery, hatch = zero window.
 */
import { TROUBLE } from '../../core/contract/tables.ts';
import { token } from '../draw/latency-scale.ts';
import { hatch } from './draw-heat.ts';
import type { LaneFrame } from './draw-lane.ts';
import type { Lane, TimelineData } from './lanes.ts';

const IDLE_NS = 1e9;
const BAR_Y = 6;

export function drawBand(frame: LaneFrame, x: (ns: number) => number): void {
  const { data, lane } = frame;
  const { phases } = lane;
  const lastNs = Number.isNaN(lane.endedNs) ? data.toNs : lane.endedNs;
  phases.forEach(({ atNs, phase }, i) => {
    const fromNs = Math.max(data.fromNs, atNs);
    const toNs = Math.min(data.toNs, phases[i + 1]?.atNs ?? lastNs);
    if (!(toNs > fromNs)) return;
    if (phase === 'handshake') dashes(frame, x(fromNs), x(toNs), 4, 2);
    else if (phase === 'closing') dashes(frame, x(fromNs), x(toNs), 2, 2);
    else if (phase === 'open') drawOpen(frame, x, fromNs, toNs);
  });
  drawTrouble(frame, x);
}

function bar({ c, bottom }: LaneFrame, left: number, right: number, height: number): void {
  c.fillStyle = token('--fg-3');
  c.globalAlpha = 0.6;
  c.fillRect(left, bottom - BAR_Y + (3 - height) / 2, Math.max(height === 3 ? 2 : 0, right - left), height);
  c.globalAlpha = 1;
}

function dashes({ c, bottom }: LaneFrame, left: number, right: number, dash: number, gap: number): void {
  c.fillStyle = token('--fg-2');
  const end = Math.max(right, left + dash);
  for (let at = left; at < end; at += dash + gap) c.fillRect(at, bottom - BAR_Y, Math.min(dash, end - at), 3);
}

function drawOpen(frame: LaneFrame, x: (ns: number) => number, fromNs: number, toNs: number): void {
  for (const [from, to, idle] of quietParts(frame.lane, frame.data, fromNs, toNs))
    bar(frame, x(from), x(to), idle ? 1 : 3);
}

/** An open time in parts: busy, and those of a second or more in which no byte passed. */
function quietParts(
  { rows, bins }: Lane,
  data: TimelineData,
  fromNs: number,
  toNs: number,
): [number, number, boolean][] {
  const longest = Math.max(IDLE_NS, 2 * data.binNs);
  const parts: [number, number, boolean][] = [];
  let busyFrom = fromNs;
  let lastNs = fromNs;
  const quiet = (untilNs: number): void => {
    if (untilNs - lastNs < longest) return;
    if (lastNs > busyFrom) parts.push([busyFrom, lastNs, false]);
    parts.push([lastNs, untilNs, true]);
    busyFrom = untilNs;
  };
  for (let i = 0; i < rows.length; i++) {
    if ((data.columns.bytes[rows[i] as number] ?? 0) <= 0) continue;
    const atNs = (bins[i] as number) * data.binNs;
    if (atNs > toNs) break;
    if (atNs > fromNs) quiet(atNs);
    lastNs = Math.max(fromNs, Math.min(toNs, atNs + data.binNs));
  }
  quiet(toNs);
  if (busyFrom < toNs) parts.push([busyFrom, toNs, false]);
  return parts;
}

function drawTrouble({ c, data, lane, bottom }: LaneFrame, x: (ns: number) => number): void {
  for (let i = 0; i < lane.rows.length; i++) {
    const trouble = data.columns.trouble[lane.rows[i] as number] ?? 0;
    if (!trouble) continue;
    const atNs = (lane.bins[i] as number) * data.binNs;
    const left = x(atNs);
    const width = Math.max(3, x(atNs + data.binNs) - left);
    if (trouble & TROUBLE.zeroWindow) hatch(c, left, bottom - 8, width, 6, '--warn');
    else {
      c.fillStyle = token('--bad');
      c.fillRect(left, bottom - 8, width, 6);
    }
  }
}
