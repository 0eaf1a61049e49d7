/**
 * What the timeline draws of a flow: the newest samples with their times, and bytes a second. Rings that begin with one
 * or two entries and double up to a bound; beyond it, or once all rings together hold `BUDGET` entries, a ring forgets
 * its own oldest.
 */
import { Blocks } from './blocks.ts';
import { type Column, Table } from './columns.ts';
import type { SnapshotReader, SnapshotWriter } from './snapshot.ts';

/** Entries over all rings of one kind (52 to 80 MB). */
const BUDGET = 4_000_000;

export const SAMPLES_MAX_ORDER = 10;
const METRICS = 4;
/** Seconds of throughput that a flow shows at most. */
export const SECONDS_MAX = 600;

class Rings {
  readonly rows = new Table();
  /** first entry; then order of the block | place of its oldest << 4 | entries in use << 16 */
  readonly #ring = this.rows.uint32(2);
  readonly entries: Table;
  readonly #blocks: Blocks;
  readonly #first: number;
  readonly #last: number;

  constructor(entries: Table, link: Column, firstOrder: number, lastOrder: number) {
    this.entries = entries;
    this.#blocks = new Blocks(entries, link);
    this.#first = firstOrder;
    this.#last = lastOrder;
  }

  create(): number {
    const ring = this.rows.append();
    this.#ring.data[ring * 2] = this.#blocks.take(this.#first);
    this.#ring.data[ring * 2 + 1] = this.#first;
    return ring;
  }

  length(ring: number): number {
    return this.#ring.data[ring * 2 + 1]! >>> 16;
  }

  /** The row of `entries` for a new newest entry. */
  push(ring: number): number {
    const data = this.#ring.data;
    const from = data[ring * 2]!;
    const shape = data[ring * 2 + 1]!;
    const order = shape & 15;
    const start = (shape >>> 4) & 0xfff;
    const length = shape >>> 16;
    const size = 1 << order;
    if (length < size) {
      data[ring * 2 + 1] = shape + 0x10000;
      return from + ((start + length) & (size - 1));
    }
    if (order < this.#last && this.entries.count < BUDGET) {
      const to = this.#blocks.take(order + 1);
      for (const { data: column, stride } of this.entries.columns) {
        for (let i = 0; i < size; i++) {
          const source = from + ((start + i) & (size - 1));
          for (let k = 0; k < stride; k++) column[(to + i) * stride + k] = column[source * stride + k]!;
        }
      }
      this.#blocks.give(from, order);
      data[ring * 2] = to;
      data[ring * 2 + 1] = (order + 1) | ((length + 1) << 16);
      return to + length;
    }
    data[ring * 2 + 1] = order | (((start + 1) & (size - 1)) << 4) | (length << 16);
    return from + start;
  }

  /** The row of the entry `back` steps before the newest one. */
  fromNewest(ring: number, back: number): number {
    const shape = this.#ring.data[ring * 2 + 1]!;
    const index = ((shape >>> 4) & 0xfff) + (shape >>> 16) - 1 - back;
    return this.#ring.data[ring * 2]! + (index & ((1 << (shape & 15)) - 1));
  }

  /** Takes out those for which `keep` is 0; see `Table.compact`. */
  compact(keep: Uint8Array): Int32Array {
    for (let ring = 0; ring < this.rows.count; ring++)
      if (keep[ring] === 0) this.#blocks.give(this.#ring.data[ring * 2]!, this.#ring.data[ring * 2 + 1]! & 15);
    return this.rows.compact(keep);
  }

  get bytes(): number {
    return this.rows.bytes + this.entries.bytes;
  }

  save(out: SnapshotWriter): void {
    this.rows.save(out);
    this.#blocks.save(out);
  }

  load(input: SnapshotReader): void {
    this.rows.load(input);
    this.#blocks.load(input);
    for (let ring = 0; ring < this.rows.count; ring++) {
      const shape = this.#ring.data[ring * 2 + 1]!;
      const size = 1 << (shape & 15);
      if ((shape & 15) > this.#last || this.#ring.data[ring * 2]! + size > this.entries.count) {
        input.fail('has a ring beyond its end');
      }
      if (shape >>> 16 > size || ((shape >>> 4) & 0xfff) >= size) input.fail('has a ring that cannot be');
    }
  }
}

/** Samples (time, value, metric) of flows and sockets. */
export class Samples {
  readonly #entries = new Table();
  /** time * METRICS + metric: exact for 26 days of session, within 2 ns beyond */
  readonly #at = this.#entries.float64();
  readonly #value = this.#entries.float32();
  readonly #rings = new Rings(this.#entries, this.#at, 1, SAMPLES_MAX_ORDER);

  create(): number {
    return this.#rings.create();
  }

  add(ring: number, metric: number, valueNs: number, atNs: number): void {
    const row = this.#rings.push(ring);
    this.#at.data[row] = Math.round(atNs) * METRICS + metric;
    this.#value.data[row] = valueNs;
  }

  length(ring: number): number {
    return this.#rings.length(ring);
  }

  /** Calls `visit` from the oldest kept sample to the newest. */
  each(ring: number, visit: (atNs: number, valueNs: number, metric: number) => void): void {
    for (let back = this.length(ring) - 1; back >= 0; back--) {
      const row = this.#rings.fromNewest(ring, back);
      const atNs = Math.floor(this.#at.data[row]! / METRICS);
      visit(atNs, this.#value.data[row]!, this.#at.data[row]! - atNs * METRICS);
    }
  }

  get count(): number {
    return this.#rings.rows.count;
  }
  compact(keep: Uint8Array): Int32Array {
    return this.#rings.compact(keep);
  }
  get bytes(): number {
    return this.#rings.bytes;
  }
  save(out: SnapshotWriter): void {
    this.#rings.save(out);
  }
  load(input: SnapshotReader): void {
    this.#rings.load(input);
  }
}

const NS_PER_SECOND = 1e9;

/** Bytes per second and direction (0 = lo to hi) of the newest seconds in which anything was sent. */
export class Throughput {
  readonly #entries = new Table();
  readonly #second = this.#entries.int32();
  readonly #bytes = this.#entries.float64(2);
  readonly #rings = new Rings(this.#entries, this.#second, 0, SAMPLES_MAX_ORDER);

  create(): number {
    return this.#rings.create();
  }

  add(ring: number, atNs: number, loToHi: number, hiToLo: number): void {
    const second = Math.floor(atNs / NS_PER_SECOND);
    const rings = this.#rings;
    const length = rings.length(ring);
    let row = -1;
    if (length > 0) {
      // A later record may speak of an earlier second (another CPU's share): look a little back, else the oldest seen.
      for (let back = 0; back < length && back < 4; back++) {
        const candidate = rings.fromNewest(ring, back);
        if (this.#second.data[candidate]! < second && back === 0) break;
        row = candidate;
        if (this.#second.data[candidate]! <= second) break;
      }
    }
    if (row < 0) {
      row = rings.push(ring);
      this.#second.data[row] = second;
      this.#bytes.data[row * 2] = loToHi;
      this.#bytes.data[row * 2 + 1] = hiToLo;
      return;
    }
    this.#bytes.data[row * 2] = this.#bytes.data[row * 2]! + loToHi;
    this.#bytes.data[row * 2 + 1] = this.#bytes.data[row * 2 + 1]! + hiToLo;
  }

  /** Bytes of both directions in the seconds after `from` up to and including `to`. */
  between(ring: number, from: number, to: number): number {
    let sum = 0;
    const length = this.#rings.length(ring);
    for (let back = 0; back < length; back++) {
      const row = this.#rings.fromNewest(ring, back);
      const second = this.#second.data[row]!;
      if (second <= from) break;
      if (second <= to) sum += this.#bytes.data[row * 2]! + this.#bytes.data[row * 2 + 1]!;
    }
    return sum;
  }

  /** Adds the bytes of the last `out.length` seconds up to `second`, the newest last. */
  addRecent(ring: number, second: number, out: Float64Array): void {
    const length = this.#rings.length(ring);
    for (let back = 0; back < length; back++) {
      const row = this.#rings.fromNewest(ring, back);
      const at = out.length - 1 - (second - this.#second.data[row]!);
      if (at < 0) break;
      if (at < out.length) out[at] = out[at]! + this.#bytes.data[row * 2]! + this.#bytes.data[row * 2 + 1]!;
    }
  }

  /** Calls `visit` for up to the last 600 kept seconds, oldest first. */
  each(ring: number, visit: (second: number, loToHi: number, hiToLo: number) => void): void {
    for (let back = Math.min(this.#rings.length(ring), SECONDS_MAX) - 1; back >= 0; back--) {
      const row = this.#rings.fromNewest(ring, back);
      visit(this.#second.data[row]!, this.#bytes.data[row * 2]!, this.#bytes.data[row * 2 + 1]!);
    }
  }

  get count(): number {
    return this.#rings.rows.count;
  }
  compact(keep: Uint8Array): Int32Array {
    return this.#rings.compact(keep);
  }
  get bytes(): number {
    return this.#rings.bytes;
  }
  save(out: SnapshotWriter): void {
    this.#rings.save(out);
  }
  load(input: SnapshotReader): void {
    this.#rings.load(input);
  }
}
