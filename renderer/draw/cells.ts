/** Small drawings inside table cells, as SVG path data: no element per point. */

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
