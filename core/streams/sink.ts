import type { Writable } from 'node:stream';
import { BoundedQueue } from './queue.ts';

/** Where a stream's events go. Handing one over never waits and never fails: what finds no room is counted. */
export interface Sink {
  readonly written: number;
  readonly lost: number;
  readonly queuedBytes: number;
  readonly connected: boolean;
  send(message: Buffer): void;
  /** Gives what waits a moment to leave. */
  close(): Promise<void>;
}

/** How long the end waits for what is still queued. */
const CLOSE_MS = 2000;
/** Bytes that the stream itself may hold; beyond it events wait in our queue, where they are counted. */
const HIGH_WATER = 1 << 18;

/** Events into a byte stream (standard output, a connection), as fast as its reader takes them. */
export class WritableSink implements Sink {
  readonly #queue: BoundedQueue;
  #stream: Writable | null = null;
  #blocked = false;
  #wake: (() => void) | null = null;
  written = 0;

  constructor(queueBytes: number) {
    this.#queue = new BoundedQueue(queueBytes);
  }

  get lost(): number {
    return this.#queue.lost;
  }

  get queuedBytes(): number {
    return this.#queue.bytes + (this.#stream?.writableLength ?? 0);
  }

  get connected(): boolean {
    return this.#stream !== null;
  }

  /** From now on events go there; null = they wait. */
  use(stream: Writable | null): void {
    this.#stream = stream;
    this.#blocked = false;
    this.#pump();
  }

  send(message: Buffer): void {
    this.#queue.push(message);
    this.#pump();
  }

  async close(): Promise<void> {
    if (this.#stream === null || (this.#queue.empty && this.#stream.writableLength === 0)) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, CLOSE_MS);
      this.#wake = () => {
        if (!this.#queue.empty) return;
        clearTimeout(timer);
        resolve();
      };
      this.#pump();
    });
  }

  #pump(): void {
    const stream = this.#stream;
    while (stream !== null && !this.#blocked && !stream.destroyed) {
      const message = this.#queue.shift();
      if (message === undefined) break;
      this.written++;
      stream.write(message);
      if (stream.writableLength < HIGH_WATER) continue;
      this.#blocked = true;
      stream.once('drain', () => {
        if (stream !== this.#stream) return;
        this.#blocked = false;
        this.#pump();
      });
    }
    this.#wake?.();
  }
}
