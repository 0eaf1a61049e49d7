/**
 * A capture of others while it is being read for the first time: what was read so far, its end growing, so that a large
 * file has something to look at within a second. The engine puts the finished source in its place, of the same model.
 */
import { basename } from 'node:path';
import type { FlowModel } from '../flow/model.ts';
import type { SummarySource } from '../summary/source.ts';
import type { TimelineStore } from '../timeline/store.ts';
import type { FindingList } from './finding-facts.ts';
import { foreignPackets } from './foreign-packets.ts';
import type { ForeignReading } from './foreign-reading.ts';
import type { FlowPackets } from './packets.ts';
import type { OpeningOptions } from './replay-source.ts';
import type { ForeignSource } from './foreign-source.ts';
import type { Source } from './source.ts';

export class LoadingSource implements Source {
  readonly mode = 'replay';
  readonly ours = false;
  readonly name: string;
  readonly path: string;
  readonly truncated = false;
  readonly timeline: TimelineStore;
  readonly findings: FindingList;
  readonly gaps = [];
  readonly startNs = 0;
  readonly following = true;
  readonly packets: FlowPackets;
  /** The file was read, or somebody had enough. Rejects as `ForeignSource.open` does. */
  readonly done: Promise<ForeignSource>;
  private readonly reading: ForeignReading;

  constructor(path: string, reading: ForeignReading, done: Promise<ForeignSource>, options: OpeningOptions) {
    this.path = path;
    this.name = basename(path);
    this.reading = reading;
    this.done = done;
    this.timeline = reading.observer.store;
    this.findings = reading.observer.findings;
    this.packets = foreignPackets(
      path,
      () => this.model.clock.wallNs(0) ?? 0n,
      (atNs) => options.clock(this.model, atNs),
    );
  }

  get model(): FlowModel {
    return this.reading.capture.model;
  }

  get endNs(): number {
    return this.model.nowNs;
  }

  get cursorNs(): number {
    return this.endNs;
  }

  /** Ends reading; `done` gives what was read. */
  stop(): void {
    this.reading.stop();
  }

  /** The past is looked at when all was read. */
  async seek(atNs: number): Promise<void> {
    await (await this.done).seek(atNs);
  }

  tick(): void {
    this.reading.capture.tracker.flush();
    this.reading.observer.settle();
  }

  summary(): SummarySource {
    return this.reading.capture.source(false);
  }

  exported(): string {
    return this.path;
  }

  async close(): Promise<void> {
    this.stop();
    await (await this.done.catch(() => null))?.close();
  }
}

/** The finished source when it is there within `ms`, else the one that is being read. */
export async function finishedWithin(loading: LoadingSource, ms: number): Promise<ForeignSource | LoadingSource> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<LoadingSource>((resolve) => (timer = setTimeout(() => resolve(loading), ms)));
  try {
    return await Promise.race([loading.done, late]);
  } finally {
    clearTimeout(timer);
  }
}
