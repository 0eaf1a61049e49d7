/** Draws pinned moments: a line through everything, with its number and time; the time between two is shaded. */
import { formatClock } from '../draw/format.ts';
import { token } from '../draw/latency-scale.ts';
import { cursorDigits, type TimelinePointer } from './draw-timeline.ts';
import { line, setFont, text, type C } from './draw-text.ts';
import { plotWidth, xOf, type TimelineGeometry } from './geometry.ts';
import type { TimelineData } from './lanes.ts';

const PLATE = 18;
/** A plate flips to the left of its line when the next one is nearer than this, px. */
const NEAR = 80;

export function drawPins(c: C, geometry: TimelineGeometry, data: TimelineData, pointer: TimelinePointer): void {
  const pins = pointer.pins ?? [];
  const x = xOf(geometry, data);
  const left = geometry.gutter;
  const right = left + plotWidth(geometry);
  const within = (at: number): number => Math.min(right, Math.max(left, at));
  if (pins.length === 2) {
    const [from, to] = pins.map((ns) => within(x(ns))) as [number, number];
    c.fillStyle = token('--accent');
    c.globalAlpha = 0.14;
    c.fillRect(Math.min(from, to), 4, Math.abs(to - from), geometry.height - 4);
    c.globalAlpha = 1;
  }
  pins.forEach((atNs, i) => {
    const at = x(atNs);
    if (at < left || at > right) return;
    line(c, Math.round(at) + 0.5, 4, Math.round(at) + 0.5, geometry.height, '--accent');
    const label = `${i + 1}  ${formatClock(pointer.epochNs, atNs, cursorDigits(geometry, data))}`;
    setFont(c, 11, 600);
    const width = c.measureText(label).width + 12;
    const other = x(pins[1 - i] ?? NaN);
    const flip = at + width > right || (other >= at && other - at < Math.max(NEAR, width));
    const plate = flip && at - width >= left ? at - width : at;
    c.fillStyle = token('--accent-fill');
    c.beginPath();
    c.roundRect(plate, 4, width, PLATE, 4);
    c.fill();
    text(c, label, plate + 6, 4 + 13, { weight: 600, color: '--on-fill' });
  });
}
