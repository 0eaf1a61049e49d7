import { PassThrough, Duplex } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { FRAME_LOG } from '../abi/generated.ts';
import { HelperConnection } from './connection.ts';

function pair(): { stream: Duplex; input: PassThrough; written: Buffer[] } {
  const input = new PassThrough({ highWaterMark: 1 << 24 });
  const written: Buffer[] = [];
  const output = new PassThrough().on('data', (bytes: Buffer) => written.push(bytes));
  return { stream: Duplex.from({ readable: input, writable: output }), input, written };
}

const peek = (length: number): Buffer => {
  const bytes = Buffer.alloc(8 + length);
  bytes.writeUInt32LE(length, 0);
  bytes.writeUInt16LE(FRAME_LOG, 4);
  return bytes;
};

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));

describe('a helper connection', () => {
  it('acknowledges each MiB that was consumed, by its total', async () => {
    const { stream, input, written } = pair();
    let frames = 0;
    new HelperConnection(stream, () => frames++, () => undefined); // prettier-ignore
    const frame = peek(65536 - 8);
    for (let i = 0; i < 40; i++) {
      input.write(frame);
      await new Promise(setImmediate);
    }
    await settled();
    expect(frames).toBe(40);
    const credits = Buffer.concat(written);
    expect(credits.length).toBe(2 * 16); // 2.5 MiB came in
    expect(credits.readUInt16LE(4)).toBe(133);
    const [first, second] = [credits.readBigUInt64LE(8), credits.readBigUInt64LE(24)];
    expect(first).toBeGreaterThanOrEqual(1n << 20n);
    expect(second - first).toBeGreaterThanOrEqual(1n << 20n);
    expect(second).toBeLessThanOrEqual(40n << 16n);
  });

  it('ends once, with what was wrong, when the other side is hostile', async () => {
    const { stream, input } = pair();
    const ends: unknown[] = [];
    new HelperConnection(stream, () => undefined, (error) => ends.push(error)); // prettier-ignore
    input.write(Buffer.from('ffffffff00000000', 'hex'));
    input.write(peek(10));
    await settled();
    expect(ends).toHaveLength(1);
    expect(String(ends[0])).toContain('a frame of 4294967295 bytes');
  });

  it('ends with an error of the sink', async () => {
    const { stream, input } = pair();
    const ends: unknown[] = [];
    const failure = new Error('disk full');
    new HelperConnection(stream, () => { throw failure; }, (error) => ends.push(error)); // prettier-ignore
    input.write(peek(8));
    await settled();
    expect(ends).toEqual([failure]);
  });
});
