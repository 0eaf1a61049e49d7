/** A recording cut at a thousand places, and the state that is left: everything up to the last flush. */
import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { HELLO } from '../abi/generated.ts';
import { readCapture } from '../capture/read.ts';
import { Session } from './reader.ts';
import { clockFrame, eventsFrame, give, HashReducer, helloFrame, interfaceFrame, packetsFrame, udpFrame } from './testing/frames.ts'; // prettier-ignore
import { SessionWriter } from './writer.ts';

const folder = mkdtempSync(join(tmpdir(), 'flowglass-truncation-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const CUTS = Number(process.env['FLOWGLASS_CUTS'] ?? 1000);
const BOOT = 5_000_000_000_000n;
const WALL = 1_790_000_000_000_000_000n;
const ms = (n: number): bigint => BigInt(Math.round(n * 1e6));
const maker = { fresh: () => new HashReducer(), restore: (state: Uint8Array) => HashReducer.restore(state) };

interface Flush {
  readonly size: number;
  readonly frames: number;
  readonly hash: number;
  readonly packets: number;
}

/** A recording of six seconds; what had been taken in at each moment when the file grew. */
function record(): { bytes: Buffer; flushes: Flush[]; final: HashReducer } {
  const path = join(folder, 'whole.pcapng');
  const reducer = new HashReducer();
  let now = 0;
  const writer = new SessionWriter({
    path,
    application: 'test',
    snaplen: 256,
    timer: false,
    now: () => now,
    serialize: () => reducer.serialize(3000),
    ownerOf: () => ({ pid: 7, tid: 7 }),
  });
  const frame = (each: ReturnType<typeof helloFrame>, counted = true): void => {
    if (counted) give((...rest) => reducer.apply(...rest), each);
    give((...rest) => writer.frame(...rest), each);
  };
  const hello = helloFrame();
  hello.bytes.fill(0, HELLO.token, HELLO.token + 32); // not stored
  for (const each of [hello, clockFrame(BOOT, WALL), interfaceFrame(0, 'veth0', BOOT)]) frame(each);
  const flushes: Flush[] = [];
  for (let i = 1; i <= 60; i++) {
    const atNs = BOOT + ms(i * 100);
    frame(eventsFrame(atNs, 20, i));
    frame(packetsFrame([{ iface: 0, atNs, data: udpFrame(i, 90) }]), false);
    now += 100;
    writer.tick();
    const { size } = statSync(path);
    if (size > (flushes.at(-1)?.size ?? 0)) {
      flushes.push({ size, frames: reducer.frames, hash: reducer.hash, packets: writer.counts.packets });
    }
  }
  writer.close();
  return { bytes: readFileSync(path), flushes, final: reducer };
}

describe('a recording cut anywhere', () => {
  it(`${CUTS} cuts: opens, says where it was cut, and holds everything up to the last flush`, async () => {
    const { bytes, flushes, final } = record();
    expect(flushes.length).toBeGreaterThan(4);
    const path = join(folder, 'cut.pcapng');
    const head = bytes.indexOf('FLOWGLAS') + 600;
    for (let i = 0; i < CUTS; i++) {
      // Evenly over the file, each time shifted by a step that meets every remainder of four.
      const cut = head + Math.floor(((bytes.length - head) * (i + (i % 4) / 4)) / CUTS);
      writeFileSync(path, bytes);
      truncateSync(path, cut);
      const session = await Session.open(path);
      if (session === null) throw new Error(`not a session when cut at ${cut}`);
      const { reducer } = await session.replay(maker);
      const last = flushes.filter(({ size }) => size <= cut).at(-1);
      const told = [cut, session.truncated, session.cutAt === null || session.cutAt === cut];
      expect(told).toEqual([cut, true, true]);
      expect([cut, reducer.frames >= (last?.frames ?? 0)]).toEqual([cut, true]);
      expect([cut, session.captured.packets >= (last?.packets ?? 0)]).toEqual([cut, true]);
      // The same frames in the same order as they were recorded: a hash of all of them.
      const same = flushes.find(({ frames }) => frames === reducer.frames);
      if (same !== undefined) expect([cut, reducer.hash]).toEqual([cut, same.hash]);
      if (reducer.frames === final.frames) expect(reducer.hash).toBe(final.hash);
      await session.close();
      if (i % 50 === 0) expect((await readCapture(path, {})).packets).toBe(session.captured.packets);
    }
  }, 120_000);
});
