/**
 * The newest samples as they were, each with its own time: what the timeline shows where a pixel is finer than the bins of
 * the store. One ring for all flows, in order of arrival; the oldest give way, and from when on it is complete is told.
 */

import type { SnapshotReader, SnapshotWriter } from '../flow/snapshot.ts';

/** 21 bytes a sample: 21 MB at most. */
const CAPACITY = 1 << 20;
const FIRST_CAPACITY = 1 << 12;
/** Samples come nearly in order of time: this far behind the newest one they are still looked for, ns. */
const DISORDER_NS = 2e9;

export const SAMPLE_RTT = 0;
export const SAMPLE_RESPONSE = 1;
export const SAMPLE_BYTES = 2;
/** Its value is a bit of TROUBLE. */
export const SAMPLE_TROUBLE = 3;

export type SampleVisitor = (flow: number, kind: number, value: number, atNs: number) => void;

export class Samples {
  /** All samples from here on are kept, session ns. */
  completeFromNs = -Infinity;
  private atNs = new Float64Array(FIRST_CAPACITY);
  private values = new Float64Array(FIRST_CAPACITY);
  private flows = new Uint32Array(FIRST_CAPACITY);
  private kinds = new Uint8Array(FIRST_CAPACITY);
  private count = 0;
  /** Where the next one goes once the ring is full: the oldest. */
  private next = 0;
  private readonly capacity: number;

  constructor(capacity = CAPACITY) {
    this.capacity = capacity;
  }

  add(flow: number, kind: number, value: number, atNs: number): void {
    let at = this.count;
    if (at === this.capacity) {
      at = this.next;
      this.next = (at + 1) % this.capacity;
      if (this.atNs[at]! >= this.completeFromNs) this.completeFromNs = this.atNs[at]! + 1;
    } else {
      if (at === this.atNs.length) this.grow();
      this.count++;
    }
    this.atNs[at] = atNs;
    this.values[at] = value;
    this.flows[at] = flow;
    this.kinds[at] = kind;
  }

  save(out: SnapshotWriter): void {
    out.uint32(this.count);
    out.uint32(this.next);
    out.float64(this.completeFromNs);
    for (const column of [this.atNs, this.values, this.flows, this.kinds]) out.array(column, this.count);
  }

  /** @throws FlowglassError when the bytes end too early */
  static load(input: SnapshotReader): Samples {
    const count = input.uint32();
    input.expect(count * 21);
    const loaded = new Samples(Math.max(1, count));
    loaded.count = count;
    loaded.next = input.uint32() % Math.max(1, count);
    loaded.completeFromNs = input.float64();
    loaded.atNs = new Float64Array(count);
    loaded.values = new Float64Array(count);
    loaded.flows = new Uint32Array(count);
    loaded.kinds = new Uint8Array(count);
    for (const column of [loaded.atNs, loaded.values, loaded.flows, loaded.kinds]) input.array(column, count);
    return loaded;
  }

  /** Calls `visit` with each sample in [from, to), in order of arrival. One pass over what arrived around that time. */
  each(fromNs: number, toNs: number, visit: SampleVisitor): void {
    for (let i = this.arrivedFrom(fromNs - DISORDER_NS); i < this.count; i++) {
      const at = (this.next + i) % this.count;
      const time = this.atNs[at]!;
      if (time >= fromNs && time < toNs) visit(this.flows[at]!, this.kinds[at]!, this.values[at]!, time);
      else if (time > toNs + DISORDER_NS) return;
    }
  }

  /** Age rank of the first sample that arrived at about that time; by halving, which disorder can only make too early. */
  private arrivedFrom(atNs: number): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.atNs[(this.next + middle) % this.count]! < atNs) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private grow(): void {
    const length = Math.min(this.capacity, this.atNs.length * 2);
    const grown = <T extends Float64Array | Uint32Array | Uint8Array>(from: T, to: T): T => {
      to.set(from);
      return to;
    };
    this.atNs = grown(this.atNs, new Float64Array(length));
    this.values = grown(this.values, new Float64Array(length));
    this.flows = grown(this.flows, new Uint32Array(length));
    this.kinds = grown(this.kinds, new Uint8Array(length));
  }
}
