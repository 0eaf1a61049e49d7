/** The one pass over a capture of others that opening it takes; what was read so far can be looked at. */
import { damageOf } from '../capture/damage.ts';
import type { CaptureParser } from '../capture/parser.ts';
import { readCapture } from '../capture/read.ts';
import { ForeignCapture } from '../tracker/open-foreign.ts';
import type { OpenedForeign } from './index-cache/foreign-index.ts';
import { TimelineObserver } from './observer.ts';
import type { OpeningOptions } from './replay-source.ts';

export class ForeignReading {
  readonly capture = new ForeignCapture();
  readonly observer = new TimelineObserver(this.capture.model);
  readonly done: Promise<OpenedForeign>;
  /** Somebody had enough. */
  stopped = false;
  #parser: CaptureParser | null = null;
  #share = 0;

  constructor(path: string, options: OpeningOptions) {
    this.done = this.#read(path, options);
  }

  /** Ends reading; what was read stays. */
  stop(): void {
    this.stopped = true;
    this.#parser?.cancel();
  }

  async #read(path: string, options: OpeningOptions): Promise<OpenedForeign> {
    const { capture, observer } = this;
    const result = await readCapture(
      path,
      (parser) => {
        this.#parser = parser;
        return capture.handlers;
      },
      {
        signal: options.signal,
        progress: ({ bytes, total }) => {
          this.#share = total > 0 ? bytes / total : 0;
          options.progress(bytes, total);
        },
      },
    );
    const partly = `reading was stopped at ${Math.floor(this.#share * 100)} %: the ${result.packets} packets before it are here`;
    const damage = this.stopped ? partly : damageOf(result);
    const whole = { ...capture.finish(result.truncated || this.stopped), damage };
    observer.finish();
    return { whole, timeline: observer.store, findings: observer.findings, disorderNs: capture.disorderNs };
  }
}
