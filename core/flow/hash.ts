/**
 * Open addressing with linear probing over one Int32Array of row numbers. The rows keep their keys; whoever owns them
 * compares. Nothing of it is saved in a keyframe: it is rebuilt from the rows.
 */

/** One step of a multiplicative hash (the constant is 2^32 divided by the golden ratio). */
export const mix = (hash: number, word: number): number => {
  const mixed = Math.imul(hash ^ word, 0x9e3779b1);
  return mixed ^ (mixed >>> 15);
};

export class Index {
  /** row + 1; 0 = free */
  slots = new Int32Array(256);
  mask = 255;
  used = 0;

  first(hash: number): number {
    return (hash ^ (hash >>> 16)) & this.mask;
  }
  next(probe: number): number {
    return (probe + 1) & this.mask;
  }
  /** The row at a probe position, -1 where it is free. */
  at(probe: number): number {
    return this.slots[probe]! - 1;
  }
  /** Fills a free position. True: more than half full now, call `reset` and insert every row again. */
  put(probe: number, row: number): boolean {
    this.slots[probe] = row + 1;
    this.used++;
    return this.used * 2 > this.slots.length;
  }
  /** Lets another row stand for the same key. */
  replace(probe: number, row: number): void {
    this.slots[probe] = row + 1;
  }
  /** Empties the table and makes room for `rows`. */
  reset(rows: number): void {
    let size = 256;
    while (size < rows * 4) size *= 2;
    if (size === this.slots.length) this.slots.fill(0);
    else this.slots = new Int32Array(size);
    this.mask = size - 1;
    this.used = 0;
  }
  /** Inserts a row whose key is known not to be there, into a table with room. */
  insertNew(hash: number, row: number): void {
    let probe = this.first(hash);
    while (this.slots[probe] !== 0) probe = this.next(probe);
    this.slots[probe] = row + 1;
    this.used++;
  }
  /** Frees a position and closes the gap (backward shift); `hashOf` gives the hash of a row. */
  remove(probe: number, hashOf: (row: number) => number): void {
    const slots = this.slots;
    let hole = probe;
    let at = probe;
    for (;;) {
      at = this.next(at);
      const row = slots[at]! - 1;
      if (row < 0) break;
      const home = this.first(hashOf(row));
      if (((at - home) & this.mask) >= ((at - hole) & this.mask)) {
        slots[hole] = row + 1;
        hole = at;
      }
    }
    slots[hole] = 0;
    this.used--;
  }
  get bytes(): number {
    return this.slots.byteLength;
  }
}
