/** A timeline as bytes and back, for looking at: what is read back takes nothing further. */
import type { SnapshotReader, SnapshotWriter } from '../flow/snapshot.ts';
import { HEAT_ROWS } from '../contract/tables.ts';
import { Samples } from './samples.ts';
import { COLUMNS, Series, type Mark, type TimelineParts } from './store.ts';

export function saveTimeline(parts: TimelineParts, out: SnapshotWriter): void {
  out.uint32(parts.finest);
  out.uint32(parts.marksLost);
  out.float64(parts.responses);
  out.text(JSON.stringify(parts.marks));
  out.uint32(parts.series.size);
  for (const [flow, levels] of parts.series) {
    out.uint32(flow);
    out.uint32(levels.length);
    for (const { length, bins, values, trouble } of levels) {
      out.uint32(length);
      out.array(bins, length);
      out.array(values, length * COLUMNS);
      out.array(trouble, length);
    }
  }
  parts.samples.save(out);
  out.uint32(parts.heat.length);
  for (const bins of parts.heat) {
    out.uint32(bins.size);
    for (const [bin, counts] of bins) {
      out.float64(bin);
      out.array(counts, HEAT_ROWS);
    }
  }
}

/** @throws FlowglassError when the bytes end too early */
export function loadTimeline(input: SnapshotReader): TimelineParts {
  const finest = input.uint32();
  const marksLost = input.uint32();
  const responses = input.float64();
  const marks = JSON.parse(input.text()) as Mark[];
  const series = new Map<number, Series[]>();
  for (let flows = input.uint32(); flows > 0; flows--) {
    const flow = input.uint32();
    const levels: Series[] = [];
    for (let count = input.uint32(); count > 0; count--) levels.push(loadSeries(input));
    series.set(flow, levels);
  }
  const samples = Samples.load(input);
  const heat: Map<number, Uint32Array>[] = [];
  for (let levels = input.uint32(); levels > 0; levels--) {
    const bins = new Map<number, Uint32Array>();
    for (let count = input.uint32(); count > 0; count--) {
      const bin = input.float64();
      const counts = new Uint32Array(HEAT_ROWS);
      input.array(counts, HEAT_ROWS);
      bins.set(bin, counts);
    }
    heat.push(bins);
  }
  return { finest, marksLost, responses, marks, series, heat, samples };
}

function loadSeries(input: SnapshotReader): Series {
  const length = input.uint32();
  input.expect(length * 8 * (1 + COLUMNS));
  const series = new Series();
  series.length = length;
  series.bins = new Float64Array(length);
  series.values = new Float64Array(length * COLUMNS);
  series.trouble = new Uint8Array(length);
  input.array(series.bins, length);
  input.array(series.values, length * COLUMNS);
  input.array(series.trouble, length);
  return series;
}
