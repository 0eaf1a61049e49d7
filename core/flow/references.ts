/** Columns that hold row numbers of a table, when rows of that table are taken out (`Table.compact`). */
import type { Column, Table } from './columns.ts';

type Numbers = Int32Array | Uint32Array;

/** A column that names rows of another table: `base` 0 with -1 for none, or 1 with 0 for none (row + 1). */
export interface Reference {
  readonly rows: Table;
  readonly column: Column<Int32Array> | Column<Uint32Array>;
  readonly base: 0 | 1;
}

/** Sets 1 in `keep` for each row that the first `n` numbers name. */
export function mark(data: Numbers, n: number, keep: Uint8Array, base = 0): void {
  for (let i = 0; i < n; i++) if (data[i]! >= base) keep[data[i]! - base] = 1;
}

/** Replaces the rows that the first `n` numbers name by what `compact` says of them; those that are gone by none. */
export function renumber(data: Numbers, n: number, numbers: Int32Array, base = 0): void {
  for (let i = 0; i < n; i++) if (data[i]! >= base) data[i] = numbers[data[i]! - base]! + base;
}

/** Takes rows that will be gone out of chains: `next` names for each row the one after it, -1 = the end. */
export function passOver(next: Int32Array, keep: Uint8Array): void {
  for (let row = 0; row < keep.length; row++) {
    if (keep[row] === 0) continue;
    let to = next[row]!;
    // Bounded: a loop in a damaged file must end.
    for (let steps = 0; to >= 0 && keep[to] === 0; steps++) to = steps < keep.length ? next[to]! : -1;
    next[row] = to;
  }
}

/** Takes the rows out of a table that none of `references` names, and has them name what is left by its new number. */
export function compactUnused(
  count: number,
  references: readonly Reference[],
  compact: (keep: Uint8Array) => Int32Array,
): void {
  const keep = new Uint8Array(count);
  for (const { rows, column, base } of references) mark(column.data, rows.count * column.stride, keep, base);
  const numbers = compact(keep);
  for (const { rows, column, base } of references) renumber(column.data, rows.count * column.stride, numbers, base);
}
