import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PcapngWriter } from '../../core/capture/pcapng-writer.ts';
import { readCapture } from '../../core/capture/read.ts';
import {
  HashReducer,
  clockFrame,
  helloFrame,
  interfaceFrame,
  packetsFrame,
  udpFrame,
} from '../../core/session/testing/frames.ts';
import { SessionWriter } from '../../core/session/writer.ts';
import { openForeign } from '../../core/tracker/open-foreign.ts';
import { writeConversations } from './conversations.ts';

/**
 * Opening: a generated pcapng of 200 MB to its flows, TCP health, latency and names, against tshark's conversations alone.
 * Reading: a generated pcapng of 200 MB, every packet handed out and its addresses touched, against `capinfos -c` (which
 * only counts) and tshark's conversations, in one run. Writing: packets through the session writer (held, sorted, owners
 * asked, blocks built, written) against plain writes of as many bytes. Prints one line of JSON a figure (build/bench.mjs).
 */
const SIZE = 200e6;
const START = 1_790_000_000_000_000_000n;

function tcpFrame(flow: number, sequence: number, size: number): Uint8Array {
  const bytes = udpFrame(sequence, size, 1024 + flow, 443);
  bytes[23] = 6;
  const view = new DataView(bytes.buffer);
  view.setUint32(38, sequence * 1000);
  bytes[46] = 0x50;
  bytes[47] = 0x10;
  return bytes;
}

function generate(path: string): number {
  const fd = openSync(path, 'w');
  const writer = new PcapngWriter(5 << 20);
  writer.section({ application: 'bench' });
  writer.interface({ linkType: 1, snaplen: 0, name: 'eth0' });
  let written = 0;
  let packets = 0;
  const sizes = [60, 1400, 60, 500, 1400, 40, 90, 1400];
  const frames = Array.from({ length: 4096 }, (_, i) =>
    i % 8 === 5 ? udpFrame(i, 40, 5000 + (i % 500), 53) : tcpFrame(i % 1000, i, sizes[i % 8] ?? 60),
  );
  while (written < SIZE) {
    while (writer.length < 4 << 20) {
      const at = START + BigInt(packets) * 10_000n;
      const frame = frames[packets % frames.length] ?? frames[0] ?? new Uint8Array(0);
      writer.packet(0, Number(at >> 32n), Number(at & 0xffffffffn), frame.length, frame.length, frame, 0, 1, 0, 0, 0);
      packets++;
    }
    written += writeSync(fd, writer.pending());
    writer.clear();
  }
  closeSync(fd);
  return packets;
}

function seconds(work: () => void): number {
  const start = process.hrtime.bigint();
  work();
  return Number(process.hrtime.bigint() - start) / 1e9;
}

function tool(command: string, ...args: string[]): number | null {
  if (spawnSync('which', [command]).status !== 0) return null;
  let failed = false;
  const time = seconds(() => {
    failed = spawnSync(command, args, { stdio: 'ignore' }).status !== 0;
  });
  if (failed) throw new Error(`${command} failed`);
  return time;
}

const print = (figure: object): void => void process.stdout.write(`${JSON.stringify(figure)}\n`);
const folder = mkdtempSync(join(tmpdir(), 'flowglass-bench-'));

async function reading(): Promise<void> {
  const path = join(folder, 'read.pcapng');
  const packets = generate(path);
  const megabytes = statSync(path).size / 1e6;
  let best = Infinity;
  for (let round = 0; round < 3; round++) {
    let touched = 0;
    const start = process.hrtime.bigint();
    const result = await readCapture(path, {
      packet: (packet) => {
        touched = (touched + packet.view.getUint32(packet.offset + 26) + packet.view.getUint32(packet.offset + 34)) | 0;
      },
    });
    best = Math.min(best, Number(process.hrtime.bigint() - start) / 1e9);
    if (result.packets !== packets || touched === 0) throw new Error('not all packets were read');
  }
  print({ name: 'pcapng reading', value: Math.round(megabytes / best), unit: 'MB/s' });
  print({ name: 'pcapng reading, a packet', value: (best / packets) * 1e9, unit: 'ns' });
  const capinfos = tool('capinfos', '-c', path);
  if (capinfos !== null)
    print({ name: 'pcapng reading / capinfos -c', value: best / capinfos, budget: 1.5, ratio: best / capinfos });
  const tshark = tool('tshark', '-n', '-q', '-r', path, '-z', 'conv,tcp', '-z', 'conv,udp');
  if (tshark !== null) {
    print({ name: 'pcapng reading / tshark conversations', value: best / tshark, budget: 0.04, ratio: best / tshark });
  }
}

async function opening(): Promise<void> {
  const path = join(folder, 'open.pcapng');
  const packets = writeConversations(path, SIZE);
  const rounds: number[] = [];
  for (let round = 0; round < 5; round++) {
    const start = process.hrtime.bigint();
    const { source } = await openForeign(path);
    rounds.push(Number(process.hrtime.bigint() - start) / 1e9);
    if (source.captured.packets !== packets) throw new Error('not all packets were read');
  }
  const best = Math.min(...rounds);
  print({ name: 'opening, a packet', value: (best / packets) * 1e9, unit: 'ns' });
  let tshark = Infinity;
  for (let round = 0; round < 2; round++) {
    const time = tool('tshark', '-n', '-q', '-r', path, '-z', 'conv,tcp', '-z', 'conv,udp');
    if (time === null) return;
    tshark = Math.min(tshark, time);
  }
  const [first = NaN] = rounds;
  print({ name: 'opening, the first file / tshark conversations', value: first / tshark, ratio: first / tshark });
  print({ name: 'opening / tshark conversations', value: best / tshark, budget: 0.06, ratio: best / tshark });
  rmSync(path);
}

function writing(): void {
  const data = udpFrame(1, 214);
  const per = 200;
  const frames = 2000;
  const template = packetsFrame(Array.from({ length: per }, (_, i) => ({ iface: 0, atNs: BigInt(i), data })));
  const view = new DataView(template.bytes.buffer);
  const record = template.bytes.length / per;
  const owner = { pid: 1, tid: 1 };
  let bytes = 0;
  let best = Infinity;
  for (let round = 0; round < 3; round++) {
    let now = 0;
    const path = join(folder, `write-${round}.pcapng`);
    const reducer = new HashReducer();
    const writer = new SessionWriter({
      path, application: 'bench', snaplen: 256, timer: false, now: () => now,
      serialize: () => reducer.serialize(), ownerOf: () => owner,
    }); // prettier-ignore
    for (const frame of [helloFrame(), clockFrame(1n, START), interfaceFrame(0, 'eth0', 1n)]) {
      writer.frame(frame.type, frame.bytes, new DataView(frame.bytes.buffer), 0, frame.bytes.length);
    }
    let atNs = 1_000_000n;
    const time = seconds(() => {
      for (let i = 0; i < frames; i++) {
        for (let p = 0; p < per; p++) view.setBigUint64(p * record, (atNs += 2000n), true);
        writer.frame(template.type, template.bytes, view, 0, template.bytes.length);
        now += 0.4;
        if (i % 250 === 249) writer.tick();
      }
      writer.close();
    });
    bytes = statSync(path).size;
    if (writer.counts.packets !== per * frames) throw new Error('not all packets were written');
    best = Math.min(best, time);
    rmSync(path);
  }
  const chunk = new Uint8Array(1 << 20);
  let plain = Infinity;
  for (let round = 0; round < 3; round++) {
    const path = join(folder, 'plain');
    const fd = openSync(path, 'w');
    plain = Math.min(plain, seconds(() => {
      for (let done = 0; done < bytes; done += chunk.length) writeSync(fd, chunk, 0, Math.min(chunk.length, bytes - done));
    })); // prettier-ignore
    closeSync(fd);
    rmSync(path);
  }
  print({ name: 'session writing', value: Math.round(bytes / 1e6 / best), unit: 'MB/s' });
  print({ name: 'session writing, a packet of 256 bytes', value: (best / (per * frames)) * 1e9, unit: 'ns' });
  print({ name: 'session writing / plain writes', value: best / plain, ratio: best / plain });
}

try {
  await opening();
  await reading();
  writing();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
