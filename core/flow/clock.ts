/**
 * Times. The kernel stamps in nanoseconds of CLOCK_BOOTTIME; inside the engine a time is a float64 of nanoseconds since
 * the session's origin (its first CLOCK reading), exact for 104 days. Wall time is asked for only at the edges: BigInt
 * arithmetic through the anchor in force at that boot time, so a step of the wall clock changes labels, never order.
 */
import { Table } from './columns.ts';
import type { SnapshotReader, SnapshotWriter } from './snapshot.ts';

const TWO_32 = 4294967296;
/** Readings whose offset differs by less than this, beyond their own error, are the same anchor (slewing, jitter). */
const SAME_ANCHOR_NS = 1000;

export class Clock {
  /** Boot nanoseconds of the origin; null until the first time is seen. */
  originNs: bigint | null = null;
  /**
   * Every time is a multiple of this (1 or 1000 ns), as a capture in microseconds is: beyond 104 days from the origin,
   * where a float64 no longer holds each nanosecond, wall times are rounded to it and so are exact again.
   */
  granularityNs = 1;
  #originLow = 0;
  #originHigh = 0;
  readonly #rows = new Table();
  readonly #at = this.#rows.float64();
  readonly #error = this.#rows.float64();
  /** realtime - boot, as two halves of an int64 */
  readonly #offset = this.#rows.int32(2);

  /** Sets the origin unless there is one. */
  begin(low: number, high: number): void {
    if (this.originNs !== null) return;
    this.#originLow = low >>> 0;
    this.#originHigh = high >>> 0;
    this.originNs = (BigInt(this.#originHigh) << 32n) | BigInt(this.#originLow);
  }

  /** A boot time given as two 32-bit halves, relative to the origin. */
  relative(low: number, high: number): number {
    if (this.originNs === null) this.begin(low, high);
    return (high - this.#originHigh) * TWO_32 + (low - this.#originLow);
  }

  relativeOf(bootNs: bigint): number {
    return this.relative(Number(bootNs & 0xffffffffn), Number((bootNs >> 32n) & 0xffffffffn));
  }

  /** A reading of both clocks; kept when it says something new. `errorNs` = ± of the reading. */
  anchor(bootNs: bigint, realtimeNs: bigint, errorNs: number): void {
    const atNs = this.relativeOf(bootNs);
    const offset = realtimeNs - bootNs;
    const last = this.#rows.count - 1;
    if (last >= 0) {
      const difference = Math.abs(Number(offset - this.#offsetOf(last)));
      if (atNs < this.#at.data[last]! || difference <= SAME_ANCHOR_NS + errorNs + this.#error.data[last]!) return;
    }
    const row = this.#rows.append();
    this.#at.data[row] = atNs;
    this.#error.data[row] = errorNs;
    this.#offset.data[row * 2] = Number(BigInt.asIntN(32, offset));
    this.#offset.data[row * 2 + 1] = Number(BigInt.asIntN(32, offset >> 32n));
  }

  /** Boot nanoseconds of a relative time. */
  bootNs(atNs: number): bigint {
    return (this.originNs ?? 0n) + BigInt(Math.round(atNs));
  }

  /** Wall time in ns since 1970 by the anchor in force at that time (the first one before it); null without any. */
  wallNs(atNs: number): bigint | null {
    if (this.#rows.count === 0) return null;
    const wallNs = this.bootNs(atNs) + this.#offsetOf(this.#inForce(atNs));
    if (this.granularityNs === 1 || Math.abs(atNs) <= Number.MAX_SAFE_INTEGER) return wallNs;
    const unit = BigInt(this.granularityNs);
    const rounded = wallNs + (wallNs < 0n ? -unit / 2n : unit / 2n);
    return rounded - (rounded % unit);
  }

  get anchors(): number {
    return this.#rows.count;
  }

  save(out: SnapshotWriter): void {
    out.uint32(this.originNs === null ? 0 : 1);
    out.uint64(this.originNs ?? 0n);
    this.#rows.save(out);
  }

  load(input: SnapshotReader): void {
    const known = input.uint32() === 1;
    const origin = BigInt.asUintN(64, input.uint64());
    if (known) this.begin(Number(origin & 0xffffffffn), Number(origin >> 32n));
    this.#rows.load(input);
  }

  #inForce(atNs: number): number {
    let low = 0;
    let high = this.#rows.count - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#at.data[middle]! <= atNs) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  #offsetOf(row: number): bigint {
    return (BigInt(this.#offset.data[row * 2 + 1]!) << 32n) | BigInt(this.#offset.data[row * 2]! >>> 0);
  }
}
