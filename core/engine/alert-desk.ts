/**
 * Alerts of the app and of `serve`: the rules of a file of this machine, those that pages wrote, which of them are off, and
 * the live source that is looked at.
 */
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { NO_ALERTS, parsePageAlerts, readAlerts, type AlertFile, type AlertRule } from '../alerts/alert-rules.ts';
import { AlertService } from '../alerts/alert-service.ts';
import type { AlertNotice } from '../alerts/notice.ts';
import { notifyDesktop, sessionBus } from '../alerts/targets/desktop.ts';
import type { alertRequests, AlertAnswer, AlertAnswers, AlertsAnswer } from '../contract/alerts.ts';
import { FlowglassError } from '../errors.ts';
import type { SampleWindow } from '../flight-recorder/samples.ts';
import { instant } from '../summary/text.ts';
import type { SummarySource } from '../summary/source.ts';
import { alertSource } from './alert-source.ts';
import { surroundingsOf, type Knowledge } from './knowledge.ts';
import { readState, writeState } from '../system/state-file.ts';

/** A file of rules and targets that is used when it is there. */
export const alertsPath = (): string =>
  join(process.env['XDG_CONFIG_HOME'] || join(homedir(), '.config'), 'flowglass/alerts.yaml');

const LOOK_MS = 250;
const stored = z.object({ text: z.string().max(200_000), off: z.array(z.string().max(64)).max(200) });

export interface AlertDeskOptions {
  readonly application: string;
  /** The user named it; null = the one of the user's configuration, if it is there; undefined = none. */
  readonly path: string | null | undefined;
  /** Where the page's rules and what is off are kept; null = nowhere. */
  readonly folder: string | null;
  readonly knowledge: () => Knowledge;
  /** Shows pages a notice; false = there is no page. */
  readonly show: (notice: AlertNotice) => boolean;
  readonly warn: (text: string) => void;
}

/** What is watched live. */
export interface Alerted {
  readonly summary: () => SummarySource;
  readonly onSamples: (samples: SampleWindow | null) => void;
  readonly onMark: (text: string, atNs: number) => void;
}

type Handlers = { [M in keyof AlertAnswers]: (viewer: unknown, params: z.output<(typeof alertRequests)[M]>) => AlertAnswers[M] | Promise<AlertAnswers[M]> }; // prettier-ignore

export class AlertDesk {
  readonly #options: AlertDeskOptions;
  readonly #file: { readonly path: string | null; readonly rules: AlertFile; readonly problem: string | null };
  readonly #state: string | null;
  readonly #service: AlertService;
  #own: readonly AlertRule[] = [];
  #text = '';
  #problem: string | null = null;
  #off = new Set<string>();
  #alerted: Alerted | null = null;
  #knowledge: Knowledge | null = null;
  #lookedMs = 0;

  constructor(options: AlertDeskOptions) {
    this.#options = options;
    this.#file = fileOf(options.path);
    if (this.#file.problem !== null) options.warn(this.#file.problem);
    this.#state = options.folder === null ? null : join(options.folder, 'alerts.json');
    this.#service = new AlertService(this.#file.rules, {
      application: options.application,
      say: options.warn,
      desktop: (notice, signal) => this.#desktop(notice, signal),
    });
    const known = this.#state === null ? null : readState(this.#state, stored);
    this.#off = new Set(known?.off ?? []);
    this.#take(known?.text ?? '');
  }

  /** Looks at a live source from now on. */
  attach(alerted: Alerted): void {
    this.#alerted = alerted;
    this.#watch();
  }

  detach(): void {
    this.#alerted = null;
    this.#service.unwatch();
  }

  /** To be called often; it looks four times a second. */
  look(): void {
    const now = performance.now();
    if (now - this.#lookedMs < LOOK_MS) return;
    this.#lookedMs = now;
    // Labels and databases may have been named since.
    if (this.#alerted !== null && this.#knowledge !== this.#options.knowledge()) this.#watch();
    this.#service.look();
  }

  close(): Promise<void> {
    return this.#service.close();
  }

  readonly handlers: Handlers = {
    alerts: () => this.#answer(),
    alertRules: (_viewer, { text }) => {
      this.#take(text);
      if (this.#problem === null) this.#remember();
      return this.#answer();
    },
    alertEnable: (_viewer, { alert, enabled }) => {
      if (enabled) this.#off.delete(alert);
      else this.#off.add(alert);
      this.#service.setRules(this.#enabled());
      this.#remember();
      return this.#answer();
    },
    alertTest: (_viewer, { alert }) => {
      const rule = this.#rules().find((each) => each.alert === alert);
      if (rule === undefined) throw new FlowglassError({ code: 'no-alert', what: 'no alert has that name', where: alert, hint: 'look at the list again' }); // prettier-ignore
      return this.#service.test(rule);
    },
  };

  /** Rules that a page wrote; those before stay in force when there is a mistake. */
  #take(text: string): void {
    try {
      const own = parsePageAlerts(text, 'alerts', this.#service.targets);
      const taken = own.find(({ alert }) => this.#file.rules.alerts.some((each) => each.alert === alert));
      this.#problem = taken === undefined ? null : `the file has an alert of the name ${taken.alert} already`;
      if (taken !== undefined) return;
      this.#own = own;
      this.#text = text;
      this.#service.setRules(this.#enabled());
    } catch (error) {
      if (!(error instanceof FlowglassError)) throw error;
      this.#problem = `${error.what}, ${error.where.replace(/^alerts:(\d+):(\d+)$/, 'line $1, column $2')}`;
    }
  }

  #rules(): AlertRule[] {
    return [...this.#file.rules.alerts, ...this.#own];
  }

  #enabled(): AlertRule[] {
    return this.#rules().filter(({ alert }) => !this.#off.has(alert));
  }

  #watch(): void {
    if (this.#alerted === null) return;
    const { summary, onSamples, onMark } = this.#alerted;
    this.#knowledge = this.#options.knowledge();
    const source = alertSource(summary, surroundingsOf(summary().model, this.#knowledge));
    this.#service.watch(source, { onSamples, onMark });
  }

  /** Where the person is: the pages, and the desktop session if there is one. */
  async #desktop(notice: AlertNotice, signal: AbortSignal): Promise<void> {
    const shown = this.#options.show(notice);
    if (!shown || sessionBus() !== null) await notifyDesktop(notice, signal);
  }

  #remember(): void {
    if (this.#state !== null) writeState(this.#state, { text: this.#text, off: [...this.#off] });
  }

  #answer(): AlertsAnswer {
    const states = new Map(this.#service.states.map((state) => [state.rule, state]));
    const clock = this.#alerted?.summary().model.clock;
    const rules = this.#rules().map((rule): AlertAnswer => {
      const { onSinceNs = null, happened = 0, last = null } = states.get(rule) ?? {};
      const { alert, severity, tell } = rule;
      return {
        alert,
        when: rule.when.text,
        severity,
        tell: [...tell],
        own: this.#own.includes(rule),
        enabled: !this.#off.has(alert),
        since: onSinceNs === null ? null : instant(clock?.wallNs(onSinceNs) ?? 0n),
        happened,
        last: last && { at: last.at, text: last.text },
      };
    });
    return {
      file: this.#file.path,
      fileProblem: this.#file.problem,
      text: this.#text,
      problem: this.#problem,
      rules,
      targets: this.#service.health,
    };
  }
}

/** The file that the user named has to be there; the other one may be. */
function fileOf(path: string | null | undefined): { path: string | null; rules: AlertFile; problem: string | null } {
  if (path === undefined) return { path: null, rules: NO_ALERTS, problem: null };
  if (path !== null) return { path, rules: readAlerts(path), problem: null };
  const usual = alertsPath();
  try {
    readFileSync(usual);
  } catch {
    return { path: null, rules: NO_ALERTS, problem: null };
  }
  try {
    return { path: usual, rules: readAlerts(usual), problem: null };
  } catch (error) {
    if (!(error instanceof FlowglassError)) throw error;
    return { path: usual, rules: NO_ALERTS, problem: error.message };
  }
}
