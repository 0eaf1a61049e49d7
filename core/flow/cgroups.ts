/**
 * Control groups by the number that the kernel gives them; their paths, and what a runtime knows of a container in one,
 * are told by frames of our own.
 */
import { Table } from './columns.ts';
import { Index, mix } from './hash.ts';
import type { Reference } from './references.ts';
import type { SnapshotReader, SnapshotWriter } from './snapshot.ts';

/** Paths of control groups by number. */
export class Cgroups {
  readonly #rows = new Table();
  readonly #low = this.#rows.uint32();
  readonly #high = this.#rows.uint32();
  /** string + 1 */
  readonly paths = this.#rows.uint32();
  /** string + 1 of what a container's runtime told (core/processes/container-details.ts) */
  readonly details = this.#rows.uint32();
  readonly #index = new Index();

  /** True when the control group is new. */
  ensure(low: number, high: number): boolean {
    const probe = this.#probe(low, high);
    if (this.#index.at(probe) >= 0) return false;
    const row = this.#rows.append();
    this.#low.data[row] = low;
    this.#high.data[row] = high;
    if (this.#index.put(probe, row)) this.#rebuild();
    return true;
  }

  name(low: number, high: number, path: number): void {
    this.ensure(low, high);
    this.paths.data[this.#index.at(this.#probe(low, high))] = path + 1;
  }

  /** Number of the path's string; -1 = not told. */
  pathOf(low: number, high: number): number {
    const row = this.#index.at(this.#probe(low, high));
    return row < 0 ? -1 : this.paths.data[row]! - 1;
  }

  describe(low: number, high: number, details: number): void {
    this.ensure(low, high);
    this.details.data[this.#index.at(this.#probe(low, high))] = details + 1;
  }

  /** Number of the string of its container's details; -1 = not told. */
  detailsOf(low: number, high: number): number {
    const row = this.#index.at(this.#probe(low, high));
    return row < 0 ? -1 : this.details.data[row]! - 1;
  }

  /** Columns that name strings. */
  get references(): Reference[] {
    return [this.paths, this.details].map((column) => ({ rows: this.#rows, column, base: 1 }));
  }

  get count(): number {
    return this.#rows.count;
  }

  save(out: SnapshotWriter): void {
    this.#rows.save(out);
  }

  load(input: SnapshotReader): void {
    this.#rows.load(input);
    this.#rebuild();
  }

  #rebuild(): void {
    this.#index.reset(this.#rows.count);
    for (let row = 0; row < this.#rows.count; row++) {
      this.#index.insertNew(mix(mix(0, this.#low.data[row]!), this.#high.data[row]!), row);
    }
  }

  #probe(low: number, high: number): number {
    const index = this.#index;
    let probe = index.first(mix(mix(0, low), high));
    for (;;) {
      const row = index.at(probe);
      if (row < 0 || (this.#low.data[row] === low && this.#high.data[row] === high)) return probe;
      probe = index.next(probe);
    }
  }
}
