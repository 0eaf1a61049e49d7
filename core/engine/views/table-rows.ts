/** Rows of the flow table: sorted at most four times a second, paged by row number. */
import type { SortColumn, TableParams } from '../../contract/requests.ts';
import { FLOW_STATES } from '../../contract/tables.ts';
import type { RowSet, StringInterner } from '../../contract/view-codec.ts';
import { clientOf } from '../../flow/roles.ts';
import { lifeOf, responseOf, retransmitsOf, rttOf } from '../../flow/state.ts';
import { counterOf } from '../facts.ts';
import type { Moment } from './state.ts';

const SORT_MS = 250;
const RATE_SECONDS = 5;
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

export class TableRows {
  private order = new Uint32Array(0);
  private count = 0;
  private matching = 0;
  private sortedAt = -Infinity;
  private sortedFor = '';
  private readonly spark = new Float64Array(SPARK_SECONDS);
  private readonly points = new Float64Array(SPARK_POINTS);
  private readonly dist = new Float64Array(DIST_BINS);

  /** `nowMs` = a clock that never steps, for the pace of sorting only. */
  fill(params: TableParams, moment: Moment, info: RowSet, rows: RowSet, strings: StringInterner, nowMs: number): void {
    const signature = JSON.stringify([
      params.sort,
      params.show,
      moment.model.foldings,
      moment.cursorNs === moment.endNs ? '' : moment.cursorNs,
    ]);
    if (nowMs - this.sortedAt >= SORT_MS || signature !== this.sortedFor) {
      this.sortedAt = nowMs;
      this.sortedFor = signature;
      this.sort(params, moment);
    }
    const row = info.upsert(0);
    info.columns[0]![row] = params.show === 'matches' ? moment.cache.total : this.count;
    info.columns[1]![row] = this.matching;
    for (let rank = params.from; rank < Math.min(this.count, params.from + params.count); rank++)
      this.row(this.order[rank]!, rank, moment, rows, strings);
  }

  private sort(params: TableParams, moment: Moment): void {
    const { model } = moment;
    const total = model.flows.rows.count;
    if (this.order.length < total) this.order = new Uint32Array(Math.max(1024, total * 2));
    const matched: number[] = [];
    const others: number[] = [];
    for (let flow = total - 1; flow >= 0; flow--) {
      if (moment.cache.matches.data[flow] === 1) matched.push(flow);
      else if (params.show === 'all' && moment.cache.shown.data[flow] === 1) others.push(flow);
    }
    this.matching = matched.length;
    const keys = params.sort.map(({ column, descending }) => ({
      value: sortValue(column, moment),
      sign: descending ? -1 : 1,
    }));
    for (const list of [matched, others]) {
      if (keys.length === 0) continue;
      const values = keys.map(({ value }) => new Map(list.map((flow) => [flow, value(flow)])));
      list.sort((a, b) => {
        for (let i = 0; i < keys.length; i++) {
          const order = compare(values[i]!.get(a)!, values[i]!.get(b)!, keys[i]!.sign);
          if (order !== 0) return order;
        }
        return b - a;
      });
    }
    this.count = 0;
    for (const list of [matched, others]) for (const flow of list) this.order[this.count++] = flow;
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

/** Bits per second over the last seconds at the cursor. */
export function rateOf(moment: Moment, flow: number): number {
  const { model, cursorNs } = moment;
  const ring = model.flows.throughput.data[flow]!;
  if (ring < 0) return 0;
  const second = Math.floor(cursorNs / 1e9);
  const seconds = Math.max(0.25, Math.min(RATE_SECONDS, (cursorNs - moment.startNs) / 1e9));
  return (model.throughput.between(ring, second - RATE_SECONDS, second) * 8) / seconds;
}

function sortValue(column: SortColumn, moment: Moment): (flow: number) => number | string {
  const { model, words, cache } = moment;
  switch (column) {
    case 'process':
      return (flow) => words.read(flow).processName ?? '\uffff';
    case 'peer':
      return (flow) => {
        const at = words.read(flow);
        return at.peerName ?? at.peerAddress;
      };
    case 'protocol':
      return (flow) => words.read(flow).protocol;
    case 'state':
      return (flow) => (cache.trouble.data[flow] ? 0 : 100) + FLOW_STATES.indexOf(lifeOf(model, flow).state);
    case 'rate':
      return (flow) => rateOf(moment, flow);
    case 'sent':
      return (flow) => counterOf(model, flow, cache.local.data[flow]!, 1);
    case 'received':
      return (flow) => counterOf(model, flow, 1 - cache.local.data[flow]!, 1);
    case 'rttP50':
      return (flow) => cache.rttP50.data[flow]!;
    case 'rttP99':
      return (flow) => cache.rttP99.data[flow]!;
    case 'responseP99':
      return (flow) => cache.responseP99.data[flow]!;
    case 'retransmits':
      return (flow) => cache.retransmits.data[flow]!;
    case 'age': {
      return (flow) => {
        const { endedNs } = lifeOf(model, flow);
        return (Number.isNaN(endedNs) ? moment.cursorNs : endedNs) - model.flows.firstNs.data[flow]!;
      };
    }
    case 'started':
      return (flow) => model.flows.firstNs.data[flow]!;
  }
}

/** Unknown (NaN) is last in both orders. */
function compare(a: number | string, b: number | string, sign: number): number {
  if (typeof a === 'string' || typeof b === 'string')
    return String(a) < String(b) ? -sign : String(a) > String(b) ? sign : 0;
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
  return (a - b) * sign;
}
