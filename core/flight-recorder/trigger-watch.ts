/** Asks triggers of a model a few times a second, and says which fired and what they saw. */
import type { FlowFields } from '../filter/filter.ts';
import type { FlowModel } from '../flow/model.ts';
import { ALL_FLOWS, Condition, readsSamples, seenText } from './condition.ts';
import { Newcomers } from './newcomers.ts';
import { SampleWindow } from './samples.ts';
import { isNewKind, type NewKind, type Trigger } from './trigger.ts';

/** What fired fires again only after it was not so for this long. */
export const REARM_NS = 5e9;
const HELD_MAX = 10_000;

/** What a watch needs to know of flows beside the model. */
export interface FlowTexts {
  /** `curl[123] 10.0.0.1 → 10.0.0.2:443`, with the filter's fields. */
  readonly describe: (flow: number) => string;
  readonly peer: (flow: number) => string;
  /** Which process connects to which network: `curl → AS64500 Example`; null while it is not known, undefined = none does. */
  readonly network: (flow: number) => string | null | undefined;
}

export interface Fired {
  readonly trigger: Trigger;
  /** Session time, ns. */
  readonly atNs: number;
  /** −1 = the session. */
  readonly flow: number;
  /** What was seen, with values. */
  readonly evidence: string;
}

interface Watched {
  readonly condition: Condition;
  /** Ids of flows (−1 = the session) that fired, and when they were last so. */
  readonly held: Map<number, number>;
}

/** What is new of a flow, in words: `10.0.0.9 was not seen before`. */
export function newText(kind: NewKind, key: string): string {
  return kind === 'peer' ? `${key} was not seen before` : `${key} is new`;
}

export class TriggerWatch {
  /** What is to be told of every latency sample; null when no trigger asks for the newest ones. */
  readonly samples: SampleWindow | null;
  private readonly model: FlowModel;
  private readonly texts: FlowTexts;
  private readonly watched: readonly Watched[];
  private readonly newcomers = new Map<NewKind, Newcomers>();

  constructor(model: FlowModel, triggers: readonly Trigger[], fields: FlowFields, texts: FlowTexts) {
    this.model = model;
    this.texts = texts;
    const samples = new SampleWindow(model);
    this.watched = triggers.map((trigger) => ({
      condition: new Condition(trigger, fields, model, samples),
      held: new Map(),
    }));
    for (const kind of ['peer', 'network'] as const)
      if (triggers.some((trigger) => trigger.kind === kind))
        this.newcomers.set(kind, new Newcomers(model, texts[kind]));
    this.samples = triggers.some(readsSamples) ? samples : null;
  }

  /** Looks once; what fired since the last look, at most one flow of a trigger. Nothing before the first snapshot. */
  look(): Fired[] {
    const { model } = this;
    if (!model.snapshotDone) return [];
    for (const each of this.newcomers.values()) each.look();
    const fired: Fired[] = [];
    for (const watched of this.watched) {
      const { trigger } = watched.condition;
      const isNew = isNewKind(trigger.kind);
      const flow = isNew ? this.newcomer(watched, trigger.kind) : this.lookAt(watched);
      if (flow !== null) fired.push({ trigger, atNs: model.nowNs, flow, evidence: this.evidence(watched, flow) });
      watched.condition.step();
    }
    return fired;
  }

  private newcomer({ condition }: Watched, kind: NewKind): number | null {
    for (const { flows, told } of this.newcomers.get(kind)?.fresh ?? []) {
      if (told.has(condition)) continue;
      const flow = flows.map((id) => this.model.flows.rowOf(id)).find((row) => row >= 0 && condition.matches(row));
      if (flow === undefined) continue;
      told.add(condition);
      return flow;
    }
    return null;
  }

  /** A flow that is so and was not; null when none is. */
  private lookAt({ condition, held }: Watched): number | null {
    const { nowNs, flows } = this.model;
    let found: number | null = null;
    condition.each((flow) => {
      if (!condition.matches(flow)) return;
      const id = flow === ALL_FLOWS ? ALL_FLOWS : flows.id.data[flow]!;
      if (!held.has(id)) {
        if (found !== null) return; // it fires at the next look, if it still is
        found = flow;
      }
      if (held.size < HELD_MAX || held.has(id)) held.set(id, nowNs);
    });
    for (const [id, lastNs] of held) if (nowNs - lastNs > REARM_NS) held.delete(id);
    return found;
  }

  private evidence({ condition }: Watched, flow: number): string {
    const { kind } = condition.trigger;
    const values = condition.values(flow);
    const fresh = isNewKind(kind) ? newText(kind, this.texts[kind](flow) ?? '') : null;
    return `${flow === ALL_FLOWS ? 'all flows' : this.texts.describe(flow)}: ${seenText(values, fresh)}`;
  }
}
