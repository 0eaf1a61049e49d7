/** What was worked out of rows of a model (flows, strings, histograms …), by row; forgotten when rows have moved. */
import type { FlowModel } from './model.ts';

export class RowMemory<V> {
  readonly #values = new Map<number, V>();
  readonly #model: FlowModel;
  readonly #max: number;
  #foldings: number;

  /** Beyond `max` values the memory begins anew. */
  constructor(model: FlowModel, max: number) {
    this.#model = model;
    this.#max = max;
    this.#foldings = model.foldings;
  }

  get(row: number): V | undefined {
    if (this.#model.foldings !== this.#foldings) this.#forget();
    return this.#values.get(row);
  }

  set(row: number, value: V): void {
    if (this.#model.foldings !== this.#foldings || this.#values.size >= this.#max) this.#forget();
    this.#values.set(row, value);
  }

  #forget(): void {
    this.#foldings = this.#model.foldings;
    this.#values.clear();
  }
}
