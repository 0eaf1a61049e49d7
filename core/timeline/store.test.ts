import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { heatRow, levelNs, TimelineStore, type Bin } from './store.ts';

function bins(store: TimelineStore, flow: number, fromNs: number, toNs: number, binNs: number): Bin[] {
  const out: Bin[] = [];
  store.eachBin(flow, fromNs, toNs, binNs, (bin) => out.push({ ...bin }));
  return out;
}

describe('the timeline store', () => {
  it('gives the same minimum, maximum, sum and count as the samples themselves, at any zoom and order of arrival', () => {
    const sample = fc.record({
      atNs: fc.double({ min: 0, max: 3.6e12, noNaN: true }),
      valueNs: fc.integer({ min: 1000, max: 2e9 }),
    });
    fc.assert(
      fc.property(
        fc.array(sample, { minLength: 1, maxLength: 300 }),
        fc.integer({ min: 0, max: 16 }),
        (samples, zoom) => {
          const store = new TimelineStore();
          for (const { atNs, valueNs } of samples) store.addRtt(3, valueNs, atNs);
          const binNs = levelNs(0) * 2 ** zoom;
          const wanted = new Map<number, number[]>();
          for (const { atNs, valueNs } of samples) {
            const bin = Math.floor(atNs / binNs);
            wanted.set(bin, [...(wanted.get(bin) ?? []), valueNs]);
          }
          const got = bins(store, 3, 0, 4e12, binNs);
          expect(got.map(({ bin }) => bin)).toEqual([...wanted.keys()].sort((a, b) => a - b));
          for (const bin of got) {
            const values = wanted.get(bin.bin) as number[];
            expect([bin.rttMinNs, bin.rttMaxNs, bin.rttCount]).toEqual([
              Math.min(...values),
              Math.max(...values),
              values.length,
            ]);
            expect(bin.rttSumNs).toBe(values.reduce((a, b) => a + b, 0));
          }
        },
      ),
    );
  });

  it('counts every response once in the heatmap, whichever zoom', () => {
    const store = new TimelineStore();
    for (let i = 0; i < 1000; i++) store.addResponse(i % 7, 1e5 * 10 ** (i % 5), i * 37e6);
    for (const zoom of [0, 3, 9]) {
      let total = 0;
      store.eachHeat(0, 1e12, levelNs(0) * 2 ** zoom, (_bin, _row, count) => (total += count));
      expect(total).toBe(1000);
    }
    expect([heatRow(1e4), heatRow(1e5), heatRow(1e9), heatRow(1e12)]).toEqual([0, 0, 31, 31]);
  });

  it('answers the same from a coarse level as from the finest', () => {
    const store = new TimelineStore();
    for (let i = 0; i < 5000; i++) store.addRtt(0, 1e6 + (i % 97) * 1e4, i * 20e6);
    const coarse = bins(store, 0, 0, 1e12, levelNs(3));
    expect(coarse.reduce((sum, bin) => sum + bin.rttCount, 0)).toBe(5000);
    expect(coarse.reduce((sum, bin) => sum + bin.rttSumNs, 0)).toBe(
      Array.from({ length: 5000 }, (_, i) => 1e6 + (i % 97) * 1e4).reduce((a, b) => a + b),
    );
    expect(coarse[0]).toMatchObject({ rttMinNs: 1e6, rttCount: Math.ceil(levelNs(3) / 20e6) });
  });

  it('costs nothing for a silence of ten years', () => {
    const store = new TimelineStore();
    store.addBytes(0, 10, 1, 0);
    store.addBytes(0, 20, 2, 3.15e17);
    expect(bins(store, 0, 0, 4e17, store.binNsFor(4e17, 800)).map(({ bytes }) => bytes)).toEqual([10, 20]);
  });

  it('makes one mark of a burst and keeps marks in order of time', () => {
    const store = new TimelineStore();
    store.addMark(1, 0, 1, 5e9, 1, null);
    store.addMark(1, 0, 1, 5.1e9, 2, null);
    store.addMark(2, 1, 2, 1e9, 1, 'NO_SOCKET');
    expect(store.marks.map(({ atNs, count }) => [atNs, count])).toEqual([
      [1e9, 1],
      [5e9, 3],
    ]);
    expect(store.markFrom(2e9)).toBe(1);
    expect(bins(store, 1, 0, 1e10, levelNs(0)).some(({ trouble }) => trouble === 1)).toBe(true);
  });
});
