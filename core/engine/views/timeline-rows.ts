/** Rows of the timeline and overview views: what falls into each pixel-wide bin of a range. */
import type { OverviewParams, TimelineParams } from '../../contract/requests.ts';
import type { RowSet, StringInterner } from '../../contract/view-codec.ts';
import { GAP_PAUSED } from '../../flow/note-records.ts';
import { lifeOf } from '../../flow/state.ts';
import { BASE_BINS } from '../../contract/tables.ts';
import { fillHeat, LaneBins, type ShownRange } from './lane-bins.ts';
import { fillStates } from './lane-states.ts';
import { rateOf } from './flow-order.ts';
import type { Moment } from './state.ts';

/** Marks sent for one range at most; the rest are closer than a pixel anyway. */
const MARKS_MAX = 2000;
/** How long the choice of lanes stands before it is made anew, so that lanes do not jump. */
const CHOOSE_NS = 3e9;

type RowSets = [RowSet, RowSet, RowSet, RowSet, RowSet, RowSet, RowSet];

/** Lanes of one view: chosen rarely, kept in place. */
export class TimelineRows {
  /** Ids of flows */
  private lanes: number[] = [];
  private chosenAt = -Infinity;
  private chosenFor = '';
  private readonly bins = new LaneBins();

  fill(params: TimelineParams, moment: Moment, tables: readonly RowSet[], strings: StringInterner): void {
    const [range, lanes, bins, heat, marks, gaps, states] = tables as RowSets;
    const toNs = params.toNs ?? moment.cursorNs;
    const fromNs = params.fromNs ?? Math.max(moment.startNs, toNs - params.spanNs);
    const shown = rangeOf(
      moment,
      fromNs,
      params.fromNs === null ? Math.max(toNs, fromNs + params.spanNs) : Math.max(toNs, fromNs + 1),
      params.width,
    );
    this.choose(params, moment);
    const responses = fillHeat(moment, shown, heat);
    fillRange(range, shown, responses);
    this.lanes.forEach((id, rank) => {
      const flow = moment.model.flows.rowOf(id);
      if (flow < 0) return;
      laneRow(flow, rank, moment, lanes, strings);
      fillStates(moment.model, flow, states);
    });
    this.bins.fill(moment, this.lanes, shown, bins);
    fillMarks(moment, shown, marks, strings);
    fillGaps(moment, gaps);
  }

  private choose(params: TimelineParams, moment: Moment): void {
    const signature = JSON.stringify([params.flows, params.also, params.lanes, moment.narrowed]);
    if (
      signature === this.chosenFor &&
      Math.abs(moment.cursorNs - this.chosenAt) < CHOOSE_NS &&
      this.lanes.length >= params.lanes
    )
      return;
    const { flows } = moment.model;
    const { cache } = moment;
    const score = (flow: number): number => {
      const known = Number.isNaN(cache.rttP50.data[flow]!) ? (Number.isNaN(cache.responseP50.data[flow]!) ? 0 : 1) : 2;
      return (
        (cache.matches.data[flow] === 1 ? 1e9 : 0) +
        known * 1e6 +
        (cache.trouble.data[flow] ? 4e5 : 0) +
        (cache.ended.data[flow] === 0 ? 3e5 : 0) +
        Math.min(2e5, Math.log2(1 + rateOf(moment, flow)) * 4e3) +
        Math.min(1e5, cache.packets.data[flow]!)
      );
    };
    const there = (id: number): boolean => flows.rowOf(id) >= 0;
    const first = params.flows.filter(there);
    const wanted = new Set([...first, ...(params.also !== null && there(params.also) ? [params.also] : [])]);
    const scored: [number, number][] = [];
    for (let flow = 0; flow < flows.rows.count; flow++) {
      const matches = moment.narrowed ? moment.cache.matches : moment.cache.shown;
      const id = flows.id.data[flow]!;
      if (wanted.has(id) || matches.data[flow] === 0) continue;
      scored.push([id, score(flow)]);
    }
    scored.sort((a, b) => b[1] - a[1] || a[0] - b[0]);
    const best = [...wanted, ...scored.map(([id]) => id)].slice(0, Math.max(params.lanes, wanted.size));
    // What was there keeps its place; newcomers take the free ones, the one asked for the first of them.
    const kept = this.lanes.filter((id) => best.includes(id) && !first.includes(id));
    const fresh = best.filter((id) => !kept.includes(id) && !first.includes(id));
    const asked = fresh.filter((id) => id === params.also);
    this.lanes = [...new Set([...first, ...asked, ...kept, ...fresh])];
    this.chosenAt = moment.cursorNs;
    this.chosenFor = signature;
  }
}

function laneRow(flow: number, rank: number, moment: Moment, lanes: RowSet, strings: StringInterner): void {
  const { model, words, cache } = moment;
  const at = words.read(flow);
  const life = lifeOf(model, flow);
  const row = lanes.upsert(model.flows.id.data[flow]!);
  const values = [
    rank,
    strings.id(at.processName),
    at.pid,
    strings.id(at.peerName ?? at.peerAddress),
    at.peerPort || words.serverPort(flow),
    cache.rttP50.data[flow]!,
    cache.rttP99.data[flow]!,
    cache.responseP50.data[flow]!,
    model.flows.firstNs.data[flow]!,
    life.endedNs,
    cache.matches.data[flow]!,
  ];
  values.forEach((value, i) => (lanes.columns[i]![row] = value));
}

/** The whole session for the scrubber. */
export function fillOverview(
  params: OverviewParams,
  moment: Moment,
  tables: readonly RowSet[],
  strings: StringInterner,
): void {
  const [range, heat, marks, gaps] = tables as [RowSet, RowSet, RowSet, RowSet];
  const shown = rangeOf(moment, moment.startNs, Math.max(moment.endNs, moment.startNs + 1), Math.max(16, params.width));
  fillRange(range, shown, fillHeat(moment, shown, heat));
  fillMarks(moment, shown, marks, strings);
  fillGaps(moment, gaps);
}

function rangeOf({ timeline }: Moment, fromNs: number, toNs: number, pixels: number): ShownRange {
  const binNs = timeline.binNsFor(toNs - fromNs, pixels, fromNs);
  return { fromNs, toNs, binNs, baseBin: Math.floor(fromNs / binNs / BASE_BINS) * BASE_BINS };
}

function fillRange(rows: RowSet, { fromNs, toNs, binNs, baseBin }: ShownRange, responses: number): void {
  const row = rows.upsert(0);
  [fromNs, toNs, binNs, responses, baseBin].forEach((value, i) => (rows.columns[i]![row] = value));
}

function fillMarks(moment: Moment, shown: ShownRange, rows: RowSet, strings: StringInterner): void {
  const { marks } = moment.timeline;
  let sent = 0;
  let lastAt = -Infinity;
  for (let i = moment.timeline.markFrom(shown.fromNs); i < marks.length && sent < MARKS_MAX; i++) {
    const mark = marks[i]!;
    if (mark.atNs > shown.toNs) break;
    if (mark.flow >= 0 && !marked(moment, moment.model.flows.rowOf(mark.flow))) continue;
    if (mark.atNs - lastAt < shown.binNs && sent > 500) continue;
    lastAt = mark.atNs;
    const row = rows.upsert(i);
    [mark.atNs, mark.flow, mark.kind, mark.count, strings.id(mark.text)].forEach(
      (value, c) => (rows.columns[c]![row] = value),
    );
    sent++;
  }
}

/** Marks of flows that are not here at the cursor are shown unless a filter asks for flows. */
function marked({ filtered, cache }: Moment, flow: number): boolean {
  if (flow < 0) return !filtered;
  return (filtered ? cache.passes : cache.shown).data[flow] !== 0;
}

function fillGaps(moment: Moment, rows: RowSet): void {
  moment.gaps.forEach((gap, i) => {
    const row = rows.upsert(i);
    const toNs = Math.min(gap.toNs, Math.max(gap.fromNs, moment.endNs));
    [gap.fromNs, toNs, gap.records, Number(gap.stream === GAP_PAUSED)].forEach(
      (value, c) => (rows.columns[c]![row] = value),
    );
  });
}
