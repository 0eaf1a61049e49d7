/**
 * What waits for a collector: bounded in bytes, the newest are given up when it is full, and counted. Nothing that writes
 * into it ever waits.
 */
export class BoundedQueue {
  readonly limitBytes: number;
  readonly #items: Buffer[] = [];
  #head = 0;
  bytes = 0;
  lost = 0;

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
  }

  push(item: Buffer): void {
    if (this.bytes + item.length > this.limitBytes) {
      this.lost++;
      return;
    }
    this.#items.push(item);
    this.bytes += item.length;
  }

  /** The oldest; undefined = nothing waits. */
  shift(): Buffer | undefined {
    const item = this.#items[this.#head];
    if (item === undefined) return undefined;
    this.#head++;
    this.bytes -= item.length;
    if (this.#head > 1024 && this.#head * 2 > this.#items.length) {
      this.#items.splice(0, this.#head);
      this.#head = 0;
    }
    return item;
  }

  get empty(): boolean {
    return this.#head >= this.#items.length;
  }
}
