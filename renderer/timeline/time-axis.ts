/** Ticks of a time axis, from years down to nanoseconds. */
import { formatClock, formatDay, zoneOffsetNs } from '../draw/format.ts';

const DAY_NS = 86_400e9;
const STEPS_NS = [
  ...[1, 1e3, 1e6].flatMap((unit) => [1, 2, 5, 10, 20, 50, 100, 200, 500].map((n) => n * unit)),
  ...[1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 43_200].map((s) => s * 1e9),
  ...[1, 2, 7, 14, 28, 91, 365].map((days) => days * DAY_NS),
];
/** Room a label takes, px, by the digits of its second. */
const APART: Readonly<Record<Digits, number>> = { 0: 76, 3: 96, 6: 116, 9: 136 };

export type Digits = 0 | 3 | 6 | 9;
/** Digits of the second that tell times apart which are a step from each other. */
export const digitsFor = (stepNs: number): Digits => (stepNs >= 1e9 ? 0 : stepNs >= 1e6 ? 3 : stepNs >= 1e3 ? 6 : 9);

/** Steps from here on are round by the clock of the zone, which may be set while a session lasts. */
const ZONED_NS = 3600e9;

/** Round wall-clock steps, `apart` px between labels at least and as much as they need. */
export function timeTicks(
  fromNs: number,
  toNs: number,
  width: number,
  epochNs: string,
  apart = 0,
): { atNs: number; label: string }[] {
  const perPx = (toNs - fromNs) / width;
  const step =
    STEPS_NS.find((ns) => ns >= perPx * Math.max(apart, APART[digitsFor(ns)])) ?? (STEPS_NS.at(-1) as number);
  const ahead = (atNs: number): number => (step >= ZONED_NS ? zoneOffsetNs(epochNs, atNs) : 0);
  const zone = ahead(fromNs);
  const offset = Number((BigInt(epochNs) + BigInt(zone)) % BigInt(step));
  const ticks: { atNs: number; label: string }[] = [];
  const first = Math.ceil((fromNs + offset) / step);
  for (let i = 0; ; i++) {
    const even = (first + i) * step - offset;
    const atNs = even - (ahead(even) - zone);
    if (atNs > toNs) return ticks;
    // An hour that the clock left out when it was set forward is nowhere.
    if (atNs < fromNs || ahead(atNs) !== ahead(even)) continue;
    const label = step >= DAY_NS ? formatDay(epochNs, atNs) : formatClock(epochNs, atNs, digitsFor(step));
    ticks.push({ atNs, label });
  }
}
