import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import type { FlowglassError } from '../errors.ts';
import { flowSummary, type FlowSummary } from '../summary/flow.ts';
import { summaryFlows } from '../summary/summary.ts';
import type { SummarySource } from '../summary/source.ts';
import { openForeign } from '../tracker/open-foreign.ts';
import { FollowingSource } from './following-source.ts';

const corpus = fileURLToPath(new URL('../../test/corpus/', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'flowglass-following-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const flowsOf = (source: SummarySource): FlowSummary[] =>
  [...summaryFlows(source)].map((flow) => flowSummary(source, flow));

/** A pipe whose writing end the test holds. */
class Pipe implements AsyncIterable<Uint8Array> {
  private readonly waiting: ((piece: Uint8Array | null) => void)[] = [];
  private readonly pieces: (Uint8Array | null)[] = [];
  write(piece: Uint8Array | null): void {
    const next = this.waiting.shift();
    if (next) next(piece);
    else this.pieces.push(piece);
  }
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, void> {
    for (;;) {
      const piece = this.pieces.length > 0 ? this.pieces.shift()! : await new Promise<Uint8Array | null>((done) => this.waiting.push(done)); // prettier-ignore
      if (piece === null) return;
      yield piece;
    }
  }
}

const open: FollowingSource[] = [];
afterEach(async () => {
  for (const source of open.splice(0)) await source.close();
});

function follow(path: string, input?: AsyncIterable<Uint8Array>) {
  let end = (_: FlowglassError | null): void => undefined;
  const ended = new Promise<FlowglassError | null>((resolve) => (end = resolve));
  const source = new FollowingSource({
    path,
    ...(input ? { input } : {}),
    clock: () => '',
    onEnd: (error) => end(error),
  });
  open.push(source);
  return { source, ended };
}

async function until(what: () => boolean): Promise<void> {
  for (let i = 0; i < 500; i++) {
    if (what()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('waited in vain');
}

const NAMES = ['m-half-close.pcap', 'm-port-reuse.pcap', 'm-journal-unknown-blocks.pcapng', 'm-gz-two-members.pcap.gz'];

describe('a capture from a pipe', () => {
  it.each(NAMES)('%s, byte by byte, ends as the file does', async (name) => {
    const bytes = readFileSync(join(corpus, name));
    const pipe = new Pipe();
    const { source, ended } = follow('-', pipe);
    for (const byte of bytes) pipe.write(Uint8Array.of(byte));
    pipe.write(null);
    expect(await ended).toBeNull();
    expect(source.ended).toBe(true);
    expect(flowsOf(source.summary())).toEqual(flowsOf((await openForeign(join(corpus, name))).source));
  });

  it('shows what has come so far, can look back, and comes forward again', async () => {
    const bytes = readFileSync(join(corpus, 'm-half-close.pcap'));
    const pipe = new Pipe();
    const { source, ended } = follow('-', pipe);
    const half = Math.floor(bytes.length / 2);
    pipe.write(bytes.subarray(0, half));
    await source.begun;
    await until(() => source.endNs > 0);
    source.tick();
    expect(source.following).toBe(true);
    const middle = source.endNs;
    const before = flowsOf(source.summary());
    const cut = join(folder, 'half.pcap');
    writeFileSync(cut, bytes.subarray(0, half));
    const count = ({ sent, received }: FlowSummary) => [sent, received];
    expect(before.map(count)).toEqual(flowsOf((await openForeign(cut)).source).map(count));
    pipe.write(bytes.subarray(half));
    await until(() => source.endNs > middle);
    await source.seek(middle);
    expect([source.following, source.cursorNs]).toEqual([false, middle]);
    expect(flowsOf(source.summary()).map(count)).toEqual(before.map(count));
    source.follow();
    source.tick();
    expect(source.cursorNs).toBe(source.endNs);
    const { total, rows } = await source.packets.list(source.model, 0, 0, 100);
    expect(total).toBeGreaterThan(3);
    expect((await source.packets.one(rows[0]!.packet))?.layers.length).toBeGreaterThan(2);
    pipe.write(null);
    await ended;
    expect(source.truncated).toBe(false);
  });

  it('a broken pipe is the end of the recording, which stays to be looked at', async () => {
    const bytes = readFileSync(join(corpus, 'm-half-close.pcap'));
    async function* broken(): AsyncGenerator<Uint8Array, void, void> {
      yield bytes.subarray(0, bytes.length - 5);
      await Promise.resolve();
      throw Object.assign(new Error('reset'), { code: 'ECONNRESET' });
    }
    const { source, ended } = follow('-', broken());
    expect(await ended).toBeNull();
    expect([source.truncated, source.ended, source.following]).toEqual([true, true, false]);
    expect(flowsOf(source.summary()).length).toBeGreaterThan(0);
  });

  it('what is no capture is said so', async () => {
    const pipe = new Pipe();
    const { source, ended } = follow('-', pipe);
    pipe.write(Buffer.from('tcpdump: permission denied\n'));
    const error = await ended;
    expect(error?.code).toBe('not-a-capture');
    await source.begun;
    expect(source.failure).toBe(error);
    const nothing = follow('-', pipe);
    pipe.write(null);
    expect((await nothing.ended)?.code).toBe('empty-file');
  });

  it('leaves no temporary file behind', async () => {
    const there = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith('flowglass-follow-'));
    const before = there();
    const { source } = follow('-', new Pipe());
    await until(() => there().length === before.length + 1);
    await source.close();
    expect(there()).toEqual(before);
  });
});

describe('a file that grows', () => {
  it('is followed until it is taken away', async () => {
    const path = join(folder, 'growing.pcap');
    const bytes = readFileSync(join(corpus, 'm-port-reuse.pcap'));
    writeFileSync(path, bytes.subarray(0, 30));
    const { source, ended } = follow(path);
    await source.begun;
    expect(source.endNs).toBe(0);
    for (let at = 30; at < bytes.length; at += 100) {
      appendFileSync(path, bytes.subarray(at, at + 100));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    const { source: whole } = await openForeign(path);
    await until(() => source.endNs === Number(whole.durationNs));
    expect(source.ended).toBe(false);
    renameSync(path, `${path}.old`);
    expect(await ended).toBeNull();
    expect(flowsOf(source.summary())).toEqual(flowsOf(whole));
    expect(existsSync(`${path}.old`)).toBe(true);
  });
  it('also when compressed', async () => {
    const path = join(folder, 'growing.pcap.gz');
    writeFileSync(path, gzipSync(readFileSync(join(corpus, 'm-port-reuse.pcap'))));
    const { source } = follow(path);
    await until(() => source.endNs > 0);
    expect(source.following).toBe(true);
  });
});
