/** The condition of a trigger, asked of one model: for which flows it holds now, and what is seen of them. */
import { fieldOf } from '../filter/fields.ts';
import { compile, type FlowFields, type Predicate } from '../filter/filter.ts';
import { formatValue } from '../filter/format.ts';
import { leaves } from '../filter/leaves.ts';
import type { FlowModel } from '../flow/model.ts';
import { pathsOf } from '../flow/paths.ts';
import type { SampleWindow } from './samples.ts';
import type { Trigger } from './trigger.ts';
import { isSampled, WindowFields } from './window.ts';

/** A flow is looked at while it does something, and so long after. */
const ACTIVE_NS = 3e9;
/** In place of a flow: all of them. */
export const ALL_FLOWS = -1;

/** One field that the condition asks for, and what it is; null = not known. */
export interface SeenValue {
  readonly name: string;
  readonly text: string | null;
}

export class Condition {
  readonly trigger: Trigger;
  /** Of one flow; of `session:` triggers of ALL_FLOWS. */
  readonly matches: Predicate;
  readonly #model: FlowModel;
  readonly #window: WindowFields | null;
  readonly #values: readonly { readonly name: string; readonly read: (flow: number) => number }[];

  constructor(trigger: Trigger, fields: FlowFields, model: FlowModel, samples: SampleWindow) {
    const { windowNs, kind, ast } = trigger;
    this.trigger = trigger;
    this.#model = model;
    this.#window = windowNs === null ? null : new WindowFields(fields, model, samples, windowNs, kind === 'session');
    const source = this.#window ?? fields;
    // Where it has to be equal to something, the condition says what it is.
    const asked = leaves(ast).filter((leaf) => leaf.kind !== 'compare' || leaf.operator !== '==');
    const names = asked.flatMap((leaf) => ('field' in leaf ? [leaf.field] : []));
    this.#values = [...new Set(names)].flatMap((name) => {
      const read = source.number(fieldOf(name).source);
      return read === null ? [] : [{ name, read }];
    });
    this.matches = compile(ast, source);
  }

  /** Moves its window on; to be called after each look. */
  step(): void {
    this.#window?.step();
  }

  /** Every flow that may match now: those that did something lately, each connection once; or ALL_FLOWS. */
  each(visit: (flow: number) => void): void {
    if (this.trigger.kind === 'session') return visit(ALL_FLOWS);
    const { flows, nowNs } = this.#model;
    const paths = pathsOf(this.#model);
    const fromNs = nowNs - Math.max(ACTIVE_NS, this.trigger.windowNs ?? 0);
    const { data } = flows.lastNs;
    for (let flow = 0; flow < flows.rows.count; flow++) if (data[flow]! >= fromNs && paths.shown(flow)) visit(flow);
  }

  /** What the numbers that it asks for are. */
  values(flow: number): SeenValue[] {
    return this.#values.map(({ name, read }) => {
      const value = read(flow);
      if (Number.isNaN(value)) return { name, text: null };
      return { name, text: formatValue(fieldOf(name), { kind: 'number', value: rounded(value) }) };
    });
  }
}

/** `response.p50 = 180ms, bytes is not known`; `it matches` when no number was asked for. */
export function seenText(values: readonly SeenValue[], fresh: string | null = null): string {
  const said = values.map(({ name, text }) => (text === null ? `${name} is not known` : `${name} = ${text}`));
  if (fresh !== null) said.unshift(fresh);
  return said.join(', ') || 'it matches';
}

/** Whether a trigger reads the newest latency samples, so that somebody has to keep them. */
export const readsSamples = ({ windowNs, ast }: Trigger): boolean =>
  windowNs !== null && leaves(ast).some((leaf) => 'field' in leaf && isSampled(fieldOf(leaf.field).source));

/** Three digits are enough to read. */
function rounded(value: number): number {
  if (value === 0 || !Number.isFinite(value)) return 0;
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(Math.abs(value))) - 2);
  return Math.round(value / unit) * unit;
}
