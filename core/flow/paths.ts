/**
 * Each packet once. A packet that passes several watched interfaces (a bridge and its ports, a VLAN and the device below
 * it, both ends of a veth pair, in here and out there) is counted on each of them, and so there are flows of one
 * connection on several interfaces. Here is concluded which of them are the same packets; one stands for the
 * connection (it is *shown*), the others are its path. docs/decisions/0031-each-packet-once.md has the rules.
 *
 * Nothing of it is state: it is worked out from the model, and only where one has flows of the same addresses on more
 * than one interface. `update` costs a few ns a flow that is new, and a comparison for each of those few.
 */
import { FLOW_EGRESS_HI, FLOW_EGRESS_LO, FLOW_INGRESS_HI, FLOW_INGRESS_LO } from '../abi/generated.ts';
import { COUNTERS, hashOfEnds, KEY_WORDS, sameEnds } from './flows.ts';
import { Index, mix } from './hash.ts';
import type { Interface } from './interfaces.ts';
import { FLAG_COUNTED, type FlowModel } from './model.ts';
import { PROTOCOL_TCP } from './names.ts';

/** Packets of one journey are seen on its interfaces within this. */
const SAME_TIME_NS = 1e9;
/** Flows of one pair of ends that are compared; of more the newest. */
const COMPARED_MAX = 64;
const HEIGHT_MAX = 4;
/** Flags of a flow: packets of that direction came in, went out. */
const INTO = [FLOW_INGRESS_LO, FLOW_INGRESS_HI];
const OUT = [FLOW_EGRESS_LO, FLOW_EGRESS_HI];

/** Packets, bytes, frames, frame bytes that are in no shown flow's counters, because a shown flow's are the same. */
export interface Duplicates {
  packets: number;
  bytes: number;
  frames: number;
  frameBytes: number;
}

export class Paths {
  readonly #model: FlowModel;
  /** The flow that stands for each; −1 = itself. */
  #standsFor = new Int32Array(64);
  /** Next older flow with the same ends, −1 = none. */
  #next = new Int32Array(64);
  /** Row of `translations` by which it is another flow inside, −1 = none. */
  #translation = new Int32Array(64);
  /** Of `translations`: rows that are known, and which rows they are. */
  #translations = 0;
  #generation = 0;
  readonly #index = new Index();
  /** First (newest) flow of each run of equal ends that touches more than one interface. */
  readonly #several = new Set<number>();
  #count = 0;
  /** The only interface so far; −1 = none, −2 = several. */
  #only = -1;
  #version = -1;
  #interfaces = 0;
  #hidden = 0;
  #foldings = 0;

  constructor(model: FlowModel) {
    this.#model = model;
  }

  /** Takes in what changed in the model since the last time. */
  update(): this {
    const { flows, interfaces, countsFromPackets, version, foldings } = this.#model;
    // The tracker of foreign captures leaves copies out packet by packet.
    if (countsFromPackets) return this;
    if (foldings !== this.#foldings || this.#translatedLate()) this.#restart(foldings);
    this.#takeNew(flows.rows.count);
    if (this.#several.size === 0) return this;
    const topology = topologyOf(interfaces.list);
    const all = topology !== this.#interfaces;
    this.#interfaces = topology;
    for (const newest of this.#several) if (all || this.#changed(newest)) this.#decide(newest);
    this.#version = version;
    return this;
  }

  /** Whether the flow stands for its packets; false = another one does. */
  shown(flow: number): boolean {
    return flow >= this.#count || this.#standsFor[flow]! < 0;
  }

  /** The flow that stands for the packets of this one. */
  shownFor(flow: number): number {
    return this.shown(flow) ? flow : this.#standsFor[flow]!;
  }

  /** Flows that another one stands for. */
  get hidden(): number {
    return this.#hidden;
  }

  /** A shown flow and those that it stands for, in the order in which their first packets were seen. */
  members(flow: number): number[] {
    if (flow >= this.#count || this.#only !== -2) return [flow];
    const members = [flow];
    for (const other of this.#run(this.#newestOf(flow))) if (this.#standsFor[other] === flow) members.push(other);
    const { firstNs } = this.#model.flows;
    return members.sort((a, b) => firstNs.data[a]! - firstNs.data[b]! || a - b);
  }

  /** What the flows that are not shown counted. */
  duplicates(): Duplicates {
    const sum = { packets: 0, bytes: 0, frames: 0, frameBytes: 0 };
    if (this.#hidden === 0) return sum;
    const { flags, counters } = this.#model.flows;
    for (let flow = 0; flow < this.#count; flow++) {
      if (this.#standsFor[flow]! < 0 || (flags.data[flow]! & FLAG_COUNTED) === 0) continue;
      for (let at = flow * 2 * COUNTERS; at < (flow + 1) * 2 * COUNTERS; at += COUNTERS) {
        sum.packets += counters.data[at]!;
        sum.bytes += counters.data[at + 1]!;
        sum.frames += counters.data[at + 3]!;
        sum.frameBytes += counters.data[at + 4]!;
      }
    }
    return sum;
  }

  // ---- runs of flows with equal ends ------------------------------------------------------------------------------

  /** Flows have other rows now. */
  #restart(foldings: number): void {
    this.#foldings = foldings;
    this.#index.reset(0);
    this.#several.clear();
    this.#count = this.#hidden = 0;
    this.#only = this.#version = -1;
    this.#interfaces = 0;
    this.#generation = this.#model.translations.generation;
  }

  /** A translation came after the flows that it is of. */
  #translatedLate(): boolean {
    const { rows, outer, generation } = this.#model.translations;
    const first = this.#translations;
    this.#translations = rows.count;
    if (generation !== this.#generation) return true;
    if (this.#only !== -2) return false;
    for (let row = first; row < rows.count; row++) {
      const newest = this.#newest(outer.data, row * KEY_WORDS);
      if (newest >= 0 && this.#translation[newest]! < 0) return true;
    }
    return false;
  }

  #takeNew(total: number): void {
    const { flows } = this.#model;
    if (total > this.#standsFor.length) {
      const grow = (old: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> => {
        const grown = new Int32Array(2 ** Math.ceil(Math.log2(total)));
        grown.set(old);
        return grown;
      };
      this.#standsFor = grow(this.#standsFor);
      this.#next = grow(this.#next);
      this.#translation = grow(this.#translation);
    }
    for (let flow = this.#count; flow < total; flow++) {
      this.#standsFor[flow] = -1;
      const iface = flows.ifaceOf(flow);
      if (this.#only === -2) this.#link(flow);
      else if (this.#only === -1 || this.#only === iface) this.#only = iface;
      else {
        // The first one elsewhere: from here on it matters which ends flows have.
        this.#only = -2;
        this.#index.reset(total);
        for (let earlier = 0; earlier <= flow; earlier++) this.#link(earlier);
      }
    }
    this.#count = total;
  }

  #link(flow: number): void {
    const index = this.#index;
    const { flows, translations } = this.#model;
    this.#translation[flow] = translations.of(flows.key.data, flow * KEY_WORDS, flows.firstNs.data[flow]!);
    let probe = index.first(this.#hash(flow));
    for (let other = index.at(probe); other >= 0; other = index.at((probe = index.next(probe)))) {
      if (!this.#sameEnds(flow, other)) continue;
      this.#next[flow] = other;
      const several = this.#several.delete(other) || flows.ifaceOf(flow) !== flows.ifaceOf(other);
      if (several) this.#several.add(flow);
      index.replace(probe, flow);
      return;
    }
    this.#next[flow] = -1;
    if (!index.put(probe, flow)) return;
    const newest = [...index.slots].filter((slot) => slot > 0).map((slot) => slot - 1);
    index.reset(newest.length);
    for (const row of newest) index.insertNew(this.#hash(row), row);
  }

  #newestOf(flow: number): number {
    return this.#newest(this.#ends(flow), this.#endsAt(flow));
  }

  /** The newest flow with that key inside, -1 = none. */
  #newest(keys: Uint32Array, at: number): number {
    const index = this.#index;
    let probe = index.first(hashOfEnds(keys, at));
    for (; index.at(probe) >= 0; probe = index.next(probe)) {
      const other = index.at(probe);
      if (sameEnds(keys, at, this.#ends(other), this.#endsAt(other))) break;
    }
    return index.at(probe);
  }

  /** Its key inside stands here, from `endsAt` on. */
  #ends(flow: number): Uint32Array {
    const { flows, translations } = this.#model;
    return this.#translation[flow]! < 0 ? flows.key.data : translations.inner.data;
  }

  #endsAt(flow: number): number {
    const row = this.#translation[flow]!;
    return (row < 0 ? flow : row) * KEY_WORDS;
  }

  #sameEnds(a: number, b: number): boolean {
    return sameEnds(this.#ends(a), this.#endsAt(a), this.#ends(b), this.#endsAt(b));
  }

  #hash(flow: number): number {
    return hashOfEnds(this.#ends(flow), this.#endsAt(flow));
  }

  /** Whether lo of one of them is hi of the other. */
  #flipped(a: number, b: number): boolean {
    const { flipped } = this.#model.translations;
    const of = (flow: number): number => (this.#translation[flow]! < 0 ? 0 : flipped.data[this.#translation[flow]!]!);
    return of(a) !== of(b);
  }

  #run(newest: number): number[] {
    const run: number[] = [];
    for (let flow = newest; flow >= 0 && run.length < COMPARED_MAX; flow = this.#next[flow]!) run.push(flow);
    return run;
  }

  #changed(newest: number): boolean {
    const changed = this.#model.flows.changed.data;
    let steps = 0;
    for (let flow = newest; flow >= 0 && steps < COMPARED_MAX; flow = this.#next[flow]!, steps++)
      if (changed[flow]! >= this.#version) return true;
    return false;
  }

  // ---- which are the same packets, and which of them is shown -------------------------------------------------------

  #decide(newest: number): void {
    const run = this.#run(newest);
    const before = run.map((flow) => this.#standsFor[flow]!);
    const group = run.map((_, i) => i);
    for (let i = 0; i < run.length; i++)
      for (let j = 0; j < i; j++)
        if (group[i] !== group[j] && samePackets(this.#model, run[i]!, run[j]!, this.#flipped(run[i]!, run[j]!))) {
          const [from, to] = [group[i]!, group[j]!];
          for (let k = 0; k < group.length; k++) if (group[k] === from) group[k] = to;
        }
    for (const name of new Set(group)) {
      const members = run.filter((_, i) => group[i] === name);
      const best = this.#best(members, (flow) => before.includes(flow));
      for (const flow of members) {
        if (this.#standsFor[flow]! >= 0) this.#hidden--;
        this.#standsFor[flow] = flow === best ? -1 : best;
        if (flow !== best) this.#hidden++;
      }
    }
  }

  /**
   * Nearest to the local socket: of those that a local socket sent through the one on top (the VLAN, not the device
   * below), and of both ends of a connection the one whose addresses are those that its initiator knows. Without one the
   * one with most packets; what was shown before stays, unless it has clearly less.
   */
  #best(all: readonly number[], shownBefore: (flow: number) => boolean): number {
    if (all.length === 1) return all[0]!;
    const model = this.#model;
    const { flows, interfaces } = model;
    const local = (flow: number): boolean => flows.socket.data[flow * 2]! >= 0 || flows.socket.data[flow * 2 + 1]! >= 0;
    const anyLocal = all.some(local);
    const initiators = all.filter((flow) => local(flow) && this.#translation[flow]! < 0);
    const members = initiators.length > 0 ? initiators : all;
    const faces = members.map((flow) => interfaces.get(flows.ifaceOf(flow)));
    const weight = (flow: number): number => {
      const packets = packetsOf(model, flow, 0) + packetsOf(model, flow, 1);
      return shownBefore(flow) ? packets * 1.0625 + 8 : packets;
    };
    let best = -1;
    let bestHeight = -1;
    members.forEach((flow, i) => {
      if (anyLocal && !local(flow)) return;
      const height = anyLocal ? heightOf(faces[i]!, faces, 0) : 0;
      const more = weight(flow) - (best < 0 ? -1 : weight(best));
      const earlier = best < 0 || flows.firstNs.data[flow]! < flows.firstNs.data[best]!;
      if (height > bestHeight || (height === bestHeight && (more > 0 || (more === 0 && earlier)))) {
        best = flow;
        bestHeight = height;
      }
    });
    return best;
  }
}

const known = new WeakMap<FlowModel, Paths>();

/** The paths of a model, up to date. */
export function pathsOf(model: FlowModel): Paths {
  let paths = known.get(model);
  if (paths === undefined) known.set(model, (paths = new Paths(model)));
  return paths.update();
}

const packetsOf = (model: FlowModel, flow: number, direction: number): number =>
  model.flows.counters.data[(flow * 2 + direction) * COUNTERS]!;

/** Whether `upper` hands its packets to `lower`: a bridge or bond to its port, a VLAN or macvlan to the device below. */
export function above(upper: Interface, lower: Interface): boolean {
  if (upper.index === null || lower.index === null) return false;
  if (lower.master === upper.index) return true;
  // Each of a veth pair names the other: they are side by side.
  return upper.link === lower.index && lower.link !== upper.index;
}

function heightOf(face: Interface | null, faces: readonly (Interface | null)[], depth: number): number {
  if (face === null || depth >= HEIGHT_MAX) return 0;
  let height = 0;
  for (const other of faces)
    if (other !== null && other !== face && above(face, other))
      height = Math.max(height, 1 + heightOf(other, faces, depth + 1));
  return height;
}

/** Whether two flows with the same ends on two interfaces are made of the same packets; `flipped` = lo of one is hi of the other. */
export function samePackets(model: FlowModel, a: number, b: number, flipped = false): boolean {
  const { flows, interfaces } = model;
  const [left, right] = [interfaces.get(flows.ifaceOf(a)), interfaces.get(flows.ifaceOf(b))];
  if (left === null || right === null || left === right) return false;
  if (left.loopback || right.loopback) return false;
  const elsewhere = left.netns !== right.netns;
  if (flows.firstNs.data[a]! > flows.lastNs.data[b]! + SAME_TIME_NS) return false;
  if (flows.firstNs.data[b]! > flows.lastNs.data[a]! + SAME_TIME_NS) return false;
  if (contradict(model, a, b, flipped)) return false;
  const stacked = !elsewhere && (above(left, right) || above(right, left));
  const [flagsA, flagsB] = [flows.flags.data[a]!, flows.flags.data[b]!];
  for (let direction = 0; direction < 2; direction++) {
    const other = flipped ? 1 - direction : direction;
    if (packetsOf(model, a, direction) === 0 || packetsOf(model, b, other) === 0) continue;
    // In by one and out by the other: forwarded, or over a veth pair. Twice the same way: only where one is above the
    // other; a packet does not leave by two interfaces side by side.
    if ((flagsA & INTO[direction]!) !== 0 && (flagsB & OUT[other]!) !== 0) return true;
    if ((flagsA & OUT[direction]!) !== 0 && (flagsB & INTO[other]!) !== 0) return true;
    if (stacked) return true;
  }
  return false;
}

/** Two connections, or two sockets, that used the same addresses and ports. */
function contradict(model: FlowModel, a: number, b: number, flipped: boolean): boolean {
  const { flows } = model;
  if (flows.protocolOf(a) === PROTOCOL_TCP) {
    const [first, second] = [flows.epoch.data[a]!, flows.epoch.data[b]!];
    return first !== 0 && second !== 0 && first !== second;
  }
  for (let side = 0; side < 2; side++) {
    const [first, second] = [flows.socket.data[a * 2 + side]!, flows.socket.data[b * 2 + (flipped ? 1 - side : side)]!];
    if (first >= 0 && second >= 0 && first !== second) return true;
  }
  return false;
}

/** Changes when an interface comes, goes, or is put on or below another one. */
function topologyOf(list: readonly Interface[]): number {
  let hash = list.length;
  for (const { iface, index, master, link } of list)
    hash = mix(mix(mix(hash, iface), index ?? 0), (master << 16) ^ link);
  return hash;
}
