import { describe, expect, it } from 'vitest';
import { encodeView, RowSet, StringInterner, ViewState, diffRows } from '../../core/contract/view-codec.ts';
import { VIEW_TABLES } from '../../core/contract/tables.ts';
import type { EngineClient } from '../engine/client.ts';
import { lanesThatFit, laneTops } from './geometry.ts';
import { readTimeline } from './lanes.ts';
import { timeTicks } from './time-axis.ts';

/** A view as it comes over the wire, with a client that knows its strings. */
function view(fill: (table: (name: string) => RowSet, strings: StringInterner) => void): [ViewState, EngineClient] {
  const tables = VIEW_TABLES.timeline.map((schema) => new RowSet(schema));
  const strings = new StringInterner();
  fill((name) => tables.find(({ schema }) => schema.name === name) as RowSet, strings);
  const known = new Map<number, string>();
  const state = new ViewState('timeline');
  const updates = tables.map((rows) => diffRows(rows, new RowSet(rows.schema)));
  state.apply(encodeView({ view: 1, base: 0, version: 1, cursorNs: 0 }, updates, strings.takeFresh()), known);
  return [state, { text: (id: number) => known.get(id) ?? null } as EngineClient];
}
const put = (rows: RowSet, key: number, values: Record<string, number>): void => {
  const row = rows.upsert(key);
  for (const [name, value] of Object.entries(values)) rows.column(name)[row] = value;
};

describe('timeline rows', () => {
  it('are nothing before the range is known', () => {
    const [state, client] = view(() => undefined);
    expect(readTimeline(state, client)).toBeNull();
  });

  it('are put into lanes by rank, bins in order of time, whatever order they came in', () => {
    const [state, client] = view((table, strings) => {
      put(table('range'), 0, { fromNs: 0, toNs: 60e9, binNs: 1e9, responses: 12 });
      put(table('lanes'), 5, {
        rank: 1,
        process: strings.id('curl'),
        pid: 9,
        peer: strings.id('b.example'),
        port: 443,
      });
      put(table('lanes'), 3, { rank: 0, process: 0, peer: strings.id('a.example') });
      for (const bin of [7, 2, 40]) put(table('bins'), 5 * 2 ** 32 + bin, { bytes: bin, rttMeanUs: 10 });
      put(table('bins'), 3 * 2 ** 32 + 1, { bytes: 99 });
      put(table('marks'), 1, { atNs: 30e9, flow: 5, kind: 2 });
      put(table('marks'), 0, { atNs: 10e9, flow: 5, kind: 0 });
      put(table('heat'), 4 * 64 + 31, { count: 6 });
    });
    const data = readTimeline(state, client);
    expect(data?.lanes.map(({ flow, process }) => [flow, process])).toEqual([
      [3, null],
      [5, 'curl'],
    ]);
    expect([...(data?.lanes[1]?.bins ?? [])]).toEqual([2, 7, 40]);
    expect(data?.lanes[1]?.maxBytes).toBe(40);
    expect(data?.marks.map(({ kind }) => kind)).toEqual(['retransmit', 'reset']);
    expect([...(data?.heat ?? [])]).toEqual([4, 31, 6]);
  });
});

describe('geometry of the timeline', () => {
  const geometry = { width: 639, height: 430, gutter: 164, rightGutter: 52, heatHeight: 115 };
  it('lanes begin under the axis, keep their order, and few of them do not grow without end', () => {
    for (const lanes of [0, 1, 3, lanesThatFit(geometry)]) {
      const tops = laneTops(geometry, lanes);
      expect(tops.length).toBe(lanes + 1);
      for (let i = 1; i < tops.length; i++) expect(tops[i]).toBeGreaterThan((tops[i - 1] as number) + 30);
      expect(tops.at(-1)).toBeLessThanOrEqual(geometry.height + 1);
    }
    expect((laneTops(geometry, 1)[1] as number) - (laneTops(geometry, 1)[0] as number)).toBe(150);
  });

  it('ticks are round wall-clock times, apart enough for their labels', () => {
    const ticks = timeTicks(3.2e9, 63.2e9, 420, '1795521600500000000');
    for (const { atNs } of ticks) expect((atNs + 0.5e9) % 15e9).toBeCloseTo(0, 3);
    for (let i = 1; i < ticks.length; i++)
      expect((((ticks[i]?.atNs ?? 0) - (ticks[i - 1]?.atNs ?? 0)) / 60e9) * 420).toBeGreaterThan(75);
    expect(timeTicks(0, 2e6, 420, '0')[1]?.label).toMatch(/\.\d{3,6}$/);
  });
});
