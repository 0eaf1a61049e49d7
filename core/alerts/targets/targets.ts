/** The targets of a file of rules, and the desktop. */
import { DESKTOP } from '../alert-rules.ts';
import type { AlertNotice } from '../notice.ts';
import type { TargetConfig } from '../target-config.ts';
import { Delivery, type Target, type TargetHealth } from './delivery.ts';
import { notifyDesktop } from './desktop.ts';
import { writeJournal } from './journal.ts';
import { environment, runProgram } from './program.ts';
import { SyslogTargetSink } from './syslog.ts';
import { post } from './webhook.ts';

/** Between attempts of what may go better soon. */
const AGAIN_MS = [1000, 4000];

export interface TargetsOptions {
  /** One line for the log: a target does not take notices, or does again. */
  readonly say: (text: string) => void;
  /** Shows a notice where the person is; left out = by notify-send. */
  readonly desktop?: (notice: AlertNotice, signal: AbortSignal) => Promise<void>;
}

export class Targets {
  readonly #targets: ReadonlyMap<string, Target>;

  constructor(configs: readonly TargetConfig[], options: TargetsOptions) {
    this.#targets = new Map([
      ...configs.map((config) => [config.name, targetOf(config, options)] as const),
      [DESKTOP, desktopTarget(options)] as const,
    ]);
  }

  get names(): string[] {
    return [...this.#targets.keys()];
  }

  get health(): TargetHealth[] {
    return [...this.#targets.values()].map(({ health }) => health);
  }

  send(names: readonly string[], notice: AlertNotice): void {
    for (const name of names) this.#targets.get(name)?.send(notice);
  }

  /** What became of a notice at each of them: null = it arrived. */
  async try(names: readonly string[], notice: AlertNotice): Promise<{ name: string; problem: string | null }[]> {
    return Promise.all(
      names.map(async (name) => ({ name, problem: (await this.#targets.get(name)?.try(notice)) ?? null })),
    );
  }

  async close(): Promise<void> {
    await Promise.all([...this.#targets.values()].map((target) => target.close()));
  }
}

/** Tells when a target stops taking notices, and when it begins again. */
const problemOf =
  (name: string, say: TargetsOptions['say']) =>
  (problem: string | null): void =>
    say(problem === null ? `alerts reach ${name} again` : `an alert did not reach ${name}: ${problem}`);

function targetOf(config: TargetConfig, { say }: TargetsOptions): Target {
  const { name, to: kind } = config;
  if (config.to === 'syslog') return new SyslogTargetSink(config, say);
  const onProblem = problemOf(name, say);
  if (config.to === 'journal') return new Delivery({ name, kind, attempt: writeJournal, pausesMs: [], onProblem });
  if (config.to === 'webhook')
    return new Delivery({ name, kind, attempt: (notice, signal) => post(config, notice, signal), pausesMs: AGAIN_MS, onProblem }); // prettier-ignore
  const { run, timeoutSeconds } = config;
  return new Delivery({
    name,
    kind,
    pausesMs: [],
    onProblem,
    attempt: (notice, signal) =>
      runProgram({ run, input: `${JSON.stringify(notice)}\n`, timeoutMs: timeoutSeconds * 1000, env: environment(notice) }, signal), // prettier-ignore
  });
}

function desktopTarget({ say, desktop = notifyDesktop }: TargetsOptions): Target {
  return new Delivery({ name: DESKTOP, kind: DESKTOP, attempt: desktop, pausesMs: [], onProblem: problemOf(DESKTOP, say) }); // prettier-ignore
}
