/** Ends this process when one input takes for ever, after writing the input to a file: a loop cannot be interrupted from inside. */
import { Worker } from 'node:worker_threads';

const SIZE = 1 << 20;
const PROGRAM = `
const { workerData } = require('node:worker_threads');
const { writeFileSync, writeSync } = require('node:fs');
const state = new Int32Array(workerData.shared, 0, 2);
const bytes = new Uint8Array(workerData.shared, 8);
let last = -1;
let since = Date.now();
setInterval(() => {
  const now = Atomics.load(state, 0);
  // An even number: nothing runs.
  if (now !== last || now % 2 === 0) {
    last = now;
    since = Date.now();
  } else if (Date.now() - since > workerData.limitMs) {
    writeFileSync(workerData.path, bytes.slice(0, Atomics.load(state, 1)));
    writeSync(2, 'one input took more than ' + workerData.limitMs + ' ms: ' + workerData.path + '\\n');
    process.kill(process.pid, 'SIGKILL');
  }
}, 200);
`;

export class Watchdog {
  readonly #shared = new SharedArrayBuffer(8 + SIZE);
  readonly #state = new Int32Array(this.#shared, 0, 2);
  readonly #bytes = new Uint8Array(this.#shared, 8);
  readonly #worker: Worker;

  /** `path`: where the input goes that took more than `limitMs`. */
  constructor(path: string, limitMs = 30_000) {
    this.#worker = new Worker(PROGRAM, { eval: true, workerData: { shared: this.#shared, path, limitMs } });
    this.#worker.unref();
  }

  begin(bytes: Uint8Array): void {
    const kept = bytes.subarray(0, SIZE);
    this.#bytes.set(kept);
    Atomics.store(this.#state, 1, kept.length);
    Atomics.add(this.#state, 0, 1);
  }

  end(): void {
    Atomics.add(this.#state, 0, 1);
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}
