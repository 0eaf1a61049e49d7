/**
 * Numbers as the interface writes them: three significant digits, SI, a no-break space before the unit (Inter has no
 * narrow one, and what stands in for it cannot be seen), unknown as an en dash. Each returns [value, unit] so that tables can align both.
 */
import { locale, t } from '../language/language.ts';

export const UNIT_SPACE = '\u00a0';
export const UNKNOWN = '–';

/** Three significant digits without exponent. */
export function significant(x: number): string {
  if (x === 0) return '0';
  const a = Math.abs(x);
  return a >= 99.95 ? String(Math.round(x)) : a >= 9.995 ? x.toFixed(1) : x.toFixed(2);
}

function si(x: number, units: readonly string[]): [string, string] {
  let i = 0;
  while (Math.abs(x) >= 999.5 && i < units.length - 1) {
    x /= 1000;
    i++;
  }
  return [i === 0 && Math.abs(x) < 999.5 && Number.isInteger(x) ? String(x) : significant(x), units[i] as string];
}

/** Bits per second. */
export const formatRate = (bps: number): [string, string] =>
  Number.isNaN(bps) ? [UNKNOWN, ''] : si(Math.round(bps), ['bit/s', 'kbit/s', 'Mbit/s', 'Gbit/s', 'Tbit/s']);

/** Bytes, SI. */
export const formatBytes = (bytes: number): [string, string] =>
  Number.isNaN(bytes) ? [UNKNOWN, ''] : si(Math.round(bytes), ['B', 'kB', 'MB', 'GB', 'TB']);

/** Latency given in µs: whole µs below 1 ms, one decimal below 10 ms, whole ms below 1 s, then 3 digits s. */
export function formatLatency(us: number): [string, string] {
  if (Number.isNaN(us)) return [UNKNOWN, ''];
  if (us < 999.5) return [String(Math.round(us)), 'µs'];
  const ms = us / 1000;
  if (ms < 9.95) return [ms.toFixed(1), 'ms'];
  if (ms < 999.5) return [String(Math.round(ms)), 'ms'];
  return [significant(ms / 1000), 's'];
}

/** Latency on an axis, where decades need no decimals: 0.1 ms, 1 ms, 30 ms, 1 s. */
export function formatLatencyTick(us: number): string {
  const [value, unit] = us < 1e6 ? [us / 1000, 'ms'] : [us / 1e6, 's'];
  return `${value}${UNIT_SPACE}${unit}`;
}

/** A share 0..1: one decimal below 10 %, whole above, 0 is "0". */
export function formatPercent(share: number): [string, string] {
  if (Number.isNaN(share)) return [UNKNOWN, ''];
  const p = share * 100;
  return [p === 0 ? '0' : p < 9.95 ? p.toFixed(1) : String(Math.round(p)), '%'];
}

/** Events a second: 18.4 k/s. */
export const formatPace = (perSecond: number): [string, string] =>
  Number.isNaN(perSecond) ? [UNKNOWN, ''] : si(Math.round(perSecond), ['/s', 'k/s', 'M/s', 'G/s']);

/** Counts: full with commas below a million, then 11.2 M. */
export function formatCount(n: number): [string, string] {
  if (Number.isNaN(n)) return [UNKNOWN, ''];
  if (Math.abs(n) < 1e6) return [String(Math.round(n)).replace(/\B(?=(\d{3})+$)/g, ','), ''];
  return si(n / 1e6, ['M', 'G', 'T']);
}

/** Ages from ns: two parts at most. */
export function formatAge(ns: number): string {
  if (Number.isNaN(ns)) return UNKNOWN;
  const s = ns / 1e9;
  if (s < 1) return `${Math.max(0, Math.round(s * 1000))}${UNIT_SPACE}ms`;
  if (s < 60) return `${Math.floor(s)}${UNIT_SPACE}s`;
  const parts: [number, string][] = [
    [Math.floor(s / 86400), t('draw.day')],
    [Math.floor(s / 3600) % 24, t('draw.hour')],
    [Math.floor(s / 60) % 60, t('draw.minute')],
    [Math.floor(s) % 60, t('draw.second')],
  ];
  const first = parts.findIndex(([n]) => n > 0);
  return parts
    .slice(first, first + 2)
    .filter(([n], i) => n > 0 || i === 0)
    .map(([n, unit], i) => `${i ? String(n).padStart(2, '0') : n}${UNIT_SPACE}${unit}`)
    .join(' ');
}

/** How long a range of time is: three significant digits below a minute, then as ages. */
export function formatSpan(ns: number): string {
  if (ns >= 60e9) return formatAge(ns);
  const [value, unit] =
    ns >= 1e9 ? [ns / 1e9, 's'] : ns >= 1e6 ? [ns / 1e6, 'ms'] : ns >= 1e3 ? [ns / 1e3, 'µs'] : [ns, 'ns'];
  return `${significant(value)}${UNIT_SPACE}${unit}`;
}

/** A clock that runs: 00:12:47. */
export function formatElapsed(ns: number): string {
  const s = Math.max(0, Math.floor(ns / 1e9));
  const two = (n: number): string => String(n).padStart(2, '0');
  return `${two(Math.floor(s / 3600))}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
}

export const joined = ([value, unit]: [string, string]): string => (unit ? value + UNIT_SPACE + unit : value);

let utc = false;
/** Wall times are written and read in UTC from now on, or (false) in the zone of the viewer. */
export function setUtc(on: boolean): void {
  utc = on;
}
/** Wall times are in UTC. */
export const inUtc = (): boolean => utc;

/** Wall clock of the viewer's zone (or UTC, as chosen) from session time; `epochNs` as sent in the state event. `digits` of the second. */
export function formatClock(epochNs: string, atNs: number, digits: 0 | 3 | 6 | 9 = 0): string {
  const ns = BigInt(epochNs) + BigInt(Math.round(atNs));
  const date = new Date(Number(ns / 1_000_000n));
  const two = (n: number): string => String(n).padStart(2, '0');
  const base = utc
    ? `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}`
    : `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  if (digits === 0) return base;
  const fraction = String(((ns % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n).padStart(9, '0');
  return `${base}.${fraction.slice(0, digits)}`;
}

/** How far the clock of the viewer's zone (or UTC, as chosen) is ahead of UTC at a session time, ns: summer time is in it. */
export function zoneOffsetNs(epochNs: string, atNs: number): number {
  if (utc) return 0;
  const date = new Date(Number((BigInt(epochNs) + BigInt(Math.round(atNs))) / 1_000_000n));
  return -date.getTimezoneOffset() * 60e9;
}

/** Day and month, for axes of days. */
export function formatDay(epochNs: string, atNs: number): string {
  const date = new Date(Number((BigInt(epochNs) + BigInt(Math.round(atNs))) / 1_000_000n));
  return new Intl.DateTimeFormat(locale(), {
    day: 'numeric',
    month: 'short',
    ...(utc ? { timeZone: 'UTC' } : {}),
  }).format(date);
}

/** Wall clock of an RFC 3339 instant, as the contract writes times. */
export const formatInstant = (instant: string, digits: 0 | 3 = 0): string =>
  formatClock(String(BigInt(Date.parse(instant)) * 1_000_000n), 0, digits);

/** Day, month and clock of an instant, for lists of files. */
export const formatWhen = (instant: string): string =>
  new Intl.DateTimeFormat(locale(), {
    day: 'numeric',
    month: 'short',
    hour: '2-digit',
    minute: '2-digit',
    ...(utc ? { timeZone: 'UTC' } : {}),
  }).format(new Date(instant));

/** Date and clock, for titles. */
export function formatDate(epochNs: string, atNs: number): string {
  const date = new Date(Number((BigInt(epochNs) + BigInt(Math.round(atNs))) / 1_000_000n));
  return date.toLocaleDateString(locale(), {
    day: 'numeric',
    month: 'short',
    year: 'numeric',
    ...(utc ? { timeZone: 'UTC' } : {}),
  });
}

/** Nothing to make visible, and as many code points as characters. */
const PLAIN = /^[\x20-\x7e]*$/;

/**
 * Text from the wire made safe to look at: control characters, bidirectional overrides and line breaks become visible
 * escapes, and what is longer than `max` code points is cut in the middle.
 */
export function visibleText(text: string, max = 120): string {
  if (text.length <= max && PLAIN.test(text)) return text;
  const points = Array.from(text);
  const cut =
    points.length > max
      ? [...points.slice(0, Math.ceil(max / 2) - 1), '…', ...points.slice(points.length - Math.floor(max / 2))]
      : points;
  return cut
    .join('')
    .replace(
      /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g,
      (c) => `\\u{${(c.codePointAt(0) ?? 0).toString(16)}}`,
    );
}
