/**
 * Latency histograms of many groups in one table. The bounds are powers of 2 in seconds, or roots of 2 between them: the
 * scheme of Prometheus' native histograms (base 2^(2^-schema)), so that bounds stay the same when the resolution changes.
 */
import type { Column, Table } from '../flow/columns.ts';

/** Bounds from 2^-15 s (30.5 µs) to 2^5 s. */
const LOWEST_EXPONENT = -15;
const HIGHEST_EXPONENT = 5;

/** Buckets for each doubling: schema 0, 1, 2 of native histograms. */
export type Resolution = 1 | 2 | 4;

/** Upper bounds in seconds, ascending, without +Inf. */
export function boundsOf(resolution: Resolution): number[] {
  const count = (HIGHEST_EXPONENT - LOWEST_EXPONENT) * resolution + 1;
  return Array.from({ length: count }, (_, i) => 2 ** (LOWEST_EXPONENT + i / resolution));
}

/** Which bucket a duration falls into: the first whose bound is not below it; `bounds.length` = +Inf. */
export function bucketOfSeconds(bounds: readonly number[], resolution: Resolution, seconds: number): number {
  if (!(seconds > bounds[0]!)) return 0;
  let bucket = Math.ceil((Math.log2(seconds) - LOWEST_EXPONENT) * resolution);
  // The logarithm may be off by its last digit where a value is a bound.
  if (bucket > 0 && seconds <= (bounds[Math.min(bucket, bounds.length) - 1] ?? 0)) bucket--;
  else if (bucket < bounds.length && seconds > bounds[bucket]!) bucket++;
  return Math.min(bucket, bounds.length);
}

/** One kind of latency (connect, RTT, response): a histogram for each row of the table. */
export class LatencyColumns {
  readonly bounds: readonly number[];
  readonly labels: readonly string[];
  readonly #resolution: Resolution;
  /** counts by bucket, the last is +Inf; then the sum in seconds and the number of samples */
  readonly #numbers: Column<Float64Array>;
  /** by bucket: id of a flow + 1 (0 = none), its sample in seconds, when (seconds since 1970) */
  readonly #exemplars: Column<Float64Array>;

  constructor(table: Table, resolution: Resolution) {
    this.#resolution = resolution;
    this.bounds = boundsOf(resolution);
    this.labels = [...this.bounds.map(String), '+Inf'];
    this.#numbers = table.float64(this.labels.length + 2);
    this.#exemplars = table.float64(this.labels.length * 3);
  }

  /** One sample of a flow. `atSeconds` = wall time. */
  add(row: number, valueNs: number, flow: number, atSeconds: number): void {
    const seconds = valueNs / 1e9;
    const bucket = bucketOfSeconds(this.bounds, this.#resolution, seconds);
    const buckets = this.labels.length;
    const at = row * (buckets + 2);
    const numbers = this.#numbers.data;
    numbers[at + bucket] = numbers[at + bucket]! + 1;
    numbers[at + buckets] = numbers[at + buckets]! + seconds;
    numbers[at + buckets + 1] = numbers[at + buckets + 1]! + 1;
    const exemplar = (row * buckets + bucket) * 3;
    this.#exemplars.data[exemplar] = flow + 1;
    this.#exemplars.data[exemplar + 1] = seconds;
    this.#exemplars.data[exemplar + 2] = atSeconds;
  }

  samples(row: number): number {
    return this.#numbers.data[(row + 1) * (this.labels.length + 2) - 1]!;
  }

  /** Seconds. */
  sum(row: number): number {
    return this.#numbers.data[(row + 1) * (this.labels.length + 2) - 2]!;
  }

  count(row: number, bucket: number): number {
    return this.#numbers.data[row * (this.labels.length + 2) + bucket]!;
  }

  /** null = that bucket never had a sample. */
  exemplar(row: number, bucket: number): { flow: number; seconds: number; atSeconds: number } | null {
    const at = (row * this.labels.length + bucket) * 3;
    const [flow, seconds, atSeconds] = this.#exemplars.data.subarray(at, at + 3);
    return flow === 0 ? null : { flow: flow! - 1, seconds: seconds!, atSeconds: atSeconds! };
  }
}
