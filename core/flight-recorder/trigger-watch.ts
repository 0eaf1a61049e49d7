/** Asks triggers of a model a few times a second, and says which fired and what they saw. */
import { formatValue } from '../filter/format.ts';
import { fieldOf } from '../filter/fields.ts';
import { compile, type FlowFields, type Predicate } from '../filter/filter.ts';
import type { FlowModel } from '../flow/model.ts';
import { leaves, type Trigger } from './trigger.ts';
import { SampleWindow, WindowFields } from './window.ts';

/** A flow is looked at while it does something, and so long after. */
const ACTIVE_NS = 3e9;
/** What fired fires again only after it was not so for this long. */
export const REARM_NS = 5e9;
const HELD_MAX = 10_000;

/** What a watch needs to know of flows beside the model. */
export interface FlowTexts {
  /** `curl[123] 10.0.0.1 → 10.0.0.2:443`, with the filter's fields. */
  readonly describe: (flow: number) => string;
  readonly peer: (flow: number) => string;
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
  readonly trigger: Trigger;
  readonly window: WindowFields | null;
  readonly matches: Predicate;
  readonly values: readonly { readonly name: string; readonly read: (flow: number) => number }[];
  /** Flows (−1 = the session) that fired, and when they were last so. */
  readonly held: Map<number, number>;
}

export class TriggerWatch {
  readonly samples: SampleWindow;
  private readonly model: FlowModel;
  private readonly texts: FlowTexts;
  private readonly watched: readonly Watched[];
  private readonly peers = new Set<string>();
  private seenFlows = -1;

  constructor(model: FlowModel, triggers: readonly Trigger[], fields: FlowFields, texts: FlowTexts) {
    this.model = model;
    this.texts = texts;
    this.samples = new SampleWindow(model);
    this.watched = triggers.map((trigger) => {
      const { windowNs, kind, ast } = trigger;
      const window =
        windowNs === null ? null : new WindowFields(fields, model, this.samples, windowNs, kind === 'session');
      const source = window ?? fields;
      const names = leaves(ast).flatMap((leaf) => ('field' in leaf ? [leaf.field] : []));
      return {
        trigger,
        window,
        matches: compile(ast, source),
        values: [...new Set(names)].flatMap((name) => {
          const read = source.number(fieldOf(name).source);
          return read === null ? [] : [{ name, read }];
        }),
        held: new Map(),
      };
    });
  }

  /** Looks once; what fired since the last look, at most one flow of a trigger. Nothing before the first snapshot. */
  look(): Fired[] {
    const { model } = this;
    if (!model.snapshotDone) return [];
    const fresh = this.newFlows();
    const fired: Fired[] = [];
    for (const watched of this.watched) {
      const flow = watched.trigger.kind === 'peer' ? this.newPeer(watched, fresh) : this.lookAt(watched);
      if (flow !== null)
        fired.push({ trigger: watched.trigger, atNs: model.nowNs, flow, evidence: this.evidence(watched, flow) });
      watched.window?.step();
    }
    for (const flow of fresh) this.peers.add(this.texts.peer(flow));
    return fired;
  }

  private newFlows(): number[] {
    const { count } = this.model.flows.rows;
    const first = this.seenFlows;
    this.seenFlows = count;
    if (first < 0) {
      for (let flow = 0; flow < count; flow++) this.peers.add(this.texts.peer(flow));
      return [];
    }
    return Array.from({ length: count - first }, (_, i) => first + i);
  }

  private newPeer({ matches }: Watched, fresh: readonly number[]): number | null {
    return fresh.find((flow) => !this.peers.has(this.texts.peer(flow)) && matches(flow)) ?? null;
  }

  /** A flow that is so and was not; null when none is. */
  private lookAt({ trigger, matches, held, window }: Watched): number | null {
    const { nowNs, flows } = this.model;
    let found: number | null = null;
    const see = (flow: number): void => {
      if (!matches(flow)) return;
      if (!held.has(flow)) {
        if (found !== null) return; // it fires at the next look, if it still is
        found = flow;
      }
      if (held.size < HELD_MAX || held.has(flow)) held.set(flow, nowNs);
    };
    if (trigger.kind === 'session') see(-1);
    else {
      const fromNs = nowNs - Math.max(ACTIVE_NS, window === null ? 0 : (trigger.windowNs ?? 0));
      const { data } = flows.lastNs;
      for (let flow = 0; flow < flows.rows.count; flow++) if (data[flow]! >= fromNs) see(flow);
    }
    for (const [flow, lastNs] of held) if (nowNs - lastNs > REARM_NS) held.delete(flow);
    return found;
  }

  private evidence({ trigger, values }: Watched, flow: number): string {
    const said = values.map(({ name, read }) => {
      const value = read(flow);
      if (Number.isNaN(value)) return `${name} is not known`;
      return `${name} = ${formatValue(fieldOf(name), { kind: 'number', value: rounded(value) })}`;
    });
    if (trigger.kind === 'peer') said.unshift(`${this.texts.peer(flow)} was not seen before`);
    const where = flow < 0 ? 'all flows' : this.texts.describe(flow);
    return `${where}: ${said.join(', ') || 'it matches'}`;
  }
}

/** Three digits are enough to read. */
function rounded(value: number): number {
  if (value === 0 || !Number.isFinite(value)) return 0;
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(Math.abs(value))) - 2);
  return Math.round(value / unit) * unit;
}
