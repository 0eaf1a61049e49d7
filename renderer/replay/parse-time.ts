/**
 * A moment as a person types it: a wall time of the viewer's zone (`12:04:31.25`, `2026-11-24 12:04`, or ISO 8601 with a
 * zone), an offset from the cursor (`+1m 30s`, `-200ms`), a time since the start (`90s`, `1h2m`), `start` or `end`.
 */
import { formatClock, inUtc } from '../draw/format.ts';
import { t } from '../language/language.ts';

/** Where typed times are counted from; session times in ns, `epochNs` as the state event has it. */
export interface TimeFrame {
  readonly epochNs: string;
  readonly startNs: number;
  readonly endNs: number;
  readonly cursorNs: number;
}

export type ParsedTime = { ok: true; atNs: number } | { ok: false; message: string };

const UNITS_NS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  min: 60e9,
  h: 3600e9,
  d: 86_400e9,
};
const CLOCK =
  /^(?:(\d{4})-(\d{1,2})-(\d{1,2})[T ]+)?(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s*(Z|[+-]\d{2}:?\d{2})?$/i;

/** The session time that `text` names, or one sentence on why it names none. */
export function parseTime(text: string, frame: TimeFrame): ParsedTime {
  const typed = text.trim();
  if (typed === '') return { ok: false, message: t('replay.nothingTyped', { forms: t('replay.forms') }) };
  if (/^start$/i.test(typed)) return { ok: true, atNs: frame.startNs };
  if (/^end$/i.test(typed)) return { ok: true, atNs: frame.endNs };
  const clock = CLOCK.exec(typed);
  if (clock) return wallTime(typed, clock, frame);
  const sign = typed[0] === '+' ? 1 : typed[0] === '-' || typed[0] === '−' ? -1 : 0;
  const ns = duration(sign === 0 ? typed : typed.slice(1));
  if (ns === null)
    return { ok: false, message: t('replay.noTime', { typed: typed.slice(0, 40), forms: t('replay.forms') }) };
  return within(typed, sign === 0 ? frame.startNs + ns : frame.cursorNs + sign * ns, frame);
}

/** ns of `1h 2m 3.5s`; a bare number is seconds; null when it is no duration. */
function duration(text: string): number | null {
  const compact = text.replace(/\s+/g, '');
  if (/^\d+([.,]\d+)?$/.test(compact)) return Number(compact.replace(',', '.')) * 1e9;
  const part = /(\d+(?:[.,]\d+)?)(ns|us|µs|ms|min|s|m|h|d)/gy;
  let sum = 0;
  let end = 0;
  for (let match = part.exec(compact); match; match = part.exec(compact)) {
    sum += Number(match[1]!.replace(',', '.')) * UNITS_NS[match[2]!]!;
    end = part.lastIndex;
  }
  return end > 0 && end === compact.length ? sum : null;
}

function wallTime(typed: string, match: RegExpExecArray, frame: TimeFrame): ParsedTime {
  const [, year, month, day, hours, minutes, seconds = '0', fraction = '', named] = match;
  const zone = named ?? (inUtc() ? 'Z' : undefined);
  const [h, m, s] = [Number(hours), Number(minutes), Number(seconds)];
  if (h > 23 || m > 59 || s > 59) return { ok: false, message: t('replay.noClock', { typed }) };
  const nanos = BigInt(fraction.padEnd(9, '0') || '0');
  const sessionNs = (ms: number): number => Number(BigInt(ms) * 1_000_000n + nanos - BigInt(frame.epochNs));
  const onDay = (y: number, mon: number, d: number): number =>
    zone === undefined ? new Date(y, mon, d, h, m, s).getTime() : Date.UTC(y, mon, d, h, m, s) - zoneMs(zone);
  if (year !== undefined) {
    const date = new Date(Number(year), Number(month) - 1, Number(day));
    if (date.getMonth() !== Number(month) - 1 || date.getDate() !== Number(day))
      return { ok: false, message: t('replay.noDay', { day: `${year}-${month}-${day}` }) };
    return within(typed, sessionNs(onDay(date.getFullYear(), date.getMonth(), date.getDate())), frame);
  }
  // Without a date: the day on which that time lies in the session, nearest to the cursor.
  const cursor = new Date(Number((BigInt(frame.epochNs) + BigInt(Math.round(frame.cursorNs))) / 1_000_000n));
  const spanDays = Math.ceil((frame.endNs - frame.startNs) / 86_400e9) + 1;
  let best = NaN;
  for (let by = -spanDays; by <= spanDays; by++) {
    const atNs = sessionNs(onDay(cursor.getFullYear(), cursor.getMonth(), cursor.getDate() + by));
    const inside = atNs >= frame.startNs && atNs <= frame.endNs;
    if (inside && !(Math.abs(best - frame.cursorNs) <= Math.abs(atNs - frame.cursorNs))) best = atNs;
  }
  const today = sessionNs(onDay(cursor.getFullYear(), cursor.getMonth(), cursor.getDate()));
  return within(typed, Number.isNaN(best) ? today : best, frame);
}

function zoneMs(zone: string): number {
  if (/^z$/i.test(zone)) return 0;
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(-2));
  return (zone[0] === '-' ? -minutes : minutes) * 60_000;
}

function within(typed: string, atNs: number, { epochNs, startNs, endNs }: TimeFrame): ParsedTime {
  if (atNs >= startNs && atNs <= endNs) return { ok: true, atNs };
  // A whole second was typed: the session may begin or end within it.
  if (atNs < startNs && startNs - atNs < 1e9) return { ok: true, atNs: startNs };
  return {
    ok: false,
    message: t(atNs < startNs ? 'replay.before' : 'replay.after', {
      typed,
      from: formatClock(epochNs, startNs),
      to: formatClock(epochNs, endNs),
    }),
  };
}
