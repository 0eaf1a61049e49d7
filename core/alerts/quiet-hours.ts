/** Hours in which alerts are noted, but nobody is told: `22:00-07:00`, `sat,sun`, `mon-fri 12:00-13:00`. */

const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;
const DAY_MINUTES = 24 * 60;

export interface QuietHours {
  /** As it was written. */
  readonly text: string;
  /** Days (0 = Sunday) on which it begins. */
  readonly days: ReadonlySet<number>;
  /** Minutes of the day; `to` at or before `from` = on the next day. */
  readonly from: number;
  readonly to: number;
}

/** What is expected, for the sentence on a text that is none. */
export const QUIET_HINT = 'write 22:00-07:00, sat,sun or mon-fri 12:00-13:00';

const minuteOf = (text: string): number | null => {
  const match = /^([01]?\d|2[0-4]):([0-5]\d)$/.exec(text);
  const minute = match === null ? NaN : Number(match[1]) * 60 + Number(match[2]);
  return minute <= DAY_MINUTES ? minute : null;
};

function daysOf(text: string): Set<number> | null {
  const days = new Set<number>();
  for (const part of text.toLowerCase().split(',')) {
    const [first, last, ...rest] = part.split('-').map((name) => DAYS.findIndex((day) => day === name.trim()));
    if (first === undefined || first < 0 || (last !== undefined && last < 0) || rest.length > 0) return null;
    for (let day = first; ; day = (day + 1) % 7) {
      days.add(day);
      if (day === (last ?? first)) break;
    }
  }
  return days;
}

/** null = it is none. */
export function parseQuietHours(text: string): QuietHours | null {
  const words = text.trim().split(/\s+/);
  const hours = words.at(-1)?.includes(':') === true ? words.pop() : undefined;
  const days = words.length === 0 ? new Set(DAYS.keys()) : daysOf(words.join(''));
  const [from, to, ...rest] = (hours ?? '00:00-24:00').split('-').map(minuteOf);
  if (days === null || from === undefined || to === undefined || from === null || to === null || rest.length > 0)
    return null;
  if (words.length === 0 && hours === undefined) return null;
  return { text: text.trim(), days, from, to };
}

/** Whether a moment of this machine's clock lies in one of them. */
export function isQuiet(list: readonly QuietHours[], at: Date): boolean {
  const minute = at.getHours() * 60 + at.getMinutes();
  const today = at.getDay();
  return list.some(({ days, from, to }) => {
    if (from < to) return days.has(today) && minute >= from && minute < to;
    return (days.has(today) && minute >= from) || (days.has((today + 6) % 7) && minute < to);
  });
}
