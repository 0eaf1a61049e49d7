import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { FlowglassError } from '../errors.ts';
import { gunzip } from './compression.ts';
import { crc32c } from './crc32c.ts';
import type { CaptureHandlers } from './interface.ts';
import { CaptureParser, type CaptureResult } from './parser.ts';
import { PcapngWriter } from './pcapng-writer.ts';
import { readCapture } from './read.ts';
import { TimeScale, toNanoseconds } from './time.ts';

const folder = mkdtempSync(join(tmpdir(), 'flowglass-capture-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const corpus = fileURLToPath(new URL('../../test/corpus/', import.meta.url));
const sample = (name: string): Uint8Array => new Uint8Array(readFileSync(join(corpus, name)));
const present = (command: string): boolean => spawnSync('which', [command]).status === 0;

function parse(bytes: Uint8Array, handlers: CaptureHandlers = {}, bufferBytes = 4096): CaptureResult {
  const parser = new CaptureParser(handlers, { bufferBytes });
  parser.push(bytes);
  return parser.end();
}

/** A pcapng file by hand in either byte order: `blocks` are [type, body]. */
function pcapng(little: boolean, blocks: readonly (readonly [number, readonly number[] | Uint8Array])[]): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const [type, content] of blocks) {
    const body = Uint8Array.from(content);
    const length = 12 + ((body.length + 3) & ~3);
    const block = new Uint8Array(length);
    const view = new DataView(block.buffer);
    view.setUint32(0, type, little);
    view.setUint32(4, length, little);
    block.set(body, 8);
    view.setUint32(length - 4, length, little);
    parts.push(block);
  }
  return new Uint8Array(Buffer.concat(parts));
}

const words = (little: boolean, ...values: number[]): number[] =>
  values.flatMap((value) => {
    const bytes = [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24];
    return little ? bytes : bytes.reverse();
  });
const halves = (little: boolean, ...values: number[]): number[] =>
  values.flatMap((value) => (little ? [value & 0xff, value >>> 8] : [value >>> 8, value & 0xff]));
const section = (little: boolean): [number, number[]] => [
  0x0a0d0d0a,
  [...words(little, 0x1a2b3c4d), ...halves(little, 1, 0), ...words(little, 0xffffffff, 0xffffffff)],
];
const ethernet = (little: boolean): [number, number[]] => [1, [...halves(little, 1, 0), ...words(little, 0)]];

describe('times', () => {
  it('agree with exact arithmetic at every resolution and tick', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 255 }),
        fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
        (resolution, ticks) => {
          const time = { seconds: 0, nanos: 0 };
          new TimeScale(resolution).convert(Number(ticks >> 32n), Number(ticks & 0xffffffffn), time);
          const exponent = BigInt(resolution & 0x7f);
          const scale = resolution & 0x80 ? 2n ** exponent : 10n ** exponent;
          const seconds = ticks / scale;
          // Seconds beyond 2^53 (285 million years) are as near as a double gets.
          if (seconds < 2n ** 53n)
            expect(toNanoseconds(time.seconds, time.nanos)).toBe((ticks * 1_000_000_000n) / scale);
          expect(time.nanos).toBeGreaterThanOrEqual(0);
          expect(time.nanos).toBeLessThan(1e9);
        },
      ),
      { numRuns: 3000 },
    );
  });
});

describe('CRC-32C', () => {
  it('has the check values of RFC 3720 B.4', () => {
    expect(crc32c(new TextEncoder().encode('123456789'))).toBe(0xe3069283);
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
    expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
    expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e);
  });

  it('continues from a former result wherever the bytes are divided', () => {
    const bytes = Uint8Array.from({ length: 61 }, (_, i) => i * 37);
    for (let cut = 0; cut <= 61; cut++) expect(crc32c(bytes, cut, 61, crc32c(bytes, 0, cut))).toBe(crc32c(bytes));
  });
});

describe.each([true, false])('packet options, little-endian %s', (little) => {
  const file = pcapng(little, [
    section(little),
    ethernet(little),
    [
      6,
      [
        ...words(little, 0, 0, 1_000_000, 5, 99),
        ...[1, 2, 3, 4, 5, 0, 0, 0],
        ...halves(little, 1, 3),
        ...[0x61, 0x62, 0x63, 0],
        ...halves(little, 2, 4),
        ...words(little, 2),
        ...halves(little, 8, 8),
        ...words(little, 1234, 77),
        ...halves(little, 1, 2),
        ...[0xc3, 0xa4, 0, 0],
        ...halves(little, 8, 8),
        ...words(little, 5678, 0),
        ...halves(little, 4, 8),
        ...(little ? words(true, 7, 1) : words(false, 1, 7)),
        ...halves(little, 32769, 4),
        ...words(little, 3),
        ...halves(little, 32771, 4),
        ...words(little, 4),
        ...halves(little, 0, 0),
      ],
    ],
    [6, [...words(little, 0, 0, 2_000_000, 0, 60)]],
  ]);

  it('are read, with repeats, and forgotten at the next packet', () => {
    const seen: unknown[] = [];
    const result = parse(file, {
      packet: (packet) =>
        seen.push([
          packet.flags,
          packet.dropCount,
          [...packet.processes.slice(0, packet.processCount * 2)],
          packet.comments(),
          packet.appleProcess,
          packet.appleEffective,
          packet.captured,
          packet.original,
          [...packet.data()],
          packet.atNs,
        ]),
    });
    expect(result.problems).toEqual([]);
    expect(seen).toEqual([
      [2, 4294967303, [1234, 77, 5678, 0], ['abc', 'ä'], 3, 4, 5, 99, [1, 2, 3, 4, 5], 1_000_000_000n],
      [0, -1, [], [], -1, -1, 0, 60, [], 2_000_000_000n],
    ]);
  });

  it('process blocks of Wireshark keep their own byte order, those of Apple follow the section', () => {
    // The entry of Wireshark is little-endian whatever the section is (its own generator's example).
    const entry = Buffer.from('0300000018000000d2040000020004006375726c06000400e803000000000000', 'hex');
    const apple = [...words(little, 42), ...halves(little, 2, 5), ...Buffer.from('nginx'), 0, 0, 0];
    const seen: unknown[] = [];
    const result = parse(
      pcapng(little, [
        section(little),
        ethernet(little),
        [0xbad, [...words(little, 32622), ...entry]],
        [0x80000001, apple],
        [0x80000001, apple],
        [0xbad, words(little, 32473, 1, 2)],
        [0x80001234, [1, 2, 3, 4]],
      ]),
      {
        process: (process) => seen.push([process.source, process.index, process.pid, process.name, process.uid]),
        local: (type, bytes) => seen.push([type, ...bytes]),
      },
    );
    expect(seen).toEqual([
      ['wireshark', -1, 1234, 'curl', 1000],
      ['apple', 0, 42, 'nginx', null],
      ['apple', 1, 42, 'nginx', null],
      [0x80001234, 1, 2, 3, 4],
    ]);
    expect([...result.unknownBlocks]).toEqual([
      [0xbad, 1],
      [0x80001234, 1],
    ]);
    expect(result.truncated).toBe(false);
  });
});

describe('what a block claims', () => {
  it('is never allocated: a block of 4 GiB is stepped over as far as there are bytes', () => {
    const file = pcapng(true, [section(true), ethernet(true), [6, words(true, 0, 0, 0, 4, 4, 0)]]);
    new DataView(file.buffer).setUint32(28 + 20 + 4, 0xfffffff0, true);
    const before = process.memoryUsage().arrayBuffers;
    const result = parse(file);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1 << 20);
    expect(result).toMatchObject({ packets: 0, damaged: 1, truncated: true, cutAt: file.length, wholeBytes: 48 });
  });

  it('a long unknown block is passed, a long packet is delivered', () => {
    const big = new Uint8Array(300_000).fill(7);
    const file = pcapng(true, [
      section(true),
      ethernet(true),
      [0x99, big],
      [6, Buffer.concat([Uint8Array.from(words(true, 0, 0, 5, 300_000, 300_000)), big])],
      [0x99, new Uint8Array((16 << 20) + 4)],
      [6, words(true, 0, 0, 6, 4, 4, 1)],
    ]);
    const lengths: number[] = [];
    const result = parse(file, { packet: (packet) => lengths.push(packet.captured) });
    expect(lengths).toEqual([300_000, 4]);
    expect(result.problems.map((problem) => problem.what)).toEqual(['a block of 16777232 bytes was not read']);
  });
});

describe('compressed files', () => {
  const stored = (name: string, bytes: Uint8Array): string => {
    const path = join(folder, name);
    writeFileSync(path, bytes);
    return path;
  };
  const plain = sample('m-half-close.pcap');
  const packets = parse(plain).packets;

  it('several gzip members are one file, wherever a chunk ends', async () => {
    const bytes = sample('m-gz-two-members.pcap.gz');
    async function* single(): AsyncGenerator<Uint8Array> {
      for (const byte of bytes) yield Uint8Array.of(byte);
    }
    const parser = new CaptureParser({}, { bufferBytes: 256 });
    const source = gunzip(single());
    for (;;) {
      const next = await source.next();
      if (next.done) {
        expect(next.value).toBeNull();
        break;
      }
      parser.push(next.value);
    }
    expect(parser.end().packets).toBe(6);
  });

  it('a cut gzip file gives the packets before the cut and says so, at every length', async () => {
    const packed = gzipSync(plain);
    let most = 0;
    for (let length = 30; length < packed.length; length += 23) {
      const result = await readCapture(stored('cut.gz', packed.subarray(0, length)), {}).catch(
        (error: unknown) => error,
      );
      if (result instanceof FlowglassError) {
        expect(most).toBe(0);
        continue;
      }
      const read = result as Awaited<ReturnType<typeof readCapture>>;
      expect(read.truncated).toBe(true);
      expect(read.packets).toBeGreaterThanOrEqual(most);
      most = read.packets;
    }
    expect(most).toBeGreaterThan(packets / 2);
  });

  it('damaged gzip data is told, and zero bytes after the last member are ignored', async () => {
    const packed = gzipSync(plain);
    const damaged = Buffer.from(packed);
    damaged[packed.length - 6] = (damaged[packed.length - 6] ?? 0) ^ 0xff; // the check sum of the member
    const result = await readCapture(stored('damaged.gz', damaged), {});
    expect([result.truncated, result.problems[result.problems.length - 1]?.what]).toEqual([
      true,
      'the compressed data is damaged',
    ]);
    expect(result.packets).toBeGreaterThan(0);
    const padded = await readCapture(stored('padded.gz', Buffer.concat([packed, Buffer.alloc(512)])), {});
    expect([padded.packets, padded.truncated]).toEqual([packets, false]);
  });

  it.skipIf(!present('zstd'))('zstd is read, several frames too, and a cut is told', async () => {
    const path = stored('plain.pcap', plain);
    execFileSync('zstd', ['-q', '-f', path, '-o', join(folder, 'a.zst')]);
    const packed = readFileSync(join(folder, 'a.zst'));
    const result = await readCapture(join(folder, 'a.zst'), {});
    expect(result).toMatchObject({ packets, compression: 'zstd', truncated: false });
    writeFileSync(join(folder, 'raw'), plain.subarray(0, 1000));
    execFileSync('zstd', ['-q', '-f', join(folder, 'raw'), '-o', join(folder, 'b.zst')]);
    writeFileSync(join(folder, 'raw'), plain.subarray(1000));
    execFileSync('zstd', ['-q', '-f', join(folder, 'raw'), '-o', join(folder, 'c.zst')]);
    const two = Buffer.concat([readFileSync(join(folder, 'b.zst')), readFileSync(join(folder, 'c.zst'))]);
    expect(await readCapture(stored('two.zst', two), {})).toMatchObject({ packets, truncated: false });
    const cut = await readCapture(stored('cut.zst', two.subarray(0, two.length - 20)), {});
    expect(cut.packets).toBeGreaterThan(0);
    expect(cut.truncated).toBe(true);
    const nothing: unknown = await readCapture(stored('cut2.zst', packed.subarray(0, 9)), {}).catch(
      (error: unknown) => error,
    );
    expect(nothing).toBeInstanceOf(FlowglassError);
  });

  it('what is inside must be a capture', async () => {
    const path = stored('text.gz', gzipSync('just some text'));
    await expect(readCapture(path, {})).rejects.toThrow(/not a capture file/);
  });
});

describe('reading', () => {
  it('can be stopped by its caller and by a signal, and tells of progress', async () => {
    const path = join(corpus, 'm-half-close.pcap');
    let seen = 0;
    const stopped = await readCapture(path, (parser) => ({
      packet: () => {
        if (++seen === 3) parser.cancel();
      },
    }));
    expect([seen, stopped.packets, stopped.truncated]).toEqual([3, 3, false]);
    await expect(readCapture(path, {}, { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough');
    const told: number[] = [];
    await readCapture(
      path,
      {},
      { progress: (progress) => told.push(progress.bytes, progress.total, progress.packets) },
    );
    expect(told).toEqual([2377, 2377, 12]);
  });

  it('a missing file and a folder are clear errors', async () => {
    await expect(readCapture(join(folder, 'absent'), {})).rejects.toThrow(/^no such file or directory, .*absent/);
    await expect(readCapture(folder, {})).rejects.toThrow(/is a directory/);
  });
});

describe('the writer', () => {
  it('writes what the reader reads back, with names and statistics', () => {
    const writer = new PcapngWriter(64);
    writer.section({ hardware: 'x', os: 'y', application: 'z', comment: 'ä' });
    writer.interface({
      linkType: 1,
      snaplen: 0,
      name: 'eth0',
      description: 'd',
      filter: 'f',
      speed: 10n ** 10n,
      mac: Uint8Array.of(2, 0, 0, 0, 0, 1),
    });
    writer.names([{ address: Uint8Array.of(10, 0, 0, 1), names: ['a.example', 'b.example'] }]);
    const data = Uint8Array.from({ length: 71 }, (_, i) => i);
    const at = 1_790_000_000_123_456_789n;
    writer.packet(0, Number(at >> 32n), Number(at & 0xffffffffn), 71, 100, data, 0, 1, 9, 10, 2 ** 33);
    writer.packet(0, Number(at >> 32n), Number(at & 0xffffffffn), 3, 3, data, 5, 0, 0, 0, 0);
    writer.statistics(0, at, { startNs: at - 5n, endNs: at, received: 9, dropped: 2 ** 40, delivered: 2 });
    writer.process({
      pid: 3,
      name: 'n',
      path: '/p',
      commandLine: ['a', 'b c'],
      parentPid: 1,
      uid: 0,
      user: 'root',
      startNs: at,
    });
    const seen: unknown[] = [];
    const result = parse(writer.pending().slice(), {
      section: (each) => seen.push([each.hardware, each.os, each.application, each.comments]),
      interface: (each) =>
        seen.push([each.name, each.description, each.filter, each.speed, each.mac, each.scale.resolution]),
      names: (address, names) => seen.push([[...address], names]),
      packet: (each) =>
        seen.push([
          each.atNs,
          each.captured,
          each.original,
          each.flags,
          each.pid,
          each.tid,
          each.dropCount,
          each.bytes[each.offset],
        ]),
      statistics: (each) => seen.push(each),
      process: (each) =>
        seen.push([each.name, each.path, each.commandLine, each.parentPid, each.uid, each.user, each.startNs]),
    });
    expect(result.problems).toEqual([]);
    expect(seen).toEqual([
      ['x', 'y', 'z', ['ä']],
      ['eth0', 'd', 'f', 10n ** 10n, '02:00:00:00:00:01', 9],
      [
        [10, 0, 0, 1],
        ['a.example', 'b.example'],
      ],
      [at, 71, 100, 1, 9, 10, 2 ** 33, 0],
      [at, 3, 3, 0, 0, 0, -1, 5],
      {
        interfaceIndex: 0,
        seconds: 1790000000,
        nanos: 123456789,
        received: 9,
        dropped: 2 ** 40,
        accepted: null,
        osDropped: null,
        delivered: 2,
      },
      ['n', '/p', ['a', 'b c'], 1, 0, 'root', at],
    ]);
  });
});

describe('hostile input', () => {
  const seeds = [
    'm-tsresol-extreme.pcapng',
    'm-journal-unknown-blocks.pcapng',
    'm-half-close.pcap',
    'm-no-endofopt.pcapng',
    'm-section-length.pcapng',
    'm-epb-zero-length.pcapng',
  ].map(sample);

  it('mutated files never crash, hang, or make more packets than their bytes can hold', () => {
    const mutation = fc.record({
      seed: fc.nat(seeds.length - 1),
      changes: fc.array(fc.tuple(fc.nat(3000), fc.constantFrom(0, 1, 4, 0x7f, 0x80, 0xff, 0x20), fc.nat(255)), {
        minLength: 1,
        maxLength: 8,
      }),
      cut: fc.nat(4000),
      repeat: fc.integer({ min: 1, max: 3 }),
    });
    fc.assert(
      fc.property(mutation, ({ seed, changes, cut, repeat }) => {
        const original = seeds[seed] ?? new Uint8Array(0);
        const bytes = new Uint8Array(Buffer.concat(Array.from({ length: repeat }, () => original)));
        for (const [at, value, other] of changes) bytes[at % bytes.length] = at & 1 ? value : other;
        const part = bytes.subarray(0, Math.max(4, bytes.length - (cut % bytes.length)));
        let delivered = 0;
        const handlers: CaptureHandlers = {
          packet: (packet) => {
            delivered += packet.captured;
            packet.comments();
            if (packet.offset + packet.captured > packet.bytes.length) throw new Error('outside the buffer');
            if (!Number.isFinite(packet.seconds) || packet.nanos < 0 || packet.nanos > 999_999_999)
              throw new Error('time');
          },
          names: () => undefined,
          secrets: () => undefined,
          process: () => undefined,
          statistics: () => undefined,
          local: () => undefined,
        };
        try {
          const whole = parse(part, handlers, 64);
          const total = delivered;
          const parser = new CaptureParser({}, { bufferBytes: 64 });
          for (let i = 0; i < part.length; i += 5) parser.push(part.subarray(i, i + 5));
          const pieces = parser.end();
          expect(total).toBeLessThanOrEqual(part.length);
          expect(pieces.packets).toBe(whole.packets);
          expect(pieces.problemCount).toBe(whole.problemCount);
          expect(parser.buffer.length).toBeLessThanOrEqual(16_384);
        } catch (error) {
          if (!(error instanceof FlowglassError)) throw error;
        }
      }),
      { numRuns: 4000 },
    );
  });

  it('noise after a good header is damage, not an endless loop', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.boolean(), (noise, ng) => {
        const head = ng ? pcapng(true, [section(true), ethernet(true)]) : sample('m-header-only.pcap');
        const result = parse(new Uint8Array(Buffer.concat([head, noise])), {}, 64);
        expect(result.packets).toBeLessThanOrEqual(noise.length / 12);
      }),
      { numRuns: 2000 },
    );
  });
});
