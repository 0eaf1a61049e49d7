/**
 * Struct-of-arrays tables: every property of a row is a column, a typed array that grows by doubling. A row costs the
 * sum of its columns and nothing else; pages that were never written cost no memory. A whole table is saved and loaded
 * by copying its columns.
 */
import type { SnapshotReader, SnapshotWriter } from './snapshot.ts';

export type NumberArray = Float64Array | Float32Array | Uint32Array | Int32Array | Uint16Array | Uint8Array;

/** One property of a table: `stride` numbers a row. `data` is replaced when the table grows: do not keep it. */
export class Column<A extends NumberArray = NumberArray> {
  data: A;
  readonly stride: number;
  readonly #make: (length: number) => A;

  constructor(make: (length: number) => A, stride: number, rows: number) {
    this.#make = make;
    this.stride = stride;
    this.data = make(stride * rows);
  }

  grow(rows: number): void {
    const next = this.#make(rows * this.stride);
    next.set(this.data.length > next.length ? this.data.subarray(0, next.length) : this.data);
    this.data = next;
  }

  get bytesPerRow(): number {
    return this.data.BYTES_PER_ELEMENT * this.stride;
  }
}

const FIRST_ROWS = 64;

/** Rows of columns. Row numbers are dense, from 0; a row lives until `clear` or `compact`. */
export class Table {
  count = 0;
  capacity = FIRST_ROWS;
  readonly columns: Column[] = [];

  float64(stride = 1): Column<Float64Array> {
    return this.#add(new Column((length) => new Float64Array(length), stride, this.capacity));
  }
  float32(stride = 1): Column<Float32Array> {
    return this.#add(new Column((length) => new Float32Array(length), stride, this.capacity));
  }
  uint32(stride = 1): Column<Uint32Array> {
    return this.#add(new Column((length) => new Uint32Array(length), stride, this.capacity));
  }
  int32(stride = 1): Column<Int32Array> {
    return this.#add(new Column((length) => new Int32Array(length), stride, this.capacity));
  }
  uint16(stride = 1): Column<Uint16Array> {
    return this.#add(new Column((length) => new Uint16Array(length), stride, this.capacity));
  }
  uint8(stride = 1): Column<Uint8Array> {
    return this.#add(new Column((length) => new Uint8Array(length), stride, this.capacity));
  }

  /** Adds `rows` rows of zeros and returns the number of the first. */
  append(rows = 1): number {
    const first = this.count;
    this.count += rows;
    if (this.count > this.capacity) this.reserve(this.count);
    return first;
  }

  reserve(rows: number): void {
    let capacity = this.capacity;
    while (capacity < rows) capacity *= 2;
    if (capacity === this.capacity) return;
    this.capacity = capacity;
    for (const column of this.columns) column.grow(capacity);
  }

  /**
   * Takes out the rows for which `keep` is 0; the others keep their order. Returns the new number of each row, -1 for
   * those that are gone.
   */
  compact(keep: Uint8Array): Int32Array {
    const before = this.count;
    const numbers = new Int32Array(before);
    let kept = 0;
    for (let row = 0; row < before; row++) numbers[row] = keep[row] === 0 ? -1 : kept++;
    for (const { data, stride } of this.columns) {
      let to = 0;
      for (let row = 0; row < before; row++) {
        if (numbers[row]! < 0) continue;
        for (let i = 0; i < stride; i++) data[to + i] = data[row * stride + i]!;
        to += stride;
      }
      // `append` gives out rows of zeros.
      data.fill(0, kept * stride, before * stride);
    }
    this.count = kept;
    return numbers;
  }

  clear(): void {
    for (const column of this.columns) column.data.fill(0, 0, this.count * column.stride);
    this.count = 0;
  }

  /** Bytes of the rows in use, over all columns. */
  get bytes(): number {
    let perRow = 0;
    for (const column of this.columns) perRow += column.bytesPerRow;
    return perRow * this.count;
  }

  save(out: SnapshotWriter): void {
    out.uint32(this.count);
    for (const column of this.columns) out.array(column.data, this.count * column.stride);
  }

  /** @throws FlowglassError when the snapshot is shorter than it says */
  load(input: SnapshotReader): void {
    const count = input.uint32();
    let perRow = 0;
    for (const column of this.columns) perRow += column.bytesPerRow;
    input.expect(count * perRow);
    this.reserve(count);
    this.count = count;
    for (const column of this.columns) input.array(column.data, count * column.stride);
  }

  #add<A extends NumberArray>(column: Column<A>): Column<A> {
    this.columns.push(column);
    return column;
  }
}
