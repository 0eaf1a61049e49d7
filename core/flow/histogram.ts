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

/** Numbers a row, side by side because one sample changes them all. */
const ROW = 6;
const MIN = 0;
const MAX = 1;
const SUM = 2;
const LAST = 3;
const JITTER = 4;
const N = 5;

export class Histograms {
  readonly #rows = new Table();
  readonly #numbers = this.#rows.float64(ROW);
  /** first entry, order of the block | entries in use << 8 */
  readonly #block = this.#rows.uint32(2);
  readonly #entries = new Table();
  /** bucket + 1 (0 = free), count */
  readonly #entry = this.#entries.uint32(2);
  readonly #blocks = new Blocks(this.#entries, this.#entry);

  create(): number {
    return this.#rows.append();
  }

  /** Adds one sample; negative ones count as 0. No allocation but for a block that doubles. */
  add(histogram: number, valueNs: number): void {
    const value = valueNs > 0 ? valueNs : 0;
    const numbers = this.#numbers.data;
    const row = histogram * ROW;
    const n = numbers[row + N]!;
    const min = numbers[row + MIN]!;
    const max = numbers[row + MAX]!;
    if (n > 0) {
      const jitter = numbers[row + JITTER]!;
      numbers[row + JITTER] = jitter + (Math.abs(value - numbers[row + LAST]!) - jitter) / 16;
      if (n >= 2) {
        if (n === 2) {
          this.#block.data[histogram * 2] = this.#take(FIRST_ORDER);
          this.#block.data[histogram * 2 + 1] = FIRST_ORDER;
          this.#put(histogram, bucketOf(min), 1);
          this.#put(histogram, bucketOf(max), 1);
        }
        this.#put(histogram, bucketOf(value), 1);
      }
    }
    if (n === 0 || value < min) numbers[row + MIN] = value;
    if (n === 0 || value > max) numbers[row + MAX] = value;
    numbers[row + LAST] = value;
    numbers[row + SUM] = numbers[row + SUM]! + value;
    numbers[row + N] = n + 1;
  }

  samples(histogram: number): number {
    return this.#numbers.data[histogram * ROW + N]!;
  }

  /** The value at rank ⌈p·n⌉ (nearest rank), in ns; 0 < p ≤ 1. */
  percentile(histogram: number, p: number): number {
    return this.#quantiles(histogram, [p])[0]!;
  }

  /** null when the histogram has no samples. */
  read(histogram: number): Distribution | null {
    const numbers = this.#numbers.data;
    const row = histogram * ROW;
    const n = numbers[row + N]!;
    if (n === 0) return null;
    const [p50, p90, p99] = this.#quantiles(histogram, [0.5, 0.9, 0.99]);
    return {
      n,
      minNs: numbers[row + MIN]!,
      meanNs: numbers[row + SUM]! / n,
      p50Ns: p50!,
      p90Ns: p90!,
      p99Ns: p99!,
      maxNs: numbers[row + MAX]!,
      jitterNs: n < 2 ? null : numbers[row + JITTER]!,
    };
  }

  /**
   * Standard deviation in ns, which ping calls mdev: the root of the mean square distance from the mean. Exact up to two
   * samples, else of the middles of buckets: at most 0.79 % of the greatest sample wrong. NaN without samples.
   */
  deviation(histogram: number): number {
    const row = histogram * ROW;
    const n = this.#numbers.data[row + N]!;
    const mean = this.#numbers.data[row + SUM]! / n;
    let squares = 0;
    this.each(histogram, (valueNs, count) => {
      squares += count * (valueNs - mean) ** 2;
    });
    return Math.sqrt(squares / n);
  }

  /** Calls `visit` with the middle (ns) and count of each bucket that is not empty, in no order. */
  each(histogram: number, visit: (valueNs: number, count: number) => void): void {
    const row = histogram * ROW;
    const n = this.#numbers.data[row + N]!;
    if (n > 0 && n <= 2) {
      visit(this.#numbers.data[row + MIN]!, 1);
      if (n === 2) visit(this.#numbers.data[row + MAX]!, 1);
    }
    if (n <= 2) return;
    const entry = this.#entry.data;
    const base = this.#block.data[histogram * 2]!;
    for (let i = base; i < base + (1 << (this.#block.data[histogram * 2 + 1]! & 0xff)); i++) {
      const bucket = entry[i * 2]!;
      if (bucket !== 0) visit(middleOf(bucket - 1), entry[i * 2 + 1]!);
    }
  }

  /** Takes out those for which `keep` is 0; see `Table.compact`. */
  compact(keep: Uint8Array): Int32Array {
    for (let histogram = 0; histogram < this.#rows.count; histogram++)
      if (keep[histogram] === 0 && this.samples(histogram) > 2)
        this.#blocks.give(this.#block.data[histogram * 2]!, this.#block.data[histogram * 2 + 1]! & 0xff);
    return this.#rows.compact(keep);
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
    for (let histogram = 0; histogram < this.#rows.count; histogram++) {
      if (!(this.samples(histogram) > 2)) continue;
      const order = this.#block.data[histogram * 2 + 1]! & 0xff;
      const used = this.#block.data[histogram * 2 + 1]! >>> 8;
      if (order < FIRST_ORDER || order > 12) input.fail('has a histogram that cannot be');
      if (this.#block.data[histogram * 2]! + (1 << order) > this.#entries.count)
        input.fail('has a histogram beyond its end');
      if (used >= 1 << order) input.fail('has an overfull histogram');
    }
  }

  /** For ascending `ps`. */
  #quantiles(histogram: number, ps: readonly number[]): number[] {
    const row = histogram * ROW;
    const n = this.#numbers.data[row + N]!;
    const min = this.#numbers.data[row + MIN]!;
    const max = this.#numbers.data[row + MAX]!;
    if (n <= 2) return ps.map((p) => (Math.ceil(p * n) <= 1 ? min : max));
    const entry = this.#entry.data;
    const base = this.#block.data[histogram * 2]!;
    const size = 1 << (this.#block.data[histogram * 2 + 1]! & 0xff);
    const found: number[] = [];
    for (let i = base; i < base + size; i++) {
      if (entry[i * 2] !== 0) found.push(entry[i * 2]! * 4294967296 + entry[i * 2 + 1]!);
    }
    found.sort((a, b) => a - b);
    let seen = 0;
    let at = 0;
    let value = max;
    return ps.map((p) => {
      const rank = Math.ceil(p * n);
      while (seen < rank && at < found.length) {
        const next = found[at++]!;
        seen += next % 4294967296;
        value = middleOf(Math.floor(next / 4294967296) - 1);
      }
      if (rank >= n) return max;
      return Math.min(max, Math.max(min, value));
    });
  }

  #take(order: number): number {
    const first = this.#blocks.take(order);
    this.#entry.data.fill(0, first * 2, (first + (1 << order)) * 2);
    return first;
  }

  #put(histogram: number, bucket: number, times: number): void {
    const block = this.#block.data;
    const entry = this.#entry.data;
    const base = block[histogram * 2]!;
    const order = block[histogram * 2 + 1]! & 0xff;
    const mask = (1 << order) - 1;
    let at = Math.imul(bucket, 0x9e3779b1) >>> (32 - order);
    for (let steps = 0; steps <= mask; steps++) {
      const place = (base + at) * 2;
      const resident = entry[place]!;
      if (resident === bucket + 1) {
        entry[place + 1] = entry[place + 1]! + times;
        return;
      }
      if (resident === 0) break;
      at = (at + 1) & mask;
    }
    const used = block[histogram * 2 + 1]! >>> 8;
    if ((used + 1) * 4 > 3 * (mask + 1)) {
      this.#double(histogram);
      this.#put(histogram, bucket, times);
      return;
    }
    entry[(base + at) * 2] = bucket + 1;
    entry[(base + at) * 2 + 1] = times;
    block[histogram * 2 + 1] = order | ((used + 1) << 8);
  }

  #double(histogram: number): void {
    const block = this.#block.data;
    const from = block[histogram * 2]!;
    const order = block[histogram * 2 + 1]! & 0xff;
    block[histogram * 2] = this.#take(order + 1);
    block[histogram * 2 + 1] = order + 1;
    for (let i = from; i < from + (1 << order); i++) {
      const resident = this.#entry.data[i * 2]!;
      if (resident !== 0) this.#put(histogram, resident - 1, this.#entry.data[i * 2 + 1]!);
    }
    this.#blocks.give(from, order);
  }
}
