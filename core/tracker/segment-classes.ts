/**
 * Classes of segments that matter to nobody's counters but say what a connection suffers from, as Wireshark's TCP
 * analysis defines them (tcp.analysis.*), so that both tools count alike. State per sender, in columns: what it sent last.
 */
import { TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN, type Packet } from '../dissect/packet.ts';
import type { Table } from '../flow/columns.ts';
import {
  ACKED_UNSEEN,
  DUPLICATE_ACK,
  KEEP_ALIVE,
  KEEP_ALIVE_ACK,
  LOST_BEFORE,
  WINDOW_FULL,
  WINDOW_UPDATE,
  ZERO_WINDOW_PROBE,
} from './marks.ts';
import { after, distance } from './serial.ts';

/** A segment that duplicate ACKs asked for comes within this of the last one (Wireshark's rule). */
const FAST_RETRANSMIT_NS = 20e6;

const NUMBERS = 8;
/** What of this is known, KNOWS_*. */
const KNOWN = 0;
/** Past the highest number sent. */
const NEXT = 1;
/** Past what was seen without a gap: an acknowledgement beyond it is of segments that were not captured. */
const CONTIGUOUS = 2;
/** Of the newest segment. */
const ACK = 3;
const WINDOW = 4;
const MARKS = 5;
/** How often the newest acknowledgement was repeated. */
const REPEATS = 6;
/** Of windows, + 1; 0 = not known. */
const SHIFT = 7;

const KNOWS_NEXT = 1;
const KNOWS_ACK = 2;
/** The other side acknowledged what was not seen, and this one has said nothing new since. */
const TOLD_UNSEEN = 4;

export class SegmentClasses {
  readonly #numbers;
  readonly #ackAt;

  constructor(rows: Table) {
    this.#numbers = rows.int32(2 * NUMBERS);
    this.#ackAt = rows.float64(2);
  }

  /** How often the newest acknowledgement of a sender was repeated, where that asks for the segment that begins at `sequence`. */
  asked(sender: number, sequence: number, atNs: number): boolean {
    const n = this.#numbers.data;
    const i = sender * NUMBERS;
    const near = Math.abs(atNs - this.#ackAt.data[sender]!) < FAST_RETRANSMIT_NS;
    return n[i + REPEATS]! >= 2 && n[i + ACK] === sequence && near;
  }

  /** Whether the sender's newest acknowledgement covers everything before `end`. */
  covers(sender: number, end: number): boolean {
    const n = this.#numbers.data;
    const i = sender * NUMBERS;
    return (n[i + KNOWN]! & KNOWS_ACK) !== 0 && distance(end, n[i + ACK]!) <= 0;
  }

  /** Whether the sender itself was seen to go on beyond `sequence`; acknowledgements of what was not seen do not count. */
  wentBeyond(sender: number, sequence: number): boolean {
    const n = this.#numbers.data;
    const i = sender * NUMBERS;
    return (n[i + KNOWN]! & KNOWS_NEXT) !== 0 && after(n[i + NEXT]!, sequence);
  }

  /** Takes a segment of `sender` (row × 2 + side), of which `marks` are known; returns those that come from here. */
  take(sender: number, p: Packet, marks: number, atNs: number): number {
    const n = this.#numbers.data;
    const mine = sender * NUMBERS;
    const theirs = (sender ^ 1) * NUMBERS;
    const known = n[mine + KNOWN]!;
    const { flags, payloadLength: length, sequence, acknowledgement: ack } = p;
    const plain = (flags & (TCP_SYN | TCP_FIN | TCP_RST)) === 0;
    let found = 0;
    const repeated = ack === n[mine + ACK];
    if ((known & KNOWS_NEXT) !== 0 && (marks & (ZERO_WINDOW_PROBE | KEEP_ALIVE)) === 0) {
      const ahead = distance(sequence, n[mine + NEXT]!);
      if (ahead > 0 && (flags & TCP_RST) === 0) found |= LOST_BEFORE;
      else if (ahead === 0 && length === 0 && plain && repeated) found |= this.#again(n, mine, theirs, p);
    }
    if (length > 0 && plain && (marks & ZERO_WINDOW_PROBE) === 0 && this.#fills(n, theirs, (sequence + length) | 0))
      found |= WINDOW_FULL;
    if (!repeated) {
      n[mine + REPEATS] = 0;
      n[mine + KNOWN] = known & ~TOLD_UNSEEN;
    }
    if ((flags & TCP_ACK) !== 0) {
      if ((n[theirs + KNOWN]! & KNOWS_NEXT) !== 0 && after(ack, n[theirs + CONTIGUOUS]!)) {
        // Once for a hole: again when more of it was seen, or when the other side said something new.
        const seen = n[theirs + CONTIGUOUS] !== n[theirs + NEXT];
        if (seen || (n[theirs + KNOWN]! & TOLD_UNSEEN) === 0) found |= ACKED_UNSEEN;
        if (seen) n[theirs + CONTIGUOUS] = n[theirs + NEXT]!;
        else n[theirs + KNOWN] = n[theirs + KNOWN]! | TOLD_UNSEEN;
      }
      n[mine + ACK] = ack;
      n[mine + KNOWN] = n[mine + KNOWN]! | KNOWS_ACK;
      this.#ackAt.data[sender] = atNs;
    }
    if ((marks & ZERO_WINDOW_PROBE) === 0) this.#sent(n, mine, p);
    if (p.window >= 0) n[mine + WINDOW] = p.window;
    if ((flags & TCP_SYN) !== 0) n[mine + SHIFT] = Math.max(0, p.windowScale) + 1;
    n[mine + MARKS] = marks;
    return found;
  }

  /** A bare segment that says what the one before it said. */
  #again(n: Int32Array, mine: number, theirs: number, p: Packet): number {
    const before = n[theirs + MARKS]!;
    if (p.window <= 0) return 0;
    if (p.window !== n[mine + WINDOW]) return WINDOW_UPDATE;
    if ((before & KEEP_ALIVE) !== 0) return KEEP_ALIVE_ACK;
    n[mine + REPEATS] = n[mine + REPEATS]! + 1;
    return DUPLICATE_ACK;
  }

  /** Does what ends at `end` fill the window that the receiver allows? Only with its SYN seen is that known. */
  #fills(n: Int32Array, receiver: number, end: number): boolean {
    const shift = n[receiver + SHIFT]! - 1;
    if (shift < 0 || (n[receiver + KNOWN]! & KNOWS_ACK) === 0) return false;
    return end === ((n[receiver + ACK]! + (n[receiver + WINDOW]! << shift)) | 0);
  }

  #sent(n: Int32Array, mine: number, p: Packet): void {
    const end = (p.sequence + p.payloadLength + ((p.flags & (TCP_SYN | TCP_FIN)) !== 0 ? 1 : 0)) | 0;
    const first = (n[mine + KNOWN]! & KNOWS_NEXT) === 0;
    if (first || after(end, n[mine + NEXT]!)) n[mine + NEXT] = end;
    if (first || p.sequence === n[mine + CONTIGUOUS]) n[mine + CONTIGUOUS] = n[mine + NEXT]!;
    n[mine + KNOWN] = n[mine + KNOWN]! | KNOWS_NEXT;
  }
}
