/**
 * Per flow what every view asks for again and again: ends, trouble, percentiles, whether it passes the filter. Worked
 * out anew when the flow changed, and for a share of all flows each time, because owners and states change without the
 * flow being touched. Columns, so that a view over 100,000 flows is one pass over numbers.
 */
import { TROUBLE } from '../contract/tables.ts';
import { Table } from '../flow/columns.ts';
import type { FlowModel } from '../flow/model.ts';
import { pathsOf, type Paths } from '../flow/paths.ts';
import { lifeOf, responseOf, retransmitsOf, rttOf } from '../flow/state.ts';
import { counterOf, troubleOf, type FlowWords } from './facts.ts';

/** Flows that did not change which are looked at again in one update. */
const SHARE = 250;

/** A process and a peer as numbers that stay theirs: strings are made only for rows that are shown. */
export class FlowCache {
  readonly rows = new Table();
  /** `changed` of the flow when it was last looked at, + 1; 0 = never */
  readonly seen = this.rows.float64();
  /** Passes the filter and did something in the chosen range; 0 also for flows that are not shown. */
  readonly matches = this.rows.uint8();
  /** Passes the filter, whether or not it did anything in the chosen range. */
  readonly passes = this.rows.uint8();
  /** 0 = another flow stands for its packets (core/flow/paths.ts) */
  readonly shown = this.rows.uint8();
  readonly trouble = this.rows.uint8();
  readonly inbound = this.rows.uint8();
  /** 1 = it ended */
  readonly ended = this.rows.uint8();
  readonly local = this.rows.uint8();
  /** row of `processes`, or −1 − number of the reason */
  readonly left = this.rows.int32();
  /** number of the peer (name or address, and port) */
  readonly right = this.rows.uint32();
  readonly packets = this.rows.float64();
  readonly bytes = this.rows.float64();
  /** NaN = cannot be observed */
  readonly retransmits = this.rows.float64();
  readonly drops = this.rows.uint32();
  /** µs, NaN = unknown */
  readonly rttP50 = this.rows.float64();
  readonly rttP99 = this.rows.float64();
  readonly responseP50 = this.rows.float64();
  readonly responseP99 = this.rows.float64();
  /** How many flows pass the filter. */
  matching = 0;
  private readonly paths: Paths;
  private readonly model: FlowModel;
  private readonly words: FlowWords;
  private readonly predicate: ((flow: number) => boolean) | null;
  private readonly active: ((flow: number) => boolean) | null;
  private readonly peers = new Map<string, number>();
  private readonly peerFlow: number[] = [];
  /** Name, else address, of each peer. */
  readonly peerNames: string[] = [];
  private readonly reasons = new Map<string, number>();
  private readonly reasonTexts: string[] = [];
  private samples = new Float64Array(0);
  private next = 0;

  /** `predicate` = the filter, `active` = did something in the chosen range; null = every flow. */
  constructor(
    model: FlowModel,
    words: FlowWords,
    predicate: ((flow: number) => boolean) | null,
    active: ((flow: number) => boolean) | null = null,
  ) {
    this.active = active;
    this.model = model;
    this.paths = pathsOf(model);
    this.words = words;
    this.predicate = predicate;
  }

  get count(): number {
    return this.rows.count;
  }

  /** Flows that are shown when everything is. */
  get total(): number {
    return this.rows.count - this.paths.hidden;
  }

  /** Brings all flows up to date that changed, and a share of the others. */
  update(): void {
    const { flows } = this.model;
    const count = flows.rows.count;
    const changed = flows.changed.data;
    if (this.rows.count < count) this.grow(count);
    const seen = this.seen.data;
    const paths = this.paths.update();
    const shown = this.shown.data;
    for (let flow = 0; flow < count; flow++)
      if (seen[flow] !== changed[flow]! + 1 || (shown[flow] === 1) !== paths.shown(flow)) this.look(flow);
    const until = Math.min(count, SHARE);
    for (let i = 0; i < until; i++) {
      if (this.next >= count) this.next = 0;
      this.look(this.next++);
    }
  }

  /** A flow that has that peer, for its words; the first that had it. */
  flowOfPeer(peer: number): number {
    return this.peerFlow[peer] ?? 0;
  }

  reasonText(left: number): string {
    return this.reasonTexts[-1 - left] ?? '';
  }

  private grow(count: number): void {
    this.rows.append(count - this.rows.count);
    if (this.samples.length >= count * 2) return;
    const samples = new Float64Array(Math.max(2048, count * 4)).fill(-1);
    samples.set(this.samples);
    this.samples = samples;
  }

  private look(flow: number): void {
    const { model, words } = this;
    const at = words.read(flow);
    this.seen.data[flow] = model.flows.changed.data[flow]! + 1;
    this.inbound.data[flow] = at.inbound ? 1 : 0;
    this.local.data[flow] = at.local;
    this.left.data[flow] = at.process >= 0 ? at.process : -1 - this.reasonOf(at.unknown ?? '');
    const peer = `${at.peerName ?? at.peerAddress} ${at.peerPort}`;
    let number = this.peers.get(peer);
    if (number === undefined) {
      number = this.peerFlow.push(flow) - 1;
      this.peers.set(peer, number);
      this.peerNames.push(at.peerName ?? at.peerAddress);
    }
    this.right.data[flow] = number;
    this.packets.data[flow] = counterOf(model, flow, 0, 0) + counterOf(model, flow, 1, 0);
    this.bytes.data[flow] = counterOf(model, flow, 0, 1) + counterOf(model, flow, 1, 1);
    this.trouble.data[flow] = troubleOf(model, flow);
    this.ended.data[flow] = lifeOf(model, flow).end === null ? 0 : 1;
    const again = [retransmitsOf(model, flow, 0), retransmitsOf(model, flow, 1)];
    this.retransmits.data[flow] = again[0] === null && again[1] === null ? NaN : (again[0] ?? 0) + (again[1] ?? 0);
    const shown = this.paths.shown(flow);
    this.shown.data[flow] = shown ? 1 : 0;
    let drops = 0;
    for (const member of shown ? this.paths.members(flow) : [flow])
      for (let drop = model.flows.drops.data[member]!; drop >= 0; drop = model.dropNext.data[drop]!)
        drops += model.dropCount.data[drop]!;
    this.drops.data[flow] = drops;
    if (drops > 0) this.trouble.data[flow] = this.trouble.data[flow]! | TROUBLE.drop;
    this.percentiles(flow, 0, rttOf(model, flow), this.rttP50.data, this.rttP99.data);
    this.percentiles(flow, 1, responseOf(model, flow), this.responseP50.data, this.responseP99.data);
    const passes = shown && (this.predicate === null || this.predicate(flow)) ? 1 : 0;
    this.passes.data[flow] = passes;
    const matches = passes === 1 && (this.active === null || this.active(flow)) ? 1 : 0;
    this.matching += matches - this.matches.data[flow]!;
    this.matches.data[flow] = matches;
  }

  /** Percentiles are read again only when samples came. */
  private percentiles(flow: number, which: number, histogram: number, p50: Float64Array, p99: Float64Array): void {
    const n = histogram < 0 ? 0 : this.model.histograms.samples(histogram);
    if (this.samples[flow * 2 + which] === n) return;
    this.samples[flow * 2 + which] = n;
    const read = n > 0 ? this.model.histograms.read(histogram) : null;
    p50[flow] = read ? read.p50Ns / 1000 : NaN;
    p99[flow] = read ? read.p99Ns / 1000 : NaN;
  }

  private reasonOf(text: string): number {
    let number = this.reasons.get(text);
    if (number === undefined) {
      number = this.reasonTexts.push(text) - 1;
      this.reasons.set(text, number);
    }
    return number;
  }
}
