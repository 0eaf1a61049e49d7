/**
 * Log-linear histograms of durations in nanoseconds, many small ones in one pool.
 *
 * Buckets: 0 to 127 ns exactly, then 64 a power of two, so a bucket is at most 1/64 of its value wide and its middle at
 * most 0.79 % wrong (the scheme of HdrHistogram). Least, greatest and mean are exact. A histogram of up to two samples
 * is its least and greatest; from the third on it holds an open-addressed set of (bucket, count) in a block of 4 to 4096
 * entries. Jitter after RFC 3550, 6.4.1: J += (|D| - J) / 16 over the differences of successive samples.
 */
import { Blocks } from './blocks.ts';
import { Table } from './columns.ts';
import type { SnapshotReader, SnapshotWriter } from './snapshot.ts';

const EXACT = 128;
const PER_OCTAVE = 64;
const FIRST_ORDER = 2;
/** 128 + 46 octaves of 64 buckets fit a block of 4096 below three quarters. */
export const BUCKETS = EXACT + 46 * PER_OCTAVE;

/** The bucket of a duration. */
export function bucketOf(valueNs: number): number {
  if (valueNs < EXACT) return valueNs < 0 ? 0 : Math.floor(valueNs);
  const high = Math.floor(valueNs / 4294967296);
  const exponent = high > 0 ? 63 - Math.clz32(high) : 31 - Math.clz32(valueNs);
  if (exponent > 52) return BUCKETS - 1;
  const sub = exponent <= 30 ? (valueNs >>> (exponent - 6)) - 64 : Math.floor(valueNs / 2 ** (exponent - 6)) - 64;
  return EXACT + (exponent - 7) * PER_OCTAVE + sub;
}

/** The middle of a bucket, in ns. */
export function middleOf(bucket: number): number {
  if (bucket < EXACT) return bucket;
  const octave = Math.floor((bucket - EXACT) / PER_OCTAVE);
  const sub = (bucket - EXACT) % PER_OCTAVE;
  return (PER_OCTAVE + sub + 0.5) * 2 ** (octave + 1) - 0.5;
}

/** What a histogram says, in ns. `jitterNs` null below two samples. */
export interface Distribution {
  readonly n: number;
  readonly minNs: number;
  readonly meanNs: number;
  readonly p50Ns: number;
  readonly p90Ns: number;
  readonly p99Ns: number;
  readonly maxNs: number;
  readonly jitterNs: number | null;
}

export class Histograms {
  readonly #rows = new Table();
  readonly #n = this.#rows.uint32();
  readonly #min = this.#rows.float64();
  readonly #max = this.#rows.float64();
  readonly #sum = this.#rows.float64();
  readonly #jitter = this.#rows.float32();
  readonly #last = this.#rows.float32();
  readonly #base = this.#rows.uint32();
  readonly #order = this.#rows.uint8();
  readonly #used = this.#rows.uint16();
  readonly #entries = new Table();
  readonly #bucket = this.#entries.uint16();
  readonly #count = this.#entries.uint32();
  readonly #blocks = new Blocks(this.#entries, this.#count);

  create(): number {
    return this.#rows.append();
  }

  /** Adds one sample; negative ones count as 0. No allocation but for a block that doubles. */
  add(histogram: number, valueNs: number): void {
    const value = valueNs > 0 ? valueNs : 0;
    const n = this.#n.data[histogram]!;
    const min = this.#min.data;
    const max = this.#max.data;
    if (n === 0) {
      min[histogram] = value;
      max[histogram] = value;
    } else {
      const jitter = this.#jitter.data;
      jitter[histogram] =
        jitter[histogram]! + (Math.abs(value - this.#last.data[histogram]!) - jitter[histogram]!) / 16;
      if (n >= 2) {
        if (n === 2) {
          this.#start(histogram);
          this.#put(histogram, bucketOf(min[histogram]!), 1);
          this.#put(histogram, bucketOf(max[histogram]!), 1);
        }
        this.#put(histogram, bucketOf(value), 1);
      }
      if (value < min[histogram]!) min[histogram] = value;
      if (value > max[histogram]!) max[histogram] = value;
    }
    this.#last.data[histogram] = value;
    this.#sum.data[histogram] = this.#sum.data[histogram]! + value;
    this.#n.data[histogram] = n + 1;
  }

  samples(histogram: number): number {
    return this.#n.data[histogram]!;
  }

  /** The value at rank ⌈p·n⌉ (nearest rank), in ns; 0 < p ≤ 1. */
  percentile(histogram: number, p: number): number {
    return this.#quantiles(histogram, [p])[0]!;
  }

  /** null when the histogram has no samples. */
  read(histogram: number): Distribution | null {
    const n = this.#n.data[histogram]!;
    if (n === 0) return null;
    const [p50, p90, p99] = this.#quantiles(histogram, [0.5, 0.9, 0.99]);
    return {
      n,
      minNs: this.#min.data[histogram]!,
      meanNs: this.#sum.data[histogram]! / n,
      p50Ns: p50!,
      p90Ns: p90!,
      p99Ns: p99!,
      maxNs: this.#max.data[histogram]!,
      jitterNs: n < 2 ? null : this.#jitter.data[histogram]!,
    };
  }

  /** Calls `visit` with the middle (ns) and count of each bucket that is not empty, in no order. */
  each(histogram: number, visit: (valueNs: number, count: number) => void): void {
    const n = this.#n.data[histogram]!;
    if (n > 0 && n <= 2) {
      visit(this.#min.data[histogram]!, 1);
      if (n === 2) visit(this.#max.data[histogram]!, 1);
    }
    if (n <= 2) return;
    const base = this.#base.data[histogram]!;
    for (let i = base; i < base + (1 << this.#order.data[histogram]!); i++) {
      const bucket = this.#bucket.data[i]!;
      if (bucket !== 0) visit(middleOf(bucket - 1), this.#count.data[i]!);
    }
  }

  /** Empties a histogram and gives its block back. */
  reset(histogram: number): void {
    if (this.#n.data[histogram]! > 2) this.#blocks.give(this.#base.data[histogram]!, this.#order.data[histogram]!);
    for (const column of this.#rows.columns) column.data[histogram] = 0;
  }

  get bytes(): number {
    return this.#rows.bytes + this.#entries.bytes;
  }

  get count(): number {
    return this.#rows.count;
  }

  save(out: SnapshotWriter): void {
    this.#rows.save(out);
    this.#blocks.save(out);
  }

  load(input: SnapshotReader): void {
    this.#rows.load(input);
    this.#blocks.load(input);
    for (let row = 0; row < this.#rows.count; row++) {
      const size = this.#n.data[row]! > 2 ? 1 << this.#order.data[row]! : 0;
      if (this.#order.data[row]! > 12 || this.#base.data[row]! + size > this.#entries.count) {
        input.fail('has a histogram beyond its end');
      }
      if (size > 0 && this.#used.data[row]! >= size) input.fail('has an overfull histogram');
    }
  }

  /** For ascending `ps`. */
  #quantiles(histogram: number, ps: readonly number[]): number[] {
    const n = this.#n.data[histogram]!;
    const min = this.#min.data[histogram]!;
    const max = this.#max.data[histogram]!;
    if (n <= 2) return ps.map((p) => (Math.ceil(p * n) <= 1 ? min : max));
    const base = this.#base.data[histogram]!;
    const size = 1 << this.#order.data[histogram]!;
    const found: number[] = [];
    for (let i = base; i < base + size; i++) {
      if (this.#bucket.data[i] !== 0) found.push(this.#bucket.data[i]! * 4294967296 + this.#count.data[i]!);
    }
    found.sort((a, b) => a - b);
    let seen = 0;
    let at = 0;
    let value = max;
    return ps.map((p) => {
      const rank = Math.ceil(p * n);
      while (seen < rank && at < found.length) {
        const entry = found[at++]!;
        seen += entry % 4294967296;
        value = middleOf(Math.floor(entry / 4294967296) - 1);
      }
      if (rank >= n) return max;
      return Math.min(max, Math.max(min, value));
    });
  }

  #start(histogram: number): void {
    this.#base.data[histogram] = this.#take(FIRST_ORDER);
    this.#order.data[histogram] = FIRST_ORDER;
    this.#used.data[histogram] = 0;
  }

  #take(order: number): number {
    const first = this.#blocks.take(order);
    this.#bucket.data.fill(0, first, first + (1 << order));
    this.#count.data.fill(0, first, first + (1 << order));
    return first;
  }

  #put(histogram: number, bucket: number, times: number): void {
    const order = this.#order.data[histogram]!;
    const base = this.#base.data[histogram]!;
    const mask = (1 << order) - 1;
    const buckets = this.#bucket.data;
    let at = Math.imul(bucket, 0x9e3779b1) >>> (32 - order);
    for (;;) {
      const resident = buckets[base + at]!;
      if (resident === bucket + 1) {
        this.#count.data[base + at] = this.#count.data[base + at]! + times;
        return;
      }
      if (resident === 0) break;
      at = (at + 1) & mask;
    }
    if ((this.#used.data[histogram]! + 1) * 4 > 3 * (mask + 1)) {
      this.#double(histogram);
      this.#put(histogram, bucket, times);
      return;
    }
    buckets[base + at] = bucket + 1;
    this.#count.data[base + at] = times;
    this.#used.data[histogram] = this.#used.data[histogram]! + 1;
  }

  #double(histogram: number): void {
    const order = this.#order.data[histogram]!;
    const from = this.#base.data[histogram]!;
    this.#base.data[histogram] = this.#take(order + 1);
    this.#order.data[histogram] = order + 1;
    this.#used.data[histogram] = 0;
    for (let i = from; i < from + (1 << order); i++) {
      const resident = this.#bucket.data[i]!;
      if (resident !== 0) this.#put(histogram, resident - 1, this.#count.data[i]!);
    }
    this.#blocks.give(from, order);
  }
}
