/**
 * Several files of one recording made into one: a session file like any other. The flight recorder saves what it holds
 * this way. Blocks are copied, not decoded: only their numbers in the file, the counts and the index are made anew.
 */
import { open } from 'node:fs/promises';
import { crc32c } from '../capture/crc32c.ts';
import {
  BLOCK_ENHANCED_PACKET,
  BLOCK_INTERFACE,
  BLOCK_NAMES,
  BLOCK_SECTION,
  BLOCK_STATISTICS,
} from '../capture/format.ts';
import { PcapngWriter } from '../capture/pcapng-writer.ts';
import { FlowglassError } from '../errors.ts';
import {
  BLOCK_FLOWGLASS,
  BODY_HEADER_BYTES,
  ENTRY_INTERFACE,
  ENTRY_PACKETS,
  KIND_COUNTS,
  KIND_HEADER,
  KIND_JOURNAL,
  KIND_KEYFRAME,
  payloadOf,
  readBlock,
  writeBlock,
} from './blocks.ts';
import { type FileCalls, FileSink, SYSTEM_CALLS } from './file-sink.ts';
import { SessionIndex, type IndexEntry } from './index.ts';
import type { SessionCounts } from './options.ts';
import { Session } from './reader.ts';
import { countsPayload, noCounts } from './session-file.ts';

const READ_BYTES = 1 << 20;
/** Body offset of the sequence number and of the check sum in a block of ours. */
const SEQUENCE_AT = 40;
const CRC_AT = 52;
const STATISTICS_DELIVERED = 8;

export interface JoinOptions {
  readonly path: string;
  readonly force?: boolean;
  /** False leaves packets out: flows and events of the same time. */
  readonly packets?: boolean;
  readonly calls?: FileCalls;
}

/** What the new file holds. Boot times, ns. */
export interface Joined {
  readonly path: string;
  readonly bytes: number;
  readonly fromNs: bigint;
  readonly toNs: bigint;
  readonly counts: Readonly<SessionCounts>;
}

/** Makes the file, takes the recording's files one after the other, and closes it. */
export class SessionJoin {
  readonly #sink: FileSink;
  readonly #packets: boolean;
  readonly #out = new PcapngWriter(READ_BYTES + (READ_BYTES >> 2));
  readonly #index = new SessionIndex();
  readonly #counts = noCounts();
  /** Stored packets of each interface. */
  readonly #delivered: number[] = [];
  #sequence = 0;
  #interfaces = 0;
  #files = 0;
  #fromNs = 0n;
  #toNs = 0n;
  /** Names and statistics as the newest file tells them: they stand at the end. */
  #last: Uint8Array[] = [];

  /** Throws FlowglassError when the file exists or cannot be made. */
  constructor({ path, force = false, packets = true, calls = SYSTEM_CALLS }: JoinOptions) {
    this.#sink = new FileSink(path, force, calls);
    this.#packets = packets;
  }

  get bytes(): number {
    return this.#sink.size + this.#out.length;
  }

  /** Appends a file that is closed; they come in the order in which they were recorded. Throws FlowglassError. */
  async add(path: string): Promise<void> {
    const session = await Session.open(path);
    if (session === null)
      throw new FlowglassError({ code: 'damaged-session', what: 'a part of the recording is not a session file', where: path, hint: 'what was written before it is kept' }); // prettier-ignore
    try {
      // Frames from before the first clock reading have no time.
      const anchorNs = session.header.anchor?.bootNs ?? 0n;
      if (this.#files++ === 0) this.#fromNs = session.fromNs > anchorNs ? session.fromNs : anchorNs;
      if (session.toNs > this.#toNs) this.#toNs = session.toNs;
      const { late, filtered, lostFrames, lostPackets, wirePackets } = session.captured;
      this.#counts.late += this.#packets ? late : 0;
      this.#counts.filtered += filtered;
      this.#counts.lostFrames += lostFrames;
      this.#counts.lostPackets += lostPackets;
      this.#counts.wirePackets += this.#packets ? wirePackets : 0;
      const entries = new Map(session.index.map((entry) => [entry.offset, entry]));
      this.#last = [];
      let described = 0;
      await eachBlock(path, (bytes, view, at, offset) => {
        const type = view.getUint32(at, true);
        const length = view.getUint32(at + 4, true);
        if (type === BLOCK_INTERFACE) described++;
        this.#block(type, bytes, view, at, length, entries.get(offset), described);
      });
      this.#flush();
    } finally {
      await session.close();
    }
  }

  #block(
    type: number,
    bytes: Uint8Array,
    view: DataView,
    at: number,
    length: number,
    entry: IndexEntry | undefined,
    described: number,
  ): void {
    switch (type) {
      case BLOCK_SECTION:
        if (this.#files === 1) this.#copy(bytes, at, length);
        return;
      case BLOCK_INTERFACE:
        // All files of a recording number their interfaces alike.
        if (described <= this.#interfaces) return;
        this.#interfaces++;
        this.#index.add(ENTRY_INTERFACE, entry?.fromNs ?? this.#toNs, entry?.toNs ?? this.#toNs, this.bytes);
        this.#copy(bytes, at, length);
        return;
      case BLOCK_ENHANCED_PACKET: {
        if (!this.#packets) return;
        if (entry?.kind === ENTRY_PACKETS)
          this.#index.add(ENTRY_PACKETS, entry.fromNs, entry.toNs, this.bytes, entry.count, entry.wallOffsetNs);
        const face = view.getUint32(at + 8, true);
        this.#delivered[face] = (this.#delivered[face] ?? 0) + 1;
        this.#counts.packets++;
        this.#counts.bytes += view.getUint32(at + 20, true);
        this.#copy(bytes, at, length);
        return;
      }
      case BLOCK_NAMES:
      case BLOCK_STATISTICS:
        this.#last.push(bytes.slice(at, at + length));
        return;
      case BLOCK_FLOWGLASS:
        this.#ours(bytes, at, length, entry);
        return;
      default:
        this.#copy(bytes, at, length);
    }
  }

  #ours(bytes: Uint8Array, at: number, length: number, entry: IndexEntry | undefined): void {
    let block;
    try {
      block = readBlock(bytes.subarray(at + 8, at + length - 4));
    } catch (error) {
      if (error instanceof RangeError) return;
      throw error;
    }
    if (block === null) return;
    const { kind, fromNs, toNs } = block;
    if (kind === KIND_HEADER) {
      if (this.#sequence > 0) return;
      this.#index.add(kind, fromNs, toNs, this.bytes);
      const header = JSON.parse(new TextDecoder().decode(payloadOf(block) ?? new Uint8Array(0))) as object;
      const json = JSON.stringify({ ...header, file: 1, ...(this.#packets ? {} : { packets: false }) });
      writeBlock(this.#out, { kind, fromNs, toNs, sequence: this.#sequence++ }, new TextEncoder().encode(json), false);
      return;
    }
    if (kind !== KIND_JOURNAL && kind !== KIND_KEYFRAME) return;
    if (kind === KIND_JOURNAL || block.part === 0)
      this.#index.add(kind, fromNs, toNs, this.bytes, kind === KIND_KEYFRAME ? (entry?.count ?? block.parts) : 0);
    const to = this.#copy(bytes, at, length) + 8;
    this.#out.view.setUint32(to + SEQUENCE_AT, this.#sequence++, true);
    const end = to + BODY_HEADER_BYTES + block.stored.length;
    const copied = this.#out.bytes;
    this.#out.view.setUint32(
      to + CRC_AT,
      crc32c(copied, to + BODY_HEADER_BYTES, end, crc32c(copied, to, to + CRC_AT)),
      true,
    );
  }

  /** Copies a whole block; returns where it lies in the buffer. */
  #copy(bytes: Uint8Array, at: number, length: number): number {
    if (this.#out.length >= READ_BYTES) this.#flush();
    return this.#out.raw(bytes, at, length);
  }

  #flush(): void {
    const pending = this.#out.pending();
    if (pending.length > 0) this.#sink.write(pending);
    this.#out.clear();
  }

  /** Names, statistics, counts and index; then the file is made safe and closed. Throws FlowglassError. */
  finish(): Joined {
    for (const block of this.#last) {
      const at = this.#out.raw(block, 0, block.length);
      const view = this.#out.view;
      if (view.getUint32(at, true) === BLOCK_STATISTICS)
        setDelivered(view, at, block.length, this.#delivered[view.getUint32(at + 8, true)] ?? 0);
    }
    const { path } = this.#sink;
    const atNs = this.#toNs;
    this.#index.add(KIND_COUNTS, atNs, atNs, this.bytes);
    const info = { kind: KIND_COUNTS, fromNs: atNs, toNs: atNs, sequence: this.#sequence++ };
    writeBlock(this.#out, info, countsPayload(this.#counts), false);
    this.#index.write(this.#out, this.bytes, () => this.#sequence++, atNs);
    this.#flush();
    this.#sink.close();
    return { path, bytes: this.#sink.size, fromNs: this.#fromNs, toNs: atNs, counts: this.#counts };
  }

  /** Closes what was written so far, after a failure. */
  abandon(): void {
    try {
      this.#sink.close();
    } catch (error) {
      // The first failure has been told.
      if (!(error instanceof FlowglassError)) throw error;
    }
  }
}

/** isb_usrdeliv is what this file holds. */
function setDelivered(view: DataView, at: number, length: number, delivered: number): void {
  for (let option = at + 20; option + 4 <= at + length - 4;) {
    const code = view.getUint16(option, true);
    const size = view.getUint16(option + 2, true);
    if (code === 0) return;
    if (code === STATISTICS_DELIVERED && size === 8) view.setBigUint64(option + 4, BigInt(delivered), true);
    option += 4 + ((size + 3) & ~3);
  }
}

/** Visits the whole blocks of a file of ours (little-endian), about a megabyte at a time; a torn tail is left out. */
async function eachBlock(
  path: string,
  visit: (bytes: Uint8Array, view: DataView, at: number, offset: number) => void,
): Promise<void> {
  const file = await open(path, 'r');
  try {
    let bytes = new Uint8Array(READ_BYTES);
    let view = new DataView(bytes.buffer);
    let fill = 0;
    for (let offset = 0; ;) {
      const { bytesRead } = await file.read(bytes, fill, bytes.length - fill, offset + fill);
      fill += bytesRead;
      let at = 0;
      while (at + 12 <= fill) {
        const length = view.getUint32(at + 4, true);
        if (length < 12 || (length & 3) !== 0) return;
        if (at + length > fill) {
          if (length > bytes.length) {
            const larger = new Uint8Array(length + READ_BYTES);
            larger.set(bytes);
            bytes = larger;
            view = new DataView(bytes.buffer);
          }
          break;
        }
        visit(bytes, view, at, offset + at);
        at += length;
      }
      if (bytesRead === 0 && at === 0) return;
      bytes.copyWithin(0, at, fill);
      offset += at;
      fill -= at;
    }
  } finally {
    await file.close();
  }
}
