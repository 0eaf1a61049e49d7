import { describe, expect, it } from 'vitest';
import { FlowglassError } from '../core/errors.ts';
import { parseCount, parseDuration, parseRotation, parseSize } from './quantities.ts';

describe('durations', () => {
  it.each([
    ['500ms', 500],
    ['10s', 10_000],
    ['5m', 300_000],
    ['2h', 7_200_000],
    ['3', 3000],
    ['1.5s', 1500],
    ['.5', 500],
  ])('%s', (text, ms) => {
    // prettier-ignore
    expect(parseDuration('--duration', text)).toBe(ms);
  });
  it.each(['', '0', '0s', '-1', '1d', '1 s', 's', '1e3', 'NaN', '1..5', '10S', '9999h', 'toString'])(
    'refuses "%s"',
    (text) => {
      expect(() => parseDuration('--duration', text)).toThrow(FlowglassError);
    },
  );
});

describe('sizes', () => {
  it.each([
    ['100', 100],
    ['1kB', 1000],
    ['100MB', 1e8],
    ['2GiB', 2 ** 31],
    ['1.5KiB', 1536],
    ['7B', 7],
  ])('%s', (text, bytes) => {
    // prettier-ignore
    expect(parseSize('--rotate', text)).toBe(bytes);
  });
  it.each(['', '0', '0.5', '1mb', '1 MB', 'MB', '-5MB', '99999999TB', '1Mi'])('refuses "%s"', (text) => {
    expect(() => parseSize('--rotate', text)).toThrow(FlowglassError);
  });
});

describe('rotation', () => {
  it('tells sizes and times apart by their unit', () => {
    expect(parseRotation('--rotate', '100MB')).toEqual({ bytes: 1e8 });
    expect(parseRotation('--rotate', '10m')).toEqual({ ms: 600_000 });
  });
  it.each(['100', 'x', '', '1min', '0MB', '0s'])('refuses "%s"', (text) => {
    expect(() => parseRotation('--rotate', text)).toThrow(FlowglassError);
  });
});

describe('counts', () => {
  it('stay within their limits, and errors have exit status 2 and one line', () => {
    expect(parseCount('--snaplen', '0', 0, 10)).toBe(0);
    for (const text of ['11', '-1', '1.5', '', '0x1', '1e1', 'evil\n\u001b[31m']) {
      try {
        parseCount('--snaplen', text, 0, 10);
        expect.unreachable(text);
      } catch (error) {
        expect(error).toMatchObject({ exitCode: 2 });
        expect(String(error)).not.toMatch(/[\n\u001b]/);
      }
    }
  });
});
