/**
 * Which blocks of the project's code ran, by V8's own counters: what a coverage-guided fuzzer needs, without a library.
 * V8 tells of each function that ran the ranges whose counts differ from what is around them; so what is known of a
 * function are the ranges that did not run at some time, and whether they have run since.
 */
import { type Profiler, Session } from 'node:inspector';

interface Known {
  /** Ranges that did not run some time, as start × 2^22 + end; true = they have run at another. */
  readonly ranges: Map<number, boolean>;
  /** Ranges that ran more often than what is around them, with how often. */
  readonly often: Set<number>;
}

const WIDE = 2 ** 22;

export class Coverage {
  readonly #session = new Session();
  #functions = new Map<string, Known>();
  #blocks = 0;

  /** Once a process, before the code is loaded: V8 counts blocks only of functions that it compiles after this. */
  start(): void {
    this.#session.connect();
    this.#session.post('Profiler.enable');
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /** Forgets what ran. */
  clear(): void {
    this.#functions = new Map();
    this.#blocks = 0;
    this.peek();
  }

  /** Functions and blocks that ran for some input. */
  get blocks(): number {
    return this.#blocks;
  }

  /** Whether a block ran since the last call that had never run before. It stays new. */
  peek(): boolean {
    return this.#ran(false) > 0;
  }

  /** Whether a block ran since the last call that had never run before, or more often than ever: from now on known. */
  take(): boolean {
    return this.#ran(true) > 0;
  }

  #ran(learn: boolean): number {
    let fresh = 0;
    this.#session.post('Profiler.takePreciseCoverage', (error, answer) => {
      if (error !== null) throw error;
      for (const { scriptId, url, functions } of (answer as Profiler.TakePreciseCoverageReturnType).result) {
        if (!url.includes('/core/')) continue;
        for (const each of functions) fresh += this.#function(scriptId, each, learn);
      }
    });
    return fresh;
  }

  #function(script: string, { ranges }: Profiler.FunctionCoverage, learn: boolean): number {
    const [whole] = ranges;
    if (whole === undefined || whole.count === 0) return 0;
    const name = `${script} ${whole.startOffset}`;
    let known = this.#functions.get(name);
    let fresh = 0;
    if (known === undefined) {
      known = { ranges: new Map(), often: new Set() };
      fresh++;
      if (learn) this.#functions.set(name, known);
    }
    const idle: [number, number][] = [];
    for (const { startOffset, endOffset, count } of ranges) {
      const key = startOffset * WIDE + endOffset;
      if (count === 0) {
        idle.push([startOffset, endOffset]);
        if (learn && !known.ranges.has(key)) known.ranges.set(key, false);
      } else if (learn) {
        // Once, a few times, often: loops that go further are news too, but for one input at a time only.
        const often = key * 4 + (count > 64 ? 3 : count > 8 ? 2 : count > 1 ? 1 : 0);
        if (!known.often.has(often)) fresh++;
        known.often.add(often);
      }
    }
    for (const [key, ran] of known.ranges) {
      if (ran) continue;
      const start = Math.floor(key / WIDE);
      const end = key % WIDE;
      if (idle.some(([from, to]) => from <= start && end <= to)) continue;
      fresh++;
      if (learn) known.ranges.set(key, true);
    }
    if (learn) this.#blocks += fresh;
    return fresh;
  }
}
