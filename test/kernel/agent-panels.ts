/** What each panel of the dashboards must show of traffic whose truth is known. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { CHECKOUT } from '../lab/programs.ts';
import type { Prometheus, Series } from '../lab/prometheus.ts';

/** What was sent in the window that ends now. */
export interface Truth {
  /** When it ends (seconds since 1970), how long it is (seconds), and how many scrapes fell into it. */
  readonly at: number;
  readonly window: number;
  readonly scrapes: number;
  /** By the interface's own counters. */
  readonly sentBytes: number;
  readonly receivedBytes: number;
  /** Flows begun, TCP connections that ended in order, those that were refused, answers, and flows that stay open. */
  readonly flows: number;
  readonly fins: number;
  readonly refused: number;
  readonly answers: number;
  readonly open: readonly [least: number, most: number];
  /** By TCP_INFO of the clients, refused connections included: segments sent again, and sent at all. */
  readonly sentAgain: number;
  readonly segments: number;
  readonly drops: number;
  /** No round trip is shorter, seconds. */
  readonly roundTrip: number;
}

type Check = (series: Series[], truth: Truth) => void;

const value = (series: Series): number => Number(series.value?.[1]);
const sum = (list: readonly Series[]): number => list.reduce((total, series) => total + value(series), 0);

/**
 * A rate over the window is what the counter grew by, which Prometheus stretches by at most a scrape's interval at each
 * end, divided by the window.
 */
function grew(rate: number, truth: Truth, by: number): void {
  const factor = 1 + 2.2 / (truth.scrapes - 1);
  expect(rate * truth.window).toBeGreaterThanOrEqual(by * 0.999);
  expect(rate * truth.window).toBeLessThanOrEqual(by * factor + 1e-9);
}

const grows = (by: (truth: Truth) => number): Check => (series, truth) => grew(sum(series), truth, by(truth)); // prettier-ignore
const bytes = (truth: Truth): number => truth.sentBytes + truth.receivedBytes;
const each = (check: (value: number, truth: Truth) => void): Check => (series, truth) => series.forEach((one) => check(value(one), truth)); // prettier-ignore
/** Quantiles are told apart by bucket: the bound below the true value. */
const slow: Check = each((seconds, { roundTrip }) => {
  expect(seconds).toBeGreaterThanOrEqual(2 ** Math.floor(Math.log2(roundTrip)));
  expect(seconds).toBeLessThanOrEqual(32);
});
const byLabel = (label: string, wanted: (truth: Truth) => Record<string, number>): Check => (series, truth) => {
  for (const [name, by] of Object.entries(wanted(truth)))
    grew(sum(series.filter(({ metric }) => metric[label] === name)), truth, by);
}; // prettier-ignore
const share = (of: (truth: Truth) => number): Check => each((ratio, truth) => expect(ratio).toBeCloseTo(of(truth), 2));
const zero = each((number) => expect(number).toBe(0));
const positive = each((number) => expect(number).toBeGreaterThan(0));

const ways = ({ sentBytes, receivedBytes }: Truth): Record<string, number> => ({ sent: sentBytes, received: receivedBytes }); // prettier-ignore
const badly = ({ fins, refused }: Truth): number => refused / (fins + refused);

/** By title. */
const CHECKS: Record<string, Check> = {
  'Open flows': (series, { open }) => {
    expect(sum(series)).toBeGreaterThanOrEqual(open[0]);
    expect(sum(series)).toBeLessThanOrEqual(open[1]);
  },
  'New flows': grows(({ flows }) => flows),
  Traffic: grows(bytes),
  'Ended badly': grows(({ refused }) => refused),
  'New flows by process': grows(({ flows }) => flows),
  'Traffic by process': grows(bytes),
  'Traffic by peer group': byLabel('direction', ways),
  'Slowest answers (p99) by process': slow,
  'New flows by role and port': grows(({ flows }) => flows),
  'Traffic sent and received': byLabel('direction', ways),
  'Response time': slow,
  'Connect time': slow,
  'Share of flows that ended badly': share(badly),
  Answers: grows(({ answers }) => answers),
  'Round trips': slow,
  'Segments sent again, share': (series, truth) => {
    const sent = series.filter(({ metric }) => metric['direction'] === 'sent');
    expect(sent).toHaveLength(1);
    expect(value(sent[0]!)).toBeCloseTo(truth.sentAgain / truth.segments, 3);
  },
  'Segments sent again by peer group': (series, truth) => expect(sum(series) * truth.window).toBeGreaterThanOrEqual(truth.sentAgain * 0.999), // prettier-ignore
  Resets: byLabel('direction', ({ refused }) => ({ received: refused })),
  'Zero windows': zero,
  Ends: byLabel('end', ({ fins, refused }) => ({ fin: fins, refused, timeout: 0 })),
  'Packets dropped by the kernel': byLabel('reason', ({ drops }) => ({ NO_SOCKET: drops })),
  Ready: each((number) => expect(number).toBe(1)),
  'Interfaces watched': each((number) => expect(number).toBe(1)),
  'Groups with series of their own, share of the limit': each((number) => {
    expect(number).toBeGreaterThan(0);
    expect(number).toBeLessThanOrEqual(1);
  }),
  'Time to write a scrape': positive,
  'Traffic by interface': grows(bytes),
  'Processor time, agent and helper': positive,
  Memory: positive,
  Lost: zero,
  'Flows counted as (other)': zero,
  'Packets of no flow': zero,
};

interface Panel {
  title: string;
  targets: { expr: string }[];
}

/** Runs each query of each panel of each dashboard; all must answer, and say what is true. */
export function checkPanels(prometheus: Prometheus, truth: Truth): void {
  const folder = join(CHECKOUT, 'deploy/grafana/dashboards');
  const files = readdirSync(folder);
  expect(files).toHaveLength(4);
  const seen = new Set<string>();
  for (const file of files) {
    const { panels } = JSON.parse(readFileSync(join(folder, file), 'utf8')) as { panels: Panel[] };
    for (const { title, targets } of panels) {
      const check = CHECKS[title];
      if (check === undefined) throw new Error(`${file}: nobody says what "${title}" must show`);
      seen.add(title);
      for (const { expr } of targets) checkQuery(prometheus, `${title}: ${expr}`, expr, check, truth);
    }
  }
  expect([...seen].sort()).toEqual(Object.keys(CHECKS).sort());
}

function checkQuery(prometheus: Prometheus, name: string, expr: string, check: Check, truth: Truth): void {
  const query = expr
    .replaceAll('$__rate_interval', `${Math.round(truth.window * 1000)}ms`)
    .replace(/\$(instance|process|service|peer)/g, '.*');
  const series = prometheus.query(query, truth.at);
  try {
    expect(series.length, 'series').toBeGreaterThan(0);
    // A group that had nothing in the window has no quantile.
    const known = series.filter((one) => !Number.isNaN(value(one)));
    expect(known.length, 'values').toBeGreaterThan(0);
    check(known, truth);
  } catch (error) {
    throw new Error(`${name}\n${query}\n${JSON.stringify(series)}`, { cause: error });
  }
}
