/**
 * The one colour scale of the app: latency, nine logarithmic stops from 0.1 ms to 1 s, read from the tokens of the
 * current theme. Unknown latency has no colour of the scale.
 */
const STOPS_US = [100, 300, 1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000];
/** Entries of the table: fine enough that neighbouring colours cannot be told apart. */
const STEPS = 256;
const LOG_MIN = Math.log(100);
const LOG_SPAN = Math.log(1_000_000) - LOG_MIN;

let table: string[] = [];
let theme = '';

function build(): void {
  const style = getComputedStyle(document.documentElement);
  const stops = STOPS_US.map((_, i) => {
    const hex = style.getPropertyValue(`--lat-${i}`).trim();
    return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)) as [number, number, number];
  });
  table = Array.from({ length: STEPS }, (_, step) => {
    const us = Math.exp(LOG_MIN + (LOG_SPAN * step) / (STEPS - 1));
    let i = 0;
    while (i < STOPS_US.length - 2 && us > (STOPS_US[i + 1] as number)) i++;
    const low = STOPS_US[i] as number;
    const share = Math.log(us / low) / Math.log((STOPS_US[i + 1] as number) / low);
    const a = stops[i] as [number, number, number];
    const b = stops[i + 1] as [number, number, number];
    return `rgb(${a.map((c, k) => Math.round(c + ((b[k] as number) - c) * Math.min(1, Math.max(0, share)))).join(' ')})`;
  });
}

/** 0 at 0.1 ms, 1 at 1 s, clamped; latency in µs. */
export const latencyShare = (us: number): number => Math.min(1, Math.max(0, (Math.log(us) - LOG_MIN) / LOG_SPAN));

/** CSS colour for a latency in µs; NaN gives the colour of "unknown". */
export function latencyColor(us: number): string {
  const current = document.documentElement.dataset['theme'] ?? 'dark';
  if (current !== theme) {
    theme = current;
    build();
  }
  if (Number.isNaN(us)) return token('--fg-3');
  return table[Math.round(latencyShare(us) * (STEPS - 1))] as string;
}

/** The colour of a latency in µs as CSS that follows the theme by itself, for elements rather than canvases. */
export function latencyFill(us: number): string {
  if (Number.isNaN(us)) return 'var(--fg-3)';
  let i = 0;
  while (i < STOPS_US.length - 2 && us > (STOPS_US[i + 1] as number)) i++;
  const low = STOPS_US[i] as number;
  const share = Math.log(us / low) / Math.log((STOPS_US[i + 1] as number) / low);
  const percent = Math.round(Math.min(1, Math.max(0, share)) * 100);
  return `color-mix(in srgb, var(--lat-${i + 1}) ${percent}%, var(--lat-${i}))`;
}

const tokens = new Map<string, string>();
let tokensTheme = '';

/** Value of a design token in the current theme; cached until the theme changes. */
export function token(name: string): string {
  const current = document.documentElement.dataset['theme'] ?? 'dark';
  if (current !== tokensTheme) {
    tokens.clear();
    tokensTheme = current;
  }
  let value = tokens.get(name);
  if (value === undefined) {
    value = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    tokens.set(name, value);
  }
  return value;
}
