import type { PcapngWriter } from '../capture/pcapng-writer.ts';
import { END_MAGIC, END_PAYLOAD_BYTES, ENTRY, KIND_END, KIND_INDEX, MAX_PAYLOAD_BYTES, writeBlock } from './blocks.ts';

/** One entry of the index, read. Times are boot nanoseconds. */
export interface IndexEntry {
  readonly fromNs: bigint;
  readonly toNs: bigint;
  readonly offset: number;
  readonly kind: number;
  readonly count: number;
  /** Wall time minus boot time, of a run of packets. */
  readonly wallOffsetNs: bigint;
}

const ENTRIES_A_BLOCK = Math.floor(MAX_PAYLOAD_BYTES / ENTRY.size);

/** The index of the file being written: 40 bytes an entry, about six entries a second. */
export class SessionIndex {
  #bytes = new Uint8Array(ENTRY.size * 256);
  #view = new DataView(this.#bytes.buffer);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** All entries so far. */
  get entries(): IndexEntry[] {
    return readEntries(this.#bytes.subarray(0, this.#count * ENTRY.size));
  }

  clear(): void {
    this.#count = 0;
  }

  add(kind: number, fromNs: bigint, toNs: bigint, offset: number, count = 0, wallOffsetNs = 0n): void {
    const at = this.#count * ENTRY.size;
    if (at === this.#bytes.length) {
      const larger = new Uint8Array(this.#bytes.length * 2);
      larger.set(this.#bytes);
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    this.#view.setBigUint64(at + ENTRY.fromNs, fromNs, true);
    this.#view.setBigUint64(at + ENTRY.toNs, toNs, true);
    this.#view.setBigUint64(at + ENTRY.offset, BigInt(offset), true);
    this.#view.setUint32(at + ENTRY.kind, kind, true);
    this.#view.setUint32(at + ENTRY.count, count, true);
    this.#view.setBigInt64(at + ENTRY.wallOffsetNs, wallOffsetNs, true);
    this.#count++;
  }

  /** Writes the index blocks and the end block; `fileOffset` is where the next block of `out` will lie. */
  write(out: PcapngWriter, fileOffset: number, sequence: () => number, toNs: bigint): void {
    const first = fileOffset;
    const parts = Math.max(1, Math.ceil(this.#count / ENTRIES_A_BLOCK));
    for (let part = 0; part < parts; part++) {
      const start = part * ENTRIES_A_BLOCK * ENTRY.size;
      const end = Math.min(this.#count, (part + 1) * ENTRIES_A_BLOCK) * ENTRY.size;
      const info = { kind: KIND_INDEX, fromNs: 0n, toNs, sequence: sequence(), part, parts };
      writeBlock(out, info, this.#bytes, true, start, end);
    }
    const tail = new Uint8Array(END_PAYLOAD_BYTES);
    const view = new DataView(tail.buffer);
    view.setUint32(0, parts, true);
    view.setBigUint64(4, BigInt(first), true);
    view.setUint32(12, END_MAGIC, true);
    writeBlock(out, { kind: KIND_END, fromNs: 0n, toNs, sequence: sequence() }, tail, false);
  }
}

/** Entries in the payload of an index block. */
export function readEntries(payload: Uint8Array): IndexEntry[] {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const entries: IndexEntry[] = [];
  for (let at = 0; at + ENTRY.size <= payload.length; at += ENTRY.size) {
    entries.push({
      fromNs: view.getBigUint64(at + ENTRY.fromNs, true),
      toNs: view.getBigUint64(at + ENTRY.toNs, true),
      offset: Number(view.getBigUint64(at + ENTRY.offset, true)),
      kind: view.getUint32(at + ENTRY.kind, true),
      count: view.getUint32(at + ENTRY.count, true),
      wallOffsetNs: view.getBigInt64(at + ENTRY.wallOffsetNs, true),
    });
  }
  return entries;
}
