/** A table with a row for those sides of flows that have something to be kept there; most have not. */
import { Table } from './columns.ts';
import { Index, mix } from './hash.ts';
import type { SnapshotReader, SnapshotWriter } from './snapshot.ts';

export class Sides {
  readonly rows = new Table();
  /** flow * 2 + side */
  readonly #end = this.rows.uint32();
  readonly #index = new Index();

  /** The row of a side; -1 = none. */
  find(flow: number, side: number): number {
    const end = flow * 2 + side;
    const index = this.#index;
    for (let probe = index.first(mix(0, end)); ; probe = index.next(probe)) {
      const row = index.at(probe);
      if (row < 0 || this.#end.data[row] === end) return row;
    }
  }

  /** A new row, of zeros, for a side that has none. */
  append(flow: number, side: number): number {
    const row = this.rows.append();
    this.#end.data[row] = flow * 2 + side;
    if (this.#index.used * 2 + 2 > this.#index.slots.length) this.#rebuild();
    else this.#index.insertNew(mix(0, flow * 2 + side), row);
    return row;
  }

  /** Takes out the rows of flows that are gone, and names the others' flows by their new `numbers`. */
  fold(numbers: Int32Array): void {
    const end = this.#end.data;
    const keep = new Uint8Array(this.count);
    for (let row = 0; row < this.count; row++) {
      const flow = numbers[end[row]! >>> 1]!;
      if (flow < 0) continue;
      keep[row] = 1;
      end[row] = flow * 2 + (end[row]! & 1);
    }
    this.rows.compact(keep);
    this.#rebuild();
  }

  get count(): number {
    return this.rows.count;
  }

  get bytes(): number {
    return this.rows.bytes + this.#index.bytes;
  }

  save(out: SnapshotWriter): void {
    this.rows.save(out);
  }

  load(input: SnapshotReader): void {
    this.rows.load(input);
    this.#rebuild();
  }

  /** Every row is of one of the `flows` flows; `fail` throws. */
  check(flows: number, fail: () => void): void {
    for (let row = 0; row < this.count; row++) if (this.#end.data[row]! >= flows * 2) fail();
  }

  #rebuild(): void {
    this.#index.reset(this.count);
    for (let row = 0; row < this.count; row++) this.#index.insertNew(mix(0, this.#end.data[row]!), row);
  }
}
