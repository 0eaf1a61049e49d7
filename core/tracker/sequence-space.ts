import type { Table } from '../flow/columns.ts';
import { distance } from './serial.ts';

/** Holes of a side that have room in its row; more stand aside, for the few sides that have so many at once. */
const HOLES = 4;
const HOLES_MAX = 64;

/**
 * The parts of each sender's sequence space that were skipped: at most 64 per side, the oldest is forgotten. They tell a
 * late segment that was never seen from a repeated one.
 */
export class Holes {
  readonly #from;
  readonly #to;
  readonly #count;
  /** Older than those in the row: from, to, from, to … */
  readonly #more = new Map<number, number[]>();

  constructor(rows: Table) {
    this.#from = rows.int32(2 * HOLES);
    this.#to = rows.int32(2 * HOLES);
    this.#count = rows.uint8(2);
  }

  /** `side` = row × 2 + sender. */
  add(side: number, from: number, to: number): void {
    if (this.#count.data[side] === HOLES) this.#putAside(side);
    const at = side * HOLES + this.#count.data[side]!;
    this.#from.data[at] = from;
    this.#to.data[at] = to;
    this.#count.data[side]!++;
  }

  /** Fills [from, to). True when some of it had never been seen. */
  fill(side: number, from: number, to: number): boolean {
    let unseen = this.#fillMore(side, from, to);
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

  /** The oldest of the row makes room. */
  #putAside(side: number): void {
    let list = this.#more.get(side);
    if (list === undefined) this.#more.set(side, (list = []));
    if (list.length >= 2 * (HOLES_MAX - HOLES)) list.splice(0, 2);
    list.push(this.#from.data[side * HOLES]!, this.#to.data[side * HOLES]!);
    this.#remove(side, 0);
  }

  #fillMore(side: number, from: number, to: number): boolean {
    if (this.#more.size === 0) return false;
    const list = this.#more.get(side);
    if (list === undefined) return false;
    let unseen = false;
    for (let i = list.length - 2; i >= 0; i -= 2) {
      const [holeFrom, holeTo] = [list[i]!, list[i + 1]!];
      if (distance(to, holeFrom) <= 0 || distance(from, holeTo) >= 0) continue;
      unseen = true;
      const rest: number[] = [];
      if (distance(from, holeFrom) > 0) rest.push(holeFrom, from);
      if (distance(holeTo, to) > 0) rest.push(to, holeTo);
      list.splice(i, 2, ...rest);
    }
    if (list.length === 0) this.#more.delete(side);
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
/** In the word of flags: segments passed that were not probes, for four waited. */
const MISSED = 1 << 16;
/** Numbers a side: the flags of its probes, four bits each; their ends; their timestamps. */
const NUMBERS = 1 + 2 * PROBES;
const END = 1;
const TSVAL = 1 + PROBES;

/**
 * Segments whose acknowledgement will give a round trip: at most four per side. By Karn's rule a range that was sent
 * more than once gives none, unless TCP timestamps tell which of its transmissions is echoed (RFC 7323 §4).
 */
export class Probes {
  readonly #numbers;
  readonly #at;

  constructor(rows: Table) {
    this.#numbers = rows.int32(2 * NUMBERS);
    this.#at = rows.float64(2 * PROBES);
  }

  /** A segment that ends before `end` was sent; while four wait already it is only noted that there was one. */
  sent(side: number, end: number, atNs: number, stamped: number, tsval: number, ambiguous: boolean): void {
    const n = this.#numbers.data;
    const row = side * NUMBERS;
    const flags = n[row]!;
    for (let k = 0; k < PROBES; k++) {
      if (((flags >> (k * 4)) & USED) !== 0) continue;
      n[row] = flags | ((USED | (ambiguous ? AMBIGUOUS : 0) | (stamped !== 0 ? STAMPED : 0)) << (k * 4));
      n[row + END + k] = end;
      n[row + TSVAL + k] = tsval;
      this.#at.data[side * PROBES + k] = atNs;
      return;
    }
    n[row] = flags | MISSED;
  }

  /** [start, end) was sent again with timestamp `tsval`. */
  repeated(side: number, end: number, atNs: number, stamped: number, tsval: number): void {
    const n = this.#numbers.data;
    const row = side * NUMBERS;
    let distinct = stamped !== 0;
    for (let k = 0; k < PROBES; k++) {
      const flags = (n[row]! >> (k * 4)) & 15;
      if (flags === 0) continue;
      // Everything in flight waits for the repair: none of it gives a clean round trip without timestamps.
      if (stamped !== 0 && (flags & STAMPED) !== 0 && n[row + TSVAL + k] !== tsval) {
        n[row] = n[row]! | (AMBIGUOUS << (k * 4));
      } else {
        n[row] = n[row]! & ~(15 << (k * 4));
        distinct = false;
      }
    }
    if (distinct) this.sent(side, end, atNs, stamped, tsval, true);
  }

  /**
   * The other side acknowledged up to `ack`. Returns the probe that was sent last of those it answers, for `sentAt`;
   * −1 = no round trip can be told.
   */
  acknowledged(side: number, ack: number, stamped: number, tsecr: number): number {
    const n = this.#numbers.data;
    const row = side * NUMBERS;
    let waiting = n[row]!;
    if (waiting === 0) return -1;
    const at = this.#at.data;
    let newest = -1;
    let end = 0;
    for (let k = 0; k < PROBES; k++) {
      const flags = (waiting >> (k * 4)) & 15;
      if (flags === 0 || distance(ack, n[row + END + k]!) < 0) continue;
      waiting &= ~(15 << (k * 4));
      if ((flags & AMBIGUOUS) !== 0 && (stamped === 0 || tsecr !== n[row + TSVAL + k])) continue;
      const probe = side * PROBES + k;
      if (newest < 0 || at[probe]! > at[newest]!) {
        newest = probe;
        end = n[row + END + k]!;
      }
    }
    // What answers a segment that was no probe came later than the answer of the probe before it.
    if ((waiting & MISSED) !== 0 && end !== ack) newest = -1;
    n[row] = waiting === MISSED ? 0 : waiting;
    return newest;
  }

  sentAt(probe: number): number {
    return this.#at.data[probe]!;
  }
}
