import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FRAME_PACKETS } from '../abi/generated.ts';
import type { FlowglassError } from '../errors.ts';
import { Reducer } from '../flow/reducer.ts';
import { readCapture } from '../capture/read.ts';
import type { SessionWriterOptions } from '../session/options.ts';
import { SYSTEM_CALLS } from '../session/file-sink.ts';
import { Session } from '../session/reader.ts';
import {
  clockFrame,
  eventsFrame,
  type Frame,
  give,
  helloFrame,
  interfaceFrame,
  packetsFrame,
  udpFrame,
} from '../session/testing/frames.ts';
import { recoverRings } from './recover.ts';
import { FlightRing, type RingLimits } from './ring.ts';

const BOOT = 1_000_000_000_000n;
const WALL = 1_790_000_000_000_000_000n;
const REDUCERS = { fresh: () => new Reducer(), restore: (state: Uint8Array) => Reducer.restore(state) };

/** A second of a recording: events, ten packets, a clock. */
class Feed {
  readonly reducer = new Reducer();
  readonly ring: FlightRing;
  ms = 0;

  constructor(prefix: string, limits: RingLimits, writer: Partial<SessionWriterOptions> = {}) {
    this.ring = new FlightRing({
      prefix,
      limits,
      writer: {
        application: 'test',
        snaplen: 0,
        timer: false,
        now: () => this.ms,
        serialize: () => this.reducer.serialize(),
        ...writer,
      },
    });
    for (const first of [helloFrame(), clockFrame(BOOT, WALL), interfaceFrame(0, 'veth0', BOOT)]) this.give(first);
  }

  give(frame: Frame): void {
    give((type, bytes, view, offset, length) => {
      if (type !== FRAME_PACKETS) this.reducer.apply(type, bytes, view, offset, length);
      this.ring.frame(type, bytes, view, offset, length);
    }, frame);
  }

  get bootNs(): bigint {
    return BOOT + BigInt(this.ms) * 1_000_000n;
  }

  seconds(count: number): void {
    for (let second = 0; second < count; second++) {
      for (let tenth = 0; tenth < 10; tenth++) {
        this.ms += 100;
        this.give(packetsFrame([{ iface: 0, atNs: this.bootNs, data: udpFrame(this.ms, 600) }]));
        this.ring.tick();
      }
      this.give(eventsFrame(this.bootNs, 5, this.ms));
      this.give(clockFrame(this.bootNs, WALL + BigInt(this.ms) * 1_000_000n));
    }
  }
}

describe('the flight recorder', () => {
  let folder: string;
  let ring: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'flowglass-ring-'));
    ring = join(folder, 'ring-');
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('keeps the last minutes, saves them as one session like any other, and goes on', async () => {
    const feed = new Feed(ring, { ms: 20_000, bytes: 1e9 });
    feed.seconds(60);
    expect(feed.ring.heldMs).toBeGreaterThanOrEqual(20_000);
    expect(feed.ring.heldMs).toBeLessThan(23_000);
    const path = join(folder, 'saved.pcapng');
    const saved = await feed.ring.save(path);
    expect(Number(BOOT + 60_000_000_000n - saved.fromNs) / 1e9).toBeCloseTo(22, -1);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(feed.ring.folder).mode & 0o777).toBe(0o700);

    const session = (await Session.open(path))!;
    expect(session).toMatchObject({ truncated: false, damagedBlocks: 0, toNs: BOOT + 60_000_000_000n });
    expect(session.captured.packets).toBe(saved.counts.packets);
    let packets = 0;
    let last = 0n;
    await session.packets({}, (_packet, bootNs) => {
      expect(bootNs).toBeGreaterThan(last);
      last = bootNs;
      packets++;
      return true;
    });
    expect(packets).toBe(saved.counts.packets);
    expect(last).toBe(BOOT + 60_000_000_000n);
    for (const atNs of [saved.fromNs + 3_000_000_000n, saved.fromNs + 11_500_000_000n, null]) {
      const straight = (await session.replay(REDUCERS, atNs, { fromStart: true })).reducer.serialize();
      const sought = (await session.replay(REDUCERS, atNs)).reducer.serialize();
      expect(Buffer.compare(straight, sought)).toBe(0);
      if (atNs === null) expect(Buffer.compare(straight, feed.reducer.serialize())).toBe(0);
    }
    await session.close();
    const told = execFileSync('capinfos', ['-c', '-M', path], { encoding: 'utf8' });
    expect(told).toContain(`Number of packets:   ${packets}`);
    let blocks = 0;
    await readCapture(path, { packet: () => void blocks++ });
    expect(blocks).toBe(packets);

    feed.seconds(5);
    const again = await feed.ring.save(join(folder, 'again.pcapng'));
    expect(again.toNs).toBe(BOOT + 65_000_000_000n);
    await feed.ring.close();
    expect(existsSync(feed.ring.folder)).toBe(false);
  });

  it('is bounded in bytes, whatever length was asked for', () => {
    const feed = new Feed(ring, { ms: null, bytes: 1_000_000 });
    for (let i = 0; i < 60; i++) {
      feed.seconds(10);
      const bytes = readdirSync(feed.ring.folder).reduce(
        (sum, name) => sum + statSync(join(feed.ring.folder, name)).size,
        0,
      );
      expect(bytes).toBeLessThan(1_050_000);
    }
    expect(feed.ring.heldMs).toBeGreaterThan(50_000);
    return feed.ring.close().then(() => undefined);
  });

  it('begins a recording in the past and ends it later: nothing twice, nothing left out', async () => {
    const feed = new Feed(ring, { ms: 5_000, bytes: 1e9 });
    feed.seconds(30);
    const path = join(folder, 'triggered.pcapng');
    const recording = feed.ring.begin(path);
    feed.seconds(40);
    const joined = await feed.ring.end(recording);
    const session = (await Session.open(path))!;
    const times: number[] = [];
    await session.packets({}, (_packet, bootNs) => void times.push(Number(bootNs - BOOT) / 1e8));
    const first = times[0]!;
    expect(first).toBeGreaterThan(235);
    expect(first).toBeLessThanOrEqual(251);
    expect(times).toEqual(Array.from({ length: 700 - first + 1 }, (_, i) => first + i));
    expect(joined.counts.packets).toBe(times.length);
    const state = (await session.replay(REDUCERS)).reducer.serialize();
    expect(Buffer.compare(state, feed.reducer.serialize())).toBe(0);
    await session.close();
    expect(feed.ring.heldMs).toBeLessThan(6_000);
    await feed.ring.close();
  });

  it('gives way when the disk fills up, and ends when nothing is left to delete; what was being recorded is whole', async () => {
    let freeBytes = 1e9;
    const errors: FlowglassError[] = [];
    const space = () => ({ freeBytes, totalBytes: 1e9 });
    const feed = new Feed(ring, { ms: 20_000, bytes: 1e9 }, { calls: { ...SYSTEM_CALLS, space }, onError: (error) => errors.push(error) }); // prettier-ignore
    feed.seconds(30);
    const path = join(folder, 'last.pcapng');
    const recording = feed.ring.begin(path);
    feed.seconds(5);
    await expect.poll(() => recording.waiting.length).toBe(0);
    freeBytes = 0;
    expect(() => feed.ring.begin(join(folder, 'none.pcapng'), { calls: { ...SYSTEM_CALLS, space } })).toThrow('the disk is nearly full, so what just happened was not written'); // prettier-ignore
    expect(feed.ring.files.length).toBeGreaterThan(9);
    feed.seconds(2);
    expect(errors.map(({ code, what, where }) => [code, what, where])).toEqual([
      ['disk-nearly-full', 'the disk is nearly full, so nothing more is kept', feed.ring.folder],
    ]);
    expect(feed.ring.files).toHaveLength(1);
    await feed.ring.end(recording);
    const session = (await Session.open(path))!;
    expect(session).toMatchObject({ truncated: false, damagedBlocks: 0 });
    let last = 0n;
    await session.packets({}, (_packet, bootNs) => void (last = bootNs));
    expect(last).toBeGreaterThan(BOOT + 35_000_000_000n);
    await session.close();
    await feed.ring.close();
  });

  it('left behind by a process that was killed, becomes a session file when the next one looks', async () => {
    const path = join(folder, 'shop.pcapng');
    const feed = new Feed(ring, { ms: 20_000, bytes: 1e9 });
    feed.seconds(30);
    const { packets } = feed.ring.counts;
    const gone = spawnSync('true').pid;
    cpSync(feed.ring.folder, join(folder, `.shop.kept-${gone}-abcdef`), { recursive: true });
    mkdirSync(join(folder, `.shop.kept-${gone}-nobody`));
    const [recovered, ...others] = await recoverRings(path, () => path);
    expect(others).toEqual([]);
    expect(packets - recovered!.counts.packets).toBeLessThan(105); // what the ring had let go, and a flush
    expect(recovered!.toNs).toBeGreaterThanOrEqual(BOOT + 29_000_000_000n);
    const session = (await Session.open(path))!;
    expect(session).toMatchObject({ truncated: false, damagedBlocks: 0 });
    await session.close();
    expect(readdirSync(folder).filter((name) => name.startsWith('.shop'))).toEqual([]);
    await feed.ring.close();
  });

  it('refuses an existing file, and says so', async () => {
    const feed = new Feed(ring, { ms: 5_000, bytes: 1e9 });
    feed.seconds(2);
    await feed.ring.save(join(folder, 'a.pcapng'));
    expect(() => feed.ring.begin(join(folder, 'a.pcapng'))).toThrow('the file exists');
    await feed.ring.close();
  });
});
