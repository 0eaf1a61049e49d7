/**
 * In which order the flow table shows flows: those that match first, then by the chosen columns, then the newest first. All
 * values that are compared are numbers, so that a million flows are one pass over columns.
 */
import type { SortColumn, TableParams } from '../../contract/requests.ts';
import { FLOW_STATES } from '../../contract/tables.ts';
import { protocolName } from '../../flow/names.ts';
import { lifeOf } from '../../flow/state.ts';
import { counterOf } from '../facts.ts';
import type { FlowCache } from '../flow-cache.ts';
import { sortWindow, type Order } from './sort-window.ts';
import type { Moment } from './state.ts';

const RATE_SECONDS = 5;
/** Counters are read out at most this long after the packets that they count, s. */
const READ_OUT_SECONDS = 3;

export class FlowOrder {
  /** Flows; only those of `window` are sure to be in their places. */
  flows = new Uint32Array(0);
  count = 0;
  matching = 0;
  /** Smaller is earlier, by flow; the most important first. */
  private keys: Float64Array[] = [];
  private matches: ArrayLike<number> = [];
  /** Windows that are in order, by the start of their range; the range as a whole when nothing is compared. */
  private readonly done = new Map<number, { from: number; to: number }>();
  private readonly texts = new TextRanks();

  /** Finds the flows anew, and what they are compared by. */
  collect({ sort, show }: TableParams, moment: Moment): void {
    const { cache } = moment;
    const { count } = cache;
    if (this.flows.length < count) this.flows = new Uint32Array(Math.max(1024, count * 2));
    const matches = cache.matches.data;
    this.matching = this.count = 0;
    for (let flow = count - 1; flow >= 0; flow--) if (matches[flow] === 1) this.flows[this.count++] = flow;
    this.matching = this.count;
    if (show === 'all')
      for (let flow = count - 1; flow >= 0; flow--)
        if (matches[flow] === 0 && cache.shown.data[flow] === 1) this.flows[this.count++] = flow;
    this.matches = matches;
    this.keys = sort.map(({ column, descending }) => this.keyOf(column, descending ? -1 : 1, moment));
    this.done.clear();
  }

  /** Puts the flows of places [from, to) of a range of the list in order. */
  window(list: Uint32Array, range: readonly [low: number, high: number], from: number, to: number): void {
    if (this.keys.length === 0 || from >= to) return; // as they were collected
    const known = this.done.get(range[0]);
    if (known && known.from <= from && known.to >= to) return;
    sortWindow(list, range, [from, to], this.order);
    this.done.set(range[0], { from, to });
  }

  private readonly order: Order = (a, b) => {
    const matched = this.matches[b]! - this.matches[a]!;
    if (matched !== 0) return matched;
    for (const key of this.keys) {
      const [x, y] = [key[a]!, key[b]!];
      if (x !== y) return x < y ? -1 : 1;
    }
    return b - a;
  };

  /** A column as numbers of which smaller ones are earlier; what is unknown comes last in both orders. */
  private keyOf(column: SortColumn, sign: number, moment: Moment): Float64Array {
    const key = new Float64Array(moment.cache.count);
    const value = this.valueOf(column, moment);
    for (let i = 0; i < this.count; i++) {
      const flow = this.flows[i]!;
      const at = value(flow);
      key[flow] = Number.isNaN(at) ? Infinity : at * sign;
    }
    return key;
  }

  private valueOf(column: SortColumn, moment: Moment): (flow: number) => number {
    const { model, cache } = moment;
    switch (column) {
      case 'process':
        return this.texts.processes(moment);
      case 'peer':
        return this.texts.peers(moment);
      case 'protocol':
        return this.texts.protocols(moment);
      case 'state':
        return (flow) => (cache.trouble.data[flow] ? 0 : 100) + FLOW_STATES.indexOf(lifeOf(model, flow).state);
      case 'rate':
        return (flow) => rateOf(moment, flow);
      case 'sent':
        return (flow) => counterOf(model, flow, cache.local.data[flow]!, 1);
      case 'received':
        return (flow) => counterOf(model, flow, 1 - cache.local.data[flow]!, 1);
      case 'age':
        return (flow) => {
          const { endedNs } = lifeOf(model, flow);
          return (Number.isNaN(endedNs) ? moment.cursorNs : endedNs) - model.flows.firstNs.data[flow]!;
        };
      case 'started':
        return (flow) => model.flows.firstNs.data[flow]!;
      default: {
        const { data } = cache[column];
        return (flow) => data[flow]!;
      }
    }
  }
}

/** Bits per second over the last seconds at the cursor. */
export function rateOf({ model, cursorNs, startNs }: Moment, flow: number): number {
  const ring = model.flows.throughput.data[flow]!;
  if (ring < 0 || cursorNs - model.flows.lastNs.data[flow]! > (RATE_SECONDS + READ_OUT_SECONDS) * 1e9) return 0;
  const second = Math.floor(cursorNs / 1e9);
  const seconds = Math.max(0.25, Math.min(RATE_SECONDS, (cursorNs - startNs) / 1e9));
  return (model.throughput.between(ring, second - RATE_SECONDS, second) * 8) / seconds;
}

/** Places of texts in the alphabet: each text is compared once, not once a flow. */
class TextRanks {
  private peersOf: { cache: FlowCache; count: number; ranks: Float64Array } | null = null;

  processes({ model, cache, words }: Moment): (flow: number) => number {
    const ranks = ranksOf(model.processes.rows.count, (process) => words.processName(process));
    return (flow) => ranks[cache.left.data[flow]!] ?? NaN;
  }

  /** A peer's text never changes: another name is another peer. */
  peers({ cache }: Moment): (flow: number) => number {
    const { length: count } = cache.peerNames;
    if (this.peersOf?.cache !== cache || this.peersOf.count !== count)
      this.peersOf = { cache, count, ranks: ranksOf(count, (peer) => cache.peerNames[peer]!) };
    const { ranks } = this.peersOf;
    return (flow) => ranks[cache.right.data[flow]!]!;
  }

  protocols({ model: { flows } }: Moment): (flow: number) => number {
    const ranks = ranksOf(256, protocolName);
    return (flow) => ranks[flows.protocolOf(flow)]!;
  }
}

/** For each number, how many texts come before its own; the same for the same text. */
function ranksOf(count: number, text: (number: number) => string): Float64Array {
  const texts = Array.from({ length: count }, (_, i) => text(i));
  const places = new Map([...new Set(texts)].sort().map((each, i) => [each, i]));
  return Float64Array.from(texts, (each) => places.get(each)!);
}
