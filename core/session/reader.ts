import { type FileHandle, open, stat } from 'node:fs/promises';
import type { CaptureInterface } from '../capture/interface.ts';
import type { Packet } from '../capture/packet.ts';
import { CaptureParser } from '../capture/parser.ts';
import { toNanoseconds } from '../capture/time.ts';
import { FlowglassError, unreadableFile } from '../errors.ts';
import { KEYFRAME_VERSION } from '../flow/snapshot.ts';
import type { FrameSink } from '../wire/frames.ts';
import { ENTRY_PACKETS, KIND_JOURNAL, KIND_KEYFRAME } from './blocks.ts';
import type { OpenOptions, SessionFacts } from './facts.ts';
import type { SessionHeader } from './header.ts';
import type { IndexEntry } from './index.ts';
import { IndexOrder } from './index-order.ts';
import { JournalBlocks } from './journal-blocks.ts';
import { JournalCursor } from './journal-cursor.ts';
import { KeyframeReader } from './keyframe-reader.ts';
import { readFacts } from './opening.ts';
import type { SessionCounts } from './options.ts';

const READ_BYTES = 1 << 20;

/** A reducer over frames, as core/flow's. */
export interface Replayed {
  apply: FrameSink;
}

/** Makes reducers for `Session.replay`. */
export interface ReducerMaker<R extends Replayed> {
  fresh(): R;
  /** From what `serialize` gave; throws FlowglassError when it cannot be read. */
  restore(state: Uint8Array): R;
}

/** A reducer and how far it was taken. */
export interface Replay<R extends Replayed> {
  readonly reducer: R;
  readonly cursor: JournalCursor;
}

export interface ReplayOptions<R extends Replayed> {
  /** Leaves keyframes aside, as far as the file allows (a file of a ring begins with one). */
  readonly fromStart?: boolean;
  /** Goes on from there when that lies before and no keyframe is nearer; its reducer is then the result's. */
  readonly from?: Replay<R> | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface PacketQuery {
  /** Boot time, inclusive; absent = open. */
  readonly fromNs?: bigint;
  readonly toNs?: bigint;
  /** Index in `interfaces`. */
  readonly interface?: number;
}

/**
 * One file of a session that Flowglass recorded. Opened by its index, or without one (a crash, a cut) by a scan.
 * `close()` it.
 */
export class Session {
  readonly path: string;
  readonly header: SessionHeader;
  readonly interfaces: readonly CaptureInterface[];
  /** In file order. */
  readonly index: readonly IndexEntry[];
  /** Packets stored in this file and what the writer counted. */
  readonly captured: Readonly<SessionCounts>;
  /** The file was not closed properly: what came after its last flush is missing. */
  readonly truncated: boolean;
  /** Where it was cut inside a block; null when it ends at a block. */
  readonly cutAt: number | null;
  /** Blocks of ours that could not be read so far. */
  damagedBlocks: number;
  readonly #file: FileHandle;
  readonly #journals: readonly IndexEntry[];
  readonly #keyframes: readonly IndexEntry[];
  /** The keyframe before any journal block, with which later files of a recording begin. */
  readonly #opening: IndexEntry | undefined;
  readonly #order: IndexOrder;
  readonly #states: KeyframeReader;

  private constructor(path: string, file: FileHandle, facts: SessionFacts) {
    this.path = path;
    this.header = facts.header;
    this.interfaces = facts.interfaces;
    this.index = facts.index;
    this.captured = facts.captured;
    this.truncated = facts.truncated;
    this.cutAt = facts.cutAt;
    this.damagedBlocks = facts.damagedBlocks;
    this.#file = file;
    this.#journals = facts.index.filter((entry) => entry.kind === KIND_JOURNAL);
    this.#keyframes = facts.index.filter((entry) => entry.kind === KIND_KEYFRAME);
    const first = this.#first();
    this.#opening = first?.kind === KIND_KEYFRAME ? first : undefined;
    this.#order = new IndexOrder(facts.index);
    this.#states = new KeyframeReader(file, this.#order);
  }

  /** Boot time of the first and last frame; 0n when there is none. */
  get fromNs(): bigint {
    return this.#first()?.fromNs ?? 0n;
  }

  /** What tells of the state first. */
  #first(): IndexEntry | undefined {
    return this.index.find((entry) => entry.kind === KIND_KEYFRAME || entry.kind === KIND_JOURNAL);
  }

  get toNs(): bigint {
    let last = this.fromNs;
    for (const entry of this.index) if (entry.kind === KIND_JOURNAL && entry.toNs > last) last = entry.toNs;
    return last;
  }

  /**
   * Opens a session; null when the file is not one of ours (a foreign capture, or ours after a tool dropped our
   * blocks), to be read by `readCapture`. Throws FlowglassError when it cannot be read at all.
   */
  static async open(path: string, options: OpenOptions = {}): Promise<Session | null> {
    let file: FileHandle;
    try {
      // A pipe is read by whoever can read it once; opening it here would take its writer away.
      if (!(await stat(path)).isFile()) return null;
      file = await open(path, 'r');
    } catch (error) {
      throw unreadableFile(error, path);
    }
    let session: Session | null = null;
    try {
      const facts = await readFacts(file, path, options);
      if (facts) session = new Session(path, file, facts);
      return session;
    } catch (error) {
      throw unreadableFile(error, path);
    } finally {
      if (session === null) await file.close();
    }
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  /** A cursor over the journal from the beginning, or from after the keyframe at `entry`. */
  cursor(entry?: IndexEntry): JournalCursor {
    const first = entry ? this.#journalsBefore(entry) : 0;
    const blocks = new JournalBlocks(this.#file, this.#journals, this.#order, first, () => this.damagedBlocks++);
    return new JournalCursor(blocks, entry?.toNs ?? 0n);
  }

  #journalsBefore(entry: IndexEntry): number {
    const next = this.#journals.findIndex((journal) => journal.offset > entry.offset);
    return next < 0 ? this.#journals.length : next;
  }

  /**
   * Boot times to stop at on the way through the whole file: at least `strideNs` apart, and something happened between
   * any two of them, so that a silence is one step however long it is. The last one is null, the end.
   */
  *stops(strideNs: bigint): Generator<bigint | null> {
    let lastNs = this.fromNs;
    for (const { toNs } of this.#journals) {
      if (toNs - lastNs < strideNs) continue;
      lastNs = toNs;
      yield toNs;
    }
    yield null;
  }

  /** The state at boot time `toNs` (null = the end): the newest keyframe at or before it, then the frames up to it. */
  async replay<R extends Replayed>(
    maker: ReducerMaker<R>,
    toNs: bigint | null = null,
    { fromStart, from, signal }: ReplayOptions<R> = {},
  ): Promise<Replay<R>> {
    const keyframes = this.#keyframes.filter((entry) => toNs === null || entry.toNs <= toNs);
    const opening = this.#opening;
    const tried = fromStart ? keyframes.filter((entry) => entry === opening) : keyframes.reverse();
    const near = from && (toNs === null || from.cursor.atNs <= toNs) ? from : null;
    for (const entry of tried) {
      if (near && !this.#worthwhile(entry, near.cursor)) break;
      const reducer = await this.#restored(entry, maker, entry === opening);
      if (reducer !== null) return this.#follow({ reducer, cursor: this.cursor(entry) }, toNs, signal);
    }
    return this.#follow(near ?? { reducer: maker.fresh(), cursor: this.cursor() }, toNs, signal);
  }

  /** Whether a keyframe spares more blocks than it has itself. */
  #worthwhile(entry: IndexEntry, cursor: JournalCursor): boolean {
    return this.#journalsBefore(entry) - cursor.blocks > entry.count;
  }

  async #follow<R extends Replayed>(from: Replay<R>, toNs: bigint | null, signal?: AbortSignal): Promise<Replay<R>> {
    const { reducer, cursor } = from;
    await cursor.advance(
      toNs,
      (type, bytes, view, offset, length) => reducer.apply(type, bytes, view, offset, length),
      signal,
    );
    return from;
  }

  /** What a keyframe holds; null when it cannot be used. */
  async #restored<R extends Replayed>(entry: IndexEntry, maker: ReducerMaker<R>, opening: boolean): Promise<R | null> {
    try {
      const reducer = await this.#states.with(entry, (state) => maker.restore(state));
      if (reducer === null) this.damagedBlocks++;
      return reducer;
    } catch (error) {
      if (!(error instanceof FlowglassError)) throw error;
      // Another version's is left aside, for the journal says the same; what a file begins with is nowhere else.
      if (error.code !== KEYFRAME_VERSION || opening) this.damagedBlocks++;
      return null;
    }
  }

  /**
   * Visits stored packets in file order, with their boot times. Within a run of the index boot and wall time differ
   * by one constant, so the time is exact (but for one held back while the clock was slewed, by microseconds). Return false from `visit` to stop.
   */
  async packets(query: PacketQuery, visit: (packet: Packet, bootNs: bigint) => boolean | undefined): Promise<void> {
    for (const run of this.index) {
      if (run.kind !== ENTRY_PACKETS) continue;
      // A late packet may lie in a run a little outside its times.
      if (query.fromNs !== undefined && run.toNs + 1_000_000_000n < query.fromNs) continue;
      if (query.toNs !== undefined && run.fromNs > query.toNs + 1_000_000_000n) continue;
      if (!(await this.#run(run, query, visit))) return;
    }
  }

  /** The packet whose block lies at a file offset, as `Packet.at` told it. Throws RangeError when there is none. */
  async packetAt(offset: number, visit: (packet: Packet) => void): Promise<void> {
    let found = false;
    await this.#read(offset, (packet, parser) => {
      found = packet.at === offset;
      if (found) visit(packet);
      parser.cancel();
    });
    if (!found) throw new RangeError(`no packet at ${offset}`);
  }

  async #run(
    run: IndexEntry,
    query: PacketQuery,
    visit: (packet: Packet, bootNs: bigint) => boolean | undefined,
  ): Promise<boolean> {
    let left = run.count;
    let more = true;
    await this.#read(run.offset, (packet, parser) => {
      const wallNs = toNanoseconds(packet.seconds, packet.nanos);
      const bootNs = wallNs - run.wallOffsetNs;
      left--;
      const wanted =
        (query.fromNs === undefined || bootNs >= query.fromNs) &&
        (query.toNs === undefined || bootNs <= query.toNs) &&
        (query.interface === undefined || packet.interfaceIndex === query.interface);
      if (wanted && visit(packet, bootNs) === false) more = false;
      if (left === 0 || !more) parser.cancel();
    });
    return more;
  }

  async #read(offset: number, packet: (packet: Packet, parser: CaptureParser) => void): Promise<void> {
    const parser: CaptureParser = new CaptureParser(
      { packet: (each) => packet(each, parser) },
      { name: this.path, bufferBytes: READ_BYTES },
    );
    parser.resume(offset, this.interfaces);
    for (let at = offset; !parser.stopped;) {
      const room = parser.room();
      const { bytesRead } = await this.#file.read(parser.buffer, parser.fill, Math.min(room, 256 << 10), at);
      if (bytesRead === 0) return;
      at += bytesRead;
      parser.advance(bytesRead);
    }
  }
}
