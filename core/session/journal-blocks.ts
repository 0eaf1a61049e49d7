/** The journal blocks of a file for a cursor, those that follow each other read together. */
import { BlockWindow } from './block-window.ts';
import { type Block, KIND_JOURNAL } from './blocks.ts';
import type { FileHandle } from 'node:fs/promises';
import type { IndexEntry } from './index.ts';
import type { IndexOrder } from './index-order.ts';
import type { JournalSource } from './journal-cursor.ts';

export class JournalBlocks implements JournalSource {
  before: number;
  readonly #window: BlockWindow;
  readonly #journals: readonly IndexEntry[];
  readonly #order: IndexOrder;
  readonly #damaged: () => void;

  constructor(
    file: FileHandle,
    journals: readonly IndexEntry[],
    order: IndexOrder,
    first: number,
    damaged: () => void,
  ) {
    this.#window = new BlockWindow(file);
    this.#journals = journals;
    this.#order = order;
    this.before = first;
    this.#damaged = damaged;
  }

  async next(untilNs: bigint | null): Promise<Block | 'damaged' | 'later' | null> {
    const journal = this.#journals[this.before];
    if (!journal) return null;
    if (untilNs !== null && journal.fromNs > untilNs) return 'later';
    const end = this.#order.runEnd(this.#journals, this.before++);
    const read = await this.#window.blockAt(journal.offset, end);
    if (read === null) this.#damaged();
    return read?.block.kind === KIND_JOURNAL ? read.block : 'damaged';
  }
}
