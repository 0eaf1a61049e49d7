/** What falls into each bin of the lanes: from the store's levels, or, where bins are finer, from the samples themselves. */
import { HEAT_FACTOR } from '../../contract/tables.ts';
import type { RowSet } from '../../contract/view-codec.ts';
import { SAMPLE_BYTES, SAMPLE_RESPONSE, SAMPLE_RTT, SAMPLE_TROUBLE } from '../../timeline/samples.ts';
import { heatRow, type Bin } from '../../timeline/store.ts';
import type { Moment } from './state.ts';

const KEY_BINS = 2 ** 32;

export interface ShownRange {
  fromNs: number;
  toNs: number;
  binNs: number;
  /** Bin numbers in keys count from here. */
  baseBin: number;
}

/** Column numbers of LANE_BINS. */
const [RTT_MIN, RTT_MAX, RTT_MEAN, RESPONSE_MIN, RESPONSE_MAX, RESPONSES, BYTES, TROUBLE] = [0, 1, 2, 3, 4, 5, 6, 7];

/** Rows of one view's lanes; the arrays are kept from one filling to the next. */
export class LaneBins {
  private counts = new Uint32Array(1024);

  /** `lanes` = ids of flows. */
  fill(moment: Moment, lanes: readonly number[], shown: ShownRange, bins: RowSet): void {
    const { timeline } = moment;
    if (timeline.isSampled(shown.binNs)) this.fromSamples(moment, lanes, shown, bins);
    else
      for (const id of lanes)
        timeline.eachBin(id, shown.fromNs, shown.toNs, shown.binNs, (bin) => binRow(id, bin, shown, bins));
  }

  private fromSamples({ timeline }: Moment, lanes: readonly number[], shown: ShownRange, bins: RowSet): void {
    const wanted = new Set(lanes);
    timeline.samples.each(shown.fromNs, shown.toNs, (id, kind, value, atNs) => {
      if (!wanted.has(id)) return;
      const before = bins.length;
      const row = bins.upsert(id * KEY_BINS + Math.floor(atNs / shown.binNs) - shown.baseBin);
      const { columns } = bins;
      if (row === before) {
        for (let c = RTT_MIN; c <= RESPONSE_MAX; c++) columns[c]![row] = NaN;
        if (row >= this.counts.length) this.counts = grown(this.counts);
        this.counts[row] = 0;
      }
      if (kind === SAMPLE_BYTES) columns[BYTES]![row] = columns[BYTES]![row]! + value;
      else if (kind === SAMPLE_TROUBLE) columns[TROUBLE]![row] = columns[TROUBLE]![row]! | value;
      else if (kind === SAMPLE_RTT) {
        const us = value / 1000;
        const count = ++this.counts[row]!;
        spread(bins, row, RTT_MIN, RTT_MAX, us);
        const mean = count === 1 ? 0 : columns[RTT_MEAN]![row]!;
        columns[RTT_MEAN]![row] = mean + (us - mean) / count;
      } else {
        spread(bins, row, RESPONSE_MIN, RESPONSE_MAX, value / 1000);
        columns[RESPONSES]![row] = columns[RESPONSES]![row]! + 1;
      }
    });
  }
}

/**
 * Cells of the heatmap, HEAT_FACTOR bins of the range wide; with a filter, or where packets pass several interfaces, only
 * those of matching flows, each bin of a flow counted at its mean. Returns how many responses they hold.
 */
export function fillHeat(moment: Moment, shown: ShownRange, rows: RowSet): number {
  const { timeline, cache } = moment;
  const { flows } = moment.model;
  let responses = 0;
  const add = (bin: number, heat: number, count: number): void => {
    responses += count;
    const row = rows.upsert(bin * 64 + heat);
    rows.columns[0]![row] = rows.columns[0]![row]! + count;
  };
  const all = !moment.filtered && cache.total === cache.count;
  const binNs = shown.binNs * HEAT_FACTOR;
  if (timeline.isSampled(binNs))
    timeline.samples.each(shown.fromNs, shown.toNs, (id, kind, value, atNs) => {
      if (kind === SAMPLE_RESPONSE && (all || cache.passes.data[flows.rowOf(id)] === 1))
        add(Math.floor(atNs / binNs), heatRow(value), 1);
    });
  else if (all) timeline.eachHeat(shown.fromNs, shown.toNs, binNs, add);
  else
    for (let flow = 0; flow < flows.rows.count; flow++) {
      if (cache.passes.data[flow] === 0) continue;
      timeline.eachBin(flows.id.data[flow]!, shown.fromNs, shown.toNs, binNs, (bin) => {
        if (bin.responses > 0) add(bin.bin, heatRow(bin.responseSumNs / bin.responses), bin.responses);
      });
    }
  return responses;
}

function spread(bins: RowSet, row: number, least: number, greatest: number, us: number): void {
  const { columns } = bins;
  if (!(columns[least]![row]! <= us)) columns[least]![row] = us;
  if (!(columns[greatest]![row]! >= us)) columns[greatest]![row] = us;
}

function grown(counts: Uint32Array): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(counts.length * 2);
  larger.set(counts);
  return larger;
}

function binRow(id: number, bin: Bin, { baseBin }: ShownRange, bins: RowSet): void {
  const row = bins.upsert(id * KEY_BINS + bin.bin - baseBin);
  const us = (ns: number, count: number): number => (count > 0 ? ns / 1000 : NaN);
  const values = [
    us(bin.rttMinNs, bin.rttCount),
    us(bin.rttMaxNs, bin.rttCount),
    us(bin.rttSumNs / Math.max(1, bin.rttCount), bin.rttCount),
    us(bin.responseMinNs, bin.responses),
    us(bin.responseMaxNs, bin.responses),
    bin.responses,
    bin.bytes,
    bin.trouble,
  ];
  values.forEach((value, i) => (bins.columns[i]![row] = value));
}
