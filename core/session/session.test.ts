import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KEY, PACKET } from '../abi/generated.ts';
import { crc32c } from '../capture/crc32c.ts';
import { readCapture } from '../capture/read.ts';
import { FlowglassError } from '../errors.ts';
import { BLOCK_FLOWGLASS } from './blocks.ts';
import { type FileCalls, SYSTEM_CALLS } from './file-sink.ts';
import type { SessionWriterOptions } from './options.ts';
import { Session } from './reader.ts';
import {
  clockFrame,
  eventsFrame,
  type Frame,
  give,
  HashReducer,
  helloFrame,
  interfaceFrame,
  packetsFrame,
  type TestPacket,
  totalsFrame,
  udpFrame,
} from './testing/frames.ts';
import { SessionWriter } from './writer.ts';

const BOOT = 5_000_000_000_000n;
const WALL = 1_790_000_000_123_456_789n;
const OFFSET = WALL - BOOT;
const ms = (n: number): bigint => BigInt(Math.round(n * 1e6));

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'flowglass-session-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A recording driven by hand: every frame goes to the reducer first, then to the writer. */
class Recording {
  readonly reducer = new HashReducer();
  readonly writer: SessionWriter;
  readonly path: string;
  now = 0;
  readonly journal: { atNs: bigint; frames: number; hash: number }[] = [];

  constructor(options: Partial<SessionWriterOptions> = {}, stateBytes = 64) {
    this.path = options.path ?? join(folder, 'session.pcapng');
    this.writer = new SessionWriter({
      path: this.path,
      application: 'Flowglass test',
      hardware: 'x86_64',
      os: 'Linux 6.18',
      snaplen: 256,
      timer: false,
      now: () => this.now,
      serialize: () => this.reducer.serialize(stateBytes),
      ownerOf: (_bytes, view, key) => (view.getUint16(key + KEY.iface, true) === 0 ? { pid: 1234, tid: 1235 } : null),
      ...options,
    });
  }

  frame(frame: Frame): void {
    if (frame.type !== 10) give((...rest) => this.reducer.apply(...rest), frame);
    give((...rest) => this.writer.frame(...rest), frame);
  }

  start(interfaces = 1): this {
    this.frame(helloFrame());
    this.frame(clockFrame(BOOT, WALL));
    for (let i = 0; i < interfaces; i++) this.frame(interfaceFrame(i, `veth${i}`, BOOT));
    return this;
  }

  at(nowMs: number): void {
    for (let each = this.now + 100; each < nowMs; each += 100) {
      this.now = each;
      this.writer.tick();
    }
    this.now = nowMs;
    this.writer.tick();
  }

  packet(atMs: number, more: Partial<TestPacket> = {}): void {
    const data = more.data ?? udpFrame(Math.round(atMs * 10), 60);
    this.frame(packetsFrame([{ iface: 0, atNs: BOOT + ms(atMs), data, ...more }]));
  }
}

const run = (command: string, ...args: string[]): { out: string; err: string; status: number | null } => {
  const done = spawnSync(command, args, { encoding: 'utf8', env: { ...process.env, TZ: 'UTC', HOME: folder } });
  // Root is told off by name; nothing else may be said.
  const err = done.stderr.replace(/^Running as user "root".*\n/gm, '').replace(/^reading from file .*\n/gm, '');
  return { out: done.stdout, err, status: done.status };
};
const present = (command: string): boolean => spawnSync('which', [command]).status === 0;

const maker = { fresh: () => new HashReducer(), restore: (state: Uint8Array) => HashReducer.restore(state) };

async function opened(path: string): Promise<Session> {
  const session = await Session.open(path);
  if (!session) throw new Error('not a session');
  return session;
}

describe.skipIf(!present('tshark'))('a session file and the tools that people have', () => {
  function sample(): Recording {
    const recording = new Recording({ filter: 'udp', describe: (i) => `container shop-${i}` }).start(2);
    for (let i = 0; i < 50; i++) {
      recording.packet(i * 20, { iface: i % 2, outbound: i % 4 < 2, original: 500, wirePackets: 3 });
      recording.frame(eventsFrame(BOOT + ms(i * 20), 5, i));
      if (i === 25) recording.frame(totalsFrame(0, BOOT + ms(500), 26, 4));
      recording.at(i * 20);
    }
    recording.writer.close();
    return recording;
  }

  it('capinfos, tshark, tcpdump and editcap read it without a warning and count the same packets', () => {
    const { path, writer } = sample();
    expect(writer.counts).toEqual({
      packets: 50,
      bytes: 50 * 102,
      wirePackets: 150,
      late: 0,
      filtered: 0,
      lostFrames: 0,
      lostPackets: 0,
    });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const info = run('capinfos', '-M', path);
    expect([info.err, info.status]).toEqual(['', 0]);
    expect(info.out).toMatch(/Number of packets:\s+50\n/);
    expect(info.out).toMatch(/Strict time order:\s+True/);
    expect(info.out).toMatch(/Capture application:\s+Flowglass test/);
    expect(info.out).toMatch(/Name = veth1/);
    expect(info.out).toMatch(/Description = container shop-1/);
    expect(info.out).toMatch(/Filter string = udp/);
    expect(info.out).toMatch(/Time precision = nanoseconds \(9\)/);
    expect(info.out.match(/Number of stat entries = 1/g)).toHaveLength(2);
    const fields = ['frame.number', 'frame.time_epoch', 'frame.cap_len', 'frame.len', 'frame.interface_name'];
    fields.push('frame.packet_flags_direction', 'frame.protocols', 'frame.drop_count', 'udp.srcport');
    const shark = run('tshark', '-n', '-r', path, '-T', 'fields', ...fields.flatMap((field) => ['-e', field]));
    expect([shark.err, shark.status]).toEqual(['', 0]);
    const lines = shark.out
      .trim()
      .split('\n')
      .map((line) => line.split('\t'));
    expect(lines).toHaveLength(50);
    lines.forEach((line, i) => {
      const at = WALL + ms(i * 20);
      const time = `${at / 1_000_000_000n}.${String(at % 1_000_000_000n).padStart(9, '0')}`;
      const direction = i % 4 < 2 ? 2 : 1;
      expect(line.slice(0, 6)).toEqual([
        `${i + 1}`,
        time,
        '102',
        '500',
        `veth${i % 2}`,
        `0x${direction.toString(16).padStart(8, '0')}`,
      ]);
      expect(line[6]).toContain('udp');
    });
    expect(lines.map((line) => line[7]).filter((drop) => drop !== '')).toEqual(['4']);
    const dump = run('tcpdump', '-n', '-r', path);
    expect([dump.err, dump.status]).toEqual(['', 0]);
    expect(dump.out.trim().split('\n')).toHaveLength(50);
    const copy = join(folder, 'copy.pcapng');
    expect(run('editcap', path, copy)).toEqual({ out: '', err: '', status: 0 });
    expect(run('editcap', '-F', 'pcap', path, join(folder, 'copy.pcap'))).toEqual({ out: '', err: '', status: 0 });
    expect(run('capinfos', '-c', copy).out).toMatch(/Number of packets:\s+50\n/);
    // No block of ours is a frame, and a tool that rewrites drops them in silence.
    expect(run('tshark', '-r', path, '-Y', 'frame.cb_pen').out).toBe('');
    const type = Buffer.alloc(4);
    type.writeUInt32LE(BLOCK_FLOWGLASS);
    expect(readFileSync(path).includes(type)).toBe(true);
    expect(readFileSync(copy).includes(type)).toBe(false);
  });

  it('option 8 holds process and thread where the owner is known, and is absent where not', async () => {
    const { path } = sample();
    const seen: number[][] = [];
    const result = await readCapture(path, {
      packet: (packet) => seen.push([packet.interfaceIndex, packet.processCount, packet.pid, packet.tid]),
    });
    expect(result.truncated).toBe(false);
    expect(seen.every(([iface, count, pid, tid]) => (iface === 0 ? pid === 1234 && tid === 1235 : count === 0))).toBe(
      true,
    );
  });

  it('process blocks for Wireshark come before the first packet of the process, when asked', async () => {
    let identity = 1;
    const recording = new Recording({
      ownerOf: () => ({ pid: 77, tid: 0, identity }),
      processInfo: (owner) => ({ pid: owner.pid, name: 'curl', commandLine: ['curl', '-v'], uid: 7, startNs: WALL }),
    }).start();
    recording.packet(1);
    recording.packet(2);
    recording.at(300);
    identity = 2;
    recording.packet(301);
    recording.writer.close();
    const order: string[] = [];
    await readCapture(recording.path, {
      packet: (packet) => order.push(`packet ${packet.pid}`),
      process: (process) =>
        order.push(
          `${process.name} ${process.pid} ${process.commandLine?.join(' ')} ${process.uid} ${process.startNs === WALL}`,
        ),
    });
    const block = 'curl 77 curl -v 7 true';
    expect(order).toEqual([block, 'packet 77', 'packet 77', block, 'packet 77']);
    expect(run('tshark', '-r', recording.path, '-Y', 'frame.cb_pen == 32622').out.trim().split('\n')).toHaveLength(2);
  });
});

describe('order and time of packets', () => {
  it('sorts what comes within 200 ms, counts what comes later, and keeps each its own time', async () => {
    const recording = new Recording().start();
    for (const at of [5, 3, 4, 1, 2]) recording.packet(at);
    recording.at(300);
    recording.packet(2.5);
    recording.packet(6);
    recording.writer.close();
    const times: bigint[] = [];
    await readCapture(recording.path, { packet: (packet) => times.push((packet.atNs ?? 0n) - WALL) });
    expect(times).toEqual([1, 2, 3, 4, 5, 2.5, 6].map(ms));
    expect(recording.writer.counts.late).toBe(1);
  });

  it('holds at most its budget, then lets the oldest go', async () => {
    const recording = new Recording({ holdBytes: 20_000 }).start();
    for (let i = 0; i < 1000; i++) recording.packet(i / 10, { data: udpFrame(i, 200) });
    recording.writer.close();
    const times: bigint[] = [];
    await readCapture(recording.path, { packet: (packet) => times.push(packet.atNs ?? 0n) });
    expect(times).toEqual(Array.from({ length: 1000 }, (_, i) => WALL + ms(i / 10)));
  });

  it('takes wall time by the anchor in force, never goes back by slewing, and does when the clock was set back', async () => {
    const recording = new Recording().start();
    recording.packet(10);
    recording.packet(999.9995);
    // Slewed back by 2 µs, then set back by an hour.
    recording.frame(clockFrame(BOOT + ms(1000), WALL + ms(1000) - 2000n));
    recording.packet(1000);
    recording.packet(1000.0005);
    recording.packet(1000.003);
    recording.frame(clockFrame(BOOT + ms(2000), WALL + ms(2000) - 3600n * 1_000_000_000n));
    recording.packet(2000);
    recording.writer.close();
    const times: bigint[] = [];
    await readCapture(recording.path, { packet: (packet) => times.push((packet.atNs ?? 0n) - WALL) });
    const held = ms(999.9995);
    expect(times).toEqual([ms(10), held, held, held, ms(1000.003) - 2000n, ms(2000) - 3600n * 1_000_000_000n]);
    const session = await opened(recording.path);
    const boots: bigint[] = [];
    await session.packets({ fromNs: BOOT + ms(1000.002) }, (_packet, bootNs) => {
      boots.push(bootNs - BOOT);
      return true;
    });
    expect(boots).toEqual([ms(1000.003), ms(2000)]);
    await session.close();
  });

  it('keeps out what the filter does not accept and says how many', () => {
    const recording = new Recording({
      accepts: (_bytes, view, offset) => view.getUint32(offset + PACKET.original, true) < 500,
    }).start();
    recording.packet(1, { original: 499, wirePackets: 2 });
    recording.packet(2, { original: 501, wirePackets: 5 });
    recording.writer.close();
    expect(recording.writer.counts).toMatchObject({ packets: 1, wirePackets: 2, filtered: 5, lostPackets: 0 });
  });

  it('an interface that appears later gets its description then', async () => {
    const recording = new Recording().start();
    recording.packet(1);
    recording.at(1000);
    recording.frame(interfaceFrame(9, 'wg0', BOOT + ms(1000), 101));
    recording.packet(1001, { iface: 9, data: udpFrame(1, 20).subarray(14) });
    recording.packet(1002, { iface: 3 });
    recording.writer.close();
    const session = await opened(recording.path);
    expect(session.interfaces.map((each) => [each.name, each.linkType])).toEqual([
      ['veth0', 1],
      ['wg0', 101],
    ]);
    // A packet of an interface nobody told of is counted as lost, not guessed.
    expect(session.captured).toMatchObject({ packets: 2, lostFrames: 1, lostPackets: 1 });
    await session.close();
  });
});

describe('replay', () => {
  /** 20 s with keyframes, and what the live state was after each frame. */
  function long(
    options: Partial<SessionWriterOptions> = {},
    events = 100,
  ): { recording: Recording; states: { atNs: bigint; frames: number; hash: number }[] } {
    const recording = new Recording(options, 70_000).start();
    const states: { atNs: bigint; frames: number; hash: number }[] = [];
    for (let i = 1; i <= 200; i++) {
      const atNs = BOOT + ms(i * 100);
      recording.frame(eventsFrame(atNs, events, i));
      recording.packet(i * 100 - 1);
      states.push({ atNs, frames: recording.reducer.frames, hash: recording.reducer.hash });
      recording.at(i * 100);
    }
    recording.writer.close();
    return { recording, states };
  }

  it('gives the live state at any moment, by keyframe or from the start', async () => {
    const { recording, states } = long();
    const session = await opened(recording.path);
    expect(session.truncated).toBe(false);
    expect(session.header).toMatchObject({
      application: 'Flowglass test',
      host: 'laboratory',
      kernel: '6.18.0-test',
      machine: 'x86_64',
      snaplen: 256,
      packets: true,
      file: 1,
      bootId: '00010203-0405-0607-0809-0a0b0c0d0e0f',
      anchor: { bootNs: BOOT, realtimeNs: WALL },
    });
    expect(session.index.filter((entry) => entry.kind === 3).length).toBeGreaterThan(2);
    // The token never reaches the file: the helper's HELLO is journaled without it.
    expect(readFileSync(recording.path).includes(Buffer.alloc(32, 0xaa))).toBe(false);
    const forward = session.cursor();
    const walked = new HashReducer();
    for (const wanted of states.filter((_, i) => i % 7 === 0)) {
      const { reducer } = await session.replay(maker, wanted.atNs);
      const fromStart = await session.replay(maker, wanted.atNs, { fromStart: true });
      // HELLO differs by the token, so frames are compared with the start's own hash.
      expect(reducer.frames).toBe(wanted.frames);
      expect(fromStart.reducer.frames).toBe(wanted.frames);
      await forward.advance(wanted.atNs, (...rest) => walked.apply(...rest));
      expect(walked).toEqual(fromStart.reducer);
    }
    const end = await session.replay(maker);
    expect(end.reducer.frames).toBe(recording.reducer.frames);
    expect(end.reducer.hash).toBe(recording.reducer.hash);
    expect(session.damagedBlocks).toBe(0);
    await session.close();
  });

  it('lists packets of a time range and interface, and finds one again by its place', async () => {
    const { recording } = long();
    const session = await opened(recording.path);
    const found: [bigint, number][] = [];
    await session.packets({ fromNs: BOOT + ms(5000), toNs: BOOT + ms(6000), interface: 0 }, (packet, bootNs) => {
      found.push([bootNs - BOOT, packet.at]);
      return true;
    });
    expect(found.map(([at]) => at)).toEqual(Array.from({ length: 10 }, (_, i) => ms(5099 + i * 100)));
    await session.packetAt(found[3]?.[1] ?? 0, (packet) => expect(packet.atNs).toBe(WALL + ms(5399)));
    await expect(session.packetAt(8, () => undefined)).rejects.toThrow(RangeError);
    await session.close();
  });

  it('a file without its end opens the same, by a scan', async () => {
    const { recording } = long();
    const whole = await opened(recording.path);
    const bytes = readFileSync(recording.path);
    const indexAt = Number(bytes.readBigUInt64LE(bytes.length - 16));
    const cut = join(folder, 'cut.pcapng');
    writeFileSync(cut, bytes.subarray(0, indexAt));
    const session = await opened(cut);
    expect(session.truncated).toBe(true);
    expect(session.cutAt).toBeNull();
    expect(session.captured).toEqual(whole.captured);
    expect((await session.replay(maker)).reducer).toEqual((await whole.replay(maker)).reducer);
    const boots: bigint[] = [];
    await session.packets({}, (_packet, bootNs) => {
      boots.push(bootNs - BOOT);
      return true;
    });
    expect(boots).toEqual(Array.from({ length: 200 }, (_, i) => ms((i + 1) * 100 - 1)));
    await session.close();
    await whole.close();
  });

  it('cut at every byte of its tail it replays up to the last whole block, and says that it was cut', async () => {
    const recording = new Recording({}, 64).start();
    const flushed: { size: number; frames: number; packets: number }[] = [];
    for (let i = 1; i <= 30; i++) {
      recording.frame(eventsFrame(BOOT + ms(i * 100), 3, i));
      recording.packet(i * 100);
      recording.at(i * 100);
      const size = statSync(recording.path).size;
      if (size !== (flushed[flushed.length - 1]?.size ?? 0)) {
        flushed.push({ size, frames: recording.reducer.frames, packets: recording.writer.counts.packets });
      }
    }
    recording.writer.close();
    expect(flushed.length).toBeGreaterThan(4);
    const bytes = readFileSync(recording.path);
    const cut = join(folder, 'cut.pcapng');
    const from = flushed[flushed.length - 2]?.size ?? 0;
    for (let length = from; length < bytes.length; length++) {
      writeFileSync(cut, bytes.subarray(0, length));
      const session = await opened(cut);
      const { reducer } = await session.replay(maker);
      const last = flushed.filter((each) => each.size <= length).pop();
      if (
        !session.truncated ||
        reducer.frames < (last?.frames ?? 0) ||
        session.captured.packets < (last?.packets ?? 0)
      ) {
        expect([length, session.truncated, reducer.frames, session.captured.packets]).toEqual([
          length,
          true,
          last?.frames,
          last?.packets,
        ]);
      }
      if (session.cutAt !== null) expect(session.cutAt).toBe(length);
      await session.close();
    }
  });

  it('everything older than a second is in the file when the writer is killed', async () => {
    const recording = new Recording().start();
    for (let i = 1; i <= 60; i++) {
      recording.frame(eventsFrame(BOOT + ms(i * 50), 3, i));
      recording.packet(i * 50);
      recording.at(i * 50);
    }
    // The file as it is at this moment is what SIGKILL leaves.
    const copy = join(folder, 'killed.pcapng');
    writeFileSync(copy, readFileSync(recording.path));
    const session = await opened(copy);
    let newest = 0n;
    await session.packets({}, (_packet, bootNs) => {
      newest = bootNs;
      return true;
    });
    expect(newest).toBeGreaterThanOrEqual(BOOT + ms(2000));
    expect(session.toNs).toBeGreaterThanOrEqual(BOOT + ms(2000));
    expect(session.truncated).toBe(true);
    await session.close();
    recording.writer.close();
  });

  it('a damaged block of ours costs itself: the next keyframe puts things right', async () => {
    const { recording } = long();
    const whole = await opened(recording.path);
    const journal = whole.index.filter((entry) => entry.kind === 2)[3];
    const expected = (await whole.replay(maker)).reducer;
    await whole.close();
    const bytes = readFileSync(recording.path);
    bytes[(journal?.offset ?? 0) + 100] = (bytes[(journal?.offset ?? 0) + 100] ?? 0) ^ 0xff;
    const damaged = join(folder, 'damaged.pcapng');
    writeFileSync(damaged, bytes);
    const session = await opened(damaged);
    expect((await session.replay(maker)).reducer).toEqual(expected);
    const { reducer, cursor } = await session.replay(maker, null, { fromStart: true });
    expect(reducer.frames).toBeLessThan(expected.frames);
    expect(cursor.damaged).toBe(1);
    await session.close();
  });

  it('frames longer than a block go over several, and stay whole', async () => {
    const { recording } = long({}, 800);
    const session = await opened(recording.path);
    const { reducer } = await session.replay(maker, null, { fromStart: true });
    expect(reducer.frames).toBe(recording.reducer.frames);
    await session.close();
    for (const block of blocksOf(readFileSync(recording.path))) {
      if (block.type === BLOCK_FLOWGLASS) expect(block.length).toBeLessThanOrEqual(65_536);
    }
  });

  it('a recording that begins in the middle opens with a keyframe', async () => {
    const reducer = new HashReducer();
    const before = [
      helloFrame(),
      clockFrame(BOOT, WALL),
      interfaceFrame(0, 'eth0', BOOT),
      eventsFrame(BOOT + ms(5), 9),
    ];
    for (const frame of before) give((...rest) => reducer.apply(...rest), frame);
    const recording = new Recording({ keyframeFirst: true });
    recording.reducer.frames = reducer.frames;
    recording.reducer.hash = reducer.hash;
    for (const frame of before.slice(0, 3)) {
      give((type, bytes, view, offset) => recording.writer.prime(type, bytes, view, offset), frame);
    }
    for (let i = 1; i < 20; i++) {
      recording.frame(eventsFrame(BOOT + ms(10 + i * 100), 2, i));
      recording.packet(10 + i * 100);
      recording.at(10 + i * 100);
    }
    recording.writer.close();
    const session = await opened(recording.path);
    expect(session.header.host).toBe('laboratory');
    expect(session.interfaces.map((each) => each.name)).toEqual(['eth0']);
    expect((await session.replay(maker)).reducer).toEqual(recording.reducer);
    expect((await session.replay(maker, null, { fromStart: true })).reducer).toEqual(recording.reducer);
    expect(session.captured.packets).toBe(19);
    await session.close();
  });

  it('without packets only flows and events are stored', async () => {
    const recording = new Recording({ packets: false }).start();
    recording.packet(1);
    recording.frame(eventsFrame(BOOT + ms(2), 3));
    recording.writer.close();
    const session = await opened(recording.path);
    expect(session.header.packets).toBe(false);
    expect(session.captured.packets).toBe(0);
    expect((await session.replay(maker)).reducer.frames).toBe(4);
    await session.close();
    if (present('capinfos')) expect(run('capinfos', '-c', recording.path)).toMatchObject({ err: '', status: 0 });
  });

  it('a foreign capture, and a session after editcap, are not ours', async () => {
    const { recording } = long();
    const copy = join(folder, 'copy.pcapng');
    if (present('editcap')) {
      execFileSync('editcap', [recording.path, copy], { stdio: 'ignore' });
      expect(await Session.open(copy)).toBeNull();
      expect((await readCapture(copy, {})).packets).toBe(200);
    }
    writeFileSync(copy, 'no capture at all');
    expect(await Session.open(copy)).toBeNull();
    await expect(Session.open(join(folder, 'absent'))).rejects.toThrow(FlowglassError);
  });
});

describe('hostile session files', () => {
  it('changed bytes give a clear error or less state, never a crash', async () => {
    const recording = new Recording().start();
    for (let i = 1; i <= 20; i++) {
      recording.frame(eventsFrame(BOOT + ms(i * 100), 5, i));
      recording.packet(i * 100);
      recording.at(i * 100);
    }
    recording.writer.close();
    const bytes = readFileSync(recording.path);
    // Blocks of ours, so that a changed payload can be given its right check sum again, as an attacker would.
    const ours: { at: number; length: number }[] = [];
    let from = 0;
    for (const { type, length } of blocksOf(bytes)) {
      if (type === BLOCK_FLOWGLASS) ours.push({ at: from, length });
      from += length;
    }
    const path = join(folder, 'hostile.pcapng');
    const change = fc.tuple(fc.nat(bytes.length - 1), fc.nat(255));
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 6 }), fc.boolean(), async (changes, mend) => {
        const copy = Buffer.from(bytes);
        for (const [at, value] of changes) copy[at] = value;
        for (const block of mend ? ours : []) {
          const body = block.at + 8;
          const stored = copy.readUInt32LE(body + 20);
          if (stored > block.length - 68) continue;
          const crc = crc32c(copy, body + 56, body + 56 + stored, crc32c(copy, body, body + 52));
          copy.writeUInt32LE(crc, body + 52);
        }
        writeFileSync(path, copy);
        let session: Session | null = null;
        try {
          session = await Session.open(path);
          if (!session) return;
          const { reducer } = await session.replay(maker);
          expect(reducer.frames).toBeLessThan(200);
          let packets = 0;
          await session.packets({}, () => ++packets < 100);
        } catch (error) {
          if (!(error instanceof FlowglassError)) throw error;
        } finally {
          await session?.close();
        }
      }),
      { numRuns: 400 },
    );
  });
});

describe('files', () => {
  it('rotates by size, keeps a ring, and each file opens by itself', async () => {
    const path = join(folder, 'ring.pcapng');
    const recording = new Recording({ path, snaplen: 0, rotateBytes: 60_000, ring: 3 }).start();
    for (let i = 1; i <= 400; i++) {
      recording.frame(eventsFrame(BOOT + ms(i * 50), 10, i));
      recording.packet(i * 50, { data: udpFrame(i, 900) });
      recording.at(i * 50);
    }
    const { files, counts } = recording.writer.close();
    expect(files).toHaveLength(3);
    expect(
      readdirSync(folder)
        .map((name) => join(folder, name))
        .sort(),
    ).toEqual([...files].sort());
    expect(counts.packets).toBe(400);
    let frames = 0;
    for (const [i, file] of files.entries()) {
      const session = await opened(file);
      expect(session.truncated).toBe(false);
      expect(session.interfaces.map((each) => each.name)).toEqual(['veth0']);
      expect(session.header.file).toBeGreaterThan(1);
      const { reducer } = await session.replay(maker);
      expect((await session.replay(maker, null, { fromStart: true })).reducer).toEqual(reducer);
      expect(reducer.frames).toBeGreaterThan(frames);
      frames = reducer.frames;
      if (i === files.length - 1) expect(reducer.hash).toBe(recording.reducer.hash);
      if (present('capinfos')) expect(run('capinfos', '-c', file)).toMatchObject({ err: '', status: 0 });
      expect(statSync(file).size).toBeLessThan(90_000);
      await session.close();
    }
  });

  it('keeps so much of a packet as was asked for, when more was copied for others', async () => {
    const path = join(folder, 'cut.pcapng');
    const recording = new Recording({ path, snaplen: 100 }).start();
    recording.packet(1, { data: udpFrame(1, 700) });
    recording.packet(2, { data: udpFrame(2, 20) });
    recording.writer.close();
    const lengths: [number, number][] = [];
    await readCapture(path, { packet: ({ captured, length }) => void lengths.push([captured, length]) });
    expect(lengths).toEqual([
      [100, 742],
      [62, 62],
    ]);
  });

  it('rotates by time', () => {
    const recording = new Recording({ path: join(folder, 't.pcapng'), rotateMs: 1000 }).start();
    for (let i = 1; i <= 35; i++) {
      recording.packet(i * 100);
      recording.at(i * 100);
    }
    expect(recording.writer.close().files.length).toBe(4);
  });

  it('refuses an existing file unless forced, and then replaces it', async () => {
    const path = join(folder, 'there.pcapng');
    writeFileSync(path, 'precious', { mode: 0o644 });
    expect(() => new Recording({ path })).toThrow(/the file exists/);
    expect(readFileSync(path, 'utf8')).toBe('precious');
    const recording = new Recording({ path, force: true }).start();
    recording.writer.close();
    expect(statSync(path).mode & 0o777).toBe(0o600);
    await (await opened(path)).close();
    expect(() => new Recording({ path: join(folder, 'no/such/folder') })).toThrow(/no such file or directory/);
  });

  it('a full disk cuts the file back to a whole block at whatever byte it happens, once said and all counted', async () => {
    for (const room of [2000, 2345, 5001, 9999, 20_000]) {
      const path = join(folder, `full-${room}.pcapng`);
      let wrote = 0;
      const calls: FileCalls = {
        ...SYSTEM_CALLS,
        write: (fd, bytes, offset, length) => {
          const take = Math.min(length, room - wrote);
          if (take <= 0) throw Object.assign(new Error('full'), { code: 'ENOSPC' });
          wrote += take;
          return SYSTEM_CALLS.write(fd, bytes, offset, take);
        },
      };
      const errors: FlowglassError[] = [];
      const recording = new Recording({ path, calls, onError: (error) => errors.push(error) }).start();
      for (let i = 1; i <= 200; i++) {
        recording.packet(i * 20, { wirePackets: 2 });
        recording.at(i * 20);
      }
      const result = recording.writer.close();
      expect(errors).toHaveLength(1);
      expect(errors[0]?.message).toContain('no space left on device');
      expect(errors[0]?.message).toContain(`the first ${result.bytes} bytes are kept`);
      expect(result.error).toBe(errors[0]);
      const size = statSync(path).size;
      expect(size).toBe(result.bytes);
      expect(size).toBeLessThanOrEqual(room);
      const stored = await readCapture(path, {});
      expect(stored.cutAt).toBeNull();
      expect(stored.packets).toBe(result.counts.packets);
      expect(result.counts.packets + result.counts.lostFrames).toBe(200);
      expect(result.counts.wirePackets + result.counts.lostPackets).toBe(400);
      if (size > 1000) {
        const session = await opened(path);
        expect(session.truncated).toBe(true);
        expect(session.captured.packets).toBe(result.counts.packets);
        await session.close();
      }
    }
  });

  it.skipIf(process.getuid?.() !== 0 || !existsSync('/proc/filesystems')).each([
    ['write-failed', 'a really full file system as well', { calls: { ...SYSTEM_CALLS, space: () => null } }],
    ['disk-nearly-full', 'closed in order before it is full', {}],
  ] as const)('%s: %s', async (code, _what, how) => {
    const mount = join(folder, 'small');
    execFileSync('mkdir', [mount]);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', mount]);
    try {
      const errors: FlowglassError[] = [];
      const path = join(mount, 'full.pcapng');
      const recording = new Recording({ path, ...how, onError: (error) => errors.push(error) }).start();
      for (let i = 1; i <= 300; i++) {
        recording.packet(i * 20, { data: udpFrame(i, 700) });
        recording.at(i * 20);
      }
      const result = recording.writer.close();
      expect(errors.map((error) => error.code)).toEqual([code]);
      expect(result.counts.packets).toBeGreaterThan(20);
      const session = await opened(path);
      expect(session).toMatchObject({ truncated: code === 'write-failed', damagedBlocks: 0 });
      await session.close();
      const { bavail, blocks } = statfsSync(mount);
      expect(bavail / blocks > 0.01).toBe(code === 'disk-nearly-full');
      expect((await readCapture(path, {})).cutAt).toBeNull();
      if (present('capinfos')) {
        const info = run('capinfos', '-c', path);
        expect(info).toMatchObject({ err: '', status: 0 });
        expect(info.out).toContain(String(result.counts.packets));
      }
    } finally {
      execFileSync('umount', [mount]);
    }
  });
});

function* blocksOf(bytes: Uint8Array): Generator<{ type: number; length: number }> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < bytes.length; at += view.getUint32(at + 4, true)) {
    yield { type: view.getUint32(at, true), length: view.getUint32(at + 4, true) };
  }
}

// Kept apart: OFFSET documents how wall and boot time relate in all of the above.
it('wall and boot time of the synthetic frames differ by one constant', () => {
  expect(WALL - OFFSET).toBe(BOOT);
});
