import {
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { flowSummary } from '../../summary/flow.ts';
import { sessionSummary } from '../../summary/session.ts';
import { summaryFlows } from '../../summary/summary.ts';
import { ForeignSource } from '../foreign-source.ts';
import { fileKey, type FileKey } from './file-key.ts';
import { IndexCache } from './index-cache.ts';

const corpus = fileURLToPath(new URL('../../../test/corpus/', import.meta.url));
let folder: string;
let entries: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'flowglass-index-'));
  entries = join(folder, 'entries');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Opens with a cache that counts what it could use. */
async function open(path: string): Promise<{ source: ForeignSource; hits: number }> {
  let hits = 0;
  class Counting extends IndexCache {
    override load(key: FileKey): Uint8Array | null {
      const found = super.load(key);
      if (found !== null) hits++;
      return found;
    }
  }
  const options = { signal: new AbortController().signal, progress: () => undefined, clock: () => '', cache: new Counting(entries), indexedBytes: 1 }; // prettier-ignore
  const source = await ForeignSource.open(path, options);
  return { source, hits };
}

/** Everything that viewers can be shown of it. */
function told(source: ForeignSource): string {
  const summary = source.summary();
  const lanes: unknown[] = [];
  const { rows } = source.model.flows;
  for (let flow = 0; flow < rows.count; flow++)
    source.timeline.eachBin(flow, 0, Infinity, 2 ** 24, (bin) => lanes.push({ ...bin }));
  source.timeline.samples.each(0, Infinity, (...sample) => lanes.push(sample));
  lanes.push(String(source.timeline.samples.completeFromNs));
  source.timeline.eachHeat(0, source.endNs + 1, 2 ** 26, (...cell) => lanes.push(cell));
  return JSON.stringify([
    sessionSummary(summary),
    ...[...summaryFlows(summary)].map((flow) => flowSummary(summary, flow)),
    lanes,
    source.timeline.marks,
    source.findings.rows([], source.endNs).map((each) => ({ ...each, usual: String(each.usualUs) })),
    [source.truncated, source.damage, source.endNs],
  ]);
}

/** A copy that a test may change. */
function copy(name: string): string {
  const path = join(folder, name);
  copyFileSync(join(corpus, name), path);
  return path;
}

const entry = (): string => join(entries, readdirSync(entries)[0]!);

describe('the index of a capture', () => {
  it('gives the same answers as its packets, for every file of the corpus', async () => {
    let opened = 0;
    for (const name of readdirSync(corpus).filter((each) => /^m-.*(pcap|pcapng|gz)$/.test(each))) {
      const path = join(corpus, name);
      const first = await open(path).catch(() => null);
      if (first === null) continue;
      const again = await open(path);
      expect([name, first.hits, again.hits]).toEqual([name, 0, 1]);
      expect(told(again.source)).toBe(told(first.source));
      expect(again.source.model.bytes).toBe(first.source.model.bytes);
      const middle = first.source.endNs / 2;
      for (const { source } of [first, again]) await source.seek(middle);
      expect(told(again.source)).toBe(told(first.source));
      for (const { source } of [first, again]) await source.close();
      opened++;
    }
    expect(opened).toBeGreaterThan(15);
  });

  it('is not used for a file that changed: longer, other bytes in the same place, another file under its name', async () => {
    const path = copy('m-half-close.pcap');
    await open(path);
    expect((await open(path)).hits).toBe(1);
    const bytes = readFileSync(path);
    const { atimeMs, mtimeMs } = statSync(path);
    bytes[bytes.length - 1]! ^= 1;
    writeFileSync(path, bytes);
    utimesSync(path, atimeMs / 1000, mtimeMs / 1000); // as if nothing had been
    expect((await open(path)).hits).toBe(0);
    writeFileSync(path, bytes.subarray(0, bytes.length - 100));
    const cut = await open(path);
    expect([cut.hits, cut.source.truncated]).toEqual([0, true]);
    rmSync(path);
    copyFileSync(join(corpus, 'm-port-reuse.pcap'), path);
    expect((await open(path)).hits).toBe(0);
  });

  it('that is damaged, cut or of another build is made anew, without a word', async () => {
    const path = copy('m-half-close.pcap');
    const whole = told((await open(path)).source);
    const good = readFileSync(entry());
    for (const damage of [good.subarray(0, good.length >> 1), good.map((byte, i) => (i === good.length >> 1 ? byte ^ 1 : byte)), Buffer.alloc(0), Buffer.concat([Buffer.from('flowglass index 0'), good.subarray(17)])]) {
      writeFileSync(entry(), damage);
      const { source, hits } = await open(path);
      expect([hits, told(source)]).toEqual([0, whole]);
      expect((await open(path)).hits).toBe(1);
    }
  }); // prettier-ignore

  it('lies in a folder of the user alone, which is bounded; those used last stay', async () => {
    const path = copy('m-half-close.pcap');
    await open(path);
    expect([statSync(entries).mode & 0o777, statSync(entry()).mode & 0o777]).toEqual([0o700, 0o600]);
    const key = (await fileKey(path))!;
    const cache = new IndexCache(entries, 10_000);
    const body = new Uint8Array(4000);
    const of = (name: string): FileKey => ({ ...key, name });
    cache.store(of('a'), body);
    cache.store(of('b'), body);
    utimesSync(join(entries, 'a.fgindex'), 1, 1);
    expect(cache.load(of('a'))).not.toBeNull(); // used now
    utimesSync(join(entries, 'b.fgindex'), 2, 2);
    cache.store(of('c'), body);
    expect(['a', 'b', 'c'].map((name) => cache.load(of(name)) !== null)).toEqual([true, false, true]);
    cache.store(of('d'), new Uint8Array(20_000));
    expect(cache.load(of('d'))).toBeNull();
  });
});
