/** Alerts of a program that watches: its rules and targets, what rules know, and the model that is looked at now. */
import type { SampleWindow } from '../flight-recorder/samples.ts';
import type { AlertFile, AlertRule } from './alert-rules.ts';
import { Alerts, type AlertListener, type AlertSource, type RuleState } from './alerts.ts';
import { Memory } from './memory.ts';
import { testNotice, type AlertNotice } from './notice.ts';
import type { TargetHealth } from './targets/delivery.ts';
import { Targets, type TargetsOptions } from './targets/targets.ts';

export interface AlertServiceOptions extends TargetsOptions {
  /** Name and version of the product. */
  readonly application: string;
  /** What was told, and to whom. */
  readonly onTold?: (notice: AlertNotice, targets: readonly string[]) => void;
}

/** Who has what is watched. */
export interface Watched {
  /** Told who is to get latency samples; null = nobody. */
  readonly onSamples: (samples: SampleWindow | null) => void;
  /** It began, or was seen, whether or not anybody is told: for the timeline. Session time, ns. */
  readonly onMark: (text: string, atNs: number) => void;
}

export class AlertService {
  readonly #options: AlertServiceOptions;
  readonly #targets: Targets;
  readonly #memory: Memory;
  #rules: readonly AlertRule[];
  #source: AlertSource | null = null;
  #watched: Watched | null = null;
  #alerts: Alerts | null = null;

  constructor(file: AlertFile, options: AlertServiceOptions) {
    this.#options = options;
    this.#rules = file.alerts;
    this.#targets = new Targets(file.targets, options);
    this.#memory = new Memory(file.memory, options.say);
  }

  /** Names of the targets that rules may name. */
  get targets(): readonly string[] {
    return this.#targets.names;
  }

  get health(): TargetHealth[] {
    return this.#targets.health;
  }

  /** How it went with each rule; while nothing is watched none is on. */
  get states(): RuleState[] {
    return this.#alerts?.states ?? this.#rules.map((rule) => ({ rule, onSinceNs: null, happened: 0, told: 0, last: null })); // prettier-ignore
  }

  /** These rules from now on; what went on is forgotten. */
  setRules(rules: readonly AlertRule[]): void {
    this.#rules = rules;
    this.#begin();
  }

  /** Looks at this from now on. */
  watch(source: AlertSource, watched: Watched): void {
    this.#source = source;
    this.#watched = watched;
    this.#begin();
  }

  /** Looks at nothing any more. */
  unwatch(): void {
    this.#source = this.#watched = null;
    this.#begin();
  }

  /** To be called a few times a second. */
  look(): void {
    this.#alerts?.look();
    this.#memory.tick();
  }

  /** Tells the targets of a rule that it is a test; what became of it at each: null = it arrived. */
  test({ alert, when, severity, tell }: AlertRule): Promise<{ name: string; problem: string | null }[]> {
    return this.#targets.try(tell, testNotice(alert, when.text, severity, this.#options.application));
  }

  async close(): Promise<void> {
    this.#alerts = null;
    this.#memory.save();
    await this.#targets.close();
  }

  #begin(): void {
    this.#alerts = null;
    if (this.#source !== null && this.#rules.length > 0)
      this.#alerts = new Alerts(this.#rules, this.#source, this.#listener, this.#memory.known);
    this.#watched?.onSamples(this.#alerts?.samples ?? null);
  }

  readonly #listener: AlertListener = {
    happens: (_rule, { event, text }, atNs) => {
      if (event === 'begin' || event === 'seen') this.#watched?.onMark(text, atNs);
    },
    tell: ({ tell }, notice) => {
      this.#targets.send(tell, notice);
      this.#options.onTold?.(notice, tell);
    },
  };
}
