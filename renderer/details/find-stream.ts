/** Finding in a stream: what one side said is searched as it was said, whatever came between from the other side. */
import { allIn, type Needle } from '../../core/contract/find.ts';

export const FOUND_MAX = 10_000;

export interface StreamPiece {
  readonly fromClient: boolean;
  readonly bytes: Uint8Array;
  /** Bytes that are not there: nothing is found across them. */
  readonly missing: number;
}
/** Bytes [from, to) of a piece that belong to the match of that number. */
export interface FoundPart {
  readonly match: number;
  readonly from: number;
  readonly to: number;
}

/** Parts by piece, how many matches there are, and the piece in which each begins; numbered in the order of these. */
export function findInStream(
  pieces: readonly StreamPiece[],
  needle: Needle,
): { count: number; parts: ReadonlyMap<number, readonly FoundPart[]>; begins: readonly number[] } {
  const found: { piece: number; offset: number; spans: [piece: number, from: number, to: number][] }[] = [];
  for (const client of [true, false]) {
    for (const run of runsOf(pieces, client)) {
      const hay = joinedBytes(run.map((piece) => pieces[piece]!.bytes));
      for (const offset of allIn(hay, needle, FOUND_MAX)) {
        const spans = spansOf(pieces, run, offset, offset + needle.bytes.length);
        const [first] = spans;
        if (first) found.push({ piece: first[0], offset: first[1], spans });
      }
    }
  }
  found.sort((a, b) => a.piece - b.piece || a.offset - b.offset);
  const parts = new Map<number, FoundPart[]>();
  const told = found.slice(0, FOUND_MAX);
  told.forEach(({ spans }, match) => {
    for (const [piece, from, to] of spans) {
      const there = parts.get(piece);
      if (there) there.push({ match, from, to });
      else parts.set(piece, [{ match, from, to }]);
    }
  });
  return { count: told.length, parts, begins: told.map(({ piece }) => piece) };
}

/** Pieces of a side that follow each other without a hole. */
function runsOf(pieces: readonly StreamPiece[], client: boolean): number[][] {
  const runs: number[][] = [[]];
  pieces.forEach(({ fromClient, missing }, i) => {
    if (fromClient !== client) return;
    if (missing > 0) runs.push([]);
    else runs.at(-1)?.push(i);
  });
  return runs.filter((run) => run.length > 0);
}

function joinedBytes(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function spansOf(
  pieces: readonly StreamPiece[],
  run: readonly number[],
  from: number,
  to: number,
): [number, number, number][] {
  const spans: [number, number, number][] = [];
  let start = 0;
  for (const piece of run) {
    const { length } = pieces[piece]!.bytes;
    const [begin, end] = [Math.max(from, start), Math.min(to, start + length)];
    if (begin < end) spans.push([piece, begin - start, end - start]);
    start += length;
  }
  return spans;
}
