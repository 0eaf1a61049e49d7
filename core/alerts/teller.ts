/** Decides for one rule whether a change is told: not in quiet hours, and not too often. */
import type { AlertRule } from './alert-rules.ts';
import type { AlertChange } from './alert-watch.ts';
import { isQuiet } from './quiet-hours.ts';

/** Notices of a rule in a minute; a notice more is allowed for each tenth of it that passed. */
const PACE = 10;
const PACE_NS = 60e9 / PACE;

export interface Told {
  readonly change: AlertChange;
  /** Changes before it that nobody was told of. */
  readonly untold: number;
}

export class Teller {
  readonly #rule: AlertRule;
  readonly #dateOf: (atNs: number) => Date;
  /** What is to be told once the quiet hours are over. */
  #held: AlertChange | null = null;
  /** Its beginning was told, so that its end has to be. */
  #begun = false;
  #untold = 0;
  #allowance = PACE;
  #allowedNs = 0;

  constructor(rule: AlertRule, dateOf: (atNs: number) => Date) {
    this.#rule = rule;
    this.#dateOf = dateOf;
  }

  /** What happened since the last look, if anything; what is to be told of it. */
  look(change: AlertChange | null, nowNs: number): Told | null {
    if (isQuiet(this.#rule.quiet, this.#dateOf(nowNs))) {
      if (change !== null) this.#hold(change);
      return null;
    }
    const held = this.#held;
    this.#held = null;
    const next = change ?? held;
    if (next === null) return null;
    // What began and ended while it was quiet is over.
    if (next.change === 'end' && !this.#begun) return this.#silent();
    return this.#told(next, nowNs);
  }

  #hold(change: AlertChange): void {
    if (change.change === 'seen') this.#untold++;
    else if (change.change === 'end' && !this.#begun) {
      this.#held = null;
      this.#untold++;
    } else this.#held = change;
  }

  #silent(): null {
    this.#untold++;
    return null;
  }

  #told(next: AlertChange, nowNs: number): Told | null {
    const { rule, change } = next;
    if (change === 'end') {
      this.#begun = false;
      if (!rule.ends) return null;
    } else if (!this.#allowed(nowNs)) return this.#silent();
    else this.#begun = change !== 'seen';
    const untold = this.#untold;
    this.#untold = 0;
    return { change: next, untold };
  }

  #allowed(nowNs: number): boolean {
    this.#allowance = Math.min(PACE, this.#allowance + Math.max(0, nowNs - this.#allowedNs) / PACE_NS);
    this.#allowedNs = nowNs;
    if (this.#allowance < 1) return false;
    this.#allowance--;
    return true;
  }
}
