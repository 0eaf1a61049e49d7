/**
 * From the flow model to counters by group. A few times a second every flow that changed is compared with what was
 * counted of it before, and the difference goes to its group; what was counted never moves to another one. Of flows that
 * are seen on several interfaces the one that stands for them is counted (core/flow/paths.ts).
 */
import { Table } from '../flow/columns.ts';
import { COUNTERS } from '../flow/flows.ts';
import type { Fold } from '../flow/fold.ts';
import { FLAG_COUNTED, type FlowModel } from '../flow/model.ts';
import { PROTOCOL_TCP } from '../flow/names.ts';
import type { ModelObserver, TroubleKind } from '../flow/observer.ts';
import { pathsOf, type Paths } from '../flow/paths.ts';
import { connectNsOf, lifeOf, resetsBy, retransmitsOf } from '../flow/state.ts';
import type { Resolution } from './buckets.ts';
import { FlowLabels, type LabelOptions } from './flow-labels.ts';
import { CLOSINGS, Groups, OTHER } from './groups.ts';
import { CONNECT, PendingSamples, RESPONSE, RTT } from './samples.ts';

export interface MeterOptions extends LabelOptions {
  /** How many groups have series of their own. */
  readonly groups: number;
  readonly resolution: Resolution;
  /** Only these flows are counted; null = all. */
  readonly matches: ((flow: number) => boolean) | null;
}

/** Told of flows as they come and go; `reason` of `closed` is one of CLOSINGS. */
export interface FlowListener {
  opened(flow: number): void;
  closed(flow: number, reason: (typeof CLOSINGS)[number]): void;
}

const WAITING = 0;
const OPEN = 1;
const CLOSED = 2;
/** Flows that did not change are asked this often whether they are over, or their owner is known, ns. */
const LOOK_NS = 1e9;
const REBALANCE_NS = 60e9;
/** What is kept of a flow's counters: by this machine's end first, packets, bytes, retransmits, resets, zero windows. */
const FIELDS = 5;

export class Meter implements ModelObserver {
  readonly binNs = 0;
  readonly groups: Groups;
  readonly labels: FlowLabels;
  readonly #model: FlowModel;
  readonly #options: MeterOptions;
  readonly #paths: Paths;
  readonly #samples = new PendingSamples();
  readonly #flows = new Table();
  readonly #seen = this.#flows.float64();
  readonly #state = this.#flows.uint8();
  readonly #group = this.#flows.uint32();
  readonly #connected = this.#flows.uint8();
  readonly #counted = this.#flows.float64(2 * FIELDS);
  readonly #now = new Float64Array(2 * FIELDS);
  /** Drops counted so far by flow and reason, of the few flows that have any. */
  readonly #drops = new Map<number, Map<number, number>>();
  /** Group of the last flow that went into a folded total, by its row; as many as there may be of those. */
  readonly #late = new Map<number, number>();
  #listener: FlowListener | null;
  /** Of the folding that is under way. */
  #keep: Uint8Array = new Uint8Array(0);
  #lookedNs = 0;
  #balancedNs = 0;
  /** Is told of every latency sample too. */
  also: Pick<ModelObserver, 'rtt' | 'socketRtt' | 'response'> | null = null;

  constructor(model: FlowModel, options: MeterOptions, listener: FlowListener | null = null) {
    this.#model = model;
    this.#options = options;
    this.#listener = listener;
    this.#paths = pathsOf(model);
    this.labels = new FlowLabels(model, options);
    this.groups = new Groups(options.names.length, options.groups, options.resolution);
    model.observer = this;
  }

  /** Samples that found no room while the groups of their flows were waited for. */
  get lostSamples(): number {
    return this.#samples.lost;
  }

  /** Counts what is new. `final` = nothing more comes: what is still not known stays so. */
  update(final = false): void {
    const model = this.#model;
    const { flows, nowNs } = model;
    const count = flows.rows.count;
    if (this.#flows.count < count) this.#flows.append(count - this.#flows.count);
    this.#paths.update();
    const look = final || nowNs - this.#lookedNs >= LOOK_NS;
    if (look) this.#lookedNs = nowNs;
    const changed = flows.changed.data;
    const seen = this.#seen.data;
    const state = this.#state.data;
    for (let flow = 0; flow < count; flow++) {
      const news = seen[flow] !== changed[flow]! + 1;
      if (!news && (state[flow] === CLOSED || !look)) continue;
      this.#account(flow, final);
      seen[flow] = changed[flow]! + 1;
    }
    this.#samples.drain((kind, whose, valueNs, atNs) => this.#sample(kind, whose, valueNs, atNs, final));
    if (this.#balancedNs === 0) this.#balancedNs = nowNs;
    if (nowNs - this.#balancedNs < REBALANCE_NS) return;
    this.#balancedNs = nowNs;
    this.groups.rebalance((row) => this.#release(row));
  }

  /** Flows that are kept in memory. */
  get tracked(): number {
    return this.#flows.count;
  }

  // ---- what the model tells ---------------------------------------------------------------------------------------

  rtt(flow: number, valueNs: number, atNs: number): void {
    this.#samples.add(RTT, flow, valueNs, atNs);
    this.also?.rtt(flow, valueNs, atNs);
  }

  socketRtt(socket: number, valueNs: number, atNs: number): void {
    this.#samples.add(RTT, -1 - socket, valueNs, atNs);
    this.also?.socketRtt(socket, valueNs, atNs);
  }

  response(flow: number, valueNs: number, atNs: number): void {
    this.#samples.add(RESPONSE, flow, valueNs, atNs);
    this.also?.response(flow, valueNs, atNs);
  }

  read(): void {}
  bytes(): void {}
  triggered(): void {}
  trouble(_flow: number, _kind: TroubleKind): void {}

  /** What is about to be folded is counted first. */
  folding(keep: Uint8Array): void {
    this.update();
    this.#keep = keep;
  }

  folded({ flows, sockets, totals }: Fold): void {
    for (let flow = 0; flow < this.#flows.count; flow++)
      if (totals[flow]! >= 0 && this.#state.data[flow] !== WAITING)
        this.#late.set(totals[flow]!, this.#group.data[flow]!);
    this.#flows.compact(this.#keep);
    this.#samples.folded(flows, sockets);
    const drops = [...this.#drops];
    this.#drops.clear();
    for (const [flow, counted] of drops) if (flows[flow]! >= 0) this.#drops.set(flows[flow]!, counted);
  }

  /** What comes late counts with what its folded total had last. */
  late(total: number, sent: boolean, packets: number, bytes: number): void {
    const group = this.#late.get(total);
    if (group === undefined) return;
    const at = group * 2 + (sent ? 0 : 1);
    const { groups } = this;
    groups.packets.data[at] = groups.packets.data[at]! + packets;
    groups.bytes.data[at] = groups.bytes.data[at]! + bytes;
  }

  // ---- counting ---------------------------------------------------------------------------------------------------

  #account(flow: number, final: boolean): void {
    const model = this.#model;
    if ((model.flows.flags.data[flow]! & FLAG_COUNTED) === 0 || !this.#paths.shown(flow)) return;
    if (this.#options.matches !== null && !this.#options.matches(flow)) return;
    if (this.#state.data[flow] === WAITING && !this.#open(flow, final)) return;
    const group = this.#group.data[flow]!;
    const packets = this.#difference(flow, group);
    this.#dropped(flow, group);
    this.#connect(flow);
    if (packets > 0) this.groups.weigh(group, packets, () => this.labels.of(flow));
    this.#life(flow, group, packets > 0);
  }

  /** Finds the flow's group; false = not yet. */
  #open(flow: number, final: boolean): boolean {
    if (!final && this.labels.waits(flow)) return false;
    const group = this.groups.of(this.labels.of(flow));
    if (group === OTHER) this.groups.foldedFlows++;
    this.#group.data[flow] = group;
    // Another flow stood for these packets until now: they are counted already.
    for (const member of this.#paths.members(flow)) {
      if (member !== flow && this.#state.data[member] !== WAITING) this.#takeOver(flow, member);
    }
    if (this.#state.data[flow] === WAITING) this.#begun(flow, group);
    return true;
  }

  #begun(flow: number, group: number): void {
    const { groups } = this;
    this.#state.data[flow] = OPEN;
    groups.opened.data[group] = groups.opened.data[group]! + 1;
    groups.open.data[group] = groups.open.data[group]! + 1;
    groups.newest.data[group * 2] = this.#model.flows.id.data[flow]! + 1;
    groups.newest.data[group * 2 + 1] = this.#wallSeconds(this.#model.flows.firstNs.data[flow]!);
    this.#listener?.opened(flow);
  }

  #takeOver(flow: number, member: number): void {
    const counted = this.#counted.data;
    for (let i = 0; i < 2 * FIELDS; i++) {
      const [mine, theirs] = [flow * 2 * FIELDS + i, member * 2 * FIELDS + i];
      counted[mine] = Math.max(counted[mine]!, counted[theirs]!);
    }
    this.#group.data[flow] = this.#group.data[member]!;
    this.#state.data[flow] = this.#state.data[member]!;
    this.#connected.data[flow] = this.#connected.data[member]!;
    this.#state.data[member] = CLOSED;
  }

  /** Adds to the group what the flow has more than before; returns how many packets that is. */
  #difference(flow: number, group: number): number {
    const model = this.#model;
    const { counters, zeroWindows } = model.flows;
    const local = this.labels.localSideOf(flow);
    const now = this.#now;
    for (let end = 0; end < 2; end++) {
      const side = end === 0 ? local : 1 - local;
      const at = (flow * 2 + side) * COUNTERS;
      now[end * FIELDS] = counters.data[at]!;
      now[end * FIELDS + 1] = counters.data[at + 1]!;
      now[end * FIELDS + 2] = retransmitsOf(model, flow, side) ?? 0;
      now[end * FIELDS + 3] = model.flows.protocolOf(flow) === PROTOCOL_TCP ? resetsBy(model, flow, side) : 0;
      now[end * FIELDS + 4] = zeroWindows.data[flow * 2 + side]!;
    }
    const { packets, bytes, retransmits, resets, zeroWindows: zeros } = this.groups;
    const columns = [packets, bytes, retransmits, resets, zeros];
    let sum = 0;
    for (let i = 0; i < 2 * FIELDS; i++) {
      const more = now[i]! - this.#counted.data[flow * 2 * FIELDS + i]!;
      if (!(more > 0)) continue;
      this.#counted.data[flow * 2 * FIELDS + i] = now[i]!;
      const { data } = columns[i % FIELDS]!;
      const at = group * 2 + (i < FIELDS ? 0 : 1);
      data[at] = data[at]! + more;
      if (i % FIELDS === 0) sum += more;
    }
    return sum;
  }

  #dropped(flow: number, group: number): void {
    const model = this.#model;
    if (this.#paths.members(flow).every((member) => model.flows.drops.data[member]! < 0)) return;
    let counted = this.#drops.get(flow);
    if (counted === undefined) this.#drops.set(flow, (counted = new Map()));
    const now = new Map<number, number>();
    for (const member of this.#paths.members(flow)) {
      for (let drop = model.flows.drops.data[member]!; drop >= 0; drop = model.dropNext.data[drop]!) {
        const reason = model.dropReason.data[drop]!;
        now.set(reason, (now.get(reason) ?? 0) + model.dropCount.data[drop]!);
      }
    }
    for (const [reason, n] of now) {
      const more = n - (counted.get(reason) ?? 0);
      if (more <= 0) continue;
      counted.set(reason, n);
      this.groups.addDrops(group, this.#reasonText(reason), more);
    }
  }

  #reasonText(reason: number): string {
    const { reasons, reasonName, strings } = this.#model;
    const name = reason < reasons.count ? reasonName.data[reason]! : 0;
    return name === 0 ? `reason ${reason}` : strings.text(name - 1);
  }

  #connect(flow: number): void {
    const model = this.#model;
    if (this.#connected.data[flow] === 1 || model.flows.protocolOf(flow) !== PROTOCOL_TCP) return;
    const valueNs = connectNsOf(model, flow);
    if (!(valueNs >= 0)) return;
    this.#connected.data[flow] = 1;
    this.#samples.add(CONNECT, flow, valueNs, model.flows.firstNs.data[flow]! + valueNs);
  }

  #life(flow: number, group: number, traffic: boolean): void {
    const model = this.#model;
    const { groups } = this;
    const state = this.#state.data;
    const { state: now, end } = lifeOf(model, flow);
    const over = now === 'closed' || now === 'idle';
    if (state[flow] === OPEN && over) {
      const reason = now === 'idle' ? 'idle' : (end ?? 'timeout');
      state[flow] = CLOSED;
      groups.open.data[group] = groups.open.data[group]! - 1;
      const at = group * CLOSINGS.length + CLOSINGS.indexOf(reason);
      groups.closed.data[at] = groups.closed.data[at]! + 1;
      this.#listener?.closed(flow, reason);
    } else if (state[flow] === CLOSED && !over && traffic) {
      // One without connection that was quiet goes on.
      this.#begun(flow, group);
    }
  }

  #sample(kind: number, whose: number, valueNs: number, atNs: number, final: boolean): boolean {
    const model = this.#model;
    const flow = whose >= 0 ? whose : (model.sockets.flow.data[-1 - whose] ?? -1);
    const patient = !final && model.nowNs - atNs < LOOK_NS * 10;
    if (flow < 0 || flow >= this.#flows.count) return !patient;
    const shown = this.#paths.shownFor(flow);
    if (this.#state.data[shown] === WAITING) return !patient;
    const { connect, rtt, response } = this.groups;
    const columns = kind === CONNECT ? connect : kind === RTT ? rtt : response;
    columns.add(this.#group.data[shown]!, valueNs, model.flows.id.data[shown]!, this.#wallSeconds(atNs));
    return true;
  }

  #wallSeconds(atNs: number): number {
    const ns = this.#model.clock.wallNs(atNs);
    return ns === null ? 0 : Number(ns / 1000n) / 1e6;
  }

  /** The row means something else from now on. */
  #release(row: number): void {
    const group = this.#group.data;
    for (let flow = 0; flow < this.#flows.count; flow++) if (group[flow] === row) group[flow] = OTHER;
    for (const [total, late] of this.#late) if (late === row) this.#late.set(total, OTHER);
  }
}
