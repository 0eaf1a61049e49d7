/**
 * Blocks of 2^k rows within a table, handed out and taken back by size. A thing that grows (a histogram, a ring of
 * samples) moves to a block twice as long and gives the old one back, so a flow with little costs little.
 */
import type { Column, Table } from './columns.ts';
import type { SnapshotReader, SnapshotWriter } from './snapshot.ts';

const CLASSES = 24;

export class Blocks {
  readonly rows: Table;
  /** A column of `rows` that links free blocks: the first row of a free block holds 1 + the next free one. */
  readonly #link: Column;
  readonly #free = new Int32Array(CLASSES);

  constructor(rows: Table, link: Column) {
    this.rows = rows;
    this.#link = link;
  }

  /** The first row of a block of 2^order rows; their contents are whatever was there. */
  take(order: number): number {
    const head = this.#free[order]!;
    if (head <= 0 || head > this.rows.count) return this.rows.append(1 << order);
    this.#free[order] = this.#link.data[(head - 1) * this.#link.stride]!;
    return head - 1;
  }

  give(first: number, order: number): void {
    this.#link.data[first * this.#link.stride] = this.#free[order]!;
    this.#free[order] = first + 1;
  }

  save(out: SnapshotWriter): void {
    this.rows.save(out);
    out.array(this.#free, CLASSES);
  }

  load(input: SnapshotReader): void {
    this.rows.load(input);
    input.array(this.#free, CLASSES);
    for (const head of this.#free) if (head < 0 || head > this.rows.count) input.fail('names a block beyond its end');
  }
}
