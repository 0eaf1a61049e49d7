import { expect, it } from 'vitest';
import { BASE_BINS, VIEW_TABLES, TROUBLE } from '../../contract/tables.ts';
import { RowSet } from '../../contract/view-codec.ts';
import { TimelineStore } from '../../timeline/store.ts';
import { LaneBins } from './lane-bins.ts';
import type { Moment } from './state.ts';

const PIXELS = 400;
const DAY_NS = 86_400e9;

function fill(timeline: TimelineStore, fromNs: number, spanNs: number) {
  const bins = new RowSet(VIEW_TABLES.timeline[2]);
  const toNs = fromNs + spanNs;
  const binNs = timeline.binNsFor(spanNs, PIXELS, fromNs);
  const baseBin = Math.floor(fromNs / binNs / BASE_BINS) * BASE_BINS;
  new LaneBins().fill({ timeline } as Moment, [3], { fromNs, toNs, binNs, baseBin }, bins);
  const rows = Array.from({ length: bins.length }, (_, row) => ({
    atNs: ((bins.keys[row] ?? 0) - 3 * 2 ** 32 + baseBin) * binNs,
    values: Object.fromEntries(bins.schema.columns.map(([name]) => [name, bins.column(name)[row]])),
  }));
  return { binNs, rows };
}

it('two answers 300 ns apart, two days after the start, are told apart when zoomed in, and are one bin from afar', () => {
  const timeline = new TimelineStore();
  const atNs = 2 * DAY_NS + 123_456_789;
  timeline.addResponse(3, 5000, atNs);
  timeline.addResponse(3, 9000, atNs + 300);
  timeline.addResponse(4, 7000, atNs + 100);
  timeline.addRtt(3, 4000, atNs + 300);
  timeline.addMark(3, 0, TROUBLE.retransmit, atNs + 301, 1, null);
  const near = fill(timeline, atNs - 50, 400);
  expect(near.binNs).toBe(1);
  expect(near.rows.map((row) => row.atNs)).toEqual([atNs, atNs + 300, atNs + 301]);
  expect(near.rows[0]?.values).toMatchObject({ responseMinUs: 5, responseMaxUs: 5, responses: 1, rttMeanUs: NaN });
  expect(near.rows[1]?.values).toMatchObject({ responseMaxUs: 9, rttMinUs: 4, rttMeanUs: 4, rttMaxUs: 4, trouble: 0 });
  expect(near.rows[2]?.values).toMatchObject({ trouble: TROUBLE.retransmit, responses: 0 });
  const far = fill(timeline, 0, 3 * DAY_NS);
  expect(far.rows.length).toBe(1);
  expect(far.rows[0]?.values).toMatchObject({ responseMinUs: 5, responseMaxUs: 9, responses: 2 });
});

it('never has more bins than pixels, from an hour down to a microsecond, and loses no sample', () => {
  const timeline = new TimelineStore();
  const count = 50_000;
  for (let i = 0; i < count; i++) timeline.addRtt(3, 1e5 + (i % 13) * 1e4, i * 1.7e6);
  for (let spanNs = 3600e9; spanNs >= 1000; spanNs /= 7) {
    const { rows } = fill(timeline, 0, spanNs);
    expect(rows.length).toBeLessThanOrEqual(PIXELS + 1);
    expect(rows.length).toBeGreaterThan(0);
    const means = rows.map(({ values }) => values['rttMeanUs'] ?? 0);
    expect(Math.min(...means)).toBeGreaterThanOrEqual(100);
    expect(Math.max(...means)).toBeLessThanOrEqual(220);
  }
});
