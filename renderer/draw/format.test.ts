import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatAge,
  formatBytes,
  formatClock,
  formatCount,
  formatElapsed,
  formatLatency,
  formatLatencyTick,
  formatPace,
  formatPercent,
  formatRate,
  joined,
  significant,
  UNIT_SPACE,
  UNKNOWN,
  visibleText,
} from './format.ts';

const us = (value: number): string => formatLatency(value).join(' ');

describe('numbers', () => {
  it('have three significant digits and SI units', () => {
    expect(formatRate(24_600_000)).toEqual(['24.6', 'Mbit/s']);
    expect(formatRate(0)).toEqual(['0', 'bit/s']);
    expect(formatRate(999)).toEqual(['999', 'bit/s']);
    expect(formatRate(999_499)).toEqual(['999', 'kbit/s']);
    expect(formatRate(999_500)).toEqual(['1.00', 'Mbit/s']);
    expect(formatBytes(1_420_000_000)).toEqual(['1.42', 'GB']);
    expect(formatPace(18_432)).toEqual(['18.4', 'k/s']);
    expect(significant(9.999)).toBe('10.0');
    expect(significant(99.96)).toBe('100');
  });

  it('never has more than four digits before the unit, nor an exponent', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1e15, noNaN: true }), (value) => {
        for (const [text] of [formatRate(value), formatBytes(value), formatCount(value)])
          expect(text).toMatch(/^[\d,]{1,7}(\.\d{1,2})?$/);
        expect(formatRate(value)[0].replace(/[.,]/g, '').length).toBeLessThanOrEqual(4);
      }),
    );
  });

  it('latency: whole µs, one decimal, whole ms, then seconds', () => {
    expect([420, 999.4, 999.6, 1100, 9940, 9960, 38_000, 999_400, 999_600, 5_020_000].map(us)).toEqual([
      '420 µs',
      '999 µs',
      '1.0 ms',
      '1.1 ms',
      '9.9 ms',
      '10 ms',
      '38 ms',
      '999 ms',
      '1.00 s',
      '5.02 s',
    ]);
    expect([100, 1000, 30_000, 1e6].map((at) => formatLatencyTick(at).replaceAll(UNIT_SPACE, ' '))).toEqual([
      '0.1 ms',
      '1 ms',
      '30 ms',
      '1 s',
    ]);
  });

  it('unknown is a dash, zero is zero', () => {
    for (const format of [formatRate, formatBytes, formatLatency, formatCount, formatPercent, formatPace])
      expect(format(NaN)).toEqual([UNKNOWN, '']);
    expect(formatPercent(0)).toEqual(['0', '%']);
    expect(formatPercent(0.031)).toEqual(['3.1', '%']);
    expect(formatPercent(0.9)).toEqual(['90', '%']);
    expect(joined(['4', ''])).toBe('4');
    expect(joined(['4', 'ms'])).toBe(`4${UNIT_SPACE}ms`);
  });

  it('counts are full below a million', () => {
    expect(formatCount(999_999)[0]).toBe('999,999');
    expect(formatCount(11_200_000)).toEqual(['11.2', 'M']);
  });
});

describe('time', () => {
  const age = (seconds: number): string => formatAge(seconds * 1e9).replaceAll(UNIT_SPACE, ' ');
  it('ages have two parts at most', () => {
    expect([0.04, 41, 228, 3120, 24_000, 90_000].map(age)).toEqual([
      '40 ms',
      '41 s',
      '3 m 48 s',
      '52 m',
      '6 h 40 m',
      '1 d 01 h',
    ]);
    expect(formatElapsed(767e9)).toBe('00:12:47');
    expect(formatElapsed(-5)).toBe('00:00:00');
  });

  it('clock is exact to the nanosecond far from 1970', () => {
    expect(formatClock('1795521600123456789', 1, 9).slice(-10)).toBe('.123456790');
    expect(formatClock('1795521600000000000', 0.4, 9).slice(-10)).toBe('.000000000');
  });
});

describe('text from the wire', () => {
  it('shows what would act: controls, direction, zero width, line breaks', () => {
    expect(visibleText('\u202egnp.exe')).toBe('\\u{202e}gnp.exe');
    expect(visibleText('a\nb\u0007\u001b[31m')).toBe('a\\u{a}b\\u{7}\\u{1b}[31m');
    expect(visibleText('<b>')).toBe('<b>');
    expect(visibleText('日本 👩 اسم')).toBe('日本 👩 اسم');
  });

  it('never lets one through, is never longer than asked before escapes, and cuts the middle', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 400 }), fc.integer({ min: 4, max: 60 }), (text, max) => {
        const shown = visibleText(text, max);
        expect(shown).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/);
        expect(Array.from(shown.replace(/\\u\{[0-9a-f]+\}/g, '.')).length).toBeLessThanOrEqual(max);
      }),
    );
    expect(visibleText(`head-${'x'.repeat(200)}-tail`, 20)).toMatch(/^head-.*….*-tail$/);
  });
});
