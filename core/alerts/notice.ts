/** What is told of an alert: one document for all targets. */
import { hostname } from 'node:os';
import type { FlowSummary } from '../summary/flow.ts';
import type { Severity } from './alert-rules.ts';
import { evidenceText, type AlertChange, type Change } from './alert-watch.ts';

/** A stable interface for other programs (docs/alerts.md). */
export interface AlertNotice {
  readonly alert: string;
  /** test = somebody tries the target. */
  readonly event: Change | 'test';
  readonly severity: Severity;
  /** RFC 3339, UTC. */
  readonly at: string;
  readonly since: string;
  readonly seconds: number;
  /** One sentence. */
  readonly text: string;
  readonly condition: string;
  /** Flows of which it was so since it began. */
  readonly flows: number;
  /** Some of them, as `summary --json` has them; `flow` null = it is of all of them, or it is gone. */
  readonly evidence: readonly {
    readonly text: string;
    readonly values: Readonly<Record<string, string | null>>;
    readonly flow: FlowSummary | null;
  }[];
  /** Notices of this alert that were not told before it, as too many came. */
  readonly untold: number;
  readonly host: string;
  readonly application: string;
}

/** What a notice needs beside the change. */
export interface NoticeSource {
  readonly application: string;
  /** RFC 3339 of a session time. */
  readonly wall: (atNs: number) => string;
  /** null = the flow is not there any more. */
  readonly flow: (id: number) => FlowSummary | null;
}

const WORDS: Readonly<Record<Change, string>> = { begin: 'began', still: 'goes on', end: 'is over', seen: '' };

/** `0.5 s`, `3 min`, `2 h`. */
function lastedText(seconds: number): string {
  if (seconds < 60) return `${Math.round(seconds * 10) / 10} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.round(minutes / 6) / 10} h`;
}

function sentence({ rule, change, flows, evidence }: AlertChange, seconds: number): string {
  const [first] = evidence;
  const more = flows > 1 ? ` (and ${flows - 1} more)` : '';
  const head = `${rule.alert}${change === 'seen' ? '' : ` ${WORDS[change]}`}`;
  if (change === 'end') return `${head} after ${lastedText(seconds)}`;
  return `${head}: ${first === undefined ? 'it matches' : evidenceText(first)}${more}`;
}

export function noticeOf(change: AlertChange, source: NoticeSource, untold: number): AlertNotice {
  const { rule, atNs, sinceNs, flows } = change;
  const seconds = Math.max(0, atNs - sinceNs) / 1e9;
  const evidence = change.evidence.map((each) => ({
    text: evidenceText(each),
    values: Object.fromEntries(each.values.map(({ name, text }) => [name, text])),
    flow: each.flow < 0 ? null : source.flow(each.flow),
  }));
  return {
    alert: rule.alert,
    event: change.change,
    severity: rule.severity,
    at: source.wall(atNs),
    since: source.wall(sinceNs),
    seconds,
    text: sentence(change, seconds),
    condition: rule.when.text,
    flows,
    evidence,
    untold,
    host: hostname(),
    application: source.application,
  };
}

/** Tries a target: nothing happened. */
export function testNotice(alert: string, condition: string, severity: Severity, application: string): AlertNotice {
  const at = new Date().toISOString();
  const text = `${alert}: this is a test`;
  return { alert, event: 'test', severity, at, since: at, seconds: 0, text, condition, flows: 0, evidence: [], untold: 0, host: hostname(), application }; // prettier-ignore
}
