import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { STREAM_MAX, StreamAssembler, type StreamPiece } from './stream.ts';

const text = (pieces: readonly StreamPiece[]): string =>
  pieces
    .map(({ side, data, missing, cut }) =>
      missing > 0 ? `${side}[${cut ? 'cut' : 'gap'} ${missing}]` : `${side}${Buffer.from(data).toString('latin1')}`,
    )
    .join(' ');
const bytes = (said: string): Uint8Array => Buffer.from(said, 'latin1');

describe('a stream put together', () => {
  it('is what was said, in order, whatever was reordered and repeated; what is missing is a hole of that size', () => {
    const cuts = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 40 });
    const dice = fc.array(fc.nat({ max: 99 }), { minLength: 60, maxLength: 60 });
    fc.assert(
      fc.property(cuts, dice, fc.nat({ max: 2 ** 32 - 1 }), (lengths, rolls, isn) => {
        const total = lengths.reduce((a, b) => a + b, 0);
        const said = Uint8Array.from({ length: total }, (_, i) => (i * 31) & 255);
        const roll = (i: number): number => rolls[i % rolls.length]!;
        const sent: { at: number; length: number; order: number }[] = [];
        let at = 0;
        lengths.forEach((length, i) => {
          if (roll(i) >= 15) sent.push({ at, length, order: i + (roll(i + 7) % 5) });
          // Sent again with the one before it, as a sender that packs anew does.
          const before = lengths[i - 1] ?? 0;
          if (roll(i + 3) < 20 && roll(i) >= 15 && roll(i - 1 + rolls.length) >= 15)
            sent.push({ at: at - before, length: length + before, order: i + 6 });
          at += length;
        });
        sent.sort((a, b) => a.order - b.order);
        const assembler = new StreamAssembler(true);
        assembler.begin(0, isn);
        sent.forEach((each, i) =>
          assembler.add(0, (isn + 1 + each.at) >>> 0, each.length, said.subarray(each.at, each.at + each.length), i, i),
        );
        const have = new Uint8Array(total);
        for (const each of sent) have.fill(1, each.at, each.at + each.length);
        const end = Math.max(0, ...sent.map((each) => each.at + each.length));
        const wanted: (number | null)[] = Array.from({ length: end }, (_, i) => (have[i] ? said[i]! : null));
        const got = assembler
          .pieces()
          .flatMap(({ data, missing }): (number | null)[] =>
            missing > 0 ? new Array<null>(missing).fill(null) : [...data],
          );
        expect(got).toEqual(wanted);
      }),
      { numRuns: 300 },
    );
  });

  it('alternates between the sides as their bytes could be read, and a hole holds back what follows', () => {
    const assembler = new StreamAssembler(true);
    assembler.begin(0, 99);
    assembler.begin(1, 499);
    assembler.add(0, 100, 3, bytes('GET'), 1, 1);
    assembler.add(1, 503, 2, bytes('OK'), 3, 3);
    assembler.add(1, 500, 3, bytes('200'), 5, 5);
    assembler.add(0, 103, 3, bytes('BYE'), 4, 4);
    expect(text(assembler.pieces())).toBe('0GETBYE 1200OK');
  });

  it('says what the capture cut off, what was never seen, and begins in the middle without a hole', () => {
    const assembler = new StreamAssembler(true);
    assembler.add(0, 4_294_967_290, 10, bytes('abcd'), 1, 1);
    assembler.add(0, 4, 2, bytes('zz'), 2, 2);
    assembler.add(0, 16, 2, bytes('!!'), 3, 3);
    expect(text(assembler.pieces())).toBe('0abcd 0[cut 6] 0zz 0[gap 10] 0!!');
  });

  it('keeps a bounded part of what was said, and says so', () => {
    const assembler = new StreamAssembler(true);
    const part = new Uint8Array(60_000);
    let taken = 0;
    while (assembler.add(0, taken, part.length, part, taken, taken)) taken += part.length;
    expect(assembler.truncated).toBe(true);
    expect(taken).toBeLessThanOrEqual(STREAM_MAX);
    expect(taken).toBeGreaterThan(STREAM_MAX - part.length);
  });

  it('leaves datagrams as they came', () => {
    const assembler = new StreamAssembler(false);
    assembler.add(0, 0, 1, bytes('?'), 1, 1);
    assembler.add(1, 0, 4, bytes('ye'), 2, 2);
    assembler.add(0, 0, 1, bytes('?'), 3, 3);
    expect(text(assembler.pieces())).toBe('0? 1ye 1[cut 2] 0?');
  });
});
