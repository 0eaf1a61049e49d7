/**
 * What just happened, kept: a recording in a folder of its own, divided into files that each open by themselves, of
 * which the oldest are deleted. Saving joins them into one session file; a recording that begins in the past takes them
 * and every file that is closed from then on.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { FlowglassError } from '../errors.ts';
import { type FileCalls, SYSTEM_CALLS } from '../session/file-sink.ts';
import { leftFree, nearlyFull, shortOfSpace } from '../session/free-space.ts';
import { type Joined, SessionJoin } from '../session/join.ts';
import type { SessionCounts, SessionWriterOptions } from '../session/options.ts';
import { SessionWriter } from '../session/writer.ts';
import type { FrameSink } from '../wire/frames.ts';

/** How much is kept: at least so long, unless that is more than so many bytes. */
export interface RingLimits {
  /** null = as long as the bytes allow. */
  readonly ms: number | null;
  readonly bytes: number;
}

/** The ring is divided into about so many files, so that it holds at most a tenth more than was asked for. */
const PARTS = 10;
const PART_MIN_MS = 500;
const PART_MIN_BYTES = 64 << 10;
/** Without a length, a file lasts at most so long: it is what a crash of a recording from the past leaves unjoined. */
const PART_MAX_MS = 30_000;

export interface RingOptions {
  /** The ring's folder is this and six letters more; it is made 0700, and deleted at the end. */
  readonly prefix: string;
  readonly limits: RingLimits;
  readonly writer: Omit<SessionWriterOptions, 'path' | 'rotateBytes' | 'rotateMs' | 'ring' | 'onClosed' | 'makeRoom'>;
}

/** How a file is made of what is held. */
export interface SaveOptions {
  readonly force?: boolean;
  readonly calls?: FileCalls;
}

interface Part {
  readonly path: string;
  readonly bytes: number;
  readonly ms: number;
}

/** A session file that began with what the ring held, and goes on until it is ended. */
export class PastRecording {
  readonly path: string;
  readonly #join: SessionJoin;
  readonly #done: (recording: PastRecording) => void;
  /** Parts that are to be read, and so kept. */
  readonly waiting: Part[] = [];
  ended = false;
  #work: Promise<void> = Promise.resolve();
  #error: Error | null = null;

  constructor(join: SessionJoin, path: string, done: (recording: PastRecording) => void) {
    this.#join = join;
    this.path = path;
    this.#done = done;
  }

  /** Bytes of the file so far, what waits to be joined included. */
  get bytes(): number {
    return this.waiting.reduce((sum, { bytes }) => sum + bytes, this.#join.bytes);
  }

  /** Takes a closed part of the ring; it is read when the ones before it have been. */
  take(part: Part): void {
    this.waiting.push(part);
    this.#work = this.#work.then(async () => {
      try {
        if (this.#error === null) await this.#join.add(part.path);
      } catch (error) {
        this.#error = error instanceof Error ? error : new Error(String(error));
      }
      this.waiting.shift();
      this.#done(this);
    });
  }

  /** Closes the file when all is in it. Throws FlowglassError. */
  async finish(): Promise<Joined> {
    await this.#work;
    if (this.#error !== null) {
      this.#join.abandon();
      throw this.#error;
    }
    return this.#join.finish();
  }
}

export class FlightRing {
  readonly folder: string;
  readonly #options: RingOptions;
  readonly #writer: SessionWriter;
  readonly #parts: Part[] = [];
  readonly #recordings = new Set<PastRecording>();

  /** Throws FlowglassError when the folder or its first file cannot be made. */
  constructor(options: RingOptions) {
    this.#options = options;
    const { ms, bytes } = options.limits;
    try {
      this.folder = mkdtempSync(options.prefix);
    } catch (error) {
      throw new FlowglassError({ code: 'unwritable-file', what: 'the folder of the flight recorder cannot be made', where: dirname(options.prefix), hint: 'choose a folder that you may write to', cause: error }); // prettier-ignore
    }
    const { calls = SYSTEM_CALLS, onError } = options.writer;
    this.#writer = new SessionWriter({
      ...options.writer,
      // What is deleted in minutes need not be made safe on the disk first.
      calls: { ...calls, sync: () => undefined },
      onError: (error) => onError?.(this.#ringError(error)),
      makeRoom: () => this.#dropOldest(),
      path: join(this.folder, 'kept.pcapng'),
      rotateMs: ms === null ? PART_MAX_MS : Math.min(PART_MAX_MS, Math.max(PART_MIN_MS, ms / PARTS)),
      rotateBytes: Math.max(PART_MIN_BYTES, Math.floor(bytes / PARTS)),
      onClosed: (path, size, lasted) => this.#closed({ path, bytes: size, ms: lasted }),
    });
  }

  /** Milliseconds that saving now would reach back, the part being written left aside. */
  get heldMs(): number {
    return this.#parts.reduce((sum, { ms }) => sum + ms, 0);
  }
  get bytes(): number {
    return this.#writer.bytes;
  }
  get counts(): SessionCounts {
    return this.#writer.counts;
  }
  get error(): FlowglassError | null {
    return this.#writer.error;
  }
  /** Closed files and the one being written, oldest first. */
  get files(): string[] {
    return this.#writer.files;
  }

  readonly frame: FrameSink = (type, bytes, view, offset, length) =>
    this.#writer.frame(type, bytes, view, offset, length);

  prime(type: number, bytes: Uint8Array, view: DataView, offset: number): void {
    this.#writer.prime(type, bytes, view, offset);
  }

  flush(): void {
    this.#writer.flush();
  }

  /** For rings without a timer of their own. */
  tick(): void {
    this.#writer.tick();
  }

  /** Begins a session file with all that is held. Throws FlowglassError when it cannot be made. */
  begin(path: string, how: SaveOptions = {}): PastRecording {
    const short = shortOfSpace(path, this.bytes, how.calls ?? SYSTEM_CALLS);
    if (short !== null) throw nearlyFull('what just happened was not written', path, `${leftFree(short)}: make room, or choose another folder`); // prettier-ignore
    const recording = new PastRecording(new SessionJoin({ path, ...how }), path, () => this.#prune());
    this.#writer.rotate();
    for (const part of this.#parts) recording.take(part);
    this.#recordings.add(recording);
    return recording;
  }

  /** Ends a file that `begin` began: it holds everything up to now. Throws FlowglassError. */
  async end(recording: PastRecording): Promise<Joined> {
    this.#writer.rotate();
    recording.ended = true;
    try {
      return await recording.finish();
    } finally {
      this.#recordings.delete(recording);
      this.#prune();
    }
  }

  /** Writes what is held into a session file. Throws FlowglassError. */
  save(path: string, how: SaveOptions = {}): Promise<Joined> {
    return this.end(this.begin(path, how));
  }

  /** Ends the recordings, and deletes the ring. */
  async close(): Promise<Joined[]> {
    const recordings = [...this.#recordings];
    const saved = await Promise.all(recordings.map((recording) => this.end(recording)));
    this.#writer.close();
    rmSync(this.folder, { recursive: true, force: true });
    return saved;
  }

  #closed(part: Part): void {
    this.#parts.push(part);
    for (const recording of this.#recordings) if (!recording.ended) recording.take(part);
    this.#prune();
  }

  /** Deletes the oldest parts that are not needed for the length, or are too much, and that no recording waits for. */
  #prune(): void {
    const { ms, bytes } = this.#options.limits;
    for (;;) {
      const [oldest, ...rest] = this.#parts;
      if (oldest === undefined) return;
      const restMs = rest.reduce((sum, part) => sum + part.ms, 0);
      const restBytes = rest.reduce((sum, part) => sum + part.bytes, 0);
      const enough = ms !== null && restMs >= ms;
      // The part being written may become as large as any.
      const tooMuch = restBytes + oldest.bytes > bytes - Math.floor(bytes / PARTS);
      if (!(enough || tooMuch) || !this.#dropOldest()) return;
    }
  }

  /** False when there is none, or a recording still waits for it. */
  #dropOldest(): boolean {
    const [oldest] = this.#parts;
    if (oldest === undefined || [...this.#recordings].some(({ waiting }) => waiting.includes(oldest))) return false;
    this.#parts.shift();
    this.#writer.drop(oldest.path);
    return true;
  }

  #ringError(error: FlowglassError): FlowglassError {
    if (error.code !== 'disk-nearly-full') return error;
    return nearlyFull('nothing more is kept', this.folder, 'make room and start again');
  }
}
