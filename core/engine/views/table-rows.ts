/** Rows of the flow table: of flows, and of groups of them, paged by row number. */
import type { TableParams } from '../../contract/requests.ts';
import { FLOW_STATES } from '../../contract/tables.ts';
import type { RowSet, StringInterner } from '../../contract/view-codec.ts';
import { clientOf } from '../../flow/roles.ts';
import { lifeOf, responseOf, retransmitsOf, rttOf } from '../../flow/state.ts';
import { counterOf } from '../facts.ts';
import type { Moment } from './state.ts';
import { FlowOrder, rateOf } from './flow-order.ts';
import { TableGroups, type Group } from './table-groups.ts';

/** Sorted at most this often, and so rarely that it takes at most this part of the time. */
const SORT_MS = 250;
const COST_SHARE = 0.1;
/** What costs less is sorted each time that the cursor moves. */
const CHEAP_MS = 10;
const SPARK_SECONDS = 60;
const SPARK_POINTS = 30;
const DIST_BINS = 24;
const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** Values 0..max as one base-64 digit each. */
function digits(values: ArrayLike<number>): string {
  let max = 0;
  for (let i = 0; i < values.length; i++) max = Math.max(max, values[i]!);
  let text = '';
  for (let i = 0; i < values.length; i++) text += DIGITS[max > 0 ? Math.ceil((values[i]! / max) * 63) : 0]!;
  return text;
}

/** What was sorted last, when, and what it took. */
interface Sorted {
  signature: string;
  model: Moment['model'];
  foldings: number;
  cursorNs: number;
  atMs: number;
  costMs: number;
}

export class TableRows {
  private readonly order = new FlowOrder();
  private readonly groups = new TableGroups();
  private sorted: Sorted | null = null;
  private readonly spark = new Float64Array(SPARK_SECONDS);
  private readonly points = new Float64Array(SPARK_POINTS);
  private readonly dist = new Float64Array(DIST_BINS);

  /** `nowMs` = a clock that never steps, for the pace of sorting only. */
  fill(params: TableParams, moment: Moment, tables: readonly RowSet[], strings: StringInterner, nowMs: number): void {
    const [info, rows, groups] = tables as [RowSet, RowSet, RowSet];
    this.sort(params, moment, nowMs);
    const { order } = this;
    const count = params.group === null ? order.count : this.groups.lines;
    const row = info.upsert(0);
    info.columns[0]![row] = params.show === 'matches' ? moment.cache.total : order.count;
    info.columns[1]![row] = order.matching;
    info.columns[2]![row] = count;
    const { from } = params;
    const to = Math.min(count, from + params.count);
    const flow = (flow: number, rank: number): void => this.row(flow, rank, moment, rows, strings);
    if (params.group !== null) {
      this.groups.window(from, to, order, (group) => groupRow(group, groups, strings), flow);
      return;
    }
    order.window(order.flows, [0, order.count], from, to);
    for (let rank = from; rank < to; rank++) flow(order.flows[rank]!, rank);
  }

  /** Sorts when what is sorted is another, and else when it is time: in large sessions less often, as it takes longer. */
  private sort(params: TableParams, moment: Moment, nowMs: number): void {
    const { model, cursorNs } = moment;
    const signature = JSON.stringify([params.sort, params.show, params.group, params.open]);
    const before = this.sorted;
    const same =
      before !== null &&
      before.signature === signature &&
      before.model === model &&
      before.foldings === model.foldings &&
      before.cursorNs <= cursorNs;
    const moved = before?.cursorNs !== cursorNs && moment.cursorNs !== moment.endNs;
    const pause =
      moved && before && before.costMs < CHEAP_MS ? 0 : Math.max(SORT_MS, (before?.costMs ?? 0) / COST_SHARE);
    if (same && nowMs - before.atMs < pause) return;
    const began = performance.now();
    this.order.collect(params, moment);
    if (params.group !== null) this.groups.arrange(params.group, params, this.order, moment);
    this.sorted = {
      signature,
      model,
      foldings: model.foldings,
      cursorNs,
      atMs: nowMs,
      costMs: performance.now() - began,
    };
  }

  private row(flow: number, rank: number, moment: Moment, rows: RowSet, strings: StringInterner): void {
    const { model, words, cursorNs } = moment;
    const { flows } = model;
    const at = words.read(flow);
    const { cache } = moment;
    const life = lifeOf(model, flow);
    const { state, end } = life;
    const endedNs = life.endedNs;
    const startedNs = flows.firstNs.data[flow]!;
    const again = [retransmitsOf(model, flow, 0), retransmitsOf(model, flow, 1)];
    const sent = counterOf(model, flow, at.local, 1);
    const received = counterOf(model, flow, 1 - at.local, 1);
    const ports = [words.serverPort(flow)].filter((port) => port > 0).map((port) => ` && port == ${port}`);
    const clientSide = clientOf(model, flow);
    const clientPort = ports.length > 0 ? ` && port == ${flows.portOf(flow, clientSide)}` : '';
    const row = rows.upsert(flows.id.data[flow]!);
    const values = [
      rank,
      FLOW_STATES.indexOf(state),
      cache.trouble.data[flow]!,
      moment.cache.matches.data[flow] === 1 ? 1 : 0,
      strings.id(at.processName),
      at.pid,
      strings.id(at.unknown),
      strings.id(at.group),
      strings.id(at.peerName ?? at.peerAddress),
      at.peerPort,
      strings.id(at.peerAddress),
      strings.id(at.protocol),
      strings.id(at.application),
      rateOf(moment, flow),
      strings.id(this.sparkOf(moment, flow)),
      sent,
      received,
      counterOf(model, flow, 0, 0) + counterOf(model, flow, 1, 0),
      cache.rttP50.data[flow]!,
      cache.rttP99.data[flow]!,
      cache.responseP50.data[flow]!,
      cache.responseP99.data[flow]!,
      strings.id(this.distOf(moment, flow)),
      again[0] === null && again[1] === null ? NaN : (again[0] ?? 0) + (again[1] ?? 0),
      startedNs,
      Math.max(0, (Number.isNaN(endedNs) ? cursorNs : endedNs) - startedNs),
      end !== null || state === 'closed' ? 1 : 0,
      at.inbound ? 1 : 0,
      strings.id(
        `ip.addr == ${words.address(flow, 0)} && ip.addr == ${words.address(flow, 1)}${ports.join('')}${clientPort}`,
      ),
      strings.id(model.interfaces.get(flows.ifaceOf(flow))?.name ?? null),
      strings.id(words.labels(flow).join('; ') || null),
      strings.id(words.network(flow, 1 - at.local)),
    ];
    values.forEach((value, i) => (rows.columns[i]![row] = value));
  }

  private sparkOf(moment: Moment, flow: number): string {
    const ring = moment.model.flows.throughput.data[flow]!;
    this.spark.fill(0);
    if (ring >= 0) moment.model.throughput.addRecent(ring, Math.floor(moment.cursorNs / 1e9), this.spark);
    for (let i = 0; i < SPARK_POINTS; i++) this.points[i] = this.spark[i * 2]! + this.spark[i * 2 + 1]!;
    return digits(this.points);
  }

  private distOf(moment: Moment, flow: number): string {
    const { model } = moment;
    const rtt = rttOf(model, flow);
    const histogram = rtt >= 0 ? rtt : responseOf(model, flow);
    this.dist.fill(0);
    if (histogram >= 0)
      model.histograms.each(histogram, (valueNs, count) => {
        const bin = Math.min(DIST_BINS - 1, Math.max(0, Math.floor((Math.log10(valueNs / 1e5) / 4) * DIST_BINS)));
        this.dist[bin] = this.dist[bin]! + count;
      });
    return digits(this.dist);
  }
}

function groupRow(group: Group, rows: RowSet, strings: StringInterner): void {
  const row = rows.upsert(group.key);
  const values = [
    group.line,
    strings.id(group.name.label),
    strings.id(group.name.filter),
    group.open ? 1 : 0,
    group.flows,
    group.matching,
    group.trouble,
    group.bps,
    group.sent,
    group.received,
    group.packets,
    group.retransmits,
  ];
  values.forEach((value, i) => (rows.columns[i]![row] = value));
}
