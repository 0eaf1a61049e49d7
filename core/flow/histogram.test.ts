import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bucketOf, BUCKETS, Histograms, middleOf } from './histogram.ts';
import { SnapshotReader, SnapshotWriter } from './snapshot.ts';

/** Nearest rank, from the definition. */
const rank = (values: number[], p: number): number => {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.ceil(p * sorted.length) - 1] ?? NaN;
};

const durations = fc.oneof(
  fc.integer({ min: 0, max: 300 }),
  fc.integer({ min: 0, max: 2_000_000_000 }),
  fc.double({ min: 0, max: 42, noNaN: true }).map((exponent) => Math.floor(2 ** exponent)),
);

describe('histogram', () => {
  it('puts every duration within 0.8 % of the middle of its bucket, in order', () => {
    fc.assert(
      fc.property(durations, durations, (a, b) => {
        expect(Math.abs(middleOf(bucketOf(a)) - a)).toBeLessThanOrEqual(a * 0.008);
        if (a <= b) expect(bucketOf(a)).toBeLessThanOrEqual(bucketOf(b));
      }),
    );
    expect(bucketOf(2 ** 60)).toBe(BUCKETS - 1);
  });

  it('gives percentiles within 1 % of the exact ones; extremes, mean and jitter exactly', () => {
    fc.assert(
      fc.property(fc.array(durations, { minLength: 1, maxLength: 400 }), (values) => {
        const histograms = new Histograms();
        const other = histograms.create();
        const histogram = histograms.create();
        let jitter = 0;
        values.forEach((value, i) => {
          histograms.add(histogram, value);
          histograms.add(other, value + 1);
          if (i > 0) jitter += (Math.abs(value - (values[i - 1] ?? 0)) - jitter) / 16;
        });
        const read = histograms.read(histogram);
        expect(read?.n).toBe(values.length);
        expect(read?.minNs).toBe(Math.min(...values));
        expect(read?.maxNs).toBe(Math.max(...values));
        expect(read?.meanNs).toBeCloseTo(values.reduce((a, b) => a + b, 0) / values.length, 3);
        for (const [p, got] of [
          [0.5, read?.p50Ns],
          [0.9, read?.p90Ns],
          [0.99, read?.p99Ns],
        ] as const) {
          const exact = rank(values, p);
          expect(Math.abs((got ?? NaN) - exact)).toBeLessThanOrEqual(exact * 0.01);
        }
        const mean = values.reduce((a, b) => a + b, 0) / values.length;
        const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
        expect(Math.abs(histograms.deviation(histogram) - deviation)).toBeLessThanOrEqual(1 + Math.max(...values) * 0.008); // prettier-ignore
        if (values.length < 2) expect(read?.jitterNs).toBeNull();
        else expect(Math.abs((read?.jitterNs ?? NaN) - jitter)).toBeLessThanOrEqual(1 + jitter * 1e-5);
      }),
    );
  });

  it('holds a million samples of every size in one bounded block', () => {
    const histograms = new Histograms();
    const histogram = histograms.create();
    let seed = 1;
    for (let i = 0; i < 200_000; i++) {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      histograms.add(histogram, 2 ** ((seed / 2 ** 32) * 52));
    }
    expect(histograms.bytes).toBeLessThan(72 * 1024);
    expect(histograms.read(histogram)?.n).toBe(200_000);
  });

  it('is the same after it was saved and loaded', () => {
    const histograms = new Histograms();
    const one = histograms.create();
    for (let i = 0; i < 100; i++) histograms.add(one, i * 1000);
    const out = new SnapshotWriter();
    histograms.save(out);
    const loaded = new Histograms();
    loaded.load(new SnapshotReader(out.finish()));
    histograms.add(one, 7);
    loaded.add(one, 7);
    expect(loaded.read(one)).toEqual(histograms.read(one));
  });
});
