/**
 * The newest counters of each (CPU, slot, generation) of the kernel's flow table. A FLOWS record is cumulative within
 * its generation, so what a record adds to its flow is the difference to the one before: a stale or repeated record adds
 * nothing and never subtracts. The final record of a displaced generation travels another way than the read-out of its
 * slot and may come after the next generation's first: each generation stays open until its own final record.
 */
import { Table } from './columns.ts';
import { Index, mix } from './hash.ts';
import type { SnapshotReader, SnapshotWriter } from './snapshot.ts';

/** Cumulative numbers of a record: five counters of two directions, and two of zero windows. */
export const RECORD_NUMBERS = 12;
/** Finished generations that are remembered, so that a repeated final record counts once. */
const FINISHED = 16384;

const FREE = 0;
const OPEN = 1;
const FINAL = 2;

export class OpenRecords {
  readonly rows = new Table();
  readonly cpu = this.rows.uint16();
  readonly slot = this.rows.uint32();
  readonly generation = this.rows.uint32();
  readonly state = this.rows.uint8();
  /** -1 = not yet known; below: number of the folded total that the rest of it goes to, as `foldedAt` has it */
  readonly flow = this.rows.int32();
  readonly numbers = this.rows.float64(RECORD_NUMBERS);
  /** cookies as last seen: two u64 in halves */
  readonly cookies = this.rows.uint32(4);
  /** next free row + 1, or the next finished row in order of finishing + 1 */
  readonly #next = this.rows.uint32();
  readonly #index = new Index();
  #free = 0;
  #oldest = 0;
  #newest = 0;
  #finished = 0;

  /** The row of that generation, made (with `flow` -1) when it is new; -1 when it was finished already. */
  open(cpu: number, slot: number, generation: number): number {
    const index = this.#index;
    let probe = index.first(hashOf(cpu, slot, generation));
    for (;;) {
      const row = index.at(probe);
      if (row < 0) break;
      if (this.slot.data[row] === slot && this.generation.data[row] === generation && this.cpu.data[row] === cpu) {
        return this.state.data[row] === OPEN ? row : -1;
      }
      probe = index.next(probe);
    }
    let row: number;
    if (this.#free !== 0) {
      row = this.#free - 1;
      this.#free = this.#next.data[row]!;
    } else row = this.rows.append();
    this.cpu.data[row] = cpu;
    this.slot.data[row] = slot;
    this.generation.data[row] = generation;
    this.state.data[row] = OPEN;
    this.flow.data[row] = -1;
    this.numbers.data.fill(0, row * RECORD_NUMBERS, (row + 1) * RECORD_NUMBERS);
    this.cookies.data.fill(0, row * 4, row * 4 + 4);
    this.#next.data[row] = 0;
    if (index.put(probe, row)) this.#rebuild();
    return row;
  }

  /** Flows were taken out: `numbers` as `Table.compact` gives it, `totals` = the folded total of each that was. */
  fold(numbers: Int32Array, totals: Int32Array): void {
    const flows = this.flow.data;
    for (let row = 0; row < this.rows.count; row++) {
      const flow = flows[row]!;
      if (flow < 0) continue;
      flows[row] = numbers[flow]! >= 0 ? numbers[flow]! : foldedAt(totals[flow]!);
    }
  }

  /** The generation will not grow. */
  finish(row: number): void {
    this.state.data[row] = FINAL;
    this.#next.data[row] = 0;
    if (this.#newest !== 0) this.#next.data[this.#newest - 1] = row + 1;
    else this.#oldest = row + 1;
    this.#newest = row + 1;
    if (++this.#finished > FINISHED) this.#forget();
  }

  /** Another helper begins: its slots and generations are others. */
  clear(): void {
    this.rows.clear();
    this.#index.reset(0);
    this.#free = this.#oldest = this.#newest = this.#finished = 0;
  }

  save(out: SnapshotWriter): void {
    this.rows.save(out);
    for (const value of [this.#free, this.#oldest, this.#newest, this.#finished]) out.uint32(value);
  }

  load(input: SnapshotReader, flows: number, totals: number): void {
    this.rows.load(input);
    this.#free = input.uint32();
    this.#oldest = input.uint32();
    this.#newest = input.uint32();
    this.#finished = input.uint32();
    const count = this.rows.count;
    for (const head of [this.#free, this.#oldest, this.#newest]) if (head > count) input.fail('points nowhere');
    for (let row = 0; row < count; row++) {
      if (
        this.#next.data[row]! > count ||
        this.flow.data[row]! < foldedAt(totals - 1) ||
        this.flow.data[row]! >= flows
      ) {
        input.fail('has a record of no flow');
      }
    }
    this.#rebuild();
  }

  #forget(): void {
    const row = this.#oldest - 1;
    this.#oldest = this.#next.data[row]!;
    this.#finished--;
    const index = this.#index;
    let probe = index.first(this.#hash(row));
    while (index.at(probe) !== row && index.at(probe) >= 0) probe = index.next(probe);
    if (index.at(probe) === row) index.remove(probe, this.#hash);
    this.state.data[row] = FREE;
    this.#next.data[row] = this.#free;
    this.#free = row + 1;
  }

  readonly #hash = (row: number): number =>
    hashOf(this.cpu.data[row]!, this.slot.data[row]!, this.generation.data[row]!);

  #rebuild(): void {
    this.#index.reset(this.rows.count);
    for (let row = 0; row < this.rows.count; row++) {
      if (this.state.data[row] !== FREE) this.#index.insertNew(this.#hash(row), row);
    }
  }
}

/** A folded total as a flow number of an open record, and back. */
export const foldedAt = (total: number): number => -2 - total;

const hashOf = (cpu: number, slot: number, generation: number): number => mix(mix(mix(0, slot), generation), cpu);
