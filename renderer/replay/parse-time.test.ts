import { describe, expect, it } from 'vitest';
import { parseTime, type TimeFrame } from './parse-time.ts';

/** Noon of a day in this machine's zone, as the first moment of a session of ten minutes. */
const NOON = new Date(2026, 10, 24, 12, 0, 0).getTime();
const frame: TimeFrame = { epochNs: `${NOON}000000`, startNs: 0, endNs: 600e9, cursorNs: 100e9 };
const at = (text: string, over: Partial<TimeFrame> = {}): number | string => {
  const parsed = parseTime(text, { ...frame, ...over });
  return parsed.ok ? parsed.atNs : parsed.message;
};

describe('a typed time', () => {
  it('is a wall time of this zone, to the nanosecond', () => {
    expect(at('12:04:31.250')).toBe(271.25e9);
    expect(at('12:04')).toBe(240e9);
    expect(at(' 2026-11-24 12:00:01.000000007 ')).toBe(1_000_000_007);
    expect(at(new Date(NOON + 5000).toISOString())).toBe(5e9);
    const utc = new Date(NOON + 5000).toISOString().slice(0, 19);
    expect(at(`${utc}+00:00`)).toBe(5e9);
  });

  it('without a date is the day nearest to the cursor on which the session has that time', () => {
    const days = { endNs: 3 * 86_400e9 };
    expect(at('13:00', { ...days, cursorNs: 0 })).toBe(3600e9);
    expect(at('13:00', { ...days, cursorNs: 2 * 86_400e9 })).toBe(2 * 86_400e9 + 3600e9);
    expect(at('11:00', { ...days, cursorNs: 0 })).toBe(23 * 3600e9);
  });

  it('is an offset from the cursor, or a time since the start', () => {
    expect(at('+10')).toBe(110e9);
    expect(at('+1m 30s')).toBe(190e9);
    expect(at('-200ms')).toBe(99.8e9);
    expect(at('90s')).toBe(90e9);
    expect(at('1.5m')).toBe(90e9);
    expect(at('start')).toBe(0);
    expect(at('end')).toBe(600e9);
  });

  it('that is none, or lies outside, is said in a sentence', () => {
    expect(at('')).toMatch(/^No time is typed: type a time such as/);
    expect(at('soon')).toMatch(/^“soon” is not a time/);
    expect(at('10x')).toMatch(/is not a time/);
    expect(at('25:00')).toMatch(/^There is no 25:00/);
    expect(at('2026-02-30 10:00')).toBe('There is no day 2026-02-30');
    expect(at('12:30')).toBe('12:30 is after this session ends: it runs from 12:00:00 to 12:10:00');
    expect(at('-5m')).toMatch(/is before this session begins/);
  });
});
