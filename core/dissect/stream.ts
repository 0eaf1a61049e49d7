/**
 * What the two sides of a conversation said, put together from its packets: TCP in order of sequence (RFC 9293, section
 * 3.4; repeated bytes once, the first that came stand), datagrams in order of time. Bytes that were said but are not there
 * are told as a number: never seen, or cut off by the capture.
 */

/** Bytes of payload that are kept of one conversation. */
export const STREAM_MAX = 1 << 20;
/** A segment that far from what was expected is taken for another connection's: windows are at most 1 GiB (RFC 7323). */
const WINDOW_MAX = 2 ** 30;

/** A run of one side, without a hole; or a hole: `missing` bytes and no data. */
export interface StreamPiece {
  readonly side: 0 | 1;
  /** When its first byte could be read, its predecessors being there. */
  readonly atNs: number;
  /** Names the packet that it begins with. */
  readonly packet: number;
  readonly data: Uint8Array;
  readonly missing: number;
  /** The hole is what the capture cut off of packets that it has. */
  readonly cut: boolean;
}

interface Segment {
  at: number;
  length: number;
  data: Uint8Array;
  atNs: number;
  packet: number;
}

export class StreamAssembler {
  /** More was said than is kept. */
  truncated = false;
  private readonly ordered: boolean;
  private readonly sides: [Segment[], Segment[]] = [[], []];
  /** Sequence number of the first byte, −1 = not known yet; and of the next as far as was seen. */
  private readonly base = [NaN, NaN];
  private readonly newest = [0, 0];
  private readonly begun = [false, false];
  private kept = 0;

  /** `ordered` = TCP. */
  constructor(ordered: boolean) {
    this.ordered = ordered;
  }

  /** The SYN of a side: its first byte follows. */
  begin(side: 0 | 1, sequence: number): void {
    if (this.begun[side]) return;
    this.begun[side] = true;
    if (Number.isNaN(this.base[side])) this.base[side] = (sequence + 1) >>> 0;
  }

  /** A packet with payload: `length` bytes on the wire, of which `data` are there. False = there is no room for more. */
  add(side: 0 | 1, sequence: number, length: number, data: Uint8Array, atNs: number, packet: number): boolean {
    if (length <= 0) return true;
    if (this.kept + data.length > STREAM_MAX) {
      this.truncated = true;
      return false;
    }
    const at = this.ordered ? this.place(side, sequence, length) : (this.sides[side].at(-1)?.at ?? -1) + 1;
    if (at === null) return true;
    this.kept += data.length;
    this.sides[side].push({ at, length, data: data.slice(), atNs, packet });
    return true;
  }

  /** Both sides in the order in which their bytes could be read. */
  pieces(): StreamPiece[] {
    const both = [this.sideOf(0), this.sideOf(1)].flat();
    both.sort((a, b) => a.atNs - b.atNs);
    return this.ordered ? joined(both) : both;
  }

  /** Offset in the side's stream; null = not of this connection. */
  private place(side: 0 | 1, sequence: number, length: number): number | null {
    if (Number.isNaN(this.base[side]!)) this.base[side] = sequence >>> 0;
    const expected = this.newest[side]!;
    // Differences of sequence numbers are taken modulo 2^32, as a signed number.
    const at = expected + ((sequence - this.base[side]! - expected) | 0);
    if (Math.abs(at - expected) > WINDOW_MAX || (this.begun[side] && at < 0)) return null;
    this.newest[side] = Math.max(expected, at + length);
    return at;
  }

  private sideOf(side: 0 | 1): StreamPiece[] {
    const segments = this.sides[side];
    const pieces: StreamPiece[] = [];
    if (!this.ordered) {
      for (const each of segments) pieces.push(...pieceOf(side, each, 0, each.atNs));
      return pieces;
    }
    const sorted = segments.toSorted((a, b) => a.at - b.at || a.atNs - b.atNs);
    let next = this.begun[side] ? 0 : (sorted[0]?.at ?? 0);
    let readableNs = 0;
    for (const each of sorted) {
      if (each.at + each.length <= next) continue;
      readableNs = Math.max(readableNs, each.atNs);
      if (each.at > next) pieces.push(hole(side, readableNs, each.packet, each.at - next, false));
      pieces.push(...pieceOf(side, each, Math.max(0, next - each.at), readableNs));
      next = each.at + each.length;
    }
    return pieces;
  }
}

/** What is new of a segment, and what the capture cut off of it. */
function pieceOf(side: 0 | 1, { data, length, packet }: Segment, from: number, atNs: number): StreamPiece[] {
  const pieces: StreamPiece[] = [];
  if (from < data.length) pieces.push({ side, atNs, packet, data: data.subarray(from), missing: 0, cut: false });
  const missing = length - Math.max(from, data.length);
  if (missing > 0) pieces.push(hole(side, atNs, packet, missing, true));
  return pieces;
}

const hole = (side: 0 | 1, atNs: number, packet: number, missing: number, cut: boolean): StreamPiece => ({
  side,
  atNs,
  packet,
  data: new Uint8Array(0),
  missing,
  cut,
});

/** Neighbours of one side without a hole between them are one piece. */
function joined(pieces: readonly StreamPiece[]): StreamPiece[] {
  const out: StreamPiece[] = [];
  let run: StreamPiece[] = [];
  const flush = (): void => {
    const [first] = run;
    if (first) out.push(run.length === 1 ? first : { ...first, data: concat(run.map(({ data }) => data)) });
    run = [];
  };
  for (const piece of pieces) {
    if (piece.missing > 0) {
      flush();
      out.push(piece);
      continue;
    }
    if (run.length > 0 && run[0]!.side !== piece.side) flush();
    run.push(piece);
  }
  flush();
  return out;
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
