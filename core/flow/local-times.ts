/**
 * How long a local socket's exchanges waited in our kernel (last payload segment in → the read that returned it) and in the
 * application (that read → the answer's first segment). Kept for those sides of flows that had one, beside the flows'
 * columns: most flows of a busy machine are short or not ours.
 */
import { Table } from './columns.ts';
import { NONE } from './flows.ts';
import { Index, mix } from './hash.ts';
import type { Histograms } from './histogram.ts';
import type { SnapshotReader, SnapshotWriter } from './snapshot.ts';

export class LocalTimes {
  readonly #rows = new Table();
  /** flow * 2 + side */
  readonly #end = this.#rows.uint32();
  /** Histograms; the second is -1 until the application answered. */
  readonly #queue = this.#rows.int32();
  readonly #application = this.#rows.int32();
  readonly #index = new Index();
  readonly #histograms: Histograms;

  constructor(histograms: Histograms) {
    this.#histograms = histograms;
  }

  /** One exchange at `side` of a flow. `applicationNs` 0 = it closed instead of answering. */
  add(flow: number, side: number, queueNs: number, applicationNs: number): void {
    const row = this.#ensure(flow * 2 + side);
    this.#histograms.add(this.#queue.data[row]!, queueNs);
    if (applicationNs === 0) return;
    if (this.#application.data[row] === NONE) this.#application.data[row] = this.#histograms.create();
    this.#histograms.add(this.#application.data[row]!, applicationNs);
  }

  /** The histogram of waiting in our kernel; -1 = no sample. */
  queueOf(flow: number, side: number): number {
    const row = this.#find(flow * 2 + side);
    return row < 0 ? NONE : this.#queue.data[row]!;
  }

  /** The histogram of the application's own time; -1 = no sample. */
  applicationOf(flow: number, side: number): number {
    const row = this.#find(flow * 2 + side);
    return row < 0 ? NONE : this.#application.data[row]!;
  }

  get bytes(): number {
    return this.#rows.bytes + this.#index.bytes;
  }

  save(out: SnapshotWriter): void {
    this.#rows.save(out);
  }

  load(input: SnapshotReader): void {
    this.#rows.load(input);
    this.#rebuild();
  }

  /** Every number points at something; `fail` throws. */
  check(flows: number, histograms: number, fail: () => void): void {
    for (let row = 0; row < this.#rows.count; row++) {
      const [queue, application] = [this.#queue.data[row]!, this.#application.data[row]!];
      if (this.#end.data[row]! >= flows * 2 || queue < 0 || queue >= histograms) fail();
      if (application < NONE || application >= histograms) fail();
    }
  }

  #find(end: number): number {
    const index = this.#index;
    for (let probe = index.first(mix(0, end)); ; probe = index.next(probe)) {
      const row = index.at(probe);
      if (row < 0 || this.#end.data[row] === end) return row;
    }
  }

  #ensure(end: number): number {
    const found = this.#find(end);
    if (found >= 0) return found;
    const row = this.#rows.append();
    this.#end.data[row] = end;
    this.#queue.data[row] = this.#histograms.create();
    this.#application.data[row] = NONE;
    if (this.#index.used * 2 + 2 > this.#index.slots.length) this.#rebuild();
    else this.#index.insertNew(mix(0, end), row);
    return row;
  }

  #rebuild(): void {
    this.#index.reset(this.#rows.count);
    for (let row = 0; row < this.#rows.count; row++) this.#index.insertNew(mix(0, this.#end.data[row]!), row);
  }
}
