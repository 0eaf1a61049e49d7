/**
 * Judges the latency of one service: the median of windows of five seconds against what is usual, which is a histogram of
 * the windows before, older ones weighing less. While latency is bad, what is usual stands still.
 */
import { ADAPT_NS, FORGET, IN_A_ROW, WINDOW_NS, type LatencyRule } from './rules.ts';

/** Eight bins an octave from 10 µs: a median read from one is right within 4.5 %. */
const PER_OCTAVE = 8;
const FIRST_NS = 1e4;
const BINS = 192;

export interface LatencyVerdict {
  /** Begin of the first bad window; end of the last. */
  sinceNs: number;
  untilNs: number;
  /** Median before; NaN = there was none. Median of the worst window. */
  usualNs: number;
  worstNs: number;
  /** Bad samples, and what they took longer than usual. */
  samples: number;
  waitedNs: number;
}

export class LatencyWatch {
  private readonly usual = new Float32Array(BINS);
  private usualWeight = 0;
  private readonly current = new Uint32Array(BINS);
  private count = 0;
  private sumNs = 0;
  private window = -1;
  private badInARow = 0;
  private goodInARow = 0;
  private usualNs = NaN;
  private active: LatencyVerdict | null = null;
  private pending: LatencyVerdict | null = null;
  private readonly rule: LatencyRule;
  private readonly onVerdict: (verdict: LatencyVerdict, ended: boolean) => void;

  constructor(rule: LatencyRule, onVerdict: (verdict: LatencyVerdict, ended: boolean) => void) {
    this.rule = rule;
    this.onVerdict = onVerdict;
  }

  /** One sample; about 30 ns. A sample older than the window counts in it: windows never go back. */
  add(valueNs: number, atNs: number): void {
    const window = Math.floor(atNs / WINDOW_NS);
    if (window > this.window) {
      this.close();
      this.window = window;
    }
    const bin = binOf(valueNs);
    this.current[bin] = this.current[bin]! + 1;
    this.count++;
    this.sumNs += valueNs;
  }

  /** Judges the window so far; for the end of a session. */
  close(): void {
    const { count } = this;
    if (this.window >= 0 && count >= this.rule.samples) this.judge();
    else if (count > 0 && !this.active) this.learn();
    this.current.fill(0);
    this.count = 0;
    this.sumNs = 0;
  }

  private judge(): void {
    const medianNs = medianOf(this.current, this.count);
    if (!this.active && !this.pending)
      this.usualNs = this.usualWeight >= this.rule.usualSamples ? medianOf(this.usual, this.usualWeight) : NaN;
    const fromNs = this.window * WINDOW_NS;
    if (this.isBad(medianNs)) this.bad(medianNs, fromNs);
    else this.good();
  }

  private isBad(medianNs: number): boolean {
    const { rule, usualNs } = this;
    if (medianNs >= rule.slowNs && !(usualNs >= rule.slowNs)) return true;
    if (Number.isNaN(usualNs)) return false;
    if (this.active) return medianNs >= usualNs * rule.endTimes && medianNs - usualNs >= rule.aboveNs / 2;
    return medianNs >= usualNs * rule.times && medianNs - usualNs >= rule.aboveNs;
  }

  private bad(medianNs: number, fromNs: number): void {
    this.goodInARow = 0;
    this.badInARow++;
    const verdict = this.active ?? (this.pending ??= newVerdict(fromNs, this.usualNs));
    verdict.untilNs = fromNs + WINDOW_NS;
    verdict.worstNs = Math.max(verdict.worstNs, medianNs);
    verdict.samples += this.count;
    verdict.waitedNs += Math.max(0, this.sumNs - this.count * (Number.isNaN(this.usualNs) ? 0 : this.usualNs));
    if (!this.active && this.badInARow >= IN_A_ROW) {
      this.active = verdict;
      this.pending = null;
    }
    if (!this.active) return;
    this.onVerdict(verdict, false);
    if (verdict.untilNs - verdict.sinceNs >= ADAPT_NS) this.end(true);
  }

  private good(): void {
    this.badInARow = 0;
    this.pending = null;
    if (!this.active) this.learn();
    else if (++this.goodInARow >= IN_A_ROW) this.end(false);
  }

  /** Over; with `adapt`, what was bad is what is usual from now on. */
  private end(adapt: boolean): void {
    const { active } = this;
    this.active = null;
    this.badInARow = 0;
    this.goodInARow = 0;
    if (adapt) {
      this.usual.fill(0);
      this.usualWeight = 0;
    }
    this.learn();
    if (active) this.onVerdict(active, true);
  }

  private learn(): void {
    for (let bin = 0; bin < BINS; bin++) this.usual[bin] = this.usual[bin]! * FORGET + this.current[bin]!;
    this.usualWeight = this.usualWeight * FORGET + this.count;
  }
}

const newVerdict = (sinceNs: number, usualNs: number): LatencyVerdict => ({
  sinceNs,
  untilNs: 0,
  usualNs,
  worstNs: 0,
  samples: 0,
  waitedNs: 0,
});

const binOf = (ns: number): number =>
  Math.min(BINS - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, ns) / FIRST_NS) * PER_OCTAVE)));

function medianOf(bins: ArrayLike<number>, total: number): number {
  let sum = 0;
  for (let bin = 0; bin < BINS; bin++) {
    sum += bins[bin]!;
    if (sum >= total / 2) return FIRST_NS * 2 ** ((bin + 0.5) / PER_OCTAVE);
  }
  return NaN;
}
