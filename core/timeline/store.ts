/**
 * What the timeline draws, over the whole session: per flow and level of zoom the smallest, largest and mean RTT, the
 * responses, bytes and trouble of each bin in which anything happened; a heatmap of responses; and the marks. Bins
 * that nothing fell into cost nothing, so a gap of years is free.
 *
 * Level n has bins of 2^(BASE_LOG2 + 2n) ns. A flow begins with the finest level alone; a coarser one is made when a level
 * passes PYRAMID_ROWS rows, and kept up to date from then on, so that drawing reads a bounded number of rows and a short
 * flow costs one small array. Flows are known by id. When the finest level passes its budget it is dropped for all flows. Below the finest level
 * the newest samples are there as they were (samples.ts).
 */
import { HEAT_ROWS } from '../contract/tables.ts';
import { SAMPLE_BYTES, SAMPLE_RESPONSE, SAMPLE_RTT, SAMPLE_TROUBLE, Samples } from './samples.ts';

/** 2^24 ns = 16.8 ms */
const BASE_LOG2 = 24;
const LEVELS = 9;
/** Rows of the finest level over all flows (about 60 MB) before it is dropped. */
const BUDGET = 1_000_000;
/** Bins of the finest level of the heatmap (about 30 MB) before that level is dropped. */
const HEAT_MAX = 200_000;
/** Flows with bins; beyond it those that left the model are forgotten, the first ones first. */
const SERIES_MAX = 200_000;
/** Bins that a late sample may be behind the newest one and still find its place by stepping back. */
const LOOK_BACK = 64;
/** Marks of one flow and kind closer than this are one mark with a count, ns. */
const MARK_NS = 250e6;
const MARKS_MAX = 100_000;

/** Rows of a level beyond which the next coarser one is kept as well. */
const PYRAMID_ROWS = 512;

export const COLUMNS = 10;
export const RTT_MIN = 0;
export const RTT_MAX = 1;
export const RTT_SUM = 2;
export const RTT_COUNT = 3;
export const RESPONSE_MIN = 4;
export const RESPONSE_MAX = 5;
export const RESPONSE_SUM = 6;
export const RESPONSE_COUNT = 7;
export const BYTES = 8;
export const PACKETS = 9;

/** Width of a bin of that level, ns. */
export const levelNs = (level: number): number => 2 ** (BASE_LOG2 + 2 * level);

/** Row of the heatmap for a latency: 0 = 0.1 ms and below, the last = 1 s and above. */
export function heatRow(valueNs: number): number {
  const row = Math.floor((Math.log10(valueNs / 1e5) / 4) * HEAT_ROWS);
  return Math.min(HEAT_ROWS - 1, Math.max(0, row));
}

/** Bins of one flow at one level, in order of time; only bins with something in them. */
export class Series {
  bins = new Float64Array(2);
  values = new Float64Array(2 * COLUMNS);
  trouble = new Uint8Array(2);
  length = 0;
  /** Rows that the budget knows of. */
  counted = 0;

  /** Row of a bin, made where it belongs. */
  row(bin: number): number {
    let at = this.length - 1;
    if (at < 0 || bin > (this.bins[at] as number)) return this.insert(this.length, bin);
    for (let steps = 0; at >= 0 && steps < LOOK_BACK; at--, steps++) {
      const found = this.bins[at] as number;
      if (found === bin) return at;
      if (found < bin) return this.insert(at + 1, bin);
    }
    at = this.firstFrom(bin);
    return this.bins[at] === bin ? at : this.insert(at, bin);
  }

  /** Number of the first row whose bin is at least that. */
  firstFrom(bin: number): number {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.bins[middle] as number) < bin) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Adds a row of a finer level (bin numbers four times as fine). */
  fold(finer: Series, from: number): void {
    const row = this.row(Math.floor((finer.bins[from] as number) / 4));
    const at = row * COLUMNS;
    const source = from * COLUMNS;
    for (const column of [RTT_MIN, RESPONSE_MIN]) {
      this.values[at + column] = Math.min(this.values[at + column] as number, finer.values[source + column] as number);
      this.values[at + column + 1] = Math.max(
        this.values[at + column + 1] as number,
        finer.values[source + column + 1] as number,
      );
      for (const sum of [column + 2, column + 3])
        this.values[at + sum] = (this.values[at + sum] as number) + (finer.values[source + sum] as number);
    }
    for (const sum of [BYTES, PACKETS])
      this.values[at + sum] = (this.values[at + sum] as number) + (finer.values[source + sum] as number);
    this.trouble[row] = (this.trouble[row] as number) | (finer.trouble[from] as number);
  }

  private insert(at: number, bin: number): number {
    if (this.length === this.bins.length) this.grow();
    if (at < this.length) {
      this.bins.copyWithin(at + 1, at, this.length);
      this.trouble.copyWithin(at + 1, at, this.length);
      this.values.copyWithin((at + 1) * COLUMNS, at * COLUMNS, this.length * COLUMNS);
    }
    this.bins[at] = bin;
    this.trouble[at] = 0;
    this.values.fill(0, at * COLUMNS, (at + 1) * COLUMNS);
    this.values[at * COLUMNS + RTT_MIN] = Infinity;
    this.values[at * COLUMNS + RESPONSE_MIN] = Infinity;
    this.length++;
    return at;
  }

  private grow(): void {
    const grown = <T extends Float64Array | Uint8Array>(from: T, to: T): T => {
      to.set(from);
      return to;
    };
    this.bins = grown(this.bins, new Float64Array(this.bins.length * 2));
    this.values = grown(this.values, new Float64Array(this.values.length * 2));
    this.trouble = grown(this.trouble, new Uint8Array(this.trouble.length * 2));
  }
}

/** Values of a bin being put together for drawing. */
export interface Bin {
  bin: number;
  rttMinNs: number;
  rttMaxNs: number;
  rttSumNs: number;
  rttCount: number;
  responseMinNs: number;
  responseMaxNs: number;
  responseSumNs: number;
  responses: number;
  bytes: number;
  packets: number;
  trouble: number;
}

export interface Mark {
  atNs: number;
  /** −1 = not about one flow */
  flow: number;
  /** index of MARK_KINDS */
  kind: number;
  count: number;
  text: string | null;
}

/** All that drawing needs. */
export interface TimelineParts {
  readonly finest: number;
  readonly marksLost: number;
  readonly responses: number;
  readonly marks: Mark[];
  readonly series: Map<number, Series[]>;
  readonly heat: Map<number, Uint32Array>[];
  readonly samples: Samples;
}

export class TimelineStore {
  readonly marks: Mark[];
  /** Marks that were not kept because there are too many. */
  marksLost = 0;
  /** Finest level that is still kept. */
  finest = 0;
  responses = 0;
  readonly samples: Samples;
  private readonly series: Map<number, Series[]>;
  private readonly heat: Map<number, Uint32Array>[];
  private readonly lastMark = new Map<string, Mark>();
  private rows = 0;

  /** `parts`: of another that was complete; such a one is only looked at. */
  constructor(samples = new Samples(), parts?: TimelineParts) {
    this.samples = samples;
    this.marks = parts?.marks ?? [];
    this.series = parts?.series ?? new Map<number, Series[]>();
    this.heat = parts?.heat ?? Array.from({ length: LEVELS }, () => new Map<number, Uint32Array>());
    this.marksLost = parts?.marksLost ?? 0;
    this.finest = parts?.finest ?? 0;
    this.responses = parts?.responses ?? 0;
  }

  get parts(): TimelineParts {
    const { finest, marksLost, responses, marks, series, heat, samples } = this;
    return { finest, marksLost, responses, marks, series, heat, samples };
  }

  addRtt(flow: number, valueNs: number, atNs: number): void {
    this.add(flow, atNs, RTT_MIN, valueNs);
    this.samples.add(flow, SAMPLE_RTT, valueNs, atNs);
  }

  addResponse(flow: number, valueNs: number, atNs: number): void {
    this.add(flow, atNs, RESPONSE_MIN, valueNs);
    this.samples.add(flow, SAMPLE_RESPONSE, valueNs, atNs);
    this.responses++;
    const row = heatRow(valueNs);
    for (let level = this.finest; level < LEVELS; level++) {
      const bins = this.heat[level] as Map<number, Uint32Array>;
      const bin = Math.floor(atNs / levelNs(level));
      let counts = bins.get(bin);
      if (!counts) bins.set(bin, (counts = new Uint32Array(HEAT_ROWS)));
      counts[row] = (counts[row] as number) + 1;
    }
    if ((this.heat[this.finest] as Map<number, Uint32Array>).size > HEAT_MAX) this.dropFinest();
  }

  addBytes(flow: number, bytes: number, packets: number, atNs: number): void {
    if (bytes <= 0) return;
    this.add(flow, atNs, BYTES, bytes, packets);
    this.samples.add(flow, SAMPLE_BYTES, bytes, atNs);
  }

  /** Flows before that id left the model; of those kept for looking at the past the first are given up. */
  forget(beforeId: number): void {
    for (const [flow, levels] of this.series) {
      if (this.series.size <= SERIES_MAX) return;
      if (flow >= beforeId) continue;
      this.rows -= levels[this.finest]?.counted ?? 0;
      this.series.delete(flow);
    }
  }

  /** A trouble mark; `bit` = TROUBLE bit shown on lane bins. */
  addMark(flow: number, kind: number, bit: number, atNs: number, count: number, text: string | null): void {
    if (flow >= 0) {
      this.samples.add(flow, SAMPLE_TROUBLE, bit, atNs);
      const levels = this.levelsOf(flow);
      for (let level = this.finest; level < levels.length; level++) {
        const series = levels[level] as Series;
        const row = series.row(Math.floor(atNs / levelNs(level)));
        series.trouble[row] = (series.trouble[row] as number) | bit;
      }
      this.settle(levels);
    }
    const key = `${flow} ${kind} ${text ?? ''}`;
    const last = this.lastMark.get(key);
    if (last && Math.abs(atNs - last.atNs) < MARK_NS) {
      last.count += count;
      return;
    }
    if (this.marks.length >= MARKS_MAX) {
      this.marksLost++;
      return;
    }
    const mark = { atNs, flow, kind, count, text };
    this.lastMark.set(key, mark);
    let at = this.marks.length;
    while (at > 0 && (this.marks[at - 1] as Mark).atNs > atNs) at--;
    this.marks.splice(at, 0, mark);
  }

  /** Level whose bins are at most that wide (the finest kept when none is). */
  levelFor(binNs: number): number {
    let level = this.finest;
    while (level + 1 < LEVELS && levelNs(level + 1) <= binNs) level++;
    return level;
  }

  /**
   * Smallest bin that makes at most `pixels` bins of a range: a power of two ns, never finer than what is kept of that
   * time. A nanosecond at least, where the samples themselves are there.
   */
  binNsFor(rangeNs: number, pixels: number, fromNs = -Infinity): number {
    const finest = fromNs >= this.samples.completeFromNs ? 1 : levelNs(this.finest);
    return 2 ** Math.ceil(Math.log2(Math.max(finest, rangeNs / Math.max(1, pixels))) - 1e-9);
  }

  /** Bins are finer than any level: their contents come from `samples`. */
  isSampled(binNs: number): boolean {
    return binNs < levelNs(this.finest);
  }

  /** Anything was seen of the flow in [from, to), as finely as bins are kept. */
  activeIn(flow: number, fromNs: number, toNs: number): boolean {
    const levels = this.series.get(flow);
    if (!levels) return false;
    const series = levels[Math.min(this.finest, levels.length - 1)] as Series;
    const width = levelNs(this.finest);
    const row = series.firstFrom(Math.floor(fromNs / width));
    return row < series.length && (series.bins[row] as number) * width < toNs;
  }

  /** Calls `visit` with each bin of a flow in [from, to) that has anything in it. The object is reused. */
  eachBin(flow: number, fromNs: number, toNs: number, binNs: number, visit: (bin: Bin) => void): void {
    const levels = this.series.get(flow);
    if (!levels) return;
    const level = Math.min(this.levelFor(binNs), levels.length - 1);
    const series = levels[level] as Series;
    const width = levelNs(level);
    const bin: Bin = {
      bin: -1,
      rttMinNs: Infinity,
      rttMaxNs: 0,
      rttSumNs: 0,
      rttCount: 0,
      responseMinNs: Infinity,
      responseMaxNs: 0,
      responseSumNs: 0,
      responses: 0,
      bytes: 0,
      packets: 0,
      trouble: 0,
    };
    const reset = (number: number): void => {
      bin.bin = number;
      bin.rttMinNs = bin.responseMinNs = Infinity;
      bin.rttMaxNs =
        bin.rttSumNs =
        bin.rttCount =
        bin.responseMaxNs =
        bin.responseSumNs =
        bin.responses =
        bin.bytes =
        bin.packets =
        bin.trouble =
          0;
    };
    for (let row = series.firstFrom(Math.floor(fromNs / width)); row < series.length; row++) {
      const atNs = (series.bins[row] as number) * width;
      if (atNs >= toNs) break;
      const number = Math.floor(atNs / binNs);
      if (number !== bin.bin) {
        if (bin.bin >= 0) visit(bin);
        reset(number);
      }
      const values = series.values;
      const at = row * COLUMNS;
      bin.rttMinNs = Math.min(bin.rttMinNs, values[at + RTT_MIN] as number);
      bin.rttMaxNs = Math.max(bin.rttMaxNs, values[at + RTT_MAX] as number);
      bin.rttSumNs += values[at + RTT_SUM] as number;
      bin.rttCount += values[at + RTT_COUNT] as number;
      bin.responseMinNs = Math.min(bin.responseMinNs, values[at + RESPONSE_MIN] as number);
      bin.responseMaxNs = Math.max(bin.responseMaxNs, values[at + RESPONSE_MAX] as number);
      bin.responseSumNs += values[at + RESPONSE_SUM] as number;
      bin.responses += values[at + RESPONSE_COUNT] as number;
      bin.bytes += values[at + BYTES] as number;
      bin.packets += values[at + PACKETS] as number;
      bin.trouble |= series.trouble[row] as number;
    }
    if (bin.bin >= 0) visit(bin);
  }

  /** Calls `visit` with the count of responses of each heatmap cell in [from, to) that is not empty. */
  eachHeat(
    fromNs: number,
    toNs: number,
    binNs: number,
    visit: (bin: number, row: number, count: number) => void,
  ): void {
    const level = this.levelFor(binNs);
    const width = levelNs(level);
    const bins = this.heat[level] as Map<number, Uint32Array>;
    const sums = new Map<number, Uint32Array>();
    const fold = (number: number, counts: Uint32Array): void => {
      const target = Math.floor((number * width) / binNs);
      let sum = sums.get(target);
      if (!sum) sums.set(target, (sum = new Uint32Array(HEAT_ROWS)));
      for (let row = 0; row < HEAT_ROWS; row++) sum[row] = (sum[row] as number) + (counts[row] as number);
    };
    const first = Math.floor(fromNs / width);
    const last = Math.ceil(toNs / width);
    if (last - first < bins.size) {
      for (let number = first; number < last; number++) {
        const counts = bins.get(number);
        if (counts) fold(number, counts);
      }
    } else {
      for (const [number, counts] of bins) if (number >= first && number < last) fold(number, counts);
    }
    for (const [number, sum] of sums) sum.forEach((count, row) => count > 0 && visit(number, row, count));
  }

  /** Number of the first mark at or after a time. */
  markFrom(atNs: number): number {
    let low = 0;
    let high = this.marks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.marks[middle] as Mark).atNs < atNs) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private levelsOf(flow: number): Series[] {
    let levels = this.series.get(flow);
    if (!levels) {
      levels = Array.from({ length: this.finest + 1 }, () => new Series());
      this.series.set(flow, levels);
    }
    return levels;
  }

  private add(flow: number, atNs: number, column: number, value: number, packets = 0): void {
    const levels = this.levelsOf(flow);
    for (let level = this.finest; level < levels.length; level++) {
      const series = levels[level] as Series;
      const at = series.row(Math.floor(atNs / levelNs(level))) * COLUMNS;
      const values = series.values;
      if (column === BYTES) {
        values[at + BYTES] = (values[at + BYTES] as number) + value;
        values[at + PACKETS] = (values[at + PACKETS] as number) + packets;
      } else {
        if (value < (values[at + column] as number)) values[at + column] = value;
        if (value > (values[at + column + 1] as number)) values[at + column + 1] = value;
        values[at + column + 2] = (values[at + column + 2] as number) + value;
        values[at + column + 3] = (values[at + column + 3] as number) + 1;
      }
    }
    this.settle(levels);
  }

  /** After each addition: a level that grew long gets a coarser one above it, and the budget is kept. */
  private settle(levels: Series[]): void {
    const top = levels[levels.length - 1] as Series;
    if (top.length > PYRAMID_ROWS && levels.length < LEVELS) this.raise(levels);
    const finest = levels[this.finest] as Series;
    if (finest.length !== finest.counted) {
      this.rows += finest.length - finest.counted;
      finest.counted = finest.length;
      if (this.rows > BUDGET) this.dropFinest();
    }
  }

  private raise(levels: Series[]): void {
    const top = levels[levels.length - 1] as Series;
    const coarser = new Series();
    for (let row = 0; row < top.length; row++) coarser.fold(top, row);
    levels.push(coarser);
  }

  private dropFinest(): void {
    if (this.finest + 1 >= LEVELS) return;
    this.rows = 0;
    for (const levels of this.series.values()) {
      if (levels.length === this.finest + 1) this.raise(levels);
      levels[this.finest] = new Series();
      const next = levels[this.finest + 1] as Series;
      next.counted = next.length;
      this.rows += next.length;
    }
    (this.heat[this.finest] as Map<number, Uint32Array>).clear();
    this.finest++;
  }
}
