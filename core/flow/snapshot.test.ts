import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as abi from '../abi/generated.ts';
import {
  clockRecord,
  eventsFrame,
  feed,
  flowsFrame,
  type Frame,
  frame,
  helloRecord,
  opening,
  processRecord,
  socketsFrame,
} from './frames.testkit.ts';
import { COUNTERS } from './flows.ts';
import { Reducer } from './reducer.ts';

const small = fc.integer({ min: 0, max: 5 });
const at = fc.integer({ min: 0, max: 200_000 });
const key = fc.record({
  loPort: fc.integer({ min: 1, max: 4 }),
  hiPort: fc.constantFrom(53, 80),
  protocol: fc.constantFrom(6, 17, 1),
  iface: fc.constantFrom(0, abi.IFACE_NONE),
});
const counters = fc.record({ packets: fc.nat(100), bytes: fc.nat(100_000), payload: fc.nat(1000) });
const cookie = fc.bigInt({ min: 0n, max: 6n });

const flows = fc
  .array(
    fc.record({
      cpu: fc.integer({ min: 0, max: 1 }),
      slot: small,
      generation: fc.integer({ min: 1, max: 3 }),
      final: fc.boolean(),
      key: key.map((value) => ({ ...value, iface: 0 })),
      epoch: small,
      flags: fc.nat(0x3fff),
      cookies: fc.tuple(cookie, cookie),
      first: at,
      last: at,
      lo: counters,
      hi: counters,
      zeroWindows: fc.tuple(small, small),
    }),
    { minLength: 1, maxLength: 8 },
  )
  .map((records) => flowsFrame(...records));
const events = fc
  .array(
    fc.record({
      kind: fc.integer({ min: 1, max: 16 }),
      a: fc.nat(120),
      b: small,
      at,
      cookie,
      valueNs: fc.nat(50_000_000),
      epoch: small,
      hiToLo: fc.boolean(),
      key: fc.option(key),
    }),
    { minLength: 1, maxLength: 30 },
  )
  .map((records) => eventsFrame(...records));
const sockets = fc
  .array(
    fc.record({
      kind: fc.integer({ min: 1, max: 6 }),
      cookie,
      at,
      source: fc.integer({ min: 0, max: 8 }),
      pid: small,
      processStart: fc.bigInt({ min: 1n, max: 2n }),
      comm: fc.constantFrom('a', 'bb', ''),
      protocol: fc.constantFrom(6, 17),
      oldState: fc.integer({ min: 0, max: 12 }),
      newState: fc.integer({ min: 0, max: 12 }),
      flags: fc.nat(7),
      local: fc.tuple(fc.constantFrom('10.0.0.1', '0.0.0.0'), small),
      remote: fc.tuple(fc.constantFrom('10.0.0.2', '0.0.0.0'), small),
      totalRetrans: small,
    }),
    { minLength: 1, maxLength: 8 },
  )
  .map((records) => socketsFrame(...records));
const processes = fc
  .record({
    kind: fc.integer({ min: 1, max: 4 }),
    pid: small,
    parent: small,
    comm: fc.constantFrom('x', 'yy'),
    exe: fc.constantFrom('', '/bin/x'),
    args: fc.constantFrom('', 'x\0-v'),
    cgroup: fc.bigInt({ min: 0n, max: 3n }),
  })
  .map((record) => frame(abi.FRAME_PROCESSES, processRecord(record)));
const clock = at.map((value) => frame(abi.FRAME_CLOCK, clockRecord(value)));
const hello = fc.constant(frame(abi.FRAME_HELLO, helloRecord()));
const session = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: flows },
    { weight: 6, arbitrary: events },
    { weight: 6, arbitrary: sockets },
    { weight: 2, arbitrary: processes },
    { weight: 1, arbitrary: clock },
    { weight: 1, arbitrary: hello },
  ),
  { minLength: 1, maxLength: 40 },
);

const run = (frames: Frame[], reducer = new Reducer()): Reducer => {
  feed(reducer, ...frames);
  return reducer;
};

describe('a keyframe', () => {
  it('continues to the same state, byte for byte, from wherever it was made', () => {
    fc.assert(
      fc.property(session, fc.array(fc.nat(40), { maxLength: 3 }), (frames, cuts) => {
        const all = [...opening(), ...frames];
        const straight = run(all).serialize();
        let reducer = new Reducer();
        let done = 0;
        for (const cut of [...cuts.map((n) => Math.min(n, all.length)).sort((a, b) => a - b), all.length]) {
          feed(reducer, ...all.slice(done, cut));
          done = cut;
          const bytes = reducer.serialize();
          reducer = Reducer.restore(bytes);
          expect(Buffer.compare(reducer.serialize(), bytes)).toBe(0);
        }
        expect(Buffer.compare(reducer.serialize(), straight)).toBe(0);
      }),
      { numRuns: 150 },
    );
  });

  it('that is cut or changed is refused with a sentence or read, but never hangs or crashes what follows', () => {
    const frames = fc.sample(session, { numRuns: 3, seed: 7 }).flat();
    const bytes = run([...opening(), ...frames]).serialize();
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(255), fc.boolean(), (place, value, cut) => {
        const damaged = cut ? bytes.slice(0, place) : Uint8Array.from(bytes);
        if (!cut) damaged[place] = value;
        let reducer: Reducer;
        try {
          reducer = Reducer.restore(damaged);
        } catch (error) {
          expect(error).toMatchObject({ name: 'FlowglassError', code: expect.stringMatching('^KEYFRAME_') as unknown });
          return;
        }
        feed(reducer, ...frames);
      }),
      { numRuns: 300 },
    );
  });
});

describe('the order of frames', () => {
  it('of different types does not change what is counted', () => {
    fc.assert(
      fc.property(
        fc.array(flows, { maxLength: 6 }),
        fc.array(fc.oneof(sockets, processes), { maxLength: 6 }),
        (one, two) => {
          const sum = (reducer: Reducer): number => {
            let total = 0;
            const { counters, rows } = reducer.model.flows;
            for (let i = 0; i < rows.count * 2 * COUNTERS; i++) total += counters.data[i] ?? NaN;
            return total;
          };
          expect(sum(run([...opening(), ...one, ...two]))).toBe(sum(run([...opening(), ...two, ...one])));
        },
      ),
      { numRuns: 50 },
    );
  });
});
