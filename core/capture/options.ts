import { OPTION_END } from './format.ts';

const decoder = new TextDecoder('utf-8');

/** UTF-8 text up to the first NUL; bytes that are not UTF-8 become U+FFFD. */
export function readText(bytes: Uint8Array, start: number, end: number): string {
  let stop = start;
  while (stop < end && bytes[stop] !== 0) stop++;
  return decoder.decode(bytes.subarray(start, stop));
}

/**
 * Walks the options between `start` and `end`: calls `visit(code, valueStart, length)` for each. The list ends at
 * opt_endofopt or with the block (pcapng "Options"); returns false when an option claims more than the block has, in
 * which case that option and what follows is not visited.
 */
export function walkOptions(
  view: DataView,
  start: number,
  end: number,
  littleEndian: boolean,
  visit: (code: number, at: number, length: number) => void,
): boolean {
  let at = start;
  while (at + 4 <= end) {
    const code = view.getUint16(at, littleEndian);
    const length = view.getUint16(at + 2, littleEndian);
    if (code === OPTION_END) return true;
    if (at + 4 + length > end) return false;
    visit(code, at + 4, length);
    at += 4 + ((length + 3) & ~3);
  }
  return true;
}
