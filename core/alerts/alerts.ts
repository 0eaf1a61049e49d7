/** Alerts of what is watched: rules are asked, and who is to know is told. */
import type { FlowFields } from '../filter/filter.ts';
import type { FlowTexts } from '../flight-recorder/trigger-watch.ts';
import type { SampleWindow } from '../flight-recorder/samples.ts';
import type { FlowModel } from '../flow/model.ts';
import { flowSummary } from '../summary/flow.ts';
import { instant } from '../summary/text.ts';
import type { SummarySource } from '../summary/source.ts';
import type { AlertRule } from './alert-rules.ts';
import { AlertWatch, knowNothing, type Known } from './alert-watch.ts';
import { noticeOf, type AlertNotice, type NoticeSource } from './notice.ts';
import { Teller } from './teller.ts';

/** What is watched. */
export interface AlertSource {
  readonly model: FlowModel;
  readonly fields: FlowFields;
  readonly texts: FlowTexts;
  /** For the flows that stand with a notice. */
  readonly summary: () => SummarySource;
}

/** How it went with a rule, for lists and metrics. */
export interface RuleState {
  readonly rule: AlertRule;
  /** Session time since when it is on, ns; null = it is not. */
  readonly onSinceNs: number | null;
  /** Changes (it began, it was seen), and those of them that were told. */
  readonly happened: number;
  readonly told: number;
  readonly last: AlertNotice | null;
}

export interface AlertListener {
  /** Everything that changes, told or not. */
  readonly happens?: (rule: AlertRule, notice: AlertNotice, atNs: number) => void;
  /** What is to be told. */
  readonly tell: (rule: AlertRule, notice: AlertNotice) => void;
}

interface Followed {
  readonly teller: Teller;
  happened: number;
  told: number;
  last: AlertNotice | null;
}

export class Alerts {
  readonly #watch: AlertWatch;
  readonly #source: AlertSource;
  readonly #followed: ReadonlyMap<AlertRule, Followed>;
  readonly #listener: AlertListener;
  readonly #notices: NoticeSource;

  /** `known` = what rules on new things know, and it grows. */
  constructor(rules: readonly AlertRule[], source: AlertSource, listener: AlertListener, known: Known = knowNothing()) {
    const { model, fields, texts, summary } = source;
    this.#source = source;
    this.#listener = listener;
    this.#watch = new AlertWatch(model, rules, fields, texts, known);
    const dateOf = (atNs: number): Date => new Date(Number((model.clock.wallNs(atNs) ?? 0n) / 1_000_000n));
    this.#followed = new Map(
      rules.map((rule) => [rule, { teller: new Teller(rule, dateOf), happened: 0, told: 0, last: null }]),
    );
    this.#notices = {
      application: summary().application ?? '',
      wall: (atNs) => instant(model.clock.wallNs(atNs) ?? 0n) ?? '',
      flow: (id) => {
        const row = model.flows.rowOf(id);
        return row < 0 ? null : flowSummary(summary(), row);
      },
    };
  }

  /** What is to be told of every latency sample; null = nothing. */
  get samples(): SampleWindow | null {
    return this.#watch.samples;
  }

  get states(): RuleState[] {
    return this.#watch.states.flatMap(({ rule, onSinceNs }) => {
      const followed = this.#followed.get(rule);
      return followed === undefined ? [] : [{ rule, onSinceNs, happened: followed.happened, told: followed.told, last: followed.last }]; // prettier-ignore
    });
  }

  /** To be called a few times a second. */
  look(): void {
    const { nowNs } = this.#source.model;
    const changes = new Map(this.#watch.look().map((change) => [change.rule, change]));
    for (const [rule, followed] of this.#followed) {
      const change = changes.get(rule) ?? null;
      if (change !== null) {
        this.#listener.happens?.(rule, noticeOf(change, this.#notices, 0), change.atNs);
        if (change.change !== 'end' && change.change !== 'still') followed.happened++;
      }
      const told = followed.teller.look(change, nowNs);
      if (told === null) continue;
      followed.told++;
      followed.last = noticeOf(told.change, this.#notices, told.untold);
      this.#listener.tell(rule, followed.last);
    }
  }
}
