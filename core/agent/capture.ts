/** What an agent watches: a helper for each namespace, their frames through the reducer, and nothing kept beyond the model. */
import { FRAME_PACKETS, FRAME_PROCESSES, FRAME_STATS } from '../abi/generated.ts';
import { CaptureGroup, type CaptureSource } from '../engine/capture-group.ts';
import { CgroupNames } from '../engine/cgroup-paths.ts';
import type { Attached } from '../engine/interface-watch.ts';
import { gateProcesses } from '../engine/process-gate.ts';
import type { FlowModel } from '../flow/model.ts';
import { Reducer } from '../flow/reducer.ts';
import type { HelperEnd } from '../helper/helper.ts';
import { inspectPeeks } from '../names/peeks.ts';
import type { FrameSink } from '../wire/frames.ts';
import { readStats, type HelperStats, type LogLine } from '../wire/messages.ts';

export interface CaptureOptions {
  readonly sources: readonly CaptureSource[];
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
  #group: CaptureGroup | null = null;
  /** What the helper said last of its own; null before the first second. */
  stats: HelperStats | null = null;

  /** Starts the helpers and attaches. Throws FlowglassError; nothing is left attached then. */
  static async start(options: CaptureOptions): Promise<Capture> {
    const capture = new Capture();
    const group = await CaptureGroup.start({
      ...options,
      hello: { intervalMs: INTERVAL_MS, flags: 0 },
      onFrame: inspectPeeks(gateProcesses(capture.#frame)),
    });
    capture.#group = group;
    await group.attach();
    await Promise.race([group.snapshot, group.ended]);
    return capture;
  }

  get model(): FlowModel {
    return this.#reducer.model;
  }

  /** What is watched or waited for. */
  get attached(): Attached[] {
    return this.#group?.attached ?? [];
  }

  /** Settles when the helpers have gone, asked to or not. Never rejects. */
  get ended(): Promise<HelperEnd> {
    return this.#group?.ended ?? Promise.reject(new Error('not started'));
  }

  /** Names control groups that came up; to be called a few times a second. */
  tick(): void {
    this.#cgroups.name(this.#reducer, this.#frame);
  }

  /** Takes the last read-out and detaches. */
  async stop(): Promise<void> {
    await this.#group?.stop();
  }

  readonly #frame: FrameSink = (type, bytes, view, offset, length) => {
    if (type === FRAME_PACKETS) return;
    this.#reducer.apply(type, bytes, view, offset, length);
    if (type === FRAME_STATS) this.stats = readStats(view, offset);
    // At once: a short-lived group may be gone at the next tick.
    if (type === FRAME_PROCESSES) this.#cgroups.name(this.#reducer, this.#frame);
  };
}
