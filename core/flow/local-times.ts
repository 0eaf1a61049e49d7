/**
 * How long a local socket's exchanges waited in our kernel (last payload segment in → the read that returned it) and in the
 * application (that read → the answer's first segment).
 */
import { NONE } from './flows.ts';
import type { Histograms } from './histogram.ts';
import type { Reference } from './references.ts';
import { Sides } from './sides.ts';
import type { SnapshotReader, SnapshotWriter } from './snapshot.ts';

export class LocalTimes {
  readonly #sides = new Sides();
  /** Histograms; the second is -1 until the application answered. */
  readonly #queue = this.#sides.rows.int32();
  readonly #application = this.#sides.rows.int32();
  readonly #histograms: Histograms;

  constructor(histograms: Histograms) {
    this.#histograms = histograms;
  }

  /** One exchange at `side` of a flow. `applicationNs` 0 = it closed instead of answering. */
  add(flow: number, side: number, queueNs: number, applicationNs: number): void {
    let row = this.#sides.find(flow, side);
    if (row < 0) {
      row = this.#sides.append(flow, side);
      this.#queue.data[row] = this.#histograms.create();
      this.#application.data[row] = NONE;
    }
    this.#histograms.add(this.#queue.data[row]!, queueNs);
    if (applicationNs === 0) return;
    if (this.#application.data[row] === NONE) this.#application.data[row] = this.#histograms.create();
    this.#histograms.add(this.#application.data[row]!, applicationNs);
  }

  /** The histogram of waiting in our kernel; -1 = no sample. */
  queueOf(flow: number, side: number): number {
    const row = this.#sides.find(flow, side);
    return row < 0 ? NONE : this.#queue.data[row]!;
  }

  /** The histogram of the application's own time; -1 = no sample. */
  applicationOf(flow: number, side: number): number {
    const row = this.#sides.find(flow, side);
    return row < 0 ? NONE : this.#application.data[row]!;
  }

  /** Flows were taken out (`Table.compact`). */
  fold(numbers: Int32Array): void {
    this.#sides.fold(numbers);
  }

  /** Columns that name histograms. */
  get references(): Reference[] {
    const { rows } = this.#sides;
    return [this.#queue, this.#application].map((column) => ({ rows, column, base: 0 }));
  }

  get bytes(): number {
    return this.#sides.bytes;
  }

  save(out: SnapshotWriter): void {
    this.#sides.save(out);
  }

  load(input: SnapshotReader): void {
    this.#sides.load(input);
  }

  /** Every number points at something; `fail` throws. */
  check(flows: number, histograms: number, fail: () => void): void {
    this.#sides.check(flows, fail);
    for (let row = 0; row < this.#sides.count; row++) {
      const [queue, application] = [this.#queue.data[row]!, this.#application.data[row]!];
      if (queue < 0 || queue >= histograms || application < NONE || application >= histograms) fail();
    }
  }
}
