import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { ACK, FIN, ipv4, PSH, SYN, tcp, udp } from '../dissect/test-packets.ts';
import { flowSummary } from '../summary/flow.ts';
import { sessionSummary } from '../summary/session.ts';
import type { SummarySource } from '../summary/source.ts';
import { summaryFlows } from '../summary/summary.ts';
import { openForeign } from '../tracker/open-foreign.ts';
import { ForeignMoments, type ForeignFile } from './foreign-moments.ts';

const folder = mkdtempSync(join(tmpdir(), 'flowglass-moments-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const corpus = fileURLToPath(new URL('../../test/corpus/', import.meta.url));

/** Everything that a summary tells. */
const told = (source: SummarySource): string =>
  JSON.stringify([sessionSummary(source), ...[...summaryFlows(source)].map((flow) => flowSummary(source, flow))]);

/** A pcap of raw IP packets at ms. */
function written(name: string, packets: readonly { atMs: number; bytes: Uint8Array }[]): string {
  const parts = packets.flatMap(({ atMs, bytes }) => {
    const head = Buffer.alloc(16);
    head.writeUInt32LE(1_700_000_000 + Math.floor(atMs / 1000), 0);
    head.writeUInt32LE(Math.round((atMs % 1000) * 1000), 4);
    head.writeUInt32LE(bytes.length, 8);
    head.writeUInt32LE(bytes.length, 12);
    return [head, bytes];
  });
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4, 0);
  header.writeUInt32LE(0x00040002, 4);
  header.writeUInt32LE(262144, 16);
  header.writeUInt32LE(101, 20);
  const path = join(folder, name);
  const bytes = Buffer.concat([header, ...parts]);
  writeFileSync(path, name.endsWith('.gz') ? gzipSync(bytes) : bytes);
  return path;
}

/** Connections that overlap, larger than what is read at once: `disorderMs` = by how much every tenth packet is late in the file. */
function connections(count: number, disorderMs = 0) {
  const list: { atMs: number; bytes: Uint8Array }[] = [];
  for (let i = 0; i < count; i++) {
    const port = 20_000 + i;
    const c = (atMs: number, seq: number, flags: number, size = 0): void =>
      void list.push({ atMs: i * 20 + atMs, bytes: ipv4('10.0.0.1', '10.0.0.2', 6, tcp(port, 80, 1000 + seq, 5001, flags, { payload: new Uint8Array(size) }), { id: list.length }) }); // prettier-ignore
    const s = (atMs: number, ack: number, flags: number): void =>
      void list.push({ atMs: i * 20 + atMs, bytes: ipv4('10.0.0.2', '10.0.0.1', 6, tcp(80, port, flags & SYN ? 5000 : 5001, 1000 + ack, flags), { id: list.length }) }); // prettier-ignore
    c(0, 0, SYN);
    s(10, 1, SYN | ACK);
    c(11, 1, ACK);
    for (let k = 0; k < 20; k++) c(20 + k, 1 + k * 1400, ACK | PSH, 1400);
    s(60, 1 + 20 * 1400, ACK);
    c(70, 1 + 20 * 1400, ACK | FIN);
    list.push({ atMs: i * 20 + 75, bytes: ipv4('10.0.0.1', '10.0.0.3', 17, udp(port, 9, [1, 2])) });
  }
  list.sort((a, b) => a.atMs - b.atMs);
  return list.map((packet, i) => (i % 10 === 5 && i > 0 ? { ...packet, atMs: Math.max(0, packet.atMs - disorderMs) } : packet)); // prettier-ignore
}

async function fileOf(path: string): Promise<ForeignFile & { whole: string }> {
  const { source, capture } = await openForeign(path);
  const { disorderNs } = capture;
  return { path, endNs: Number(source.durationNs), disorderNs, truncated: source.truncated, whole: told(source) };
}

/** Random moments one after the other, and each for itself. */
async function compare(file: ForeignFile, targets: readonly number[]): Promise<void> {
  const moments = new ForeignMoments(file);
  for (const target of targets) {
    const alone = new ForeignMoments(file);
    expect([target, told(await moments.at(target))]).toEqual([target, told(await alone.at(target))]);
    await alone.close();
  }
  await moments.close();
}

describe('a capture of others at a moment', () => {
  it.each([
    ['plain.pcap', 0],
    ['packed.pcap.gz', 0],
    ['disorder.pcap', 30],
    ['back.pcap', 3000],
  ])('is the same whichever way one came there: %s', async (name, disorderMs) => {
    const file = await fileOf(written(name, connections(40, disorderMs)));
    expect(file.disorderNs > 0).toBe(disorderMs > 0);
    const targets = [0.1, 0.5, 0.55, 0.56, 0.2, 0.9, 1, 0.3, 1].map((share) => Math.floor(file.endNs * share));
    await compare(file, targets);
    const moments = new ForeignMoments(file);
    expect(told(await moments.at(file.endNs))).toBe(file.whole);
    await moments.close();
  });

  it('playing reads the file once, not once for each step', async () => {
    const file = await fileOf(written('played.pcap', connections(100)));
    const size = readFileSync(file.path).length;
    const moments = new ForeignMoments(file);
    const readBytes = (): number => Number(/rchar: (\d+)/.exec(readFileSync('/proc/self/io', 'utf8'))![1]);
    const before = readBytes();
    for (let step = 1; step < 200; step++) await moments.at((file.endNs * step) / 200);
    expect(readBytes() - before).toBeLessThan(2 * size);
    await moments.close();
  });

  it('of every file of the corpus, cut and damaged ones too', async () => {
    for (const name of readdirSync(corpus).filter((each) => /^m-.*(pcap|pcapng|gz)$/.test(each))) {
      const file = await fileOf(join(corpus, name)).catch(() => null);
      if (file !== null) await compare(file, [0, file.endNs / 2, file.endNs / 3, file.endNs]);
    }
  });
});
