/** A capture that is not ours, replayed: its packets go through the tracker up to the cursor (foreign-moments.ts). */
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { FlowglassError } from '../errors.ts';
import type { FlowModel } from '../flow/model.ts';
import type { SummarySource } from '../summary/source.ts';
import type { TimelineStore } from '../timeline/store.ts';
import type { FindingList } from './finding-facts.ts';
import { ForeignMoments } from './foreign-moments.ts';
import { foreignPackets } from './foreign-packets.ts';
import { ForeignReading } from './foreign-reading.ts';
import { fileKey } from './index-cache/file-key.ts';
import { loadIndex, saveIndex, type OpenedForeign } from './index-cache/foreign-index.ts';
import { IndexCache } from './index-cache/index-cache.ts';
import { LoadingSource } from './loading-source.ts';
import type { FlowPackets } from './packets.ts';
import type { OpeningOptions } from './replay-source.ts';
import type { Source } from './source.ts';

/** What can be read once only cannot be looked back at: a pipe, a device. */
async function refuseStreams(path: string): Promise<void> {
  const info = await stat(path).catch(() => null); // what is not there is told by who opens it
  if (info === null || info.isFile() || info.isDirectory()) return;
  throw new FlowglassError({
    code: 'not-a-file',
    what: info.isFIFO() ? 'is a pipe, which can be read once only' : 'is a device, not a file',
    where: path,
    hint: 'flowglass open - shows what comes in on standard input, and keeps it',
  });
}

/** Smaller files are read faster than it takes to look for an index. */
const INDEXED_BYTES = 8 << 20;

export interface ForeignOptions {
  readonly cache?: IndexCache;
  /** Files of at least so many bytes are indexed. */
  readonly indexedBytes?: number;
}

export class ForeignSource implements Source {
  readonly mode = 'replay';
  readonly ours = false;
  readonly name: string;
  readonly path: string;
  readonly truncated: boolean;
  readonly damage: string | null;
  readonly timeline: TimelineStore;
  readonly findings: FindingList;
  readonly gaps = [];
  readonly startNs = 0;
  readonly endNs: number;
  readonly following = false;
  readonly packets: FlowPackets;
  private readonly moments: ForeignMoments;
  private current: SummarySource;
  private at: number;

  constructor(path: string, opened: OpenedForeign, options: OpeningOptions) {
    const { whole, disorderNs } = opened;
    this.path = path;
    this.name = basename(path);
    this.truncated = whole.truncated;
    this.damage = whole.damage ?? null;
    this.timeline = opened.timeline;
    this.findings = opened.findings;
    this.current = whole;
    this.endNs = Number(whole.durationNs);
    const originNs = whole.model.clock.wallNs(0) ?? 0n;
    const { endNs, truncated } = this;
    this.moments = new ForeignMoments({ path, endNs, disorderNs, truncated });
    this.at = endNs;
    this.packets = foreignPackets(
      path,
      () => originNs,
      (atNs) => options.clock(this.model, atNs),
    );
  }

  /** Reads all of the file, or the index that was kept of it. Throws FlowglassError when the file is no capture. */
  static async open(path: string, options: OpeningOptions & ForeignOptions): Promise<ForeignSource> {
    const opening = await openingForeign(path, options);
    return opening instanceof ForeignSource ? opening : opening.done;
  }

  get model(): FlowModel {
    return this.current.model;
  }

  get cursorNs(): number {
    return this.at;
  }

  async seek(atNs: number): Promise<void> {
    const target = Math.min(this.endNs, Math.max(0, atNs));
    if (target === this.at) return;
    this.current = await this.moments.at(target);
    this.at = target;
  }

  tick(): void {
    // Nothing happens by itself.
  }

  summary(): SummarySource {
    return this.current;
  }

  exported(): string {
    return this.path;
  }

  close(): Promise<void> {
    return this.moments.close();
  }
}

/**
 * Begins to open a file: a large one that was opened before comes from the index that was kept of it, unless it changed;
 * of any other the reading under way. Throws FlowglassError for what is no file.
 */
export async function openingForeign(
  path: string,
  options: OpeningOptions & ForeignOptions,
): Promise<ForeignSource | LoadingSource> {
  await refuseStreams(path);
  const cache = options.cache ?? new IndexCache();
  const key = await fileKey(path);
  const indexed = key !== null && key.bytes >= (options.indexedBytes ?? INDEXED_BYTES);
  const stored = indexed ? cache.load(key) : null;
  const known = stored === null ? null : loadIndex(stored);
  if (known !== null) return new ForeignSource(path, known, options);
  const reading = new ForeignReading(path, options);
  const done = reading.done.then(async (opened) => {
    // What changed while it was read has no index: which of both states it is of cannot be said.
    if (indexed && !reading.stopped && (await fileKey(path))?.state === key.state) {
      const index = saveIndex(opened);
      if (index !== null) cache.store(key, index);
    }
    return new ForeignSource(path, opened, options);
  });
  return new LoadingSource(path, reading, done, options);
}
