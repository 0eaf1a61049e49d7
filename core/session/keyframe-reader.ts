/** States out of keyframes. The last one stays inflated: going back and forth within its minute inflates it once. */
import { BlockWindow, MAX_BLOCK } from './block-window.ts';
import { KIND_KEYFRAME, payloadOf } from './blocks.ts';
import type { FileHandle } from 'node:fs/promises';
import type { IndexEntry } from './index.ts';
import type { IndexOrder } from './index-order.ts';

export class KeyframeReader {
  readonly #file: FileHandle;
  readonly #order: IndexOrder;
  #bytes = new Uint8Array(0);
  #length = 0;
  #held: IndexEntry | null = null;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(file: FileHandle, order: IndexOrder) {
    this.#file = file;
    this.#order = order;
  }

  /** What `use` makes of the state, which is its own only while it runs; null when a part is missing or damaged. */
  async with<T>(entry: IndexEntry, use: (state: Uint8Array) => T): Promise<T | null> {
    const mine = this.#turn.then(async () => {
      if (this.#held !== entry && !(await this.#read(entry))) return null;
      return use(this.#bytes.subarray(0, this.#length));
    });
    this.#turn = mine.catch(() => undefined);
    return mine;
  }

  async #read(entry: IndexEntry): Promise<boolean> {
    this.#held = null;
    this.#length = 0;
    const window = new BlockWindow(this.#file);
    const parts = Math.max(1, entry.count);
    const end = this.#order.end(entry.offset, parts);
    let { offset } = entry;
    for (let part = 0; part < parts; part++) {
      const read = await window.blockAt(offset, Math.max(end, offset + MAX_BLOCK));
      if (read?.block.kind !== KIND_KEYFRAME || read.block.part !== part || read.block.toNs !== entry.toNs)
        return false;
      const payload = payloadOf(read.block);
      if (payload === null) return false;
      this.#append(payload);
      offset += read.length;
    }
    this.#held = entry;
    return true;
  }

  #append(payload: Uint8Array): void {
    const length = this.#length + payload.length;
    if (length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(length, this.#bytes.length * 2));
      larger.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = larger;
    }
    this.#bytes.set(payload, this.#length);
    this.#length = length;
  }
}
