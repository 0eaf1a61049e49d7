/** Durations, sizes and rates as text and numbers; SI prefixes are powers of 1000, Ki Mi Gi Ti of 1024. */

/** Nanoseconds, longest first as the formatter tries them. */
const DURATION_UNITS: readonly (readonly [string, number])[] = [
  ['d', 86400e9],
  ['h', 3600e9],
  ['m', 60e9],
  ['s', 1e9],
  ['ms', 1e6],
  ['us', 1e3],
  ['ns', 1],
];
const DURATION_ALIASES: ReadonlyMap<string, string> = new Map([
  ['min', 'm'],
  ['sec', 's'],
  ['\u00b5s', 'us'],
  ['\u03bcs', 'us'],
]);
const SIZE_UNITS: readonly (readonly [string, number])[] = [
  ['TB', 1e12],
  ['GB', 1e9],
  ['MB', 1e6],
  ['kB', 1e3],
  ['TiB', 1024 ** 4],
  ['GiB', 1024 ** 3],
  ['MiB', 1024 ** 2],
  ['KiB', 1024],
  ['B', 1],
];
/** Bits a second, as networks are sold. */
const RATE_UNITS: readonly (readonly [string, number])[] = [
  ['Tbit/s', 1e12],
  ['Gbit/s', 1e9],
  ['Mbit/s', 1e6],
  ['kbit/s', 1e3],
  ['bit/s', 1],
];
const LIMIT = 1e18;
const NUMBER = '(\\d+(?:\\.\\d+)?)';

/** Units to offer after a number, most usual first. */
export const DURATION_NAMES: readonly string[] = ['ms', 's', 'us', 'm', 'h', 'd', 'ns'];
export const SIZE_NAMES: readonly string[] = ['kB', 'MB', 'GB', 'KiB', 'MiB', 'GiB', 'B'];
export const RATE_NAMES: readonly string[] = ['Mbit/s', 'kbit/s', 'Gbit/s', 'MB/s', 'kB/s', 'B/s'];

function scaleOf(units: readonly (readonly [string, number])[], name: string): number | null {
  const exact = units.find(([unit]) => unit === name);
  if (exact !== undefined) return exact[1];
  const loose = units.find(([unit]) => unit.toLowerCase() === name.toLowerCase());
  return loose === undefined ? null : loose[1];
}

function bounded(value: number): number | null {
  return value <= LIMIT ? Math.round(value) : null;
}

/** Nanoseconds of `50ms`, `1.5s`, `1h30m`; a bare 0 is allowed. Null when it is not a duration. */
export function parseDuration(text: string): number | null {
  if (text === '0') return 0;
  if (!new RegExp(`^(?:${NUMBER}[a-zA-Z\u00b5\u03bc]+)+$`).test(text)) return null;
  let total = 0;
  for (const [, number, unit] of text.matchAll(new RegExp(`${NUMBER}([a-zA-Z\u00b5\u03bc]+)`, 'g'))) {
    const name = unit ?? '';
    const scale = DURATION_UNITS.find(([each]) => each === (DURATION_ALIASES.get(name) ?? name))?.[1];
    if (scale === undefined) return null;
    total += Number(number) * scale;
  }
  return bounded(total);
}

/** Bytes of `10MB`, `2GiB`, `1500`. Null when it is not a size. */
export function parseSize(text: string): number | null {
  const match = new RegExp(`^${NUMBER}([a-zA-Z]*)$`).exec(text);
  if (match === null) return null;
  const unit = match[2] ?? '';
  const name = /^[kmgt]i?$/i.test(unit) ? `${unit}B` : unit;
  const scale = name === '' ? 1 : scaleOf(SIZE_UNITS, name);
  return scale === null ? null : bounded(Number(match[1]) * scale);
}

/** Bytes a second of `10Mbit/s`, `10Mbps`, `2MB/s`; a bare 0 is allowed. Null when it is not a rate. */
export function parseRate(text: string): number | null {
  if (text === '0') return 0;
  const match = new RegExp(`^${NUMBER}([a-zA-Z]+)(?:/s|(?<=[bB]p)s)$`).exec(text);
  if (match === null) return null;
  const unit = text.endsWith('/s') ? (match[2] ?? '') : (match[2] ?? '').slice(0, -1);
  const isBits = /(?:b|bit|bits)$/.test(unit) && !/B$/.test(unit);
  const scale = isBits ? scaleOf(RATE_UNITS, `${unit.replace(/(?:bits|bit|b)$/, '')}bit/s`) : scaleOf(SIZE_UNITS, unit);
  if (scale === null) return null;
  const bits = bounded(Number(match[1]) * scale * (isBits ? 1 : 8));
  return bits === null ? null : bits / 8;
}

function largestExact(value: number, units: readonly (readonly [string, number])[]): string {
  if (value !== 0)
    for (const [unit, scale] of units) {
      const count = value / scale;
      if (Number.isInteger(count) && count * scale === value) return `${plain(count)}${unit}`;
    }
  return plain(value);
}

function plain(value: number): string {
  return value.toString();
}

/** Shortest exact text that parseDuration reads back; 0 is `0`. */
export function formatDuration(ns: number): string {
  return largestExact(ns, DURATION_UNITS);
}

/** Shortest exact text that parseSize reads back; single bytes are a plain number. */
export function formatSize(bytes: number): string {
  return largestExact(
    bytes,
    SIZE_UNITS.filter(([unit]) => unit !== 'B'),
  );
}

/** Exact text in bits a second that parseRate reads back. */
export function formatRate(bytesPerSecond: number): string {
  return largestExact(bytesPerSecond * 8, RATE_UNITS);
}
