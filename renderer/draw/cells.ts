/** Small drawings inside table cells, as SVG path data: no element per point. */

import { latencyFill } from './latency-scale.ts';

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const VALUE = new Uint8Array(128);
for (let i = 0; i < DIGITS.length; i++) VALUE[DIGITS.charCodeAt(i)] = i;

/** Values 0..63 of a string of base-64 digits as the engine sends sparklines and distributions. */
export function digits(text: string): number[] {
  return Array.from(text, (c) => VALUE[c.charCodeAt(0)] ?? 0);
}

/** Line over a sparkline's values, newest at the right; '' when there is nothing to show. */
export function sparkLine(values: readonly number[], width: number, height: number): string {
  if (!values.some((value) => value > 0)) return '';
  const step = width / (values.length - 1);
  return values
    .map(
      (value, i) =>
        `${i ? 'L' : 'M'}${(i * step).toFixed(1)} ${(height - 1 - (value / 63) * (height - 2.5)).toFixed(1)}`,
    )
    .join('');
}

/** The same closed down to the base line. */
export const sparkArea = (line: string, width: number, height: number): string =>
  line ? `${line}L${width} ${height}L0 ${height}Z` : '';

const WIDTH = 64;
const HEIGHT = 16;
const BARS_WIDTH = 70;
const CACHE_MAX = 4000;

/** Remembers what was drawn for a text: the same sparkline comes again and again while a table is live. */
function remembered<T>(make: (text: string) => T): (text: string) => T {
  const known = new Map<string, T>();
  return (text) => {
    let found = known.get(text);
    if (found === undefined) {
      if (known.size >= CACHE_MAX) known.clear();
      known.set(text, (found = make(text)));
    }
    return found;
  };
}

/** Sparkline of the table, 64 × 16 px. */
export const sparkOf = remembered((text: string): { line: string; area: string } => {
  const line = sparkLine(digits(text), WIDTH, HEIGHT);
  return { line, area: sparkArea(line, WIDTH, HEIGHT) };
});

/** Latency distribution of the table from 0.1 ms to 1 s, 70 × 18 px with its base line at 14. */
export const distributionBars = remembered((text: string) => {
  const values = digits(text);
  const width = BARS_WIDTH / Math.max(1, values.length);
  return values.flatMap((value, i) => {
    if (!value) return [];
    const height = Math.max(1.2, (value / 63) * 13);
    const fill = latencyFill(100 * 10 ** ((4 * (i + 0.5)) / values.length));
    return [{ x: i * width + 0.3, y: 14 - height, width: width - 0.6, height, fill }];
  });
});
