/**
 * Notices on their way to one target: a bounded queue, one at a time, each with a time limit and a few attempts. Handing
 * one over never waits and never fails; what finds no room or does not arrive is counted.
 */
import type { AlertNotice } from '../notice.ts';

/** Notices that wait for a target; further ones are given up, and counted. */
const QUEUE_MAX = 32;
/** How long the end waits for what is still on its way. */
const CLOSE_MS = 1000;

export interface TargetHealth {
  readonly name: string;
  readonly kind: string;
  readonly delivered: number;
  /** Gave up after all attempts. */
  readonly failed: number;
  /** Found no room. */
  readonly lost: number;
  readonly waiting: number;
  /** Why the last one failed; null = the last one arrived, or there was none. */
  readonly problem: string | null;
}

export interface Target {
  readonly health: TargetHealth;
  send(notice: AlertNotice): void;
  /** Sends one and says what became of it: null = it arrived. */
  try(notice: AlertNotice): Promise<string | null>;
  /** Gives what is on its way a moment. */
  close(): Promise<void>;
}

export interface DeliveryOptions {
  readonly name: string;
  readonly kind: string;
  /** Delivers one, within its own time limit; throws with one clause when it did not arrive. */
  readonly attempt: (notice: AlertNotice, signal: AbortSignal) => Promise<void>;
  /** Pauses between attempts, ms; one attempt more than there are pauses. */
  readonly pausesMs: readonly number[];
  /** Told once for each new reason, and when it works again (null). */
  readonly onProblem: (problem: string | null) => void;
}

/** Another attempt would end the same way. */
export class Refused extends Error {}

export class Delivery implements Target {
  readonly #options: DeliveryOptions;
  readonly #queue: AlertNotice[] = [];
  readonly #abort = new AbortController();
  #busy = false;
  #idle: (() => void) | null = null;
  #delivered = 0;
  #failed = 0;
  #lost = 0;
  #problem: string | null = null;

  constructor(options: DeliveryOptions) {
    this.#options = options;
  }

  get health(): TargetHealth {
    const { name, kind } = this.#options;
    return {
      name,
      kind,
      delivered: this.#delivered,
      failed: this.#failed,
      lost: this.#lost,
      waiting: this.#queue.length + Number(this.#busy),
      problem: this.#problem,
    };
  }

  send(notice: AlertNotice): void {
    if (this.#queue.length >= QUEUE_MAX) this.#lost++;
    else {
      this.#queue.push(notice);
      if (!this.#busy) void this.#work();
    }
  }

  async try(notice: AlertNotice): Promise<string | null> {
    try {
      await this.#options.attempt(notice, this.#abort.signal);
      return null;
    } catch (error) {
      return reasonOf(error);
    }
  }

  async close(): Promise<void> {
    if (this.#busy)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, CLOSE_MS);
        this.#idle = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    this.#abort.abort();
  }

  async #work(): Promise<void> {
    this.#busy = true;
    for (let notice = this.#queue.shift(); notice !== undefined; notice = this.#queue.shift()) {
      const problem = await this.#deliver(notice);
      if (problem === null) this.#delivered++;
      else this.#failed++;
      if (problem !== this.#problem) this.#options.onProblem(problem);
      this.#problem = problem;
    }
    this.#busy = false;
    this.#idle?.();
  }

  async #deliver(notice: AlertNotice): Promise<string | null> {
    const { attempt, pausesMs } = this.#options;
    const { signal } = this.#abort;
    for (let i = 0; ; i++) {
      try {
        await attempt(notice, signal);
        return null;
      } catch (error) {
        const pause = pausesMs[i];
        if (pause === undefined || error instanceof Refused || signal.aborted) return reasonOf(error);
        await paused(pause, signal);
      }
    }
  }
}

/** One clause. */
const reasonOf = (error: unknown): string => (error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)).slice(0, 300); // prettier-ignore

function paused(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    timer.unref();
    signal.addEventListener('abort', done, { once: true });
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
  });
}
