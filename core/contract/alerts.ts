/** Alerts, as a page asks for them. Where they go is named in a file of the engine's machine only. */
import { z } from 'zod';

const alertName = z.string().min(1).max(64);

export const alertRequests = {
  /** The list of rules, and how it goes with them. */
  alerts: z.strictObject({}),
  /** The page's own rules, as the text of a file without targets (docs/alerts.md). Answers with what is wrong instead of failing. */
  alertRules: z.strictObject({ text: z.string().max(200_000) }),
  alertEnable: z.strictObject({ alert: alertName, enabled: z.boolean() }),
  /** Sends a test to the targets of a rule. */
  alertTest: z.strictObject({ alert: alertName }),
} as const;

export interface AlertAnswer {
  alert: string;
  when: string;
  severity: 'info' | 'warning' | 'critical';
  tell: string[];
  /** Of the page's own rules; else of the file. */
  own: boolean;
  enabled: boolean;
  /** It is so now: since when, RFC 3339. */
  since: string | null;
  /** Times that it began or was seen, while this is watched. */
  happened: number;
  last: { at: string; text: string } | null;
}

/** One target, and how it goes. */
export interface AlertTargetAnswer {
  name: string;
  kind: string;
  delivered: number;
  failed: number;
  lost: number;
  waiting: number;
  problem: string | null;
}

export interface AlertsAnswer {
  /** File of rules and targets, null = there is none. */
  file: string | null;
  /** Why that file cannot be used. */
  fileProblem: string | null;
  /** The page's own rules, and why those that were given last are not in force. */
  text: string;
  problem: string | null;
  rules: AlertAnswer[];
  targets: AlertTargetAnswer[];
}

export interface AlertAnswers {
  alerts: AlertsAnswer;
  alertRules: AlertsAnswer;
  alertEnable: AlertsAnswer;
  /** What became of it at each target; null = it arrived. */
  alertTest: { name: string; problem: string | null }[];
}
