/** Blocks of ours, read from a file where an index says that they lie. */
import type { FileHandle } from 'node:fs/promises';
import { type Block, BLOCK_FLOWGLASS, readBlock } from './blocks.ts';

/** Longest block of ours. */
export const MAX_BLOCK = 65_536;
/** Most that is read at once, whatever an index says. */
const MOST = 1 << 20;

export interface BlockAt {
  readonly block: Block;
  /** Of the whole block, in the file. */
  readonly length: number;
}

/** One at a time: what was given lasts until the next call. */
export class BlockWindow {
  readonly #file: FileHandle;
  #bytes = Buffer.alloc(0);
  /** Place of the window in the file. */
  #at = 0;
  #filled = 0;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  /**
   * The block at an offset; null when there is none, or a damaged one. When it has to be read, so is all up to `end`: who
   * knows that others follow it reads them with it.
   */
  async blockAt(offset: number, end = offset + MAX_BLOCK): Promise<BlockAt | null> {
    if (!this.#holds(offset, 8)) await this.#read(offset, end);
    if (!this.#holds(offset, 8)) return null;
    const head = offset - this.#at;
    const length = this.#bytes.readUInt32LE(head + 4);
    if (this.#bytes.readUInt32LE(head) !== BLOCK_FLOWGLASS || length < 12 || length > MAX_BLOCK) return null;
    if (!this.#holds(offset, length)) await this.#read(offset, Math.max(end, offset + length));
    if (!this.#holds(offset, length)) return null;
    const at = offset - this.#at;
    try {
      const block = readBlock(this.#bytes.subarray(at + 8, at + length - 4));
      return block ? { block, length } : null;
    } catch (error) {
      if (error instanceof RangeError) return null;
      throw error;
    }
  }

  #holds(offset: number, length: number): boolean {
    return offset >= this.#at && offset + length <= this.#at + this.#filled;
  }

  async #read(offset: number, end: number): Promise<void> {
    const wanted = Math.min(MOST, end - offset);
    if (this.#bytes.length < wanted) this.#bytes = Buffer.allocUnsafeSlow(wanted);
    this.#filled = 0;
    const { bytesRead } = await this.#file.read(this.#bytes, 0, wanted, offset);
    this.#at = offset;
    this.#filled = bytesRead;
  }
}
