/** The first bytes of TCP streams, gathered by sequence number until whoever asked has seen enough. */
export const HEAD_BYTES = 16384;

const RANGES = 32;

/** At most `slots` streams at once; the one that waited longest gives way, counted. */
export class StreamHeads {
  /** Streams given up because too many were gathered at once. */
  evicted = 0;
  readonly #slots: number;
  readonly #bytes: Uint8Array[] = [];
  /** Whose head a slot holds, −1 = free. */
  readonly #owner: Int32Array;
  readonly #base: Int32Array;
  /** Ranges beyond the contiguous part: from and to offsets. */
  readonly #ranges: Int32Array;
  readonly #count: Uint8Array;
  readonly #contiguous: Int32Array;
  #next = 0;

  constructor(slots = 256) {
    this.#slots = slots;
    this.#owner = new Int32Array(slots).fill(-1);
    this.#base = new Int32Array(slots);
    this.#ranges = new Int32Array(slots * RANGES * 2);
    this.#count = new Uint8Array(slots);
    this.#contiguous = new Int32Array(slots);
  }

  /** A slot for the stream `owner` whose first byte has sequence number `base`. */
  open(owner: number, base: number): number {
    let slot = -1;
    for (let i = 0; i < this.#slots && slot < 0; i++) {
      const candidate = (this.#next + i) % this.#slots;
      if (this.#owner[candidate] === -1) slot = candidate;
    }
    if (slot < 0) {
      slot = this.#next;
      this.evicted++;
    }
    this.#next = (slot + 1) % this.#slots;
    this.#bytes[slot] ??= new Uint8Array(HEAD_BYTES);
    this.#owner[slot] = owner;
    this.#base[slot] = base;
    this.#count[slot] = 0;
    this.#contiguous[slot] = 0;
    return slot;
  }

  /** Does the slot still belong to `owner`? */
  holds(slot: number, owner: number): boolean {
    return this.#owner[slot] === owner;
  }

  close(slot: number): void {
    this.#owner[slot] = -1;
  }

  bytes(slot: number): Uint8Array {
    return this.#bytes[slot]!;
  }

  /** Adds captured payload; returns how many bytes from the beginning are there without a gap. */
  add(slot: number, sequence: number, bytes: Uint8Array, offset: number, length: number): number {
    let from = (sequence - this.#base[slot]!) | 0;
    let skip = 0;
    if (from < 0) {
      skip = -from;
      from = 0;
    }
    const to = Math.min(HEAD_BYTES, from + length - skip);
    if (to <= from) return this.#contiguous[slot]!;
    const target = this.#bytes[slot]!;
    for (let i = from; i < to; i++) target[i] = bytes[offset + skip + i - from]!;
    this.#cover(slot, from, to);
    return this.#contiguous[slot]!;
  }

  #cover(slot: number, from: number, to: number): void {
    const ranges = this.#ranges;
    const start = slot * RANGES * 2;
    // Ranges that the new one touches become part of it.
    for (let i = this.#count[slot]! - 1; i >= 0; i--) {
      const at = start + i * 2;
      if (ranges[at]! > to || ranges[at + 1]! < from) continue;
      from = Math.min(from, ranges[at]!);
      to = Math.max(to, ranges[at + 1]!);
      const last = start + (this.#count[slot]! - 1) * 2;
      ranges[at] = ranges[last]!;
      ranges[at + 1] = ranges[last + 1]!;
      this.#count[slot] = this.#count[slot]! - 1;
    }
    if (from <= this.#contiguous[slot]!) {
      this.#contiguous[slot] = Math.max(this.#contiguous[slot]!, to);
      return;
    }
    // Out of order: remembered while there is room, else its bytes come again or never.
    if (this.#count[slot]! >= RANGES) return;
    const at = start + this.#count[slot]! * 2;
    ranges[at] = from;
    ranges[at + 1] = to;
    this.#count[slot] = this.#count[slot]! + 1;
  }
}
