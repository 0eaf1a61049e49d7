import type { Table } from '../flow/columns.ts';
import { distance } from './serial.ts';

const HOLES = 4;

/**
 * The parts of each sender's sequence space that were skipped: at most four per side, the oldest is forgotten. They
 * tell a late segment that was never seen from a repeated one.
 */
export class Holes {
  readonly #from;
  readonly #to;
  readonly #count;

  constructor(rows: Table) {
    this.#from = rows.int32(2 * HOLES);
    this.#to = rows.int32(2 * HOLES);
    this.#count = rows.uint8(2);
  }

  /** `side` = row × 2 + sender. */
  add(side: number, from: number, to: number): void {
    const count = this.#count.data[side]!;
    if (count === HOLES) this.#remove(side, 0);
    const at = side * HOLES + this.#count.data[side]!;
    this.#from.data[at] = from;
    this.#to.data[at] = to;
    this.#count.data[side]!++;
  }

  /** Fills [from, to). True when some of it had never been seen. */
  fill(side: number, from: number, to: number): boolean {
    let unseen = false;
    for (let i = this.#count.data[side]! - 1; i >= 0; i--) {
      const at = side * HOLES + i;
      const holeFrom = this.#from.data[at]!;
      const holeTo = this.#to.data[at]!;
      if (distance(to, holeFrom) <= 0 || distance(from, holeTo) >= 0) continue;
      unseen = true;
      const left = distance(from, holeFrom) > 0;
      const right = distance(holeTo, to) > 0;
      if (left && right) {
        this.#to.data[at] = from;
        this.add(side, to, holeTo);
      } else if (left) this.#to.data[at] = from;
      else if (right) this.#from.data[at] = to;
      else this.#remove(side, i);
    }
    return unseen;
  }

  #remove(side: number, index: number): void {
    const last = --this.#count.data[side]!;
    for (let i = index; i < last; i++) {
      this.#from.data[side * HOLES + i] = this.#from.data[side * HOLES + i + 1]!;
      this.#to.data[side * HOLES + i] = this.#to.data[side * HOLES + i + 1]!;
    }
  }
}

const PROBES = 4;
const USED = 1;
const AMBIGUOUS = 2;
const STAMPED = 4;

/**
 * Segments whose acknowledgement will give a round trip: at most four per side. By Karn's rule a range that was sent
 * more than once gives none, unless TCP timestamps tell which of its transmissions is echoed (RFC 7323 §4).
 */
export class Probes {
  readonly #end;
  readonly #at;
  readonly #tsval;
  readonly #flags;
  /** Probes that wait, per side: most acknowledgements find none. */
  readonly #waiting;

  constructor(rows: Table) {
    this.#waiting = rows.uint8(2);
    this.#end = rows.int32(2 * PROBES);
    this.#at = rows.float64(2 * PROBES);
    this.#tsval = rows.int32(2 * PROBES);
    this.#flags = rows.uint8(2 * PROBES);
  }

  /** A segment that ends before `end` was sent; nothing happens while four wait already. */
  sent(side: number, end: number, atNs: number, stamped: number, tsval: number, ambiguous: boolean): void {
    if (this.#waiting.data[side] === PROBES) return;
    for (let i = side * PROBES; i < (side + 1) * PROBES; i++) {
      if (this.#flags.data[i] !== 0) continue;
      this.#end.data[i] = end;
      this.#at.data[i] = atNs;
      this.#tsval.data[i] = tsval;
      this.#flags.data[i] = USED | (ambiguous ? AMBIGUOUS : 0) | (stamped !== 0 ? STAMPED : 0);
      this.#waiting.data[side]!++;
      return;
    }
  }

  /** [start, end) was sent again with timestamp `tsval`. */
  repeated(side: number, end: number, atNs: number, stamped: number, tsval: number): void {
    let distinct = stamped !== 0;
    for (let i = side * PROBES; i < (side + 1) * PROBES; i++) {
      const flags = this.#flags.data[i]!;
      if (flags === 0) continue;
      // Everything in flight waits for the repair: none of it gives a clean round trip without timestamps.
      if (stamped !== 0 && (flags & STAMPED) !== 0 && this.#tsval.data[i] !== tsval) {
        this.#flags.data[i] = flags | AMBIGUOUS;
      } else {
        this.#flags.data[i] = 0;
        this.#waiting.data[side]!--;
        distinct = false;
      }
    }
    if (distinct) this.sent(side, end, atNs, stamped, tsval, true);
  }

  /** The other side acknowledged up to `ack`. Returns the round trip in ns, −1 = none that can be told. */
  acknowledged(side: number, ack: number, atNs: number, stamped: number, tsecr: number): number {
    if (this.#waiting.data[side] === 0) return -1;
    // Times may be negative (a later section may begin earlier).
    let newest = -Infinity;
    for (let i = side * PROBES; i < (side + 1) * PROBES; i++) {
      const flags = this.#flags.data[i]!;
      if (flags === 0 || distance(ack, this.#end.data[i]!) < 0) continue;
      this.#flags.data[i] = 0;
      this.#waiting.data[side]!--;
      if ((flags & AMBIGUOUS) !== 0 && (stamped === 0 || tsecr !== this.#tsval.data[i])) continue;
      newest = Math.max(newest, this.#at.data[i]!);
    }
    return newest === -Infinity ? -1 : atNs - newest;
  }
}
