import { FRAME_HEADER } from '../abi/generated.ts';
import { FLAG_CONTINUES, MAX_PAYLOAD_BYTES } from './blocks.ts';

/** Takes a full run: `raw[0…length)`, flags, and the time before its first and after its last frame. */
export type JournalSink = (raw: Uint8Array, length: number, flags: number, fromNs: bigint, toNs: bigint) => void;

/**
 * Gathers the helper's frames, each with its 8-byte header, into runs of at most one block. A frame that does not fit
 * goes on in the next run, so that no block of ours is longer than 64 KiB.
 */
export class Journal {
  readonly #sink: JournalSink;
  readonly #raw = new Uint8Array(MAX_PAYLOAD_BYTES);
  readonly #header = new Uint8Array(FRAME_HEADER.size);
  readonly #headerView = new DataView(this.#header.buffer);
  #length = 0;
  #fromNs = 0n;
  /** Running maximum of the frames' times. */
  toNs = 0n;
  /** Bytes of frames taken so far. */
  bytes = 0;

  constructor(sink: JournalSink) {
    this.#sink = sink;
  }

  get empty(): boolean {
    return this.#length === 0;
  }

  add(type: number, bytes: Uint8Array, offset: number, length: number, atNs: bigint): void {
    if (this.#length === 0) this.#fromNs = this.toNs === 0n ? atNs : this.toNs;
    if (atNs > this.toNs) this.toNs = atNs;
    this.#headerView.setUint32(FRAME_HEADER.length, length, true);
    this.#headerView.setUint16(FRAME_HEADER.type, type, true);
    this.#append(this.#header, 0, FRAME_HEADER.size);
    this.#append(bytes, offset, length);
    this.bytes += FRAME_HEADER.size + length;
  }

  #append(bytes: Uint8Array, offset: number, length: number): void {
    let from = offset;
    const end = offset + length;
    while (from < end) {
      if (this.#length === this.#raw.length) {
        this.#sink(this.#raw, this.#length, FLAG_CONTINUES, this.#fromNs, this.toNs);
        this.#length = 0;
        this.#fromNs = this.toNs;
      }
      const take = Math.min(end - from, this.#raw.length - this.#length);
      this.#raw.set(bytes.subarray(from, from + take), this.#length);
      this.#length += take;
      from += take;
    }
  }

  /** Hands over what is gathered; always ends at a frame's end. */
  flush(): void {
    if (this.#length === 0) return;
    this.#sink(this.#raw, this.#length, 0, this.#fromNs, this.toNs);
    this.#length = 0;
  }
}
