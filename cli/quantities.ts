import { EXIT_USAGE, FlowglassError, printable } from '../core/errors.ts';

const DURATION_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, '': 1000 };
const SIZE_BYTES: Readonly<Record<string, number>> = { '': 1, B: 1, kB: 1e3, KB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 }; // prettier-ignore

/** Longest time that a timer of ours is asked to wait: beyond it setTimeout would fire at once. */
const DURATION_MAX_MS = 2 ** 31 - 1;

/** A wrong value of an option: exit status 2. */
export function badValue(option: string, text: string, hint: string): FlowglassError {
  return new FlowglassError({ code: 'usage', what: `${option} cannot be "${printable(text)}"`, where: 'command line', hint, exitCode: EXIT_USAGE }); // prettier-ignore
}

function scaled(text: string, units: Readonly<Record<string, number>>): number | null {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?|\.\d+)([A-Za-z]*)$/.exec(text) ?? [];
  const factor = Object.hasOwn(units, unit) ? units[unit] : undefined;
  return number === undefined || factor === undefined ? null : Number(number) * factor;
}

/** `500ms`, `10s`, `5m`, `2h`, bare = seconds; in milliseconds, above 0 and at most 24 days. */
export function parseDuration(option: string, text: string): number {
  const ms = scaled(text, DURATION_MS);
  if (ms === null) throw badValue(option, text, 'give a duration such as 500ms, 10s, 5m or 2h');
  if (ms <= 0) throw badValue(option, text, 'give a duration above zero');
  if (ms > DURATION_MAX_MS) throw badValue(option, text, 'give at most 596h');
  return ms;
}

/** `100MB`, `2GiB`, bare = bytes; a whole number of bytes above 0. */
export function parseSize(option: string, text: string): number {
  const bytes = scaled(text, SIZE_BYTES);
  if (bytes === null) throw badValue(option, text, 'give a size such as 500kB, 100MB or 2GiB');
  if (bytes < 1) throw badValue(option, text, 'give a size above zero');
  if (bytes > Number.MAX_SAFE_INTEGER) throw badValue(option, text, 'give a smaller size');
  return Math.floor(bytes);
}

/** When to begin the next file: a size or a time, told apart by the unit, which must be there. */
export function parseRotation(option: string, text: string): { bytes: number } | { ms: number } {
  if (!/[A-Za-z]$/.test(text)) throw badValue(option, text, 'give a size (100MB) or a time (10m), with its unit');
  if (scaled(text, SIZE_BYTES) !== null) return { bytes: parseSize(option, text) };
  if (scaled(text, DURATION_MS) !== null) return { ms: parseDuration(option, text) };
  throw badValue(option, text, 'give a size (100MB) or a time (10m), with its unit');
}

/** A whole number within limits. */
export function parseCount(option: string, text: string, least: number, most: number): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= least && value <= most)) throw badValue(option, text, `give a number from ${least} to ${most}`);
  return value;
}

/** `12.3 MB`. */
export function sizeText(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
  const power = bytes < 1000 ? 0 : Math.min(4, Math.floor(Math.log10(bytes) / 3));
  return `${power === 0 ? bytes : (bytes / 1000 ** power).toFixed(1)} ${units[power] ?? ''}`;
}
