/**
 * Passive tracking of a capture that is not ours: packets in, FlowModel out. A flow is keyed by addresses, ports and
 * protocol alone, so a connection seen on several interfaces of one capture is one flow (of the interface of its first
 * packet) and its copies are not counted. VLAN tags are decoded but are no part of the key, as in the kernel programs.
 */
import {
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_TCP,
  IPPROTO_UDP,
  PACKET_OUTGOING,
  PARSED,
  TCP_ACK,
  TCP_SYN,
  type Packet,
} from '../dissect/packet.ts';
import { Dissector } from '../dissect/dissector.ts';
import { Table } from '../flow/columns.ts';
import { KEY_WORDS } from '../flow/flows.ts';
import { Index, mix } from '../flow/hash.ts';
import { TOTALS_CAPTURED_FRAMES, TOTALS_CAPTURED_PACKETS, TOTALS_FLOW_LOST } from '../flow/interfaces.ts';
import { METRIC_CONNECT, METRIC_RESPONSE, METRIC_RTT, ROLES_SYN, type FlowModel } from '../flow/model.ts';
import { TCP_CLOSE, TCP_ESTABLISHED, TCP_SYN_RECV, TCP_SYN_SENT, UNPARSED_DUPLICATE } from '../flow/names.ts';
import { Application } from './application.ts';
import { Duplicates } from './duplicates.ts';
import { CONNECTED, ENDED, FRESH, KEEP_ALIVE, MOVED, RESET, RETRANSMIT, ROUND_TRIP, ZERO_WINDOW } from './marks.ts';
import {
  PHASE_CLOSED,
  PHASE_CLOSING,
  PHASE_ESTABLISHED,
  PHASE_SYN_RECEIVED,
  PHASE_SYN_SENT,
  TcpTracker,
  type Segment,
} from './tcp.ts';
import { countTrouble } from './trouble.ts';

/** Flows beyond this are counted in the totals only (lost.flowPackets). */
const FLOWS_MAX = 2_000_000;
/** A SYN that nobody answers is given up by Linux after about 127 s (tcp_syn_retries = 6). */
const SYN_TIMEOUT_NS = 127e9;
/** FIN_WAIT1 stands for any state between the first FIN and the end: `closing`. */
const TCP_FIN_WAIT1 = 4;

/**
 * A flow's packets go to the model in sums, not one by one: packets, bytes and payload of either sender, the time of
 * the newest, and the time up to which they belong to the same second (or bin of an observer).
 */
const HOT = 8;
const HOT_SENDER = 3;
const HOT_LAST = 6;
const HOT_UNTIL = 7;
const SECOND_NS = 1e9;

/** So many packets that look like copies may be chance. */
const COPIES_PROVE = 2;
const SUSPECT_FIELDS = 6;

/** How a packet passed the capture point, as the file says; 0 = not said. */
export const INBOUND = 1;
export const OUTBOUND = 2;

export interface TrackerOptions {
  readonly flowsMax?: number;
}

export class Tracker {
  readonly model: FlowModel;
  readonly dissector = new Dissector();
  readonly application: Application;
  readonly #tcp = new TcpTracker();
  readonly #duplicates = new Duplicates();
  readonly #flowsMax: number;
  /** Newest flow of each key, without the interface. */
  readonly #index = new Index();
  /** The model's key in hand, as signed words. */
  readonly #key: Int32Array;
  #probe = 0;
  #hash = 0;
  readonly #rows = new Table();
  /** Row in `#tcp`, −1 = not TCP. */
  readonly #tcpRow = this.#rows.int32();
  /** When the newest request segment passed that was not answered yet; NaN = none. */
  readonly #requestAt = this.#rows.float64();
  /** ICMP: sequence number and time of the newest echo request, by sender. */
  readonly #echo = this.#rows.int32(2);
  readonly #echoAt = this.#rows.float64(2);
  /** Round trip of the SYN, kept until the other half of the handshake tells which side the capture is near. */
  readonly #synRtt = this.#rows.float64();
  /** The side whose probes are the flow's RTT + 1; 0 = not decided: the client's. */
  readonly #rttSide = this.#rows.uint8();
  #tcpRows = 0;
  /** Packets that look like copies of others. */
  duplicates = 0;
  /** The first ones: interface, flow, side, bytes, payload, time. */
  readonly #suspects = new Float64Array(COPIES_PROVE * SUSPECT_FIELDS);
  /** What a flow's packets came to since they were told to the model, see HOT_*. */
  readonly #hot = this.#rows.float64(HOT);
  /** Flows that may have packets of which the model was not told, each once. */
  readonly #listed = this.#rows.uint8();
  #pending = new Int32Array(1024);
  #pendingCount = 0;
  /** Packets and bytes by interface since the last `flush`. */
  #linkPackets = new Float64Array(16);
  #linkBytes = new Float64Array(16);
  /** Flow and sender (0 lo, 1 hi) of the packet taken last, −1 = none. For who adds owners. */
  flow = -1;
  side = 0;

  constructor(model: FlowModel, options: TrackerOptions = {}) {
    this.model = model;
    this.#key = new Int32Array(model.flows.words.buffer);
    model.countsFromPackets = true;
    this.application = new Application(model);
    this.#flowsMax = options.flowsMax ?? FLOWS_MAX;
  }

  /**
   * Takes one packet of interface `iface` (its number in the model): `captured` bytes at `offset`, `original` on the
   * wire, at `atNs` nanoseconds from the session's origin (float64; may step back). `direction` as the file says.
   * Allocates nothing for a packet of a known flow, and never throws, whatever the bytes.
   */
  packet(
    iface: number,
    linkType: number,
    bytes: Uint8Array,
    offset: number,
    captured: number,
    original: number,
    atNs: number,
    direction: number,
  ): void {
    const model = this.model;
    const p = this.dissector.dissect(linkType, bytes, offset, captured, original, atNs);
    model.version = (model.version + 1) >>> 0;
    if (atNs > model.nowNs) model.nowNs = atNs;
    if (iface >= this.#linkPackets.length) this.#moreInterfaces(iface);
    this.#linkPackets[iface] = this.#linkPackets[iface]! + 1;
    this.#linkBytes[iface] = this.#linkBytes[iface]! + p.original;
    this.flow = -1;
    if (p.unparsed !== PARSED) {
      model.countUnparsed(iface, p.unparsed, 1);
      return;
    }
    const side = this.#loadKey(iface, p);
    this.#hash = this.#hashKey();
    const copy = p.laterFragment === 0 && this.#isCopy(iface, linkType, p, bytes, side, direction, atNs);
    let flow = this.#find();
    if (copy && flow >= 0) {
      this.flow = flow;
      this.side = side;
      this.#copy(iface, p, atNs);
      return;
    }
    if (flow >= 0 && p.tcp !== 0 && p.icmpError === 0 && this.#tcp.opensNew(this.#tcpRow.data[flow]!, side, p)) {
      this.#abandon(flow, atNs);
      flow = -1;
    }
    if (flow < 0) {
      flow = this.#begin(p, atNs);
      if (flow < 0) {
        model.interfaces.addTotal(iface, TOTALS_FLOW_LOST, 1);
        return;
      }
    }
    this.flow = flow;
    this.side = side;
    this.#count(flow, side, p.original, p.payloadLength, atNs);
    if (p.laterFragment !== 0 || p.icmpError !== 0) return;
    if (p.protocol === IPPROTO_TCP) {
      if (p.tcp !== 0) this.#segment(flow, side, p, bytes, atNs);
    } else if (p.protocol === IPPROTO_UDP) {
      this.#turn(flow, side, p.payloadLength > 0, atNs);
      if (p.fragment === 0 && p.cut === 0) this.application.datagram(flow, side, p, bytes, atNs);
    } else if (p.protocol === IPPROTO_ICMP || p.protocol === IPPROTO_ICMPV6) this.#icmp(flow, side, p, atNs);
  }

  /** Counts a packet of a flow. Sums in hand hold what passed in order and within one second; all else is told at once. */
  #count(flow: number, side: number, bytes: number, payload: number, atNs: number): void {
    const hot = this.#hot.data;
    const row = flow * HOT;
    if (atNs >= hot[row + HOT_LAST]! && atNs < hot[row + HOT_UNTIL]!) {
      if (hot[row]! + hot[row + HOT_SENDER]! === 0) this.#pend(flow);
      const at = row + side * HOT_SENDER;
      hot[at] = hot[at]! + 1;
      hot[at + 1] = hot[at + 1]! + bytes;
      hot[at + 2] = hot[at + 2]! + payload;
      hot[row + HOT_LAST] = atNs;
      return;
    }
    const { model } = this;
    this.#tell(flow);
    model.addPacket(flow, side, 1, bytes, payload, 1, bytes, atNs);
    hot[row + HOT_LAST] = atNs;
    let until = (Math.floor(atNs / SECOND_NS) + 1) * SECOND_NS;
    const binNs = model.observer === null ? 0 : model.observer.binNs;
    if (binNs > 0) until = Math.min(until, (Math.floor(atNs / binNs) + 1) * binNs);
    hot[row + HOT_UNTIL] = until;
  }

  #pend(flow: number): void {
    if (this.#listed.data[flow] !== 0) return;
    this.#listed.data[flow] = 1;
    if (this.#pendingCount === this.#pending.length) {
      const larger = new Int32Array(this.#pending.length * 2);
      larger.set(this.#pending);
      this.#pending = larger;
    }
    this.#pending[this.#pendingCount++] = flow;
  }

  /** Brings the model up to date with a flow's packets. */
  #tell(flow: number): void {
    const hot = this.#hot.data;
    const row = flow * HOT;
    for (let side = 0; side < 2; side++) {
      const at = row + side * HOT_SENDER;
      const packets = hot[at]!;
      if (packets === 0) continue;
      const bytes = hot[at + 1]!;
      this.model.addPacket(flow, side, packets, bytes, hot[at + 2]!, packets, bytes, hot[row + HOT_LAST]!);
      hot[at] = hot[at + 1] = hot[at + 2] = 0;
    }
  }

  /** Was the packet seen at another place (interface or direction) just before? */
  #isCopy(
    iface: number,
    linkType: number,
    p: Packet,
    bytes: Uint8Array,
    side: number,
    direction: number,
    atNs: number,
  ): boolean {
    const way =
      direction !== 0 ? direction : p.packetType === PACKET_OUTGOING ? OUTBOUND : p.packetType >= 0 ? INBOUND : 0;
    // One interface that tells no direction: there is no other place.
    if (way === 0 && p.linkInterface < 0 && this.model.interfaces.list.length < 2) return false;
    const place = mix(mix(mix(0, iface), p.linkInterface), way);
    return this.#duplicates.seen(mix(this.#hash, linkType * 2 + side), p, bytes, place, atNs);
  }

  #moreInterfaces(iface: number): void {
    let size = this.#linkPackets.length;
    while (size <= iface) size *= 2;
    const packets = new Float64Array(size);
    const bytes = new Float64Array(size);
    packets.set(this.#linkPackets);
    bytes.set(this.#linkBytes);
    this.#linkPackets = packets;
    this.#linkBytes = bytes;
  }

  /** Brings the model up to date: counters of the flows and totals of the interfaces. */
  flush(): void {
    const { model } = this;
    for (let i = 0; i < this.#pendingCount; i++) {
      const flow = this.#pending[i]!;
      this.#listed.data[flow] = 0;
      this.#tell(flow);
    }
    this.#pendingCount = 0;
    for (let iface = 0; iface < this.#linkPackets.length; iface++) {
      const packets = this.#linkPackets[iface]!;
      if (packets === 0) continue;
      const bytes = this.#linkBytes[iface]!;
      model.countLink(iface, packets, bytes, packets, bytes);
      model.interfaces.addTotal(iface, TOTALS_CAPTURED_FRAMES, packets);
      model.interfaces.addTotal(iface, TOTALS_CAPTURED_PACKETS, packets);
      this.#linkPackets[iface] = 0;
      this.#linkBytes[iface] = 0;
    }
  }

  /** Another section of the file begins. */
  section(): void {
    this.#duplicates.forget();
  }

  /**
   * A copy is in no flow's counters and feeds nothing. A capture made at several places has copies throughout: one or
   * two that look like it are no evidence, so the first ones are counted and taken back when the third comes.
   */
  #copy(iface: number, p: Packet, atNs: number): void {
    const { model } = this;
    const suspect = this.duplicates++;
    if (suspect < COPIES_PROVE) {
      const at = suspect * SUSPECT_FIELDS;
      this.#suspects.set([iface, this.flow, this.side, p.original, p.payloadLength, atNs], at);
      model.addPacket(this.flow, this.side, 1, p.original, p.payloadLength, 1, p.original, atNs);
      return;
    }
    if (suspect === COPIES_PROVE) {
      for (let at = 0; at < COPIES_PROVE * SUSPECT_FIELDS; at += SUSPECT_FIELDS) {
        const [on, flow, side, bytes, payload, when] = this.#suspects.subarray(at, at + SUSPECT_FIELDS);
        model.addPacket(flow!, side!, -1, -bytes!, -payload!, -1, -bytes!, when!);
        model.countUnparsed(on!, UNPARSED_DUPLICATE, 1);
      }
    }
    model.countUnparsed(iface, UNPARSED_DUPLICATE, 1);
    model.touch(this.flow, atNs);
  }

  /** The capture is over at its newest time: connections that never got an answer timed out. */
  finish(): void {
    const model = this.model;
    this.flush();
    for (let flow = 0; flow < this.#rows.count; flow++) {
      const row = this.#tcpRow.data[flow]!;
      if (row < 0) continue;
      this.#settleRtt(flow);
      if (this.#tcp.phase(row) !== PHASE_SYN_SENT) continue;
      const last = model.flows.lastNs.data[flow]!;
      if (model.nowNs - last < SYN_TIMEOUT_NS) continue;
      model.setTcpState(flow, TCP_SYN_SENT, TCP_CLOSE, last);
      model.end(flow, 'timeout', last);
    }
  }

  /** Loads the packet's key into the model; returns the sender's side. */
  #loadKey(iface: number, p: Packet): number {
    const words = this.#key;
    const from = p.addressWords;
    let order: number;
    if (p.family === 4) order = compare(from[0]!, from[4]!);
    else {
      order = 0;
      for (let i = 0; i < 4 && order === 0; i++) order = compare(from[i]!, from[4 + i]!);
    }
    if (order === 0) order = p.sourcePort - p.destinationPort;
    const side = order > 0 ? 1 : 0;
    const lo = side === 0 ? 0 : 4;
    words[0] = from[lo]!;
    words[4] = from[4 - lo]!;
    if (p.family === 4) words[1] = words[2] = words[3] = words[5] = words[6] = words[7] = 0;
    else {
      for (let w = 1; w < 4; w++) {
        words[w] = from[lo + w]!;
        words[4 + w] = from[4 - lo + w]!;
      }
    }
    if (side === 0) words[8] = p.sourcePort | (p.destinationPort << 16);
    else words[8] = p.destinationPort | (p.sourcePort << 16);
    words[9] = iface | (p.protocol << 16) | (p.family << 24);
    // Both ends on one address and port (a host that talks to itself from the port it listens on): a SYN-ACK, or a
    // reply of an echo, is what goes the other way.
    if (order === 0 && p.tcp !== 0 && (p.flags & (TCP_SYN | TCP_ACK)) === (TCP_SYN | TCP_ACK)) return 1;
    if (order === 0 && (p.icmpType === 0 || p.icmpType === 129)) return 1;
    return side;
  }

  /** Hash of the loaded key, the interface left out. */
  #hashKey(): number {
    const words = this.#key;
    let hash = mix(mix(mix(words[9]! >>> 16, words[0]!), words[4]!), words[8]!);
    if (words[9]! >>> 24 !== 4) {
      for (let i = 1; i < 4; i++) hash = mix(mix(hash, words[i]!), words[4 + i]!);
    }
    return hash;
  }

  /** The newest flow of the loaded key whose hash is `#hash`; −1 = none. */
  #find(): number {
    const words = this.#key;
    const keys = this.model.flows.key.data;
    const index = this.#index;
    let probe = index.first(this.#hash);
    for (;;) {
      const row = index.at(probe);
      if (row < 0) break;
      const at = row * KEY_WORDS;
      if (
        (keys[at]! | 0) === words[0]! &&
        (keys[at + 8]! | 0) === words[8]! &&
        (keys[at + 4]! | 0) === words[4]! &&
        keys[at + 9]! >>> 16 === words[9]! >>> 16 &&
        this.#sameRest(keys, at)
      ) {
        this.#probe = probe;
        return row;
      }
      probe = index.next(probe);
    }
    this.#probe = probe;
    return -1;
  }

  /** The words that only IPv6 addresses have. */
  #sameRest(keys: Uint32Array, at: number): boolean {
    const words = this.#key;
    if (words[9]! >>> 24 === 4) return true;
    for (let i = 1; i < 4; i++) {
      if ((keys[at + i]! | 0) !== words[i]! || (keys[at + 4 + i]! | 0) !== words[4 + i]!) return false;
    }
    return true;
  }

  /** A flow with the loaded key; `#probe` is where its key stands or belongs. −1 = too many. */
  #begin(p: Packet, atNs: number): number {
    const model = this.model;
    if (model.flows.rows.count >= this.#flowsMax) return -1;
    model.flows.hash();
    const epoch = p.tcp !== 0 && (p.flags & (TCP_SYN | TCP_ACK)) === TCP_SYN ? p.sequence >>> 0 || 1 : 0;
    const flow = model.insert(epoch, atNs);
    if (this.#index.at(this.#probe) >= 0) this.#index.replace(this.#probe, flow);
    else if (this.#index.put(this.#probe, flow)) this.#rebuild();
    const row = this.#rows.append(flow + 1 - this.#rows.count);
    this.#requestAt.data[row] = NaN;
    this.#echoAt.data[row * 2] = NaN;
    this.#echoAt.data[row * 2 + 1] = NaN;
    this.#synRtt.data[row] = -1;
    if (p.protocol === IPPROTO_TCP) {
      this.#tcpRow.data[row] = this.#tcpRows;
      this.#tcp.begin(this.#tcpRows++);
    } else this.#tcpRow.data[row] = -1;
    this.application.begin(flow);
    return flow;
  }

  #rebuild(): void {
    const { key, rows } = this.model.flows;
    this.#index.reset(rows.count);
    // Newest first: of flows with one key only the newest stands in the index.
    const words = this.model.flows.words;
    const kept = words.slice();
    for (let row = rows.count - 1; row >= 0; row--) {
      words.set(key.data.subarray(row * KEY_WORDS, (row + 1) * KEY_WORDS));
      this.#hash = this.#hashKey();
      if (this.#find() < 0) this.#index.insertNew(this.#hash, row);
    }
    words.set(kept);
  }

  /** Another connection took over the addresses. */
  #abandon(flow: number, atNs: number): void {
    const row = this.#tcpRow.data[flow]!;
    this.#tell(flow);
    this.#settleRtt(flow);
    if (this.#tcp.phase(row) === PHASE_SYN_SENT) {
      this.model.setTcpState(flow, TCP_SYN_SENT, TCP_CLOSE, atNs);
      this.model.end(flow, 'timeout', this.model.flows.lastNs.data[flow]!);
    }
  }

  #segment(flow: number, side: number, p: Packet, bytes: Uint8Array, atNs: number): void {
    const model = this.model;
    const row = this.#tcpRow.data[flow]!;
    const before = this.#tcp.phase(row);
    const s = this.#tcp.take(row, side, p, atNs);
    const { marks } = s;
    const client = this.#tcp.client(row);
    countTrouble(model, flow, side, marks);
    if ((marks & (RETRANSMIT | RESET | ZERO_WINDOW)) !== 0) {
      if ((marks & RETRANSMIT) !== 0) model.countRetransmits(flow, side, 1);
      if ((marks & RESET) !== 0) model.countReset(flow, side);
      if ((marks & ZERO_WINDOW) !== 0) model.countZeroWindow(flow, side);
    }
    if (client !== 0 && model.flows.roles.data[flow] !== ROLES_SYN) {
      model.setClient(flow, client === 2 ? 1 : 0, ROLES_SYN);
    }
    if ((marks & ROUND_TRIP) !== 0 && s.rttNs >= 0) this.#roundTrip(flow, s, atNs, before);
    if ((marks & CONNECTED) !== 0) {
      model.sample(flow, METRIC_CONNECT, s.connectNs, atNs);
      if (this.#rttSide.data[flow] === 0 && client !== 0) this.#rttSide.data[flow] = client;
    }
    if ((marks & MOVED) !== 0) this.#state(flow, row, before, s, atNs);
    if (p.payloadLength === 0) return;
    const fresh = (marks & FRESH) !== 0;
    if (fresh || (marks & RETRANSMIT) !== 0) this.#turn(flow, side, fresh, atNs);
    if (
      this.application.looks(flow, side, bytes[p.payloadOffset] ?? 0) &&
      p.fragment === 0 &&
      (marks & (KEEP_ALIVE | RESET)) === 0
    ) {
      const base = this.#tcp.isnKnown(row, side) ? (this.#tcp.isn(row, side) + 1) | 0 : null;
      this.application.segment(flow, side, p, bytes, base, atNs);
    }
  }

  #state(flow: number, row: number, before: number, s: Segment, atNs: number): void {
    const phase = this.#tcp.phase(row);
    this.model.setTcpState(flow, KERNEL_STATES[before]!, KERNEL_STATES[phase]!, atNs);
    if ((s.marks & ENDED) !== 0) this.model.end(flow, s.ended, atNs);
  }

  /**
   * A round trip as seen at the capture point has two halves: to the server and back, and to the client and back. Near
   * one end one of them is next to nothing, and the other is what the user calls RTT. The handshake tells; until then,
   * and where it was not seen, the half on the server's side counts.
   */
  #roundTrip(flow: number, s: Segment, atNs: number, phase: number): void {
    const client = this.#clientSide(flow);
    if (phase < PHASE_ESTABLISHED && s.rttSide === client) {
      if (this.#synRtt.data[flow]! < 0) this.#synRtt.data[flow] = s.rttNs;
      return;
    }
    if (phase < PHASE_ESTABLISHED) {
      // SYN-ACK to the last ACK, while the first half waits.
      const first = this.#synRtt.data[flow]!;
      if (first >= 0 && s.rttNs > first * 4) {
        this.#rttSide.data[flow] = s.rttSide + 1;
        this.#synRtt.data[flow] = -1;
        this.model.sample(flow, METRIC_RTT, s.rttNs, atNs);
      } else this.#settleRtt(flow);
      return;
    }
    this.#settleRtt(flow);
    const wanted = this.#rttSide.data[flow]! !== 0 ? this.#rttSide.data[flow]! - 1 : client;
    if (s.rttSide === wanted) this.model.sample(flow, METRIC_RTT, s.rttNs, atNs);
  }

  /** Counts the SYN's round trip once it is clear that it is the flow's. */
  #settleRtt(flow: number): void {
    const first = this.#synRtt.data[flow]!;
    if (first < 0) return;
    this.#synRtt.data[flow] = -1;
    this.model.sample(flow, METRIC_RTT, first, this.model.flows.firstNs.data[flow]! + first);
  }

  #clientSide(flow: number): number {
    const flows = this.model.flows;
    return flows.roles.data[flow] === ROLES_SYN ? flows.client.data[flow]! - 1 : this.#guessClient(flow);
  }

  /** As roles.ts decides without a SYN: the other end of the lower well-known port, else who came first. */
  #guessClient(flow: number): number {
    const flows = this.model.flows;
    const lo = flows.portOf(flow, 0);
    const hi = flows.portOf(flow, 1);
    const least = Math.min(lo, hi);
    if (lo !== hi && least > 0 && least < 1024) return lo < hi ? 1 : 0;
    return (flows.flags.data[flow]! & 256) !== 0 ? 1 : 0;
  }

  /**
   * Response: from the last request segment before the direction turns to the first payload of the answer. A repeated
   * answer answers nothing; a repeated request counts while no answer came (`fresh` false: nothing new in it).
   */
  #turn(flow: number, side: number, fresh: boolean, atNs: number): void {
    const client = this.#clientSide(flow);
    const asked = this.#requestAt.data[flow]!;
    if (side === client) {
      if (fresh || !Number.isNaN(asked)) this.#requestAt.data[flow] = atNs;
      return;
    }
    if (!fresh || Number.isNaN(asked)) return;
    this.#requestAt.data[flow] = NaN;
    if (atNs >= asked) this.model.sample(flow, METRIC_RESPONSE, atNs - asked, atNs, side);
  }

  #icmp(flow: number, side: number, p: Packet, atNs: number): void {
    const request = p.icmpType === 8 || p.icmpType === 128;
    if (request) {
      // Karn's rule here too: of a number that is sent again while it waits, no answer can be assigned.
      const again = this.#echo.data[flow * 2 + side] === p.echoSequence && atNs > this.#echoAt.data[flow * 2 + side]!;
      if (again) {
        this.#echoAt.data[flow * 2 + side] = NaN;
        return;
      }
      this.#echo.data[flow * 2 + side] = p.echoSequence;
      this.#echoAt.data[flow * 2 + side] = atNs;
      return;
    }
    if (p.icmpType !== 0 && p.icmpType !== 129) return;
    const asker = flow * 2 + 1 - side;
    const sent = this.#echoAt.data[asker]!;
    if (this.#echo.data[asker] !== p.echoSequence || !(atNs >= sent)) return;
    this.#echoAt.data[asker] = NaN;
    this.model.sample(flow, METRIC_RTT, atNs - sent, atNs);
  }
}

/** Which of two words in network order is greater. */
function compare(a: number, b: number): number {
  if (a === b) return 0;
  // The lowest byte comes first on the wire: the lowest bit in which they differ lies in the first byte that differs.
  const shift = (31 - Math.clz32((a ^ b) & -(a ^ b))) & 24;
  return ((a >>> shift) & 255) - ((b >>> shift) & 255);
}

/** TCP_* of the kernel by phase. */
const KERNEL_STATES: Readonly<Record<number, number>> = {
  0: 0,
  [PHASE_SYN_SENT]: TCP_SYN_SENT,
  [PHASE_SYN_RECEIVED]: TCP_SYN_RECV,
  [PHASE_ESTABLISHED]: TCP_ESTABLISHED,
  [PHASE_CLOSING]: TCP_FIN_WAIT1,
  [PHASE_CLOSED]: TCP_CLOSE,
};
