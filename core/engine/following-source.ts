/**
 * A capture that is still being written: standard input (`ssh host tcpdump -w - | flowglass open -`) or a growing file.
 * Its packets go through the tracker as they come. What comes from a pipe is kept in a temporary file, so that one can
 * look back and at packets; when the writer goes away the recording has ended and stays to be looked at.
 */
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Packet } from '../capture/packet.ts';
import { readCapture, readCaptureStream } from '../capture/read.ts';
import { errnoText, FlowglassError } from '../errors.ts';
import type { FlowModel } from '../flow/model.ts';
import type { SummarySource } from '../summary/source.ts';
import type { TimelineStore } from '../timeline/store.ts';
import { ForeignCapture } from '../tracker/open-foreign.ts';
import type { FindingList } from './finding-facts.ts';
import { foreignPackets } from './foreign-packets.ts';
import { TimelineObserver } from './observer.ts';
import type { FlowPackets } from './packets.ts';
import type { Source } from './source.ts';

const PIECE = 256 << 10;
/** How often a file that stopped growing is looked at. */
const POLL_MS = 100;

export interface FollowingOptions {
  /** A file that grows, or `-` with `input`. */
  readonly path: string;
  /** What is shown for `-`; default `standard input`. */
  readonly title?: string;
  /** Where `-` comes from: standard input. */
  readonly input?: AsyncIterable<Uint8Array>;
  readonly clock: (model: FlowModel, atNs: number) => string;
  /** The input is over; with an error when it is no capture, or could not be kept. */
  readonly onEnd: (error: FlowglassError | null) => void;
}

/** The state that is looked at while the cursor is not at the newest moment. */
interface Frozen {
  readonly summary: SummarySource;
  readonly atNs: number;
}

export class FollowingSource implements Source {
  readonly mode = 'replay';
  readonly ours = false;
  readonly name: string;
  readonly path: string | null;
  readonly timeline: TimelineStore;
  readonly findings: FindingList;
  readonly gaps = [];
  readonly startNs = 0;
  truncated = false;
  /** The writer has gone away. */
  ended = false;
  /** Why reading ended, when not by the end of the input. */
  failure: FlowglassError | null = null;
  /** The beginning is there and is a capture, or the input is over. */
  readonly begun: Promise<void>;
  private readonly options: FollowingOptions;
  private readonly capture = new ForeignCapture();
  private readonly observer = new TimelineObserver(this.capture.model);
  readonly packets: FlowPackets;
  private readonly cancel = new AbortController();
  /** Folder of what came from a pipe; null for a file. */
  private readonly folder: string | null;
  private readonly file: string;
  private readonly reading: Promise<void>;
  private frozen: Frozen | null = null;

  constructor(options: FollowingOptions) {
    this.options = options;
    this.timeline = this.observer.store;
    this.findings = this.observer.findings;
    const piped = options.input !== undefined;
    this.name = piped ? (options.title ?? 'standard input') : basename(options.path);
    this.path = piped ? null : options.path;
    this.folder = piped ? mkdtempSync(join(tmpdir(), 'flowglass-follow-')) : null;
    this.file = this.folder === null ? options.path : join(this.folder, 'standard input');
    this.packets = foreignPackets(
      this.file,
      () => this.capture.model.clock.wallNs(0) ?? 0n,
      (atNs) => options.clock(this.model, atNs),
    );
    let begin = (): void => undefined;
    this.begun = new Promise((resolve) => (begin = resolve));
    this.reading = this.read(begin);
  }

  get model(): FlowModel {
    return this.frozen?.summary.model ?? this.capture.model;
  }
  get endNs(): number {
    return this.capture.model.nowNs;
  }
  get cursorNs(): number {
    return this.frozen?.atNs ?? this.endNs;
  }
  get following(): boolean {
    return this.frozen === null && !this.ended;
  }

  /** Looks at the newest moment again. */
  follow(): void {
    this.frozen = null;
  }

  /** Keeps what is shown now; reading goes on. */
  async pause(): Promise<void> {
    if (this.frozen === null) await this.seek(this.endNs);
  }

  async seek(atNs: number): Promise<void> {
    const target = Math.min(this.endNs, Math.max(0, atNs));
    const past = new ForeignCapture();
    const { handlers } = past;
    await readCapture(this.file, {
      ...handlers,
      packet: (packet: Packet) => {
        if (!past.isAfter(packet, target)) handlers.packet?.(packet);
      },
    });
    this.frozen = { summary: past.source(this.truncated), atNs: target };
  }

  tick(): void {
    this.capture.tracker.flush();
    this.observer.settle();
  }

  summary(): SummarySource {
    return this.frozen?.summary ?? this.capture.source(this.truncated);
  }

  exported(): string {
    return this.file;
  }

  async close(): Promise<void> {
    this.cancel.abort();
    await this.reading;
    if (this.folder !== null) rmSync(this.folder, { recursive: true, force: true });
  }

  private async read(begin: () => void): Promise<void> {
    const { capture, cancel, options } = this;
    const { handlers } = capture;
    const source = options.input === undefined ? this.growing() : this.kept(options.input);
    try {
      const result = await readCaptureStream(
        source,
        {
          ...handlers,
          interface: (info) => {
            handlers.interface?.(info);
            begin();
          },
        },
        { name: this.name },
      );
      this.truncated = result.truncated;
    } catch (error) {
      if (error instanceof FlowglassError) this.failure = error;
      else if (!cancel.signal.aborted) {
        const hint = 'what came before can be looked at';
        this.failure = new FlowglassError({
          code: 'input',
          what: errnoText(error),
          where: this.name,
          hint,
          cause: error,
        });
      }
      this.truncated = true;
    }
    this.ended = true;
    if (!cancel.signal.aborted) {
      capture.finish(this.truncated);
      this.observer.settle();
      options.onEnd(this.failure);
    }
    begin();
  }

  /** What comes in, put into the temporary file on its way. */
  private async *kept(input: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
    const fd = openSync(this.file, 'wx', 0o600);
    const iterator = input[Symbol.asyncIterator]();
    const stopped = new Promise<null>((resolve) =>
      this.cancel.signal.addEventListener('abort', () => resolve(null), { once: true }),
    );
    try {
      for (;;) {
        let next: IteratorResult<Uint8Array> | null;
        try {
          next = await Promise.race([iterator.next(), stopped]);
        } catch {
          return; // The other end is gone: that is the end of the recording.
        }
        if (next === null || next.done === true) return;
        for (let done = 0; done < next.value.length;) done += writeSync(fd, next.value, done);
        yield next.value;
      }
    } finally {
      closeSync(fd);
    }
  }

  /** The file's bytes, and those that are added to it, until it is taken away or begins anew. */
  private async *growing(): AsyncGenerator<Uint8Array, void, void> {
    const { signal } = this.cancel;
    const file = await open(this.file, 'r');
    const { ino } = await file.stat();
    const buffer = Buffer.alloc(PIECE);
    try {
      for (let position = 0; !signal.aborted;) {
        const { bytesRead } = await file.read(buffer, 0, PIECE, position);
        position += bytesRead;
        if (bytesRead > 0) {
          yield buffer.subarray(0, bytesRead);
          continue;
        }
        const now = await stat(this.file).catch(() => null);
        if (now === null || now.ino !== ino || now.size < position) return;
        await delay(POLL_MS, undefined, { signal }).catch(() => undefined);
      }
    } finally {
      await file.close();
    }
  }
}
