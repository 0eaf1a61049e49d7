import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { formatClock } from '../draw/format.ts';
import { timeTicks } from './time-axis.ts';

const HOUR_NS = 3600e9;
/** Ns since 1970, as the state event has it, and back. */
const epochOf = (instant: string): string => String(BigInt(Date.parse(instant)) * 1_000_000n);

describe('an axis over a change of summer time', () => {
  beforeEach(() => vi.stubEnv('TZ', 'Europe/Berlin'));
  afterEach(() => vi.unstubAllEnvs());

  // The clock goes back from 03:00 to 02:00 at 01:00 UTC on 25 October, and forward at 01:00 UTC on 29 March.
  it.each([
    ['back', '2026-10-24T20:00:00Z', ['00:00:00', '02:00:00', '04:00:00', '06:00:00', '08:00:00']],
    ['forward', '2026-03-28T21:00:00Z', ['00:00:00', '04:00:00', '06:00:00', '08:00:00']],
  ])('%s has round hours before and after, in order', (_which, start, wanted) => {
    const epoch = epochOf(start);
    const ticks = timeTicks(0, 12 * HOUR_NS, 600, epoch);
    const labels = ticks.map(({ label }) => label);
    expect(labels.filter((label) => !/^\d[02468]:00:00$/.test(label))).toEqual([]);
    expect(labels).toEqual(expect.arrayContaining(wanted));
    for (const { atNs, label } of ticks) expect(formatClock(epoch, atNs)).toBe(label);
    const gaps = ticks.slice(1).map(({ atNs }, i) => (atNs - (ticks[i]?.atNs ?? 0)) / HOUR_NS);
    expect(gaps.every((gap) => gap >= 1 && gap <= 3)).toBe(true);
  });

  it('has each day once, at its midnight', () => {
    const epoch = epochOf('2026-10-23T12:00:00Z');
    const ticks = timeTicks(0, 5 * 24 * HOUR_NS, 600, epoch);
    expect(ticks.map(({ label }) => label).map((label) => Number(/\d+/.exec(label)?.[0]))).toEqual([
      24, 25, 26, 27, 28,
    ]);
    expect(ticks.map(({ atNs }) => formatClock(epoch, atNs))).toEqual(new Array(5).fill('00:00:00'));
  });

  it('leaves session time alone: an hour stays an hour', () => {
    const epoch = epochOf('2026-10-25T00:30:00Z');
    expect([0, 1, 2].map((hours) => formatClock(epoch, hours * HOUR_NS))).toEqual(['02:30:00', '02:30:00', '03:30:00']);
  });
});
