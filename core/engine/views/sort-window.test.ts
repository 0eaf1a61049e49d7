import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sortWindow } from './sort-window.ts';

describe('sorting a window', () => {
  it('puts exactly the places of the window in order, and keeps what is in the range', () => {
    const list = fc.uniqueArray(fc.nat(100_000), { minLength: 1, maxLength: 400 });
    fc.assert(
      fc.property(list, fc.nat(400), fc.nat(400), fc.nat(20), fc.boolean(), (values, a, b, margin, same) => {
        // Few different values: most comparisons are ties that only the number itself decides.
        const order = (x: number, y: number): number => (same ? (x % 3) - (y % 3) : 0) || x - y;
        const outside = Array.from({ length: margin }, (_, i) => 200_000 + i);
        const mixed = Uint32Array.from([...outside, ...values, ...outside]);
        const [low, high] = [margin, margin + values.length];
        const [from, to] = [low + Math.min(a, b), low + Math.max(a, b)];
        sortWindow(mixed, [low, high], [from, to], order);
        const sorted = values.toSorted(order);
        expect([...mixed.subarray(from, Math.min(to, high))]).toEqual(sorted.slice(from - low, to - low));
        expect([...mixed.subarray(low, high)].sort(order)).toEqual(sorted);
        expect([...mixed.subarray(0, low), ...mixed.subarray(high)]).toEqual([...outside, ...outside]);
      }),
    );
  });

  it('takes about as many comparisons as there are rows, however they stand', () => {
    const n = 200_000;
    for (const place of [
      (i: number) => i,
      (i: number) => n - i,
      (i: number) => (i * 7919) % n,
      (i: number) => Math.min(i, n - i) * 2 + (i * 2 > n ? 1 : 0),
    ]) {
      const list = Uint32Array.from({ length: n }, (_, i) => place(i));
      let comparisons = 0;
      sortWindow(list, [0, n], [1000, 1060], (a, b) => (comparisons++, a - b));
      expect(comparisons).toBeLessThan(12 * n);
      expect([...list.subarray(1000, 1060)]).toEqual(
        Array.from(list)
          .sort((a, b) => a - b)
          .slice(1000, 1060),
      );
    }
  });
});
