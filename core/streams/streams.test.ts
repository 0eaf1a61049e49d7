import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { BoundedQueue } from './queue.ts';
import { WritableSink } from './sink.ts';

describe('a queue for a collector', () => {
  it('never holds more than its limit and counts what it has no room for', () => {
    const queue = new BoundedQueue(1000);
    for (let i = 0; i < 5000; i++) queue.push(Buffer.alloc(10, i));
    expect([queue.bytes, queue.lost]).toEqual([1000, 4900]);
    for (let i = 0; i < 100; i++) expect(queue.shift()?.[0]).toBe(i & 255);
    expect([queue.shift(), queue.bytes, queue.empty]).toEqual([undefined, 0, true]);
  });
});

describe('a stream whose reader is slow', () => {
  it('waits nowhere, loses what finds no room, and hands on the rest in order when the reader comes back', async () => {
    const got: Buffer[] = [];
    let go: (() => void) | null = null;
    const slow = new Writable({
      highWaterMark: 1024,
      write(chunk: Buffer, _encoding, done) {
        got.push(chunk);
        if (go === null) go = done;
        else done();
      },
    });
    const sink = new WritableSink(100_000);
    sink.use(slow);
    const sent = 20_000;
    for (let i = 0; i < sent; i++) sink.send(Buffer.from(`${String(i).padStart(99, '0')}\n`));
    expect(sink.queuedBytes).toBeLessThan(100_000 + (1 << 18) + 200);
    expect(sink.lost).toBeGreaterThan(10_000);
    go!();
    await sink.close();
    await new Promise((resolve) => slow.end(resolve));
    expect(got.length).toBe(sent - sink.lost);
    expect(sink.written).toBe(got.length);
    const numbers = got.map((line) => Number(line.toString()));
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
  });
});
