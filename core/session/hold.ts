import { PACKET } from '../abi/generated.ts';

const TWO_32 = 4294967296;

/**
 * Packets waiting to be sorted. Ring buffers interleave CPUs, and the owner of an inbound SYN is known only after
 * accept, so packets wait a moment, in order of boot time. Records (struct fg_packet and its bytes) lie in one of two
 * arenas; three columns hold time, place and arrival. Appending in order costs one comparison; the rare packet out of
 * order is put in by binary search.
 */
export class PacketHold {
  readonly #limit: number;
  #bytes: Uint8Array;
  #view: DataView;
  #spare: Uint8Array;
  #used = 0;
  #held = 0;
  #count = 0;
  /** ns since the first packet, exact for 104 days around it */
  readonly #at: Float64Array;
  readonly #place: Uint32Array;
  readonly #size: Uint32Array;
  readonly #arrivedMs: Float64Array;
  #originHigh = 0;
  #originLow = 0;
  #begun = false;

  constructor(limitBytes: number, longestBytes: number) {
    this.#limit = limitBytes;
    const arena = limitBytes + longestBytes;
    this.#bytes = new Uint8Array(arena);
    this.#view = new DataView(this.#bytes.buffer);
    this.#spare = new Uint8Array(arena);
    const capacity = Math.ceil(arena / PACKET.size) + 1;
    this.#at = new Float64Array(capacity);
    this.#place = new Uint32Array(capacity);
    this.#size = new Uint32Array(capacity);
    this.#arrivedMs = new Float64Array(capacity);
  }

  /** Bytes held, at most. */
  get bytes(): number {
    return this.#used;
  }

  get count(): number {
    return this.#count;
  }

  /** Whether `size` more bytes may be held; else `releaseOldest` first. */
  fits(size: number): boolean {
    return this.#count === 0 || this.#held + size <= this.#limit;
  }

  /** Takes a copy of a record of `size` bytes at `offset`. */
  add(bytes: Uint8Array, view: DataView, offset: number, size: number, nowMs: number): void {
    const low = view.getUint32(offset + PACKET.atNs, true);
    const high = view.getUint32(offset + PACKET.atNs + 4, true);
    if (!this.#begun) {
      this.#begun = true;
      this.#originHigh = high;
      this.#originLow = low;
    }
    if (this.#used + size > this.#bytes.length) this.#compact();
    const at = (high - this.#originHigh) * TWO_32 + (low - this.#originLow);
    let index = this.#count;
    if (index > 0 && at < (this.#at[index - 1] as number)) {
      let from = 0;
      while (from < index) {
        const middle = (from + index) >>> 1;
        if ((this.#at[middle] as number) <= at) from = middle + 1;
        else index = middle;
      }
      this.#at.copyWithin(index + 1, index, this.#count);
      this.#place.copyWithin(index + 1, index, this.#count);
      this.#size.copyWithin(index + 1, index, this.#count);
      this.#arrivedMs.copyWithin(index + 1, index, this.#count);
    }
    this.#bytes.set(bytes.subarray(offset, offset + size), this.#used);
    this.#at[index] = at;
    this.#place[index] = this.#used;
    this.#size[index] = size;
    this.#arrivedMs[index] = nowMs;
    this.#used += size;
    this.#held += size;
    this.#count++;
  }

  /** Gives out, in order of time, every packet up to the newest that arrived at `cutoffMs` or before. */
  releaseArrived(cutoffMs: number, emit: (bytes: Uint8Array, view: DataView, offset: number) => void): void {
    let last = this.#count - 1;
    while (last >= 0 && (this.#arrivedMs[last] as number) > cutoffMs) last--;
    this.#release(last + 1, emit);
  }

  /** Gives out the older half, when there is no room. */
  releaseOldest(emit: (bytes: Uint8Array, view: DataView, offset: number) => void): void {
    this.#release((this.#count + 1) >> 1, emit);
  }

  #release(count: number, emit: (bytes: Uint8Array, view: DataView, offset: number) => void): void {
    let done = 0;
    try {
      while (done < count) {
        const place = this.#place[done] as number;
        this.#held -= this.#size[done] as number;
        done++;
        emit(this.#bytes, this.#view, place);
      }
    } finally {
      // When writing one fails, those before it and itself have been given out.
      this.#at.copyWithin(0, done, this.#count);
      this.#place.copyWithin(0, done, this.#count);
      this.#size.copyWithin(0, done, this.#count);
      this.#arrivedMs.copyWithin(0, done, this.#count);
      this.#count -= done;
      if (this.#count === 0) this.#used = 0;
    }
  }

  /** Moves what is held to the front of the other arena. */
  #compact(): void {
    let to = 0;
    for (let i = 0; i < this.#count; i++) {
      const from = this.#place[i] as number;
      const size = this.#size[i] as number;
      this.#spare.set(this.#bytes.subarray(from, from + size), to);
      this.#place[i] = to;
      to += size;
    }
    const former = this.#bytes;
    this.#bytes = this.#spare;
    this.#spare = former;
    this.#view = new DataView(this.#bytes.buffer);
    this.#used = to;
  }
}
