/** Where the blocks of an index end: the index tells where each begins, and they lie in runs. */
import type { IndexEntry } from './index.ts';
import { MAX_BLOCK } from './block-window.ts';

/** Blocks that follow each other are read together, up to so many bytes. */
const TOGETHER = 256 << 10;

export class IndexOrder {
  /** Ascending; the entries of packets stand in the index when they end. */
  readonly #offsets: Float64Array;

  constructor(index: readonly IndexEntry[]) {
    this.#offsets = Float64Array.from(index, ({ offset }) => offset).sort();
  }

  /** Where the next thing of the index begins after `offset`: `blocks` blocks of ours end there or before. */
  end(offset: number, blocks = 1): number {
    const offsets = this.#offsets;
    let [low, high] = [0, offsets.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (offsets[middle]! <= offset) low = middle + 1;
      else high = middle;
    }
    return Math.min(offsets[low] ?? Infinity, offset + blocks * MAX_BLOCK);
  }

  /** Up to where to read when `entries[first]` is read, others of them following it at once. */
  runEnd(entries: readonly IndexEntry[], first: number): number {
    const begin = entries[first]!.offset;
    let end = this.end(begin);
    for (let next = first + 1; entries[next]?.offset === end && end - begin < TOGETHER; next++) end = this.end(end);
    return end;
  }
}
