/**
 * EVENTS frames into the model. An event may come before the first FLOWS record of its flow, or before anything was
 * heard of its socket: the flow or socket is then begun by the event. A drop without a flow (its packet was counted
 * nowhere yet, or never reached a hook) waits in a bounded list.
 */
import {
  EVENT,
  EVENT_CONNECT,
  EVENT_DROP,
  EVENT_DUPLICATE_ACK,
  EVENT_HANDSHAKE_ACK,
  EVENT_HI_TO_LO,
  EVENT_ICMP_ERROR,
  EVENT_KEYED,
  EVENT_OUT_OF_ORDER,
  EVENT_PACKET_RTT,
  EVENT_READ_DELAY,
  EVENT_RESPONSE,
  EVENT_RETRANSMIT,
  EVENT_SOCKET_ERROR,
  EVENT_SOCKET_RTT,
  EVENT_SYNACK_RETRANSMIT,
  EVENT_TCP_FLAGS,
  EVENT_TIMEOUT,
  FLOW_FIN_HI,
  FLOW_FIN_LO,
  FLOW_SYN_HI,
  FLOW_SYN_LO,
  FLOW_SYNACK_HI,
  FLOW_SYNACK_LO,
  IFACE_NONE,
  KEY,
} from '../abi/generated.ts';
import { Table } from './columns.ts';
import { KEY_WORDS, NONE } from './flows.ts';
import { FLAG_COUNTED, FLAG_ESTABLISHED, type FlowModel } from './model.ts';
import { METRIC_CONNECT, METRIC_RESPONSE, METRIC_RTT, PROTOCOL_ICMP, PROTOCOL_ICMPV6, PROTOCOL_TCP } from './names.ts';
import { SOCKET_REFUSED, SOCKET_RETRANS_KNOWN, SOCKET_TIMED_OUT, SOCKET_UNREACHABLE } from './sockets.ts';
import type { SnapshotReader, SnapshotWriter } from './snapshot.ts';

const TWO_32 = 4294967296;
const WORDS = EVENT.size / 4;
const TAIL = KEY.iface / 4;
/** Drops that wait for their flow; beyond it the oldest are given up. */
const WAITING_MAX = 4096;

const FIN = 1;
const SYN = 2;
const RST = 4;
const ACK = 16;

const ETIMEDOUT = 110;
const ECONNREFUSED = 111;
const EHOSTUNREACH = 113;
const ENETUNREACH = 101;

export class Events {
  /** Events of kinds we do not know, counted. */
  unknown = 0;
  /** A flow was begun by an event since this was last set to false. */
  madeFlows = false;
  readonly #model: FlowModel;
  readonly #waiting = new Table();
  readonly #key = this.#waiting.uint32(KEY_WORDS);
  readonly #epoch = this.#waiting.uint32();
  readonly #reason = this.#waiting.uint32();
  readonly #packets = this.#waiting.uint32();
  readonly #atNs = this.#waiting.float64();

  constructor(model: FlowModel) {
    this.#model = model;
  }

  /** `count` events from word `at` on. */
  apply(words: Uint32Array, at: number, count: number): void {
    for (let i = 0; i < count; i++, at += WORDS) this.#event(words, at);
  }

  /** Gives waiting drops to flows that were begun since. */
  retry(): void {
    const waiting = this.#waiting.count;
    if (waiting === 0) return;
    const { flows } = this.#model;
    let kept = 0;
    for (let row = 0; row < waiting; row++) {
      flows.loadWords(this.#key.data, row * KEY_WORDS);
      const flow = this.#anyInterface(this.#epoch.data[row]!, this.#atNs.data[row]!);
      if (flow >= 0) this.#model.addDrop(flow, this.#reason.data[row]!, this.#packets.data[row]!);
      else this.#keep(row, kept++);
    }
    this.#waiting.count = kept;
  }

  /** Lets `change` replace the keys of waiting drops in place (KEY_WORDS words each). */
  edit(change: (words: Uint32Array, count: number) => void): void {
    change(this.#key.data, this.#waiting.count);
  }

  save(out: SnapshotWriter): void {
    out.uint32(this.unknown);
    this.#waiting.save(out);
  }

  load(input: SnapshotReader): void {
    this.unknown = input.uint32();
    this.#waiting.load(input);
  }

  #event(words: Uint32Array, at: number): void {
    const model = this.#model;
    const head = words[at]!;
    const flags = head >>> 16;
    const direction = (flags & EVENT_HI_TO_LO) !== 0 ? 1 : 0;
    const a = words[at + 1]!;
    const atNs = model.clock.relative(words[at + 2]!, words[at + 3]!);
    if (atNs > model.nowNs) model.nowNs = atNs;
    const value = words[at + 6]! + words[at + 7]! * TWO_32;
    switch (head & 0xffff) {
      case EVENT_TCP_FLAGS:
        this.#tcpFlags(this.#flow(words, at, flags, atNs), a, direction, atNs);
        return;
      case EVENT_HANDSHAKE_ACK: {
        const flow = this.#flow(words, at, flags, atNs);
        if (flow < 0) return;
        const { ackNs, flags: flowFlags, synNs } = model.flows;
        flowFlags.data[flow] = flowFlags.data[flow]! | FLAG_ESTABLISHED;
        if (!Number.isNaN(ackNs.data[flow]!)) return;
        ackNs.data[flow] = atNs;
        const connectNs = atNs - synNs.data[flow]!;
        if (!Number.isNaN(connectNs)) this.#ring(flow, METRIC_CONNECT, connectNs, atNs);
        return;
      }
      case EVENT_RESPONSE: {
        const flow = this.#flow(words, at, flags, atNs);
        if (flow >= 0) model.sample(flow, METRIC_RESPONSE, value, atNs, direction);
        return;
      }
      case EVENT_READ_DELAY: {
        const flow = this.#flow(words, at, flags, atNs);
        if (flow < 0) return;
        model.localTimes.add(flow, direction, value, a + words[at + 8]! * TWO_32);
        model.observer?.read(flow, value, atNs, direction);
        model.touch(flow, atNs);
        return;
      }
      case EVENT_PACKET_RTT: {
        const flow = this.#flow(words, at, flags, atNs);
        if (flow >= 0 && ((a & 1) !== 0 || this.#isForwarded(flow))) model.sample(flow, METRIC_RTT, value, atNs);
        return;
      }
      case EVENT_SOCKET_RTT: {
        const socket = this.#socket(words, at, atNs);
        if (socket >= 0) this.#socketRtt(socket, value, atNs);
        return;
      }
      case EVENT_RETRANSMIT:
      case EVENT_SYNACK_RETRANSMIT: {
        if ((flags & EVENT_TIMEOUT) !== 0) {
          const timed = this.#flow(words, at, flags, atNs);
          if (timed >= 0) model.tcpTrouble.addTimeout(timed, direction);
        }
        const socket = this.#socket(words, at, atNs);
        if (socket >= 0) {
          const { sockets } = model;
          if (a > sockets.retrans.data[socket]!) {
            const again = a - sockets.retrans.data[socket]!;
            sockets.retrans.data[socket] = a;
            model.observer?.trouble(sockets.flow.data[socket]!, 'retransmit', atNs, again, null, -1);
          }
          sockets.flags.data[socket] = sockets.flags.data[socket]! | SOCKET_RETRANS_KNOWN;
        } else if ((flags & EVENT_KEYED) !== 0) {
          const flow = this.#flow(words, at, flags, atNs);
          const at2 = flow * 2 + direction;
          if (flow >= 0) model.flows.retransmits.data[at2] = Math.max(model.flows.retransmits.data[at2]!, a);
        }
        return;
      }
      case EVENT_DUPLICATE_ACK:
      case EVENT_OUT_OF_ORDER: {
        const flow = this.#flow(words, at, flags, atNs);
        if (flow < 0) return;
        if ((head & 0xffff) === EVENT_OUT_OF_ORDER) model.tcpTrouble.setOutOfOrder(flow, direction, a);
        else model.tcpTrouble.addDuplicateAck(flow, direction);
        model.touch(flow, atNs);
        return;
      }
      case EVENT_CONNECT: {
        const socket = this.#socket(words, at, atNs);
        if (socket >= 0) model.sockets.connectNs.data[socket] = value;
        const flow = this.#flow(words, at, flags, atNs);
        if (flow >= 0) this.#ring(flow, METRIC_CONNECT, value, atNs);
        return;
      }
      case EVENT_SOCKET_ERROR: {
        const socket = this.#socket(words, at, atNs);
        if (socket >= 0) this.#socketError(socket, a, atNs);
        return;
      }
      case EVENT_DROP:
        this.#drop(words, at, flags, a, words[at + 8]!, atNs);
        return;
      case EVENT_ICMP_ERROR: {
        const flow = this.#flow(words, at, flags, atNs);
        if (flow >= 0) model.touch(flow, atNs);
        return;
      }
      default:
        // Resets are counted from their segments; the rest says nothing that the model keeps.
        if ((head & 0xffff) > EVENT_OUT_OF_ORDER || (head & 0xffff) === 0) this.unknown++;
    }
  }

  #tcpFlags(flow: number, tcp: number, direction: number, atNs: number): void {
    if (flow < 0) return;
    const model = this.#model;
    const { flows } = model;
    let flags = flows.flags.data[flow]!;
    if ((tcp & RST) !== 0) {
      model.countReset(flow, direction);
      flags = flows.flags.data[flow]!;
      if (Number.isNaN(flows.endedNs.data[flow]!)) flows.endedNs.data[flow] = atNs;
    } else if ((tcp & SYN) !== 0) {
      if ((tcp & ACK) !== 0) flags |= direction === 0 ? FLOW_SYNACK_LO : FLOW_SYNACK_HI;
      else {
        flags |= direction === 0 ? FLOW_SYN_LO : FLOW_SYN_HI;
        // The first SYN, when it is sent again; events of several CPUs may come out of order.
        if (!(flows.synNs.data[flow]! <= atNs)) flows.synNs.data[flow] = atNs;
      }
    } else if ((tcp & FIN) !== 0) {
      const both = FLOW_FIN_LO | FLOW_FIN_HI;
      const before = flags & both;
      flags |= direction === 0 ? FLOW_FIN_LO : FLOW_FIN_HI;
      if (before !== both && (flags & both) === both) flows.endedNs.data[flow] = atNs;
    }
    flows.flags.data[flow] = flags;
    model.touch(flow, atNs);
  }

  #socketRtt(socket: number, valueNs: number, atNs: number): void {
    const model = this.#model;
    const { sockets } = model;
    if (sockets.rtt.data[socket] === NONE) sockets.rtt.data[socket] = model.histograms.create();
    model.histograms.add(sockets.rtt.data[socket]!, valueNs);
    if (sockets.samples.data[socket] === NONE) sockets.samples.data[socket] = model.samples.create();
    model.samples.add(sockets.samples.data[socket]!, METRIC_RTT, valueNs, atNs);
    model.observer?.socketRtt(socket, valueNs, atNs);
    const flow = sockets.flow.data[socket]!;
    if (flow >= 0) model.flows.changed.data[flow] = model.version;
  }

  #socketError(socket: number, errno: number, atNs: number): void {
    const { sockets, observer } = this.#model;
    const flags = sockets.flags.data;
    if (errno === ETIMEDOUT) {
      flags[socket] = flags[socket]! | SOCKET_TIMED_OUT;
      observer?.trouble(sockets.flow.data[socket]!, 'timeout', atNs, 1, null, -1);
    }
    if (errno === ECONNREFUSED) flags[socket] = flags[socket]! | SOCKET_REFUSED;
    else if (errno === EHOSTUNREACH || errno === ENETUNREACH) flags[socket] = flags[socket]! | SOCKET_UNREACHABLE;
  }

  #drop(words: Uint32Array, at: number, flags: number, reason: number, packets: number, atNs: number): void {
    const model = this.#model;
    let flow = NONE;
    const epoch = words[at + 9]!;
    if ((flags & EVENT_KEYED) !== 0) {
      model.flows.loadWords(words, at + EVENT.key / 4);
      flow = this.#anyInterface(epoch, atNs);
    }
    if (flow < 0) {
      const socket = model.sockets.find(words[at + 4]!, words[at + 5]!);
      if (socket >= 0 && (words[at + 4]! | words[at + 5]!) !== 0) flow = model.sockets.flow.data[socket]!;
    }
    if (flow >= 0) model.addDrop(flow, reason, packets);
    else if ((flags & EVENT_KEYED) !== 0) this.#wait(words, at, epoch, reason, packets, atNs);
  }

  #wait(words: Uint32Array, at: number, epoch: number, reason: number, packets: number, atNs: number): void {
    if (this.#waiting.count >= WAITING_MAX) {
      const half = WAITING_MAX / 2;
      for (let row = half; row < WAITING_MAX; row++) this.#keep(row, row - half);
      this.#waiting.count = half;
    }
    const row = this.#waiting.append();
    for (let i = 0; i < KEY_WORDS; i++) this.#key.data[row * KEY_WORDS + i] = words[at + EVENT.key / 4 + i]!;
    this.#epoch.data[row] = epoch;
    this.#reason.data[row] = reason;
    this.#packets.data[row] = packets;
    this.#atNs.data[row] = atNs;
  }

  #keep(from: number, to: number): void {
    if (from === to) return;
    for (const { data, stride } of this.#waiting.columns) {
      for (let i = 0; i < stride; i++) data[to * stride + i] = data[from * stride + i]!;
    }
  }

  /** The socket of the event's cookie, begun when it is new; -1 without a cookie. */
  #socket(words: Uint32Array, at: number, atNs: number): number {
    const low = words[at + 4]!;
    const high = words[at + 5]!;
    return (low | high) === 0 ? NONE : this.#model.sockets.ensure(low, high, atNs);
  }

  /** The flow of a key of an interface, at word `at`; begun when it is new. */
  flowOf(words: Uint32Array, at: number, epoch: number, atNs: number): number {
    this.#model.flows.loadWords(words, at);
    return this.#keyed(epoch, atNs);
  }

  /** The flow of the event, begun when packets of an interface told of it; -1 when it cannot be found. */
  #flow(words: Uint32Array, at: number, flags: number, atNs: number): number {
    const model = this.#model;
    const { flows } = model;
    if ((flags & EVENT_KEYED) === 0) {
      const socket = model.sockets.find(words[at + 4]!, words[at + 5]!);
      return socket < 0 ? NONE : model.sockets.flow.data[socket]!;
    }
    const epoch = words[at + 9]!;
    flows.loadWords(words, at + EVENT.key / 4);
    return (flows.words[TAIL]! & 0xffff) === IFACE_NONE ? this.#anyInterface(epoch, atNs) : this.#keyed(epoch, atNs);
  }

  /** The flow of the loaded key. */
  #keyed(epoch: number, atNs: number): number {
    const model = this.#model;
    const { flows } = model;
    const found = flows.lookup(epoch, atNs);
    if (found >= 0) return found;
    const newest = flows.newest();
    if (newest >= 0) {
      const unnamed = flows.epoch.data[newest] === 0;
      const tcp = flows.protocolOf(newest) === PROTOCOL_TCP;
      if (tcp ? unnamed && flows.firstNs.data[newest]! >= atNs : true) {
        if (unnamed) flows.epoch.data[newest] = epoch;
        return newest;
      }
    }
    this.madeFlows = true;
    return model.insert(epoch, atNs);
  }

  /**
   * The flow of the loaded key; where the key has no interface, on the first interface that has it, among those of the
   * event's network namespace: the same addresses may be in use in another one. `epoch` as in struct fg_event.
   */
  #anyInterface(epoch: number, atNs: number): number {
    const { flows, interfaces } = this.#model;
    const tail = flows.words[TAIL]!;
    if ((tail & 0xffff) !== IFACE_NONE) {
      const flow = flows.lookup(epoch, atNs);
      return flow >= 0 ? flow : flows.lookup(0, atNs);
    }
    for (const { iface, netns } of interfaces.list) {
      // Sessions from before events told it had one namespace.
      if (epoch !== 0 && netns !== null && netns !== epoch) continue;
      flows.words[TAIL] = ((tail & 0xffff0000) | iface) >>> 0;
      flows.hash();
      const flow = flows.lookup(0, atNs);
      if (flow >= 0) return flow;
    }
    return NONE;
  }

  /** A flow of this machine's own answers a probe that came in by itself; only between others is that a round trip. */
  #isForwarded(flow: number): boolean {
    const { flows } = this.#model;
    const protocol = flows.protocolOf(flow);
    if (protocol === PROTOCOL_ICMP || protocol === PROTOCOL_ICMPV6) return false;
    if ((flows.flags.data[flow]! & FLAG_COUNTED) === 0) return false;
    return flows.socket.data[flow * 2]! < 0 && flows.socket.data[flow * 2 + 1]! < 0;
  }

  #ring(flow: number, metric: number, valueNs: number, atNs: number): void {
    const model = this.#model;
    const rings = model.flows.samples.data;
    if (rings[flow] === NONE) rings[flow] = model.samples.create();
    model.samples.add(rings[flow]!, metric, valueNs, atNs);
    model.touch(flow, atNs);
  }
}
