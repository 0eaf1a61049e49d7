import { Table } from '../flow/columns.ts';
import { TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN, type Packet } from '../dissect/packet.ts';
import {
  CONNECTED,
  ENDED,
  FAST,
  FRESH,
  KEEP_ALIVE,
  MOVED,
  OUT_OF_ORDER,
  RESET,
  RETRANSMIT,
  ROUND_TRIP,
  SPURIOUS,
  ZERO_WINDOW,
  ZERO_WINDOW_PROBE,
} from './marks.ts';
import { SegmentClasses } from './segment-classes.ts';
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
const ISN_GUESSED = 1024;

/** 32-bit numbers of each side, next to each other because one segment needs most of them; a power of two. */
const NUMBERS = 8;
const FLAGS = 0;
const ISN = 1;
/** Past the highest sequence number seen. */
const NEXT = 2;
const ACK = 3;
const WINDOW = 4;
/** Past the FIN. */
const FIN = 5;
/** Of the connection, in the numbers of side lo: its phase; of side hi: the client's side + 1 as SYNs tell, 0 = not told. */
const PHASE = 6;
const CLIENT = NUMBERS + PHASE;
/** Times of each side, ns. */
const TIMES = 3;
const NEXT_AT = 0;
const SYN_AT = 1;
/** Of the connection, with side lo: first round trip of the handshake; 0 = not known. */
const HANDSHAKE = 2;

/** Numbers further ahead are of no use: nobody sends so much at once. */
const NEAR = 1 << 30;

/** So much may be on its way before the first segment that a capture has. */
const BEFORE = 1 << 20;

/** A later segment within this of the newest one is out of order, not repeated, while no round trip is known. */
const REORDER_NS = 3e6;

/** What one segment meant; reused for every segment. Times in ns. */
export class Segment {
  /** Bits of marks.ts; what is below means something only under its mark. */
  marks = 0;
  /** Round trip of a probe sent by `rttSide` (0 lo, 1 hi), seen at the capture point; below 0 when times step back. */
  rttNs = -0.5;
  rttSide = 0;
  /** From the first SYN to the acknowledgement that completed the handshake. */
  connectNs = -0.5;
  /** The segment ended the connection: by both FINs, a reset, or a refusal. */
  ended: 'fin' | 'reset' | 'refused' = 'fin';
}

/**
 * Follows TCP connections from the segments that pass (RFC 9293), one row per flow in columns, about 270 bytes each.
 * Sides: 0 = lo, 1 = hi. The capture may begin in the middle, miss segments or hold them out of order.
 */
export class TcpTracker {
  readonly segment = new Segment();
  readonly #rows = new Table();
  readonly #numbers = this.#rows.int32(2 * NUMBERS);
  readonly #times = this.#rows.float64(2 * TIMES);
  readonly #holes = new Holes(this.#rows);
  readonly #probes = new Probes(this.#rows);
  readonly #classes = new SegmentClasses(this.#rows);

  /** Makes room for `flow`. */
  begin(flow: number): void {
    if (flow >= this.#rows.count) this.#rows.append(flow + 1 - this.#rows.count);
  }

  phase(flow: number): number {
    return this.#numbers.data[flow * 2 * NUMBERS + PHASE]!;
  }

  /** Client's side + 1; 0 = no SYN told. */
  client(flow: number): number {
    return this.#numbers.data[flow * 2 * NUMBERS + CLIENT]!;
  }

  isn(flow: number, side: number): number {
    return this.#numbers.data[(flow * 2 + side) * NUMBERS + ISN]!;
  }

  isnKnown(flow: number, side: number): boolean {
    return (this.#numbers.data[(flow * 2 + side) * NUMBERS + FLAGS]! & (ISN_KNOWN | ISN_GUESSED)) === ISN_KNOWN;
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
    const n = this.#numbers.data;
    const i = (flow * 2 + side) * NUMBERS;
    const phase = n[flow * 2 * NUMBERS + PHASE]!;
    // A first SYN of the answering side: simultaneous open while the other waits, else another connection.
    if ((n[i + FLAGS]! & ISN_KNOWN) === 0) return phase >= PHASE_ESTABLISHED;
    if (distance(p.sequence, n[i + ISN]!) === 0) return false;
    if ((p.flags & TCP_ACK) !== 0) return phase === PHASE_CLOSED;
    return true;
  }

  /** Takes one segment of `side`. */
  take(flow: number, side: number, p: Packet, atNs: number): Segment {
    const out = this.segment;
    out.marks = 0;
    const flags = p.flags;
    const n = this.#numbers.data;
    const first = flow * 2 * NUMBERS;
    const i = first + side * NUMBERS;
    if ((flags & TCP_RST) !== 0) {
      this.#reset(n, first, i, side, p);
      out.marks |= this.#classes.take(flow * 2 + side, p, out.marks, atNs);
      return out;
    }
    if ((flags & TCP_SYN) !== 0) this.#syn(n, first, i, side, p, atNs);
    else if (p.payloadLength > 0 || (flags & TCP_FIN) !== 0) this.#data(n, first, i, p, atNs);
    else this.#bare(n, i, p, atNs);
    if (p.window === 0 && (flags & (TCP_SYN | TCP_FIN)) === 0) out.marks |= ZERO_WINDOW;
    if ((flags & TCP_ACK) !== 0) this.#acknowledgement(n, i, p, atNs);
    if (p.window >= 0) n[i + WINDOW] = p.window;
    out.marks |= this.#classes.take(flow * 2 + side, p, out.marks, atNs);
    this.#advance(n, first, side, p, atNs);
    return out;
  }

  #reset(n: Int32Array, first: number, i: number, side: number, p: Packet): void {
    const out = this.segment;
    out.marks |= RESET;
    const phase = n[first + PHASE]!;
    if (phase === PHASE_CLOSED) return;
    if (phase === PHASE_SYN_SENT && n[first + CLIENT]! === 2 - side) {
      // RFC 9293 §3.5.2: in SYN-SENT a reset counts only if it acknowledges the SYN (or what came with it).
      if ((p.flags & TCP_ACK) !== 0 && !after(p.acknowledgement, n[(i ^ NUMBERS) + ISN]!)) return;
      out.ended = 'refused';
    } else if (phase === PHASE_SYN_SENT && p.sequence !== ((n[i + ISN]! + 1) | 0) && p.sequence !== n[i + ISN]) {
      // §3.10.7.3: the answer to an acknowledgement of something else; the connection stays in SYN-SENT.
      return;
    } else out.ended = 'reset';
    out.marks |= ENDED;
    this.#move(n, first, PHASE_CLOSED);
  }

  #move(n: Int32Array, first: number, phase: number): void {
    if (n[first + PHASE] === phase) return;
    n[first + PHASE] = phase;
    this.segment.marks |= MOVED;
  }

  #syn(n: Int32Array, first: number, i: number, side: number, p: Packet, atNs: number): void {
    const out = this.segment;
    const flags = n[i + FLAGS]!;
    const answer = (p.flags & TCP_ACK) !== 0;
    const seen = answer ? SYNACK_SEEN : SYN_SEEN;
    if ((flags & seen) !== 0) {
      // Who went on to send data does not repeat its SYN: a late copy, overtaken on the way.
      const overtaken = after(n[i + NEXT]!, (p.sequence + 1 + p.payloadLength) | 0);
      if (overtaken && this.#soon(first, i, atNs)) {
        out.marks |= OUT_OF_ORDER;
        return;
      }
      out.marks |= RETRANSMIT;
      n[i + FLAGS]! |= SYN_REPEATED;
      // Which SYN is answered can be told only when their timestamps differ; the round trip then counts from this one.
      this.#probes.repeated(i / NUMBERS, (p.sequence + 1) | 0, atNs, p.hasTimestamps, p.tsval);
      return;
    }
    n[i + FLAGS] = (flags | seen | ISN_KNOWN) & ~ISN_GUESSED;
    if ((flags & (SYN_SEEN | SYNACK_SEEN)) === 0) {
      const times = this.#times.data;
      const t = (i / NUMBERS) * TIMES;
      times[t + SYN_AT] = atNs;
      n[i + ISN] = p.sequence;
      if ((flags & NEXT_KNOWN) === 0) {
        n[i + NEXT] = (p.sequence + 1 + p.payloadLength) | 0;
        times[t + NEXT_AT] = atNs;
        n[i + FLAGS]! |= NEXT_KNOWN;
        // The SYN alone is the probe: of data carried along (RFC 7413) only some may be acknowledged with it.
        this.#probes.sent(i / NUMBERS, (p.sequence + 1) | 0, atNs, p.hasTimestamps, p.tsval, false);
        if (p.payloadLength > 0) out.marks |= FRESH;
      }
    }
    if (n[first + CLIENT] === 0) n[first + CLIENT] = answer ? 2 - side : side + 1;
    if (n[first + PHASE]! >= PHASE_SYN_RECEIVED) return;
    const otherSyn = (n[(i ^ NUMBERS) + FLAGS]! & SYN_SEEN) !== 0;
    this.#move(n, first, answer || otherSyn ? PHASE_SYN_RECEIVED : PHASE_SYN_SENT);
  }

  /** A segment without payload, SYN or FIN: an ACK, or a keep-alive without its byte. */
  #bare(n: Int32Array, i: number, p: Packet, atNs: number): void {
    if ((n[i + FLAGS]! & NEXT_KNOWN) === 0) {
      this.#beginAt(n, i, p.sequence);
      return;
    }
    const ahead = distance(p.sequence, n[i + NEXT]!);
    if (ahead === -1) this.segment.marks |= KEEP_ALIVE;
    else if (ahead > 0 && ahead < NEAR) this.#skipTo(n, i, p.sequence, atNs);
  }

  /** The first that is seen of a side whose SYN was not: what comes from before it was not seen either. */
  #beginAt(n: Int32Array, i: number, sequence: number): void {
    n[i + NEXT] = sequence;
    n[i + ISN] = (sequence - 1) | 0;
    n[i + FLAGS] = n[i + FLAGS]! | NEXT_KNOWN | ISN_KNOWN | ISN_GUESSED;
    this.#holes.add(i / NUMBERS, (sequence - BEFORE) | 0, sequence);
  }

  #data(n: Int32Array, first: number, i: number, p: Packet, atNs: number): void {
    const out = this.segment;
    const length = p.payloadLength;
    const fin = (p.flags & TCP_FIN) !== 0;
    const end = (p.sequence + length + (fin ? 1 : 0)) | 0;
    const flags = n[i + FLAGS]!;
    if ((flags & NEXT_KNOWN) === 0) this.#beginAt(n, i, p.sequence);
    const next = n[i + NEXT]!;
    const ahead = distance(p.sequence, next);
    if (!fin && length === 1) {
      const other = i ^ NUMBERS;
      const acknowledging = (n[other + FLAGS]! & ACK_KNOWN) !== 0;
      if (ahead === -1 && (!acknowledging || atOrAfter(n[other + ACK]!, next))) {
        out.marks |= KEEP_ALIVE;
        return;
      }
      if (ahead === 0 && n[other + WINDOW] === 0 && acknowledging) {
        out.marks |= ZERO_WINDOW_PROBE;
        return;
      }
    }
    if (fin && (flags & FIN_SEEN) === 0) {
      n[i + FIN] = end;
      n[i + FLAGS]! |= FIN_SEEN;
    }
    if (ahead >= 0) {
      if (ahead > 0) this.#holes.add(i / NUMBERS, next, p.sequence);
      n[i + NEXT] = end;
      this.#times.data[(i / NUMBERS) * TIMES + NEXT_AT] = atNs;
      if (length > 0) out.marks |= FRESH;
      this.#probes.sent(i / NUMBERS, end, atNs, p.hasTimestamps, p.tsval, false);
      return;
    }
    this.#old(n, first, i, p, end, atNs);
  }

  /** Payload or FIN below the highest sequence number: repeated, or overtaken by what came after it. */
  #old(n: Int32Array, first: number, i: number, p: Packet, end: number, atNs: number): void {
    const out = this.segment;
    const other = i ^ NUMBERS;
    const times = this.#times.data;
    const unseen = this.#holes.fill(i / NUMBERS, p.sequence, end);
    const past = distance(end, n[i + NEXT]!);
    const asked = this.#classes.asked(other / NUMBERS, p.sequence, atNs);
    if (p.payloadLength > 0 && (unseen || past > 0)) out.marks |= FRESH;
    const covered = this.#classes.covers(other / NUMBERS, (p.sequence + p.payloadLength) | 0);
    const soon = this.#soon(first, i, atNs);
    // Its acknowledgement was captured right before it: late in the file, not on the way. Much later, it is a second copy
    // of what the capture missed.
    const late = unseen && !this.#classes.wentBeyond(i / NUMBERS, p.sequence) && (soon || !covered);
    if (unseen && !asked && !late && soon) out.marks |= OUT_OF_ORDER;
    else if (!late) {
      out.marks |= RETRANSMIT;
      if (p.payloadLength > 0 && covered) out.marks |= SPURIOUS;
      else if (asked) out.marks |= FAST;
      this.#probes.repeated(i / NUMBERS, end, atNs, p.hasTimestamps, p.tsval);
    }
    if (past > 0) {
      n[i + NEXT] = end;
      times[(i / NUMBERS) * TIMES + NEXT_AT] = atNs;
    }
  }

  /** So near to the newest segment that what comes below it was overtaken rather than sent again. */
  #soon(first: number, i: number, atNs: number): boolean {
    const times = this.#times.data;
    const handshake = times[(first / NUMBERS) * TIMES + HANDSHAKE]!;
    return Math.abs(atNs - times[(i / NUMBERS) * TIMES + NEXT_AT]!) < (handshake || REORDER_NS);
  }

  /** The side of `i` sent everything up to `sequence`, as it or the other tells: the capture missed it, or has it later. */
  #skipTo(n: Int32Array, i: number, sequence: number, atNs: number): void {
    this.#holes.add(i / NUMBERS, n[i + NEXT]!, sequence);
    n[i + NEXT] = sequence;
    this.#times.data[(i / NUMBERS) * TIMES + NEXT_AT] = atNs;
  }

  /** How far beyond what was seen of the side of `i` an acknowledgement may be of something that it sent. */
  #reach(n: Int32Array, i: number): number {
    const connecting = (n[i + FLAGS]! & (SYN_SEEN | SYN_ACKED)) === SYN_SEEN;
    return connecting ? BEFORE : NEAR;
  }

  /** The side of `i` acknowledges what the other sent. */
  #acknowledgement(n: Int32Array, i: number, p: Packet, atNs: number): void {
    const out = this.segment;
    const other = i ^ NUMBERS;
    const ack = p.acknowledgement;
    const flags = n[i + FLAGS]!;
    const peer = n[other + FLAGS]!;
    const known = n[i + ACK]!;
    if ((flags & ACK_KNOWN) === 0 || after(ack, known)) {
      n[i + ACK] = ack;
      n[i + FLAGS] = flags | ACK_KNOWN;
    }
    const sent = this.#probes.acknowledged(other / NUMBERS, ack, p.hasTimestamps, p.tsecr);
    if (sent >= 0) {
      out.marks |= ROUND_TRIP;
      out.rttNs = atNs - this.#probes.sentAt(sent);
      out.rttSide = other > i ? 1 : 0;
    }
    const next = n[other + NEXT]!;
    if ((peer & NEXT_KNOWN) === 0) {
      // Only this side was seen so far: the other stands where it is told to.
      n[other + NEXT] = ack;
      n[other + ISN] = (ack - 1) | 0;
      n[other + FLAGS]! |= NEXT_KNOWN | ISN_KNOWN;
      if ((p.flags & TCP_SYN) === 0) n[other + FLAGS]! |= ISN_GUESSED;
    } else if (after(ack, next) && distance(ack, next) < this.#reach(n, other)) this.#skipTo(n, other, ack, atNs);
    if ((peer & (SYN_SEEN | SYNACK_SEEN)) !== 0 && (peer & SYN_ACKED) === 0 && after(ack, n[other + ISN]!)) {
      n[other + FLAGS]! |= SYN_ACKED;
    }
    if ((peer & FIN_SEEN) !== 0 && atOrAfter(ack, n[other + FIN]!)) n[other + FLAGS]! |= FIN_ACKED;
  }

  /** Moves the connection on after everything of the segment is known. */
  #advance(n: Int32Array, first: number, side: number, p: Packet, atNs: number): void {
    const lo = n[first + FLAGS]!;
    const hi = n[first + NUMBERS + FLAGS]!;
    let phase = n[first + PHASE]!;
    if (phase === PHASE_ESTABLISHED && ((lo | hi) & FIN_SEEN) === 0) return;
    if (phase < PHASE_ESTABLISHED && (p.flags & TCP_SYN) === 0) {
      if ((lo & hi & SYN_ACKED) !== 0) {
        this.#establish(n, first, atNs);
        phase = PHASE_ESTABLISHED;
      } else if (carriesOn(phase, n[first + CLIENT]!, side, p)) {
        this.#move(n, first, PHASE_ESTABLISHED);
        phase = PHASE_ESTABLISHED;
      }
    }
    if (phase === PHASE_ESTABLISHED && ((lo | hi) & FIN_SEEN) !== 0) {
      this.#move(n, first, PHASE_CLOSING);
      phase = PHASE_CLOSING;
    }
    if (phase === PHASE_CLOSING && (lo & hi & FIN_ACKED) !== 0) {
      this.#move(n, first, PHASE_CLOSED);
      this.segment.ended = 'fin';
      this.segment.marks |= ENDED;
    }
  }

  #establish(n: Int32Array, first: number, atNs: number): void {
    this.#move(n, first, PHASE_ESTABLISHED);
    const client = n[first + CLIENT]! - 1;
    if (client < 0) return;
    const i = first + client * NUMBERS;
    const times = this.#times.data;
    const elapsed = atNs - times[(i / NUMBERS) * TIMES + SYN_AT]!;
    if ((n[i + FLAGS]! & SYN_SEEN) === 0 || elapsed < 0) return;
    times[(first / NUMBERS) * TIMES + HANDSHAKE] = elapsed;
    // Karn: with a repeated SYN or SYN-ACK nobody can say which one was answered.
    if (((n[i + FLAGS]! | n[(i ^ NUMBERS) + FLAGS]!) & SYN_REPEATED) === 0) {
      this.segment.connectNs = elapsed;
      this.segment.marks |= CONNECTED;
    }
  }
}

/** A segment that only an open connection sends, although its handshake was not seen whole. */
function carriesOn(phase: number, client: number, side: number, p: Packet): boolean {
  if ((p.flags & TCP_ACK) === 0) return false;
  if (phase === PHASE_NEW) return true;
  // The client goes on after its SYN: the SYN-ACK was missed. Or the server sends data: the last ACK was.
  if (phase === PHASE_SYN_SENT) return client === side + 1;
  return p.payloadLength > 0 || (p.flags & TCP_FIN) !== 0 || client === side + 1;
}
