/** Labels of a model's flows. */
import { compile, type FlowFields, type Predicate } from '../filter/filter.ts';
import type { FlowModel } from '../flow/model.ts';
import { RowMemory } from '../flow/row-memory.ts';
import type { LabelRule } from './label-rules.ts';

/** While a session grows, labels may be so old: rules may ask for what changes with every packet. */
const FRESH_NS = 1e9;
const REMEMBERED_MAX = 200_000;

interface Remembered {
  readonly labels: readonly string[];
  readonly version: number;
  readonly atNs: number;
}

export class FlowLabels {
  readonly #model: FlowModel;
  readonly #rules: readonly { readonly label: string; readonly matches: Predicate }[];
  readonly #remembered: RowMemory<Remembered>;

  /** `fields`: of the model; labels are no field of theirs. */
  constructor(model: FlowModel, rules: readonly LabelRule[], fields: FlowFields) {
    this.#model = model;
    this.#remembered = new RowMemory(model, REMEMBERED_MAX);
    this.#rules = rules.map(({ label, ast }) => ({ label, matches: compile(ast, fields) }));
  }

  /** In the order of the rules, each once. */
  readonly of = (flow: number): readonly string[] => {
    const { version, nowNs } = this.#model;
    const known = this.#remembered.get(flow);
    if (known !== undefined && (known.version === version || Math.abs(nowNs - known.atNs) < FRESH_NS))
      return known.labels;
    const labels: string[] = [];
    for (const { label, matches } of this.#rules) if (!labels.includes(label) && matches(flow)) labels.push(label);
    this.#remembered.set(flow, { labels, version, atNs: nowNs });
    return labels;
  };
}
