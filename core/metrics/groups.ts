/**
 * The groups that flows are counted in: one for each combination of label values, at most `limit` of them. What comes
 * beyond is counted in the row OTHER. Every minute groups that had little are given up for those of OTHER that had more:
 * the series of a group given up ends, that of a new one begins at 0, and OTHER never goes back.
 */
import { Table } from '../flow/columns.ts';
import { LatencyColumns, type Resolution } from './buckets.ts';

/** The row of everything that has no group of its own. */
export const OTHER = 0;
/** A flow ended so; `idle` = a flow without connection that went quiet. */
export const CLOSINGS = ['fin', 'reset', 'timeout', 'refused', 'idle'] as const;
/** Combinations without a group whose weight is watched, for each group there may be. */
const CANDIDATES = 4;
/** A candidate takes a group's place when it had this many times as much. */
const AHEAD = 2;
/** What of a weight is left after a minute. */
const DECAY = 0.5;
export const OTHER_TEXT = '(other)';

export class Groups {
  readonly rows = new Table();
  readonly opened = this.rows.float64();
  readonly open = this.rows.float64();
  /** by CLOSINGS */
  readonly closed = this.rows.float64(CLOSINGS.length);
  /** sent by this machine, received by it */
  readonly packets = this.rows.float64(2);
  readonly bytes = this.rows.float64(2);
  readonly retransmits = this.rows.float64(2);
  readonly resets = this.rows.float64(2);
  readonly zeroWindows = this.rows.float64(2);
  /** id + 1 of the flow that was opened last, and when (seconds since 1970) */
  readonly newest = this.rows.float64(2);
  readonly #weight = this.rows.float64();
  readonly connect: LatencyColumns;
  readonly rtt: LatencyColumns;
  readonly response: LatencyColumns;
  readonly limit: number;
  /** Flows counted in OTHER, and groups that were given up. */
  foldedFlows = 0;
  evicted = 0;
  readonly #labels: (readonly string[])[] = [];
  readonly #byKey = new Map<string, number>();
  readonly #keys: string[] = [];
  readonly #candidates = new Map<string, number>();
  readonly #drops: Map<string, number>[] = [];

  /** `names` = how many labels a group has; `limit` ≥ 1 groups beside OTHER. */
  constructor(names: number, limit: number, resolution: Resolution) {
    this.limit = limit;
    this.connect = new LatencyColumns(this.rows, resolution);
    this.rtt = new LatencyColumns(this.rows, resolution);
    this.response = new LatencyColumns(this.rows, resolution);
    this.#take('', new Array<string>(names).fill(OTHER_TEXT));
  }

  /** Groups of their own. */
  get count(): number {
    return this.#byKey.size;
  }

  /** Label values of a row, in the order of the names. The same array while the row means the same. */
  labels(row: number): readonly string[] {
    return this.#labels[row]!;
  }

  /** Drops of a row by reason. */
  drops(row: number): ReadonlyMap<string, number> {
    return this.#drops[row]!;
  }

  addDrops(row: number, reason: string, n: number): void {
    const drops = this.#drops[row]!;
    drops.set(reason, (drops.get(reason) ?? 0) + n);
  }

  /** The row for these label values; OTHER when there is no room. */
  of(labels: readonly string[]): number {
    const key = labels.join('\0');
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    if (this.#byKey.size >= this.limit) {
      this.#watch(key, 1);
      return OTHER;
    }
    const row = this.#take(key, labels);
    this.#byKey.set(key, row);
    return row;
  }

  /** Traffic of a row, as a measure of what deserves a group. `labels` are asked for only where the row is OTHER. */
  weigh(row: number, packets: number, labels: () => readonly string[]): void {
    if (row === OTHER) this.#watch(labels().join('\0'), packets);
    else this.#weight.data[row] = this.#weight.data[row]! + packets;
  }

  /**
   * Gives up groups for heavier ones of OTHER. `moved` is told each row that means something else now: flows that were
   * counted there belong to OTHER from here on. To be called once a minute.
   */
  rebalance(moved: (row: number) => void): void {
    const ranked = [...this.#candidates].sort((a, b) => b[1] - a[1]);
    const own = [...this.#byKey.values()].sort((a, b) => this.#weight.data[a]! - this.#weight.data[b]!);
    for (let i = 0; i < own.length; i++) {
      const [key, weight] = ranked[i] ?? ['', 0];
      if (weight <= AHEAD * this.#weight.data[own[i]!]!) break;
      this.#candidates.delete(key);
      this.#replace(own[i]!, key, weight);
      moved(own[i]!);
    }
    const weights = this.#weight.data;
    for (let row = 0; row < this.rows.count; row++) weights[row] = weights[row]! * DECAY;
    for (const [key, weight] of this.#candidates) {
      if (weight < 1) this.#candidates.delete(key);
      else this.#candidates.set(key, weight * DECAY);
    }
  }

  #watch(key: string, packets: number): void {
    const known = this.#candidates.get(key);
    if (known === undefined && this.#candidates.size >= this.limit * CANDIDATES) return;
    this.#candidates.set(key, (known ?? 0) + packets);
  }

  #take(key: string, labels: readonly string[]): number {
    const row = this.rows.append();
    this.#labels[row] = labels;
    this.#keys[row] = key;
    this.#drops[row] = new Map();
    return row;
  }

  #replace(row: number, key: string, weight: number): void {
    // What still runs there is OTHER's from now on: opened here, closed there.
    this.open.data[OTHER] = this.open.data[OTHER]! + this.open.data[row]!;
    this.#byKey.delete(this.#keys[row]!);
    for (const { data, stride } of this.rows.columns) data.fill(0, row * stride, (row + 1) * stride);
    this.#labels[row] = key.split('\0');
    this.#keys[row] = key;
    this.#drops[row] = new Map();
    this.#weight.data[row] = weight;
    this.#byKey.set(key, row);
    this.evicted++;
  }
}
