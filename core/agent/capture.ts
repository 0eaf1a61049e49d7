/** What an agent watches: one helper, its frames through the reducer, and nothing kept beyond the model. */
import { FRAME_INTERFACE, FRAME_PACKETS, FRAME_PROCESSES, FRAME_STATS } from '../abi/generated.ts';
import { CgroupNames } from '../engine/cgroup-paths.ts';
import { InterfaceWatch, type Attached } from '../engine/interface-watch.ts';
import { gateProcesses } from '../engine/process-gate.ts';
import type { FlowModel } from '../flow/model.ts';
import { Reducer } from '../flow/reducer.ts';
import { startHelper, type Helper, type HelperEnd } from '../helper/helper.ts';
import { inspectPeeks } from '../names/peeks.ts';
import type { NetworkInterface } from '../system/interfaces.ts';
import type { NetworkNamespace } from '../system/netns.ts';
import type { FrameSink } from '../wire/frames.ts';
import { readStats, type HelperStats, type LogLine } from '../wire/messages.ts';

export interface CaptureOptions {
  readonly interfaces: readonly NetworkInterface[];
  /** Namespace of the interfaces; null = ours. */
  readonly namespace: NetworkNamespace | null;
  /** Everything was asked for: interfaces that appear later are watched too. */
  readonly all: boolean;
  /** RUNG_* wanted for each direction. */
  readonly ingress: number;
  readonly egress: number;
  readonly onLog: (line: LogLine) => void;
}

/** Read-outs: nobody looks at an agent more than a few times a second. */
const INTERVAL_MS = 250;

export class Capture {
  readonly #reducer = new Reducer();
  readonly #cgroups = new CgroupNames();
  readonly #watch: InterfaceWatch;
  #helper: Helper | null = null;
  /** What the helper said last of its own; null before the first second. */
  stats: HelperStats | null = null;

  private constructor(options: CaptureOptions) {
    const { interfaces, all, ingress, egress, onLog } = options;
    this.#watch = new InterfaceWatch({ interfaces, all, ingress, egress, onLog, onFrame: this.#frame });
  }

  /** Starts the helper and attaches. Throws FlowglassError; nothing is left attached then. */
  static async start(options: CaptureOptions): Promise<Capture> {
    const capture = new Capture(options);
    const helper = await startHelper({
      hello: { intervalMs: INTERVAL_MS, flags: 0 },
      onFrame: inspectPeeks(
        gateProcesses((type, bytes, view, offset, length) => {
          capture.#frame(type, bytes, view, offset, length);
          if (type === FRAME_INTERFACE) capture.#watch.frame(bytes, view, offset);
        }),
      ),
      onPresent: (report) => capture.#watch.present(report),
      onLog: options.onLog,
      ...(options.namespace === null ? {} : { netnsPath: options.namespace.path }),
    });
    capture.#helper = helper;
    try {
      await capture.#watch.start(helper);
      await Promise.race([helper.snapshot, helper.ended]);
      return capture;
    } catch (error) {
      const end = await helper.stop();
      throw end.error ?? error;
    }
  }

  get model(): FlowModel {
    return this.#reducer.model;
  }

  /** What is watched or waited for. */
  get attached(): Attached[] {
    return this.#watch.attached;
  }

  /** Settles when the helper has gone, asked to or not. Never rejects. */
  get ended(): Promise<HelperEnd> {
    return this.#helper?.ended ?? Promise.reject(new Error('not started'));
  }

  /** Names control groups that came up; to be called a few times a second. */
  tick(): void {
    this.#cgroups.name(this.#reducer, this.#frame);
  }

  /** Takes the last read-out and detaches. */
  async stop(): Promise<void> {
    await this.#helper?.stop();
  }

  readonly #frame: FrameSink = (type, bytes, view, offset, length) => {
    if (type === FRAME_PACKETS) return;
    this.#reducer.apply(type, bytes, view, offset, length);
    if (type === FRAME_STATS) this.stats = readStats(view, offset);
    // At once: a short-lived group may be gone at the next tick.
    if (type === FRAME_PROCESSES) this.#cgroups.name(this.#reducer, this.#frame);
  };
}
