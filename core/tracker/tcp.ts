import { Table } from '../flow/columns.ts';
import { TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN, type Packet } from '../dissect/packet.ts';
import { Holes, Probes } from './sequence-space.ts';
import { after, atOrAfter, distance } from './serial.ts';

export const PHASE_NEW = 0;
export const PHASE_SYN_SENT = 1;
export const PHASE_SYN_RECEIVED = 2;
export const PHASE_ESTABLISHED = 3;
export const PHASE_CLOSING = 4;
export const PHASE_CLOSED = 5;

const SYN_SEEN = 1;
const SYNACK_SEEN = 2;
/** `isn` is known: from a SYN, from what the other side acknowledged, or (guessed) one below the first byte seen. */
const ISN_KNOWN = 4;
const NEXT_KNOWN = 8;
const ACK_KNOWN = 16;
const SYN_ACKED = 32;
const SYN_REPEATED = 64;
const FIN_SEEN = 128;
const FIN_ACKED = 256;
/** The newest segment was a keep-alive or a zero-window probe: what answers it is no duplicate ACK. */
const PROBING = 512;
const ISN_GUESSED = 1024;

/** A later segment within this of the newest one is out of order, not repeated, while no round trip is known. */
const REORDER_NS = 3e6;
/** A segment that duplicate ACKs asked for comes within this (tshark's rule). */
const FAST_RETRANSMIT_NS = 20e6;

/** What one segment meant; reused for every segment. Times in ns, −1 = no sample. */
export class Segment {
  retransmit = false;
  /** Within `retransmit`: asked for by at least two duplicate ACKs. */
  fast = false;
  outOfOrder = false;
  duplicateAck = false;
  keepAlive = false;
  zeroWindowProbe = false;
  zeroWindow = false;
  reset = false;
  /** Carried payload that had not been seen before. */
  fresh = false;
  /** Round trip of a probe sent by `rttSide` (0 lo, 1 hi), seen at the capture point. */
  rttNs = -1;
  rttSide = 0;
  /** From the first SYN to the acknowledgement that completed the handshake. */
  connectNs = -1;
  /** The phase changed with this segment. */
  moved = false;
  /** The segment ended the connection: by both FINs, a reset, or a refusal. */
  ended: 'no' | 'fin' | 'reset' | 'refused' = 'no';

  clear(): void {
    this.retransmit = false;
    this.fast = false;
    this.outOfOrder = false;
    this.duplicateAck = false;
    this.keepAlive = false;
    this.zeroWindowProbe = false;
    this.zeroWindow = false;
    this.reset = false;
    this.fresh = false;
    this.rttNs = -1;
    this.connectNs = -1;
    this.moved = false;
    this.ended = 'no';
  }
}

/**
 * Follows TCP connections from the segments that pass (RFC 9293), one row per flow in columns, about 270 bytes each.
 * Sides: 0 = lo, 1 = hi. The capture may begin in the middle, miss segments or hold them out of order.
 */
export class TcpTracker {
  readonly segment = new Segment();
  readonly #rows = new Table();
  readonly #phase = this.#rows.uint8();
  /** Client's side + 1 as the SYNs tell; 0 = not told. */
  readonly #client = this.#rows.uint8();
  readonly #flags = this.#rows.uint16(2);
  readonly #isn = this.#rows.int32(2);
  /** Past the highest sequence number seen. */
  readonly #next = this.#rows.int32(2);
  readonly #nextAt = this.#rows.float64(2);
  readonly #ack = this.#rows.int32(2);
  readonly #window = this.#rows.int32(2);
  readonly #duplicateAcks = this.#rows.uint16(2);
  readonly #duplicateAt = this.#rows.float64(2);
  /** Past the FIN. */
  readonly #fin = this.#rows.int32(2);
  readonly #synAt = this.#rows.float64(2);
  readonly #synTsval = this.#rows.int32(2);
  /** First round trip of the handshake, ns; 0 = not known. */
  readonly #handshake = this.#rows.float64();
  readonly #holes = new Holes(this.#rows);
  readonly #probes = new Probes(this.#rows);

  /** Makes room for `flow`. */
  begin(flow: number): void {
    if (flow >= this.#rows.count) this.#rows.append(flow + 1 - this.#rows.count);
  }

  phase(flow: number): number {
    return this.#phase.data[flow]!;
  }

  /** Client's side + 1; 0 = no SYN told. */
  client(flow: number): number {
    return this.#client.data[flow]!;
  }

  /** When side's newest SYN passed; NaN without one. */
  synAt(flow: number, side: number): number {
    const i = flow * 2 + side;
    return (this.#flags.data[i]! & (SYN_SEEN | SYNACK_SEEN)) !== 0 ? this.#synAt.data[i]! : NaN;
  }

  isn(flow: number, side: number): number {
    return this.#isn.data[flow * 2 + side]!;
  }

  isnKnown(flow: number, side: number): boolean {
    return (this.#flags.data[flow * 2 + side]! & (ISN_KNOWN | ISN_GUESSED)) === ISN_KNOWN;
  }

  bytesPerFlow(): number {
    return this.#rows.bytes / Math.max(1, this.#rows.count);
  }

  /**
   * Does this SYN open another connection on the flow's addresses? One with the known initial sequence number is a
   * repeat (or the first one arriving late), any other begins a new one; of a SYN-ACK only once the old one closed.
   */
  opensNew(flow: number, side: number, p: Packet): boolean {
    if ((p.flags & TCP_SYN) === 0 || (p.flags & TCP_RST) !== 0) return false;
    const i = flow * 2 + side;
    const flags = this.#flags.data[i]!;
    if ((flags & ISN_KNOWN) === 0) {
      // A first SYN of the answering side: simultaneous open while the other waits, else another connection.
      return this.#phase.data[flow]! >= PHASE_ESTABLISHED;
    }
    if (distance(p.sequence, this.#isn.data[i]!) === 0) return false;
    if ((p.flags & TCP_ACK) !== 0) return this.#phase.data[flow]! === PHASE_CLOSED;
    return true;
  }

  /** Takes one segment of `side`. */
  take(flow: number, side: number, p: Packet, atNs: number): Segment {
    const out = this.segment;
    out.clear();
    const flags = p.flags;
    if ((flags & TCP_RST) !== 0) {
      this.#reset(flow, side, p);
      return out;
    }
    if ((flags & TCP_SYN) !== 0) this.#syn(flow, side, p, atNs);
    else if (p.payloadLength > 0 || (flags & TCP_FIN) !== 0) this.#data(flow, side, p, atNs);
    else this.#bare(flow, side, p);
    if (p.window === 0 && (flags & (TCP_SYN | TCP_FIN)) === 0) out.zeroWindow = true;
    if ((flags & TCP_ACK) !== 0) this.#acknowledgement(flow, side, p, atNs);
    const i = flow * 2 + side;
    if (p.window >= 0) this.#window.data[i] = p.window;
    if (out.keepAlive || out.zeroWindowProbe) this.#flags.data[i]! |= PROBING;
    else this.#flags.data[i]! &= ~PROBING;
    this.#advance(flow, side, p, atNs);
    return out;
  }

  #reset(flow: number, side: number, p: Packet): void {
    const out = this.segment;
    out.reset = true;
    const phase = this.#phase.data[flow]!;
    if (phase === PHASE_CLOSED) return;
    const other = flow * 2 + (1 - side);
    if (phase === PHASE_SYN_SENT && this.#client.data[flow]! === 2 - side) {
      // RFC 9293 §3.5.2: in SYN-SENT a reset counts only if it acknowledges the SYN (or what came with it).
      if ((p.flags & TCP_ACK) !== 0 && !after(p.acknowledgement, this.#isn.data[other]!)) return;
      out.ended = 'refused';
    } else out.ended = 'reset';
    this.#move(flow, PHASE_CLOSED);
  }

  #move(flow: number, phase: number): void {
    if (this.#phase.data[flow] === phase) return;
    this.#phase.data[flow] = phase;
    this.segment.moved = true;
  }

  #syn(flow: number, side: number, p: Packet, atNs: number): void {
    const out = this.segment;
    const i = flow * 2 + side;
    const flags = this.#flags.data[i]!;
    const answer = (p.flags & TCP_ACK) !== 0;
    const seen = answer ? SYNACK_SEEN : SYN_SEEN;
    if ((flags & seen) !== 0) {
      // Who went on to send data does not repeat its SYN: a late copy, overtaken on the way.
      const overtaken = after(this.#next.data[i]!, (p.sequence + 1 + p.payloadLength) | 0);
      if (overtaken && this.#soon(flow, i, atNs)) {
        out.outOfOrder = true;
        return;
      }
      out.retransmit = true;
      this.#flags.data[i]! |= SYN_REPEATED;
      // Which SYN is answered can be told only when their timestamps differ; the round trip then counts from this one.
      this.#probes.repeated(i, (p.sequence + 1) | 0, atNs, p.hasTimestamps, p.tsval);
      return;
    }
    this.#flags.data[i]! |= seen | ISN_KNOWN;
    this.#flags.data[i]! &= ~ISN_GUESSED;
    if ((flags & (SYN_SEEN | SYNACK_SEEN)) === 0) {
      this.#synAt.data[i] = atNs;
      this.#synTsval.data[i] = p.hasTimestamps !== 0 ? p.tsval : 0;
      this.#isn.data[i] = p.sequence;
      const end = (p.sequence + 1 + p.payloadLength) | 0;
      if ((flags & NEXT_KNOWN) === 0) {
        this.#next.data[i] = end;
        this.#nextAt.data[i] = atNs;
        this.#flags.data[i]! |= NEXT_KNOWN;
        // The SYN alone is the probe: of data carried along (RFC 7413) only some may be acknowledged with it.
        this.#probes.sent(i, (p.sequence + 1) | 0, atNs, p.hasTimestamps, p.tsval, false);
        if (p.payloadLength > 0) out.fresh = true;
      }
    }
    if (this.#client.data[flow] === 0) this.#client.data[flow] = answer ? 2 - side : side + 1;
    const phase = this.#phase.data[flow]!;
    if (phase >= PHASE_SYN_RECEIVED) return;
    const otherSyn = (this.#flags.data[i ^ 1]! & SYN_SEEN) !== 0;
    this.#move(flow, answer || otherSyn ? PHASE_SYN_RECEIVED : PHASE_SYN_SENT);
  }

  /** A segment without payload, SYN or FIN: an ACK, or a keep-alive without its byte. */
  #bare(flow: number, side: number, p: Packet): void {
    const i = flow * 2 + side;
    const flags = this.#flags.data[i]!;
    if ((flags & NEXT_KNOWN) === 0) {
      this.#next.data[i] = p.sequence;
      this.#isn.data[i] = (p.sequence - 1) | 0;
      this.#flags.data[i]! |= NEXT_KNOWN | ISN_KNOWN | ISN_GUESSED;
      return;
    }
    if (distance(p.sequence, this.#next.data[i]!) === -1) this.segment.keepAlive = true;
  }

  #data(flow: number, side: number, p: Packet, atNs: number): void {
    const out = this.segment;
    const i = flow * 2 + side;
    const length = p.payloadLength;
    const fin = (p.flags & TCP_FIN) !== 0;
    const end = (p.sequence + length + (fin ? 1 : 0)) | 0;
    const flags = this.#flags.data[i]!;
    if ((flags & NEXT_KNOWN) === 0) {
      this.#flags.data[i]! |= NEXT_KNOWN | ISN_KNOWN | ISN_GUESSED;
      this.#isn.data[i] = (p.sequence - 1) | 0;
      this.#next.data[i] = p.sequence;
    }
    const next = this.#next.data[i]!;
    const ahead = distance(p.sequence, next);
    if (!fin && length === 1 && ahead === -1 && this.#allAcknowledged(i, next)) {
      out.keepAlive = true;
      return;
    }
    if (
      !fin &&
      length === 1 &&
      ahead === 0 &&
      this.#window.data[i ^ 1] === 0 &&
      (this.#flags.data[i ^ 1]! & ACK_KNOWN) !== 0
    ) {
      out.zeroWindowProbe = true;
      return;
    }
    if (fin && (flags & FIN_SEEN) === 0) {
      this.#fin.data[i] = end;
      this.#flags.data[i]! |= FIN_SEEN;
    }
    if (ahead >= 0) {
      if (ahead > 0) this.#holes.add(i, next, p.sequence);
      this.#next.data[i] = end;
      this.#nextAt.data[i] = atNs;
      out.fresh = length > 0;
      this.#probes.sent(i, end, atNs, p.hasTimestamps, p.tsval, false);
      return;
    }
    this.#old(flow, i, p, end, atNs);
  }

  /** Payload or FIN below the highest sequence number: repeated, or overtaken by what came after it. */
  #old(flow: number, i: number, p: Packet, end: number, atNs: number): void {
    const out = this.segment;
    const other = i ^ 1;
    const unseen = this.#holes.fill(i, p.sequence, end);
    const past = distance(end, this.#next.data[i]!);
    const asked =
      this.#duplicateAcks.data[other]! >= 2 &&
      distance(this.#ack.data[other]!, p.sequence) === 0 &&
      Math.abs(atNs - this.#duplicateAt.data[other]!) < FAST_RETRANSMIT_NS;
    out.fresh = p.payloadLength > 0 && (unseen || past > 0);
    if (unseen && !asked && this.#soon(flow, i, atNs)) out.outOfOrder = true;
    else {
      out.retransmit = true;
      out.fast = asked;
      this.#probes.repeated(i, end, atNs, p.hasTimestamps, p.tsval);
    }
    if (past > 0) {
      this.#next.data[i] = end;
      this.#nextAt.data[i] = atNs;
    }
  }

  /** So near to the newest segment that what comes below it was overtaken rather than sent again. */
  #soon(flow: number, i: number, atNs: number): boolean {
    return Math.abs(atNs - this.#nextAt.data[i]!) < (this.#handshake.data[flow]! || REORDER_NS);
  }

  #allAcknowledged(i: number, next: number): boolean {
    return (this.#flags.data[i ^ 1]! & ACK_KNOWN) === 0 || atOrAfter(this.#ack.data[i ^ 1]!, next);
  }

  /** `side` acknowledges what the other sent. */
  #acknowledgement(flow: number, side: number, p: Packet, atNs: number): void {
    const out = this.segment;
    const i = flow * 2 + side;
    const other = i ^ 1;
    const ack = p.acknowledgement;
    const flags = this.#flags.data[i]!;
    const peer = this.#flags.data[other]!;
    if ((flags & ACK_KNOWN) === 0 || after(ack, this.#ack.data[i]!)) {
      this.#ack.data[i] = ack;
      this.#flags.data[i]! |= ACK_KNOWN;
      this.#duplicateAcks.data[i] = 0;
    } else if (
      distance(ack, this.#ack.data[i]!) === 0 &&
      p.payloadLength === 0 &&
      (p.flags & (TCP_SYN | TCP_FIN)) === 0 &&
      !out.keepAlive &&
      (peer & PROBING) === 0 &&
      p.window > 0 &&
      p.window === this.#window.data[i] &&
      distance(p.sequence, this.#next.data[i]!) === 0 &&
      (peer & NEXT_KNOWN) !== 0 &&
      after(this.#next.data[other]!, ack)
    ) {
      out.duplicateAck = true;
      this.#duplicateAt.data[i] = atNs;
      if (this.#duplicateAcks.data[i]! < 65535) this.#duplicateAcks.data[i]!++;
    }
    const rtt = this.#probes.acknowledged(other, ack, atNs, p.hasTimestamps, p.tsecr);
    if (rtt >= 0) {
      out.rttNs = rtt;
      out.rttSide = 1 - side;
    }
    if ((peer & NEXT_KNOWN) === 0) {
      // Only this side was seen so far: the other stands where it is told to.
      this.#next.data[other] = ack;
      this.#isn.data[other] = (ack - 1) | 0;
      this.#flags.data[other]! |= NEXT_KNOWN | ISN_KNOWN;
      if ((p.flags & TCP_SYN) === 0) this.#flags.data[other]! |= ISN_GUESSED;
    } else if (after(ack, this.#next.data[other]!) && distance(ack, this.#next.data[other]!) < 1 << 30) {
      // The capture missed what is acknowledged (or has it later).
      this.#holes.add(other, this.#next.data[other]!, ack);
      this.#next.data[other] = ack;
      this.#nextAt.data[other] = atNs;
    }
    if ((peer & (SYN_SEEN | SYNACK_SEEN)) !== 0 && after(ack, this.#isn.data[other]!))
      this.#flags.data[other]! |= SYN_ACKED;
    if ((peer & FIN_SEEN) !== 0 && atOrAfter(ack, this.#fin.data[other]!)) this.#flags.data[other]! |= FIN_ACKED;
  }

  /** Moves the connection on after everything of the segment is known. */
  #advance(flow: number, side: number, p: Packet, atNs: number): void {
    const out = this.segment;
    const lo = this.#flags.data[flow * 2]!;
    const hi = this.#flags.data[flow * 2 + 1]!;
    let phase = this.#phase.data[flow]!;
    if (phase < PHASE_ESTABLISHED && (p.flags & TCP_SYN) === 0) {
      if ((lo & hi & SYN_ACKED) !== 0) {
        this.#establish(flow, atNs);
        phase = PHASE_ESTABLISHED;
      } else if (this.#carriesOn(flow, side, p)) {
        this.#move(flow, PHASE_ESTABLISHED);
        phase = PHASE_ESTABLISHED;
      }
    }
    if (phase === PHASE_ESTABLISHED && ((lo | hi) & FIN_SEEN) !== 0) {
      this.#move(flow, PHASE_CLOSING);
      phase = PHASE_CLOSING;
    }
    if (phase === PHASE_CLOSING && (lo & hi & FIN_ACKED) !== 0) {
      this.#move(flow, PHASE_CLOSED);
      out.ended = 'fin';
    }
  }

  /** A segment that only an open connection sends, although its handshake was not seen whole. */
  #carriesOn(flow: number, side: number, p: Packet): boolean {
    const phase = this.#phase.data[flow]!;
    if ((p.flags & TCP_ACK) === 0) return false;
    if (phase === PHASE_NEW) return true;
    // The client goes on after its SYN: the SYN-ACK was missed. Or the server sends data: the last ACK was.
    if (phase === PHASE_SYN_SENT) return this.#client.data[flow] === side + 1;
    return p.payloadLength > 0 || (p.flags & TCP_FIN) !== 0 || this.#client.data[flow] === side + 1;
  }

  #establish(flow: number, atNs: number): void {
    this.#move(flow, PHASE_ESTABLISHED);
    const client = this.#client.data[flow]! - 1;
    if (client < 0) return;
    const i = flow * 2 + client;
    const elapsed = atNs - this.#synAt.data[i]!;
    if ((this.#flags.data[i]! & SYN_SEEN) === 0 || elapsed < 0) return;
    this.#handshake.data[flow] = elapsed;
    // Karn: with a repeated SYN or SYN-ACK nobody can say which one was answered.
    if (((this.#flags.data[i]! | this.#flags.data[i ^ 1]!) & SYN_REPEATED) === 0) this.segment.connectNs = elapsed;
  }
}
