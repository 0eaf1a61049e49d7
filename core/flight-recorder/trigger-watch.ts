/** Asks triggers of a model a few times a second, and says which fired and what they saw. */
import { formatValue } from '../filter/format.ts';
import { fieldOf } from '../filter/fields.ts';
import { compile, type FlowFields, type Predicate } from '../filter/filter.ts';
import { leaves } from '../filter/leaves.ts';
import type { FlowModel } from '../flow/model.ts';
import type { Trigger } from './trigger.ts';
import { SampleWindow } from './samples.ts';
import { isSampled, WindowFields } from './window.ts';

/** A flow is looked at while it does something, and so long after. */
const ACTIVE_NS = 3e9;
/** What fired fires again only after it was not so for this long. */
export const REARM_NS = 5e9;
const HELD_MAX = 10_000;
/** Of a peer that was not there before, so long: who talks to it may be known a little later than it. */
const NEW_NS = 2e9;

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
  /** Ids of flows (−1 = the session) that fired, and when they were last so. */
  readonly held: Map<number, number>;
}

/** A peer that was not there before. */
interface NewPeer {
  readonly sinceNs: number;
  /** ids */
  readonly flows: number[];
  /** Triggers that it fired. */
  readonly told: Set<Watched>;
}

export class TriggerWatch {
  /** What is to be told of every latency sample; null when no trigger asks for the newest ones. */
  readonly samples: SampleWindow | null;
  private readonly model: FlowModel;
  private readonly texts: FlowTexts;
  private readonly watched: readonly Watched[];
  private readonly watchesPeers: boolean;
  private readonly peers = new Set<string>();
  private readonly newPeers = new Map<string, NewPeer>();
  /** Ids below are known; −1 = none was looked at. */
  private seenFlows = -1;

  constructor(model: FlowModel, triggers: readonly Trigger[], fields: FlowFields, texts: FlowTexts) {
    this.model = model;
    this.texts = texts;
    const samples = new SampleWindow(model);
    this.watched = triggers.map((trigger) => watchedOf(trigger, fields, model, samples));
    this.watchesPeers = triggers.some(({ kind }) => kind === 'peer');
    const sampled = ({ windowNs, ast }: Trigger): boolean =>
      windowNs !== null && leaves(ast).some((leaf) => 'field' in leaf && isSampled(fieldOf(leaf.field).source));
    this.samples = triggers.some(sampled) ? samples : null;
  }

  /** Looks once; what fired since the last look, at most one flow of a trigger. Nothing before the first snapshot. */
  look(): Fired[] {
    const { model } = this;
    if (!model.snapshotDone) return [];
    if (this.watchesPeers) this.lookForPeers();
    const fired: Fired[] = [];
    for (const watched of this.watched) {
      const flow = watched.trigger.kind === 'peer' ? this.newPeer(watched) : this.lookAt(watched);
      if (flow !== null)
        fired.push({ trigger: watched.trigger, atNs: model.nowNs, flow, evidence: this.evidence(watched, flow) });
      watched.window?.step();
    }
    return fired;
  }

  /** Peers of flows that began since the last look; those of the first look are known. */
  private lookForPeers(): void {
    const { nowNs, flows } = this.model;
    const first = this.seenFlows;
    this.seenFlows = flows.begun;
    for (let flow = flows.firstFrom(first); flow < flows.rows.count; flow++) {
      const peer = this.texts.peer(flow);
      if (first < 0) this.peers.add(peer);
      if (this.peers.has(peer)) continue;
      const known = this.newPeers.get(peer);
      if (known === undefined)
        this.newPeers.set(peer, { sinceNs: nowNs, flows: [flows.id.data[flow]!], told: new Set() });
      else known.flows.push(flows.id.data[flow]!);
    }
    for (const [peer, { sinceNs }] of this.newPeers) {
      if (nowNs - sinceNs <= NEW_NS) continue;
      this.newPeers.delete(peer);
      this.peers.add(peer);
    }
  }

  private newPeer(watched: Watched): number | null {
    for (const { flows, told } of this.newPeers.values()) {
      if (told.has(watched)) continue;
      const flow = flows.map((id) => this.model.flows.rowOf(id)).find((row) => row >= 0 && watched.matches(row));
      if (flow === undefined) continue;
      told.add(watched);
      return flow;
    }
    return null;
  }

  /** A flow that is so and was not; null when none is. */
  private lookAt({ trigger, matches, held, window }: Watched): number | null {
    const { nowNs, flows } = this.model;
    let found: number | null = null;
    const see = (flow: number): void => {
      if (!matches(flow)) return;
      const id = flow < 0 ? -1 : flows.id.data[flow]!;
      if (!held.has(id)) {
        if (found !== null) return; // it fires at the next look, if it still is
        found = flow;
      }
      if (held.size < HELD_MAX || held.has(id)) held.set(id, nowNs);
    };
    if (trigger.kind === 'session') see(-1);
    else {
      const fromNs = nowNs - Math.max(ACTIVE_NS, window === null ? 0 : (trigger.windowNs ?? 0));
      const { data } = flows.lastNs;
      for (let flow = 0; flow < flows.rows.count; flow++) if (data[flow]! >= fromNs) see(flow);
    }
    for (const [id, lastNs] of held) if (nowNs - lastNs > REARM_NS) held.delete(id);
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

function watchedOf(trigger: Trigger, fields: FlowFields, model: FlowModel, samples: SampleWindow): Watched {
  const { windowNs, kind, ast } = trigger;
  const window = windowNs === null ? null : new WindowFields(fields, model, samples, windowNs, kind === 'session');
  const source = window ?? fields;
  const names = leaves(ast).flatMap((leaf) => ('field' in leaf ? [leaf.field] : []));
  const values = [...new Set(names)].flatMap((name) => {
    const read = source.number(fieldOf(name).source);
    return read === null ? [] : [{ name, read }];
  });
  return { trigger, window, matches: compile(ast, source), values, held: new Map() };
}

/** Three digits are enough to read. */
function rounded(value: number): number {
  if (value === 0 || !Number.isFinite(value)) return 0;
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(Math.abs(value))) - 2);
  return Math.round(value / unit) * unit;
}
