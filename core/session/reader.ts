import { type FileHandle, open, stat } from 'node:fs/promises';
import type { CaptureInterface } from '../capture/interface.ts';
import type { Packet } from '../capture/packet.ts';
import { CaptureParser } from '../capture/parser.ts';
import { toNanoseconds } from '../capture/time.ts';
import { errnoText, FlowglassError } from '../errors.ts';
import { KEYFRAME_VERSION } from '../flow/snapshot.ts';
import type { FrameSink } from '../wire/frames.ts';
import {
  type Block,
  BLOCK_FLOWGLASS,
  END_MAGIC,
  ENTRY_INTERFACE,
  ENTRY_PACKETS,
  KIND_COUNTS,
  KIND_HEADER,
  KIND_INDEX,
  KIND_JOURNAL,
  KIND_KEYFRAME,
  payloadOf,
  readBlock,
} from './blocks.ts';
import { readHeader, type SessionHeader } from './header.ts';
import { type IndexEntry, readEntries } from './index.ts';
import { JournalCursor, type JournalSource } from './journal-cursor.ts';
import { type OpenOptions, readBlockAt, readCounts, type SessionFacts } from './facts.ts';
import type { SessionCounts } from './options.ts';
import { scanSession } from './scan.ts';

/** Longest block of ours, and how far into a file the header is looked for. */
const MAX_BLOCK = 65_536;
const HEAD_BYTES = 1 << 20;
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
  }

  /** Boot time of the first and last frame; 0n when there is none. */
  get fromNs(): bigint {
    const first = this.index.find((entry) => entry.kind === KIND_KEYFRAME || entry.kind === KIND_JOURNAL);
    return first?.fromNs ?? 0n;
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
      throw new FlowglassError({
        code: 'unreadable-file',
        what: errnoText(error),
        where: path,
        hint: 'give the path of a capture file that you may read',
        cause: error,
      });
    }
    let session: Session | null = null;
    try {
      const facts = await readFacts(file, path, options);
      if (facts) session = new Session(path, file, facts);
      return session;
    } finally {
      if (session === null) await file.close();
    }
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  /** A cursor over the journal from the beginning, or from after the keyframe at `entry`. */
  cursor(entry?: IndexEntry): JournalCursor {
    let next = 0;
    if (entry) {
      next = this.#journals.findIndex((journal) => journal.offset > entry.offset);
      if (next < 0) next = this.#journals.length;
    }
    const source: JournalSource = {
      next: async (untilNs) => {
        const journal = this.#journals[next];
        if (!journal) return null;
        if (untilNs !== null && journal.fromNs > untilNs) return 'later';
        next++;
        const block = await this.#block(journal.offset);
        return block?.kind === KIND_JOURNAL ? block : 'damaged';
      },
    };
    return new JournalCursor(source, entry?.toNs ?? 0n);
  }

  /**
   * The state at boot time `toNs` (null = the end): the newest keyframe at or before it, then the frames up to it.
   * `fromStart` leaves keyframes aside, as far as the file allows (a file of a ring begins with one).
   */
  async replay<R extends Replayed>(
    maker: ReducerMaker<R>,
    toNs: bigint | null = null,
    options: { readonly fromStart?: boolean; readonly signal?: AbortSignal } = {},
  ): Promise<{ readonly reducer: R; readonly cursor: JournalCursor }> {
    const keyframes = this.index.filter(
      (entry) => entry.kind === KIND_KEYFRAME && (toNs === null || entry.toNs <= toNs),
    );
    const opening = this.#opening();
    const tried = options.fromStart ? keyframes.filter((entry) => entry === opening) : keyframes.reverse();
    for (const entry of tried) {
      const state = await this.#keyframe(entry);
      if (state === null) continue;
      let reducer: R;
      try {
        reducer = maker.restore(state);
      } catch (error) {
        if (!(error instanceof FlowglassError)) throw error;
        // Another version's is left aside, for the journal says the same; what a file begins with is nowhere else.
        if (error.code !== KEYFRAME_VERSION || entry === opening) this.damagedBlocks++;
        continue;
      }
      return this.#follow(reducer, this.cursor(entry), toNs, options.signal);
    }
    return this.#follow(maker.fresh(), this.cursor(), toNs, options.signal);
  }

  /** The keyframe before any journal block, with which later files of a recording begin. */
  #opening(): IndexEntry | undefined {
    const first = this.index.find((entry) => entry.kind === KIND_KEYFRAME || entry.kind === KIND_JOURNAL);
    return first?.kind === KIND_KEYFRAME ? first : undefined;
  }

  async #follow<R extends Replayed>(
    reducer: R,
    cursor: JournalCursor,
    toNs: bigint | null,
    signal?: AbortSignal,
  ): Promise<{ readonly reducer: R; readonly cursor: JournalCursor }> {
    await cursor.advance(
      toNs,
      (type, bytes, view, offset, length) => reducer.apply(type, bytes, view, offset, length),
      signal,
    );
    return { reducer, cursor };
  }

  /** All parts of a keyframe together, null when one is missing. */
  async #keyframe(entry: IndexEntry): Promise<Uint8Array | null> {
    const parts: Uint8Array[] = [];
    let offset = entry.offset;
    for (let part = 0; part < Math.max(1, entry.count); part++) {
      const read = await readBlockAt(this.#file, offset);
      if (read?.block.kind !== KIND_KEYFRAME || read.block.part !== part || read.block.toNs !== entry.toNs) {
        this.damagedBlocks++;
        return null;
      }
      const payload = payloadOf(read.block);
      if (payload === null) {
        this.damagedBlocks++;
        return null;
      }
      parts.push(payload);
      offset += read.length;
    }
    return Buffer.concat(parts);
  }

  async #block(offset: number): Promise<Block | null> {
    const read = await readBlockAt(this.#file, offset);
    if (read === null) this.damagedBlocks++;
    return read?.block ?? null;
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

async function readFacts(file: FileHandle, path: string, options: OpenOptions): Promise<SessionFacts | null> {
  const info = await file.stat();
  if (!info.isFile()) return null;
  const head = await readHead(file, path);
  if (head === null) return null;
  const index = await readIndex(file, info.size);
  if (index === null) return scanSession(file, info.size, head.header, path, options);
  const interfaces = await readInterfaces(file, path, index);
  const counts = [...index].reverse().find((entry) => entry.kind === KIND_COUNTS);
  const block = counts ? await readBlockAt(file, counts.offset) : null;
  return {
    header: head.header,
    interfaces,
    index,
    captured: readCounts(block?.block ?? null),
    truncated: false,
    cutAt: null,
    damagedBlocks: 0,
  };
}

/** Looks for our header among the first blocks, before any packet. */
async function readHead(file: FileHandle, path: string): Promise<{ readonly header: SessionHeader } | null> {
  let found: SessionHeader | null = null;
  const parser: CaptureParser = new CaptureParser(
    {
      packet: () => parser.cancel(),
      local: (type, body) => {
        if (type !== BLOCK_FLOWGLASS || found) return;
        let block: Block | null = null;
        try {
          block = readBlock(body);
        } catch (error) {
          if (!(error instanceof RangeError)) throw error;
        }
        if (block?.kind !== KIND_HEADER) return;
        found = readHeader(payloadOf(block) ?? new Uint8Array(0), path);
        parser.cancel();
      },
    },
    { name: path, bufferBytes: 64 << 10 },
  );
  for (let at = 0; at < HEAD_BYTES && !parser.stopped;) {
    const { bytesRead } = await file.read(parser.buffer, parser.fill, Math.min(parser.room(), 64 << 10), at);
    if (bytesRead === 0) break;
    at += bytesRead;
    try {
      parser.advance(bytesRead);
    } catch (error) {
      // Not a capture, or compressed: the reader of captures says which.
      if (error instanceof FlowglassError && found === null && error.code !== 'session-version') return null;
      throw error;
    }
  }
  return found === null ? null : { header: found };
}

/** Follows the last 16 bytes to the index; null when they are not there or what they name is not whole. */
async function readIndex(file: FileHandle, size: number): Promise<IndexEntry[] | null> {
  if (size < 16) return null;
  const tail = Buffer.alloc(16);
  await file.read(tail, 0, 16, size - 16);
  if (tail.readUInt32LE(8) !== END_MAGIC) return null;
  const first = Number(tail.readBigUInt64LE(0));
  if (!Number.isSafeInteger(first) || first >= size) return null;
  const entries: IndexEntry[] = [];
  let offset = first;
  for (let part = 0, parts = 1; part < parts; part++) {
    const read = await readBlockAt(file, offset);
    if (read?.block.kind !== KIND_INDEX || read.block.part !== part) return null;
    parts = read.block.parts;
    const payload = payloadOf(read.block);
    if (payload === null) return null;
    for (const entry of readEntries(payload)) {
      if (entry.offset >= size) return null;
      entries.push(entry);
    }
    offset += read.length;
  }
  return entries;
}

async function readInterfaces(
  file: FileHandle,
  path: string,
  index: readonly IndexEntry[],
): Promise<CaptureInterface[]> {
  const interfaces: CaptureInterface[] = [];
  const buffer = Buffer.alloc(MAX_BLOCK);
  for (const entry of index) {
    if (entry.kind !== ENTRY_INTERFACE) continue;
    const parser = new CaptureParser({}, { name: path, bufferBytes: MAX_BLOCK });
    parser.resume(entry.offset, interfaces);
    const { bytesRead } = await file.read(buffer, 0, 8, entry.offset);
    const length = bytesRead === 8 ? buffer.readUInt32LE(4) : 0;
    if (length < 12 || length > MAX_BLOCK) continue;
    await file.read(buffer, 0, length, entry.offset);
    parser.push(buffer.subarray(0, length));
    const described = parser.interfaces[interfaces.length];
    if (described) interfaces.push(described);
  }
  return interfaces;
}
