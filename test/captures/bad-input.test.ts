/** Input that lies or cannot be read: one sentence with the byte offset and what was kept, from the command and from the engine. */
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, createWriteStream, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { damageOf } from '../../core/capture/damage.ts';
import { readCapture } from '../../core/capture/read.ts';
import { ethernet, ipv4, udp } from '../../core/dissect/test-packets.ts';
import type { EngineMessage } from '../../core/contract/answers.ts';
import { Engine } from '../../core/engine/engine.ts';
import { ForeignSource } from '../../core/engine/foreign-source.ts';
import { openCapture } from '../../core/engine/open.ts';
import { runExport } from '../../core/export/run.ts';
import { FlowglassError } from '../../core/errors.ts';
import { summaryTable } from '../../core/summary/table.ts';
import { Blocks, file, numbers, pcap } from './build.ts';

const folder = mkdtempSync(join(tmpdir(), 'flowglass-bad-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string): string => join(folder, name);
const stored = (name: string, bytes: Uint8Array): string => {
  writeFileSync(at(name), bytes);
  return at(name);
};

const le = new Blocks();
const packet = ethernet(0x800, ipv4('192.0.2.1', '198.51.100.2', 17, udp(40000, 9, [1, 2, 3])));
const head = file(le.section(), le.interface());
const good = le.packet(0, 1n, packet);
const changed = (bytes: number[], where: number, ...values: number[]): number[] => {
  const copy = [...bytes];
  copy.splice(where, values.length, ...values);
  return copy;
};

/** What is wrong with a file, and the sentence. Offsets: the head is 48 bytes, a packet block 80. */
const LIES: [string, Uint8Array, string][] = [
  ['a block length below 12', file(head, good, [6, 0, 0, 0, 8, 0, 0, 0]), 'a block of 8 bytes cannot be at byte 128: 1 packet was read'],
  ['a block of 4 GiB', file(head, good, numbers(4, true, 6, 0xfffffffc), good), 'a block of 4294967292 bytes was not read at byte 128 (the first of 2 faults): 1 packet was read, 1 could not be'],
  ['another length at the end', file(head, good, changed(good, 76, 4, 0, 0, 0), good), 'the block ends with length 4, it began with 80 at byte 128: 3 packets were read'],
  ['captured beyond the block', file(head, changed(good, 20, 0xff, 0xff, 0xff, 0xff), good), '4294967295 captured bytes in a block of 80 at byte 48: 1 packet was read, 1 could not be'],
  ['an option that overruns', file(head, le.packet(0, 1n, packet, packet.length, [...numbers(2, true, 1, 999), 0, 0, 0, 0])), 'an option is longer than its block at byte 48: 1 packet was read'],
  ['an interface out of range', file(head, good, le.packet(9, 1n, packet)), 'a packet of interface 9, which is not described at byte 128: 1 packet was read, 1 could not be'],
  ['cut inside a block', file(head, good, good.slice(0, 50)), 'cut short at byte 178: 1 packet was read'],
  ['a pcap record of 4 GB', file(pcap([{ bytes: packet }]), numbers(4, true, 1, 2, 0xffffffff, 0xffffffff), [1, 2]), 'a packet of 4294967295 bytes cannot be at byte 85: 1 packet was read'],
  ['a pcap cut in a record', pcap([{ bytes: packet }, { bytes: packet }]).slice(0, 120), 'cut short at byte 120: 1 packet was read'],
]; // prettier-ignore

describe('a file that lies', () => {
  it.each(LIES)('%s', async (name, bytes, sentence) => {
    const path = stored(`${name}.pcapng`, bytes);
    expect(damageOf(await readCapture(path, {}))).toBe(sentence);
    const source = await openCapture(path);
    expect([source.truncated, source.damage]).toEqual([true, sentence]);
    const text = [...summaryTable(source)].join('');
    expect(text.replace(/\n/g, ' ')).toContain(sentence.slice(0, 110));
    const opened = await ForeignSource.open(path, { signal: new AbortController().signal, progress: () => undefined, clock: () => '' }); // prettier-ignore
    expect(opened.damage).toBe(sentence);
  });

  it('the viewers of the engine are told the sentence', async () => {
    const [, bytes, sentence] = LIES[0]!;
    const engine = new Engine({
      version: 'test',
      capture: () => ({ allowed: false, reason: '', hint: null }) as never,
      interfaces: () => [],
      namespace: () => null as never,
      container: () => null as never,
      recent: () => [],
      opened: () => undefined,
      newRecording: () => '',
      demo: null,
    });
    const told: EngineMessage[] = [];
    engine.connect({
      congested: false,
      send: (message) => void told.push(message),
      sendView: () => undefined,
      onRequest: () => undefined,
      onClose: () => undefined,
      close: () => undefined,
    });
    await engine.open(stored('told.pcapng', bytes));
    const notices = told.flatMap((message) => ('event' in message && message.event === 'notice' ? [message.data] : []));
    expect(notices).toMatchObject([{ level: 'warning', what: sentence, where: 'told.pcapng' }]);
    await engine.close();
  });

  it('a resolution of whole seconds or finer than any clock is no fault', async () => {
    for (const resolution of [0, 0x80, 0x7f, 0xff]) {
      const path = stored(`res-${resolution}`, file(le.section(), le.interface(1, 0, [[9, [resolution]]]), good));
      expect(await openCapture(path)).toMatchObject({ truncated: false, captured: { packets: 1 } });
    }
  });

  it('link types that are not decoded are listed with their numbers', async () => {
    const bytes = file(le.section(), le.interface(220), le.interface(195), le.interface(), ...[0, 0, 1, 2].map((i) => le.packet(i, 1n, packet))); // prettier-ignore
    const text = [...summaryTable(await openCapture(stored('types', bytes)))].join('');
    expect(text).toContain('recorded, not decoded: 2 packets of link type 220, 1 packets of link type 195');
  });

  it('gzip that grows without end is stopped, and what came before is kept', async () => {
    const path = at('bomb.pcap.gz');
    const record = new Uint8Array(file(numbers(4, true, 1, 0, 65_536, 65_536), new Uint8Array(65_536)));
    async function* bomb(): AsyncGenerator<Uint8Array> {
      yield pcap([{ bytes: packet }]);
      for (let i = 0; i < 5000; i++) yield record; // 328 MB, which gzip makes a thousandth of
    }
    await pipeline(bomb, createGzip(), createWriteStream(path));
    expect(readFileSync(path).length).toBeLessThan(1 << 20);
    const result = await readCapture(path, {});
    expect(result).toMatchObject({ truncated: true });
    expect(damageOf(result)).toMatch(/^the compressed data grows to more than 250 times its size at byte 268\d+: 40\d\d packets were read$/); // prettier-ignore
  }, 30_000);

  it('compressed data that is cut says where, and keeps what was before', async () => {
    const many = pcap(Array.from({ length: 3000 }, (_, i) => ({ bytes: packet, fraction: (i * 7919) % 1_000_000 })));
    const whole = gzipSync(many);
    const result = await readCapture(stored('cut.pcap.gz', whole.subarray(0, whole.length >> 1)), {});
    expect(damageOf(result)).toMatch(/at byte \d+.*: \d+ packets were read$/);
    expect(result.packets).toBeGreaterThan(500);
  });
});

const options = { signal: new AbortController().signal, progress: () => undefined, clock: () => '' };

describe('what is no ordinary file', () => {
  beforeAll(() => {
    execFileSync('mkfifo', [at('pipe'), at('second'), at('third')]);
    mkdirSync(at('folder'));
  });

  const failure = async (work: Promise<unknown>): Promise<FlowglassError> => {
    const error: unknown = await work.then(
      () => null,
      (caught: unknown) => caught,
    );
    expect(error).toBeInstanceOf(FlowglassError);
    expect((error as FlowglassError).message).not.toContain('\n');
    return error as FlowglassError;
  };

  it('a pipe is read once, by the summary and by an export, and its writer stays', async () => {
    const bytes = pcap([{ bytes: packet }, { bytes: packet }]);
    const plain = stored('plain.pcap', bytes);
    for (const name of ['pipe', 'second']) {
      const writer = spawn('sh', ['-c', `cat '${plain}' > '${at(name)}'`], { stdio: 'ignore' });
      const done = new Promise((resolve) => writer.on('close', resolve));
      if (name === 'pipe') expect((await openCapture(at(name))).captured.packets).toBe(2);
      else {
        const output = at('from-pipe.csv');
        await runExport({ path: at(name), format: 'csv', preset: 'as-recorded', output, force: true, interfaces: [], filter: null, from: null, to: null, application: 'test' }); // prettier-ignore
        expect(readFileSync(output, 'utf8').trim().split('\n')).toHaveLength(2);
      }
      expect(await done).toBe(0);
    }
  });

  it('the app refuses a pipe and a device, and says what to do', async () => {
    expect((await failure(ForeignSource.open(at('third'), options))).message).toMatch(/is a pipe, .*third, flowglass open -/);
    expect((await failure(ForeignSource.open('/dev/null', options))).message).toMatch(/is a device, not a file, \/dev\/null/);
  }); // prettier-ignore

  it('a file that one may not read', async () => {
    const path = stored('secret.pcap', pcap([{ bytes: packet }]));
    chmodSync(path, 0o000);
    const root = process.getuid?.() === 0;
    if (root) process.seteuid?.(65_534);
    try {
      expect((await failure(openCapture(path))).what).toBe('permission denied');
    } finally {
      if (root) process.seteuid?.(0);
    }
  });

  it('a directory, a missing file, a device', async () => {
    expect((await failure(openCapture(at('folder')))).what).toBe('is a directory');
    expect((await failure(openCapture(at('nothing')))).what).toBe('no such file or directory');
    expect((await failure(openCapture('/dev/zero'))).what).toBe('not a capture file');
    expect((await failure(openCapture('/dev/null'))).what).toBe('the file is empty');
  });
});
