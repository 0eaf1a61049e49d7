import fc from 'fast-check';
import { expect, it } from 'vitest';
import { SAMPLE_BYTES, SAMPLE_RTT, Samples } from './samples.ts';
import { levelNs, TimelineStore } from './store.ts';

function between(samples: Samples, fromNs: number, toNs: number): number[] {
  const found: number[] = [];
  samples.each(fromNs, toNs, (_flow, _kind, value) => found.push(value));
  return found.sort((a, b) => a - b);
}

it('gives every sample of a time that is complete, also those that came up to two seconds late', () => {
  const step = fc.record({ passedNs: fc.integer({ min: 0, max: 1e9 }), lateNs: fc.integer({ min: 0, max: 1e9 }) });
  fc.assert(
    fc.property(
      fc.array(step, { minLength: 1, maxLength: 200 }),
      fc.integer({ min: 8, max: 64 }),
      (steps, capacity) => {
        const samples = new Samples(capacity);
        const times: number[] = [];
        let nowNs = 2e9;
        steps.forEach(({ passedNs, lateNs }, value) => {
          nowNs += passedNs;
          times.push(nowNs - lateNs);
          samples.add(0, SAMPLE_RTT, value, nowNs - lateNs);
        });
        const fromNs = Math.max(0, samples.completeFromNs);
        expect(between(samples, fromNs, Infinity)).toEqual(times.flatMap((at, value) => (at >= fromNs ? [value] : [])));
        const middle = times[times.length >> 1] ?? 0;
        if (middle >= fromNs) expect(between(samples, middle, middle + 1)).toContain(times.length >> 1);
      },
    ),
  );
});

it('bins are a nanosecond where samples are kept, and as fine as what is left where they are not', () => {
  const store = new TimelineStore(new Samples(100));
  for (let i = 0; i < 300; i++) store.addBytes(0, 1, 1, i * 1e6);
  expect(store.samples.completeFromNs).toBe(199e6 + 1);
  expect(store.binNsFor(300, 400, 250e6)).toBe(1);
  expect(store.binNsFor(300, 400, 100e6)).toBe(levelNs(0));
  let sampled = 0;
  store.samples.each(250e6, 250e6 + 300, (_flow, kind) => (sampled += Number(kind === SAMPLE_BYTES)));
  expect(sampled).toBe(1);
});
