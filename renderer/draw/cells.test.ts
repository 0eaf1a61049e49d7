import { describe, expect, it } from 'vitest';
import { digits, sparkArea, sparkLine } from './cells.ts';

describe('drawings in cells', () => {
  it('reads base-64 digits as 0 to 63', () => {
    expect(digits('AZaz09+/')).toEqual([0, 25, 26, 51, 52, 61, 62, 63]);
    expect(digits('')).toEqual([]);
    expect(digits('é')).toEqual([0]);
  });

  it('draws a line inside its box, newest at the right, and nothing when there was nothing', () => {
    expect(sparkLine([0, 0, 0], 64, 16)).toBe('');
    const line = sparkLine([0, 63, 31], 64, 16);
    const points = line.match(/[\d.]+ [\d.]+/g)?.map((pair) => pair.split(' ').map(Number)) ?? [];
    expect(points.map(([x]) => x)).toEqual([0, 32, 64]);
    for (const [, y] of points) expect(y).toBeGreaterThanOrEqual(0);
    for (const [, y] of points) expect(y).toBeLessThanOrEqual(16);
    expect(sparkArea(line, 64, 16)).toBe(`${line}L64 16L0 16Z`);
    expect(sparkArea('', 64, 16)).toBe('');
  });
});
