/** Asks the rules for alerts of a model a few times a second: which begin, go on, end, and what was seen. */
import { ALL_FLOWS, Condition, readsSamples, seenText, type SeenValue } from '../flight-recorder/condition.ts';
import { Newcomers } from '../flight-recorder/newcomers.ts';
import { SampleWindow } from '../flight-recorder/samples.ts';
import { newText, type FlowTexts } from '../flight-recorder/trigger-watch.ts';
import { isNewKind, type NewKind, type Trigger } from '../flight-recorder/trigger.ts';
import type { FlowFields } from '../filter/filter.ts';
import type { FlowModel } from '../flow/model.ts';
import type { AlertRule } from './alert-rules.ts';

/** Flows that are remembered of one alert. */
const MEMBERS_MAX = 10_000;
/** Flows that are told with an alert. */
const EVIDENCE_MAX = 5;

/** begin, end; still = it goes on; seen = it happened, and has no end. */
export type Change = 'begin' | 'still' | 'end' | 'seen';

export interface Evidence {
  /** id of the flow; −1 = all flows together */
  readonly flow: number;
  /** `curl[12] → 10.0.0.2:80`, or `all flows` */
  readonly description: string;
  readonly values: readonly SeenValue[];
  /** What of it is new; null = nothing. */
  readonly fresh: string | null;
}

export interface AlertChange {
  readonly rule: AlertRule;
  readonly change: Change;
  /** Session time, ns. */
  readonly atNs: number;
  /** When it began, ns. */
  readonly sinceNs: number;
  /** Flows of which it was so since it began. */
  readonly flows: number;
  /** Of the flows of which it is so now, or was so first: a few. */
  readonly evidence: readonly Evidence[];
}

/** `curl[12] → 10.0.0.2:80: response.p90 = 1.2s` */
export const evidenceText = ({ description, values, fresh }: Evidence): string =>
  `${description}: ${seenText(values, fresh)}`;

/** What goes on of a rule, for lists. */
export interface AlertState {
  readonly rule: AlertRule;
  /** Session time since when it is on, ns; null = it is not. */
  readonly onSinceNs: number | null;
}

/** What rules on new things know from earlier watches, by kind; it grows. */
export type Known = Readonly<Record<NewKind, Set<string>>>;
export const knowNothing = (): Known => ({ peer: new Set(), network: new Set() });

abstract class WatchedRule {
  readonly rule: AlertRule;
  constructor(rule: AlertRule) {
    this.rule = rule;
  }
  /** Since when it is on; null = it is not. */
  get onSinceNs(): number | null {
    return null;
  }
  abstract look(nowNs: number): AlertChange[];
}

export class AlertWatch {
  /** What is to be told of every latency sample; null when no rule asks for the newest ones. */
  readonly samples: SampleWindow | null;
  readonly #model: FlowModel;
  readonly #watched: readonly WatchedRule[];

  constructor(
    model: FlowModel,
    rules: readonly AlertRule[],
    fields: FlowFields,
    texts: FlowTexts,
    known = knowNothing(),
  ) {
    this.#model = model;
    const samples = new SampleWindow(model);
    const condition = (trigger: Trigger): Condition => new Condition(trigger, fields, model, samples);
    this.#watched = rules.map((rule) => {
      const { kind } = rule.when;
      if (!isNewKind(kind))
        return new StateRule(rule, model, texts, condition(rule.when), rule.until && condition(rule.until));
      // Who knows from before does not learn again: what came meanwhile is new.
      const learnNs = known[kind].size > 0 ? 0 : rule.learnNs;
      const newcomers = new Newcomers(model, texts[kind], { known: known[kind], learnNs });
      return new NewRule(rule, model, texts, condition(rule.when), newcomers);
    });
    const asked = rules.flatMap(({ when, until }) => (until === null ? [when] : [when, until]));
    this.samples = asked.some(readsSamples) ? samples : null;
  }

  /** Looks once; in a live session not before the first snapshot, since what was there is nothing new. */
  look(): AlertChange[] {
    if (!this.#model.snapshotDone && !this.#model.countsFromPackets) return [];
    return this.#watched.flatMap((watched) => watched.look(this.#model.nowNs));
  }

  get states(): AlertState[] {
    return this.#watched.map(({ rule, onSinceNs }) => ({ rule, onSinceNs }));
  }
}

function evidenceOf(condition: Condition, texts: FlowTexts, model: FlowModel, flow: number): Evidence {
  const { kind } = condition.trigger;
  return {
    flow: flow === ALL_FLOWS ? ALL_FLOWS : model.flows.id.data[flow]!,
    description: flow === ALL_FLOWS ? 'all flows' : texts.describe(flow),
    values: condition.values(flow),
    fresh: isNewKind(kind) ? newText(kind, texts[kind](flow) ?? '') : null,
  };
}

/** A rule on what is so: it begins, goes on, and ends. */
class StateRule extends WatchedRule {
  readonly #model: FlowModel;
  readonly #texts: FlowTexts;
  readonly #when: Condition;
  readonly #until: Condition | null;
  /** Ids of the flows of which it is so, and when it last was. */
  readonly #members = new Map<number, number>();
  /** Ids of those of which it was so since it began. */
  readonly #counted = new Set<number>();
  #trueSinceNs: number | null = null;
  #lastTrueNs = 0;
  #onSinceNs: number | null = null;
  #toldNs = 0;
  /** What was seen last while it was so. */
  #evidence: readonly Evidence[] = [];

  constructor(rule: AlertRule, model: FlowModel, texts: FlowTexts, when: Condition, until: Condition | null) {
    super(rule);
    this.#model = model;
    this.#texts = texts;
    this.#when = when;
    this.#until = until;
  }

  override get onSinceNs(): number | null {
    return this.#onSinceNs;
  }

  look(nowNs: number): AlertChange[] {
    const rows = this.#matching(nowNs);
    this.#when.step();
    this.#until?.step();
    if (rows.length > 0) {
      this.#evidence = rows.map((row) => evidenceOf(this.#when, this.#texts, this.#model, row));
      this.#lastTrueNs = nowNs;
    }
    const isSo = this.#members.size > 0;
    return isSo ? this.#isSo(nowNs) : this.#isNotSo(nowNs);
  }

  #isSo(nowNs: number): AlertChange[] {
    const { forNs, repeatNs } = this.rule;
    this.#trueSinceNs ??= nowNs;
    if (this.#onSinceNs === null) {
      if (nowNs - this.#trueSinceNs < forNs) return [];
      this.#onSinceNs = this.#trueSinceNs;
      return this.#tell('begin', nowNs);
    }
    return repeatNs !== null && nowNs - this.#toldNs >= repeatNs ? this.#tell('still', nowNs) : [];
  }

  #isNotSo(nowNs: number): AlertChange[] {
    if (this.#onSinceNs === null) {
      this.#trueSinceNs = null;
      this.#counted.clear();
      return [];
    }
    if (nowNs - this.#lastTrueNs < this.rule.clearNs) return [];
    const ended = this.#tell('end', nowNs);
    this.#onSinceNs = this.#trueSinceNs = null;
    this.#counted.clear();
    return ended;
  }

  #tell(change: Change, nowNs: number): AlertChange[] {
    this.#toldNs = nowNs;
    const sinceNs = this.#onSinceNs ?? nowNs;
    return [{ rule: this.rule, change, atNs: nowNs, sinceNs, flows: this.#counted.size, evidence: this.#evidence }];
  }

  /** Rows of which it is so now, a few of them; `members` are all. */
  #matching(nowNs: number): number[] {
    const rows: number[] = [];
    this.#when.each((flow) => {
      const id = flow === ALL_FLOWS ? ALL_FLOWS : this.#model.flows.id.data[flow]!;
      const member = this.#members.has(id);
      // What is on stays on between the two conditions.
      const isSo = this.#when.matches(flow) || (member && this.#until !== null && !this.#until.matches(flow));
      if (!isSo) return;
      if (this.#counted.size < MEMBERS_MAX) this.#counted.add(id);
      if (member || this.#members.size < MEMBERS_MAX) this.#members.set(id, nowNs);
      if (rows.length < EVIDENCE_MAX) rows.push(flow);
    });
    for (const [id, atNs] of this.#members) if (atNs < nowNs) this.#members.delete(id);
    return rows;
  }
}

/** A rule on what is new: it is seen, once. */
class NewRule extends WatchedRule {
  readonly #model: FlowModel;
  readonly #texts: FlowTexts;
  readonly #condition: Condition;
  readonly #newcomers: Newcomers;

  constructor(rule: AlertRule, model: FlowModel, texts: FlowTexts, condition: Condition, newcomers: Newcomers) {
    super(rule);
    this.#model = model;
    this.#texts = texts;
    this.#condition = condition;
    this.#newcomers = newcomers;
  }

  look(nowNs: number): AlertChange[] {
    this.#newcomers.look();
    const rows: number[] = [];
    let seen = 0;
    for (const { flows, told } of this.#newcomers.fresh) {
      if (told.has(this)) continue;
      const row = flows.map((id) => this.#model.flows.rowOf(id)).find((each) => each >= 0 && this.#condition.matches(each)); // prettier-ignore
      if (row === undefined) continue;
      told.add(this);
      seen++;
      if (rows.length < EVIDENCE_MAX) rows.push(row);
    }
    if (seen === 0) return [];
    const evidence = rows.map((row) => evidenceOf(this.#condition, this.#texts, this.#model, row));
    return [{ rule: this.rule, change: 'seen', atNs: nowNs, sinceNs: nowNs, flows: seen, evidence }];
  }
}
