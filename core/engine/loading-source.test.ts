import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { concat, ipv4, udp } from '../dissect/test-packets.ts';
import { sessionSummary } from '../summary/session.ts';
import { ForeignSource, openingForeign } from './foreign-source.ts';
import { IndexCache } from './index-cache/index-cache.ts';
import { finishedWithin, LoadingSource } from './loading-source.ts';

const folder = mkdtempSync(join(tmpdir(), 'flowglass-loading-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const PACKETS = 6000;

/** Larger than several pieces that are read at once: a datagram each millisecond. */
function written(): string {
  const path = join(folder, 'large.pcap');
  const packet = ipv4('10.0.0.1', '10.0.0.2', 17, udp(5000, 9, new Uint8Array(1000)));
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4, 0);
  header.writeUInt32LE(0x00040002, 4);
  header.writeUInt32LE(262144, 16);
  header.writeUInt32LE(101, 20);
  const records = Array.from({ length: PACKETS }, (_, i) => {
    const head = Buffer.alloc(16);
    head.writeUInt32LE(1_700_000_000 + Math.floor(i / 1000), 0);
    head.writeUInt32LE((i % 1000) * 1000, 4);
    head.writeUInt32LE(packet.length, 8);
    head.writeUInt32LE(packet.length, 12);
    return [head, packet];
  });
  writeFileSync(path, Buffer.concat([header, ...records.flat()]));
  return path;
}

const path = written();
const cache = new IndexCache(join(folder, 'cache'));
const options = (progress: () => void = () => undefined) => ({ signal: new AbortController().signal, progress, clock: () => '', cache, indexedBytes: 1 }); // prettier-ignore

/** One whose reading waits where a test wants it: after the first piece. */
async function begun(): Promise<{ source: LoadingSource; first: Promise<void> }> {
  let passed = (): void => undefined;
  const first = new Promise<void>((resolve) => (passed = resolve));
  const source = (await openingForeign(
    path,
    options(() => passed()),
  )) as LoadingSource;
  expect(source).toBeInstanceOf(LoadingSource);
  return { source, first };
}

describe('a large capture while it is read', () => {
  it('shows what was read so far; stopped, that stays, with a sentence on it and no index', async () => {
    const { source, first } = await begun();
    expect(await finishedWithin(source, 0)).toBe(source);
    await first;
    source.stop();
    source.tick();
    const soFar = sessionSummary(source.summary());
    expect(soFar.packets).toBeGreaterThan(0);
    const finished = await source.done;
    const { packets } = sessionSummary(finished.summary());
    expect(packets).toBeGreaterThanOrEqual(soFar.packets);
    expect(packets).toBeLessThan(PACKETS);
    expect(finished.model).toBe(source.model);
    expect([finished.truncated, finished.damage]).toEqual([true, expect.stringMatching(new RegExp(`^reading was stopped at \\d+ %: the ${packets} packets before it are here$`))]); // prettier-ignore
    await finished.seek(finished.endNs / 2);
    expect(sessionSummary(finished.summary()).packets).toBeLessThan(packets);
    await finished.close();
    const again = await openingForeign(path, options());
    expect(again).toBeInstanceOf(LoadingSource);
    await again.close();
  });

  it('ends as one that was opened at once; a seek meanwhile waits for the rest', async () => {
    const { source, first } = await begun();
    await first;
    const sought = source.seek(1e9);
    const finished = await source.done;
    await sought;
    expect([finished.cursorNs, finished.truncated]).toEqual([1e9, false]);
    expect(sessionSummary(finished.summary()).packets).toBe(1001);
    await finished.seek(finished.endNs);
    expect(sessionSummary(finished.summary()).packets).toBe(PACKETS);
    await finished.close();
    expect(await openingForeign(path, options())).toBeInstanceOf(ForeignSource); // by its index
  });

  it('what is no capture is said by whoever waits for the end', async () => {
    const other = join(folder, 'none.pcap');
    writeFileSync(other, concat(new Uint8Array(3_000_000).fill(65)));
    const source = (await openingForeign(other, options())) as LoadingSource;
    await expect(source.done).rejects.toMatchObject({ code: 'not-a-capture' });
    await source.close();
  });
});
