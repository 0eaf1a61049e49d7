/**
 * A ring that is kept, saved when asked, and recorded from when a trigger fires: what `record --keep` writes into, and
 * the app while it watches.
 */
import type { FlowFields } from '../filter/filter.ts';
import type { FlowModel } from '../flow/model.ts';
import { NOTE_TRIGGERED, sendNote } from '../flow/note-records.ts';
import type { FileCalls } from '../session/file-sink.ts';
import type { Joined } from '../session/join.ts';
import type { FrameSink } from '../wire/frames.ts';
import { FlightRing, type PastRecording, type RingOptions, type SaveOptions } from './ring.ts';
import type { SampleWindow } from './samples.ts';
import type { Trigger } from './trigger.ts';
import { TriggerWatch, type Fired, type FlowTexts } from './trigger-watch.ts';

/** How often triggers are asked. */
const LOOK_MS = 250;

export interface FlightOptions extends RingOptions {
  /** Takes frames of the engine's own making: the reducer, the ring, and whoever else records. */
  readonly sink: FrameSink;
  readonly model: FlowModel;
  readonly fields: FlowFields;
  readonly texts: FlowTexts;
  /** A new path for each file. */
  readonly newPath: () => string;
  readonly force?: boolean;
  readonly calls?: FileCalls;
  /** How long a recording goes on after what started it. */
  readonly afterMs: number;
  /** Who is to be told of latency samples from now on; null = nobody. */
  readonly onSamples: (samples: SampleWindow | null) => void;
  /** A trigger fired; the path of the recording that it began, null when one went on or none could be made. */
  readonly onFired?: (fired: Fired, path: string | null) => void;
  /** A recording that a trigger started is whole. */
  readonly onSaved?: (saved: Joined) => void;
  readonly onError: (error: unknown) => void;
}

export class FlightRecording {
  readonly ring: FlightRing;
  readonly #options: FlightOptions;
  readonly #saved: Joined[] = [];
  #watch: TriggerWatch | null = null;
  #afterMs: number;
  #recording: { past: PastRecording; untilMs: number; sinceNs: number } | null = null;
  readonly #looking: NodeJS.Timeout;
  readonly #saving = new Set<Promise<unknown>>();

  /** Throws FlowglassError when the ring cannot be made. */
  constructor(options: FlightOptions) {
    this.#options = options;
    this.#afterMs = options.afterMs;
    this.ring = new FlightRing(options);
    this.#looking = setInterval(() => this.#look(), LOOK_MS);
    this.#looking.unref();
  }

  /** Files that are whole. */
  get saved(): readonly Joined[] {
    return this.#saved;
  }

  /** What a trigger started, while it goes on. */
  get recording(): { readonly path: string; readonly sinceNs: number; readonly bytes: number } | null {
    if (this.#recording === null) return null;
    const { past, sinceNs } = this.#recording;
    return { path: past.path, sinceNs, bytes: past.bytes };
  }

  /** Watches for these from now on, instead of those before; recordings that they begin go on for `afterMs`. */
  setTriggers(triggers: readonly Trigger[], afterMs = this.#afterMs): void {
    const { model, fields, texts, onSamples } = this.#options;
    this.#afterMs = afterMs;
    this.#watch = triggers.length === 0 ? null : new TriggerWatch(model, triggers, fields, texts);
    onSamples(this.#watch?.samples ?? null);
  }

  /** Writes what is held into a file of its own. Throws FlowglassError. */
  async save(path = this.#options.newPath()): Promise<Joined> {
    return this.#finished(this.ring.save(path, this.#saveOptions));
  }

  /** Ends what a trigger started; null when nothing was. Throws FlowglassError. */
  async endRecording(): Promise<Joined | null> {
    const recording = this.#recording;
    if (recording === null) return null;
    this.#recording = null;
    const saved = await this.#finished(this.ring.end(recording.past));
    this.#options.onSaved?.(saved);
    return saved;
  }

  get #saveOptions(): SaveOptions {
    const { force = false, calls } = this.#options;
    return { force, ...(calls === undefined ? {} : { calls }) };
  }

  /** Closing waits for it. */
  async #finished(saving: Promise<Joined>): Promise<Joined> {
    this.#saving.add(saving);
    try {
      const saved = await saving;
      this.#saved.push(saved);
      return saved;
    } finally {
      this.#saving.delete(saving);
    }
  }

  /** Ends everything; the ring is deleted. Throws FlowglassError. */
  async close(): Promise<void> {
    clearInterval(this.#looking);
    try {
      await this.endRecording();
      await Promise.allSettled(this.#saving);
    } finally {
      await this.ring.close();
    }
  }

  #look(): void {
    const now = performance.now();
    for (const fired of this.#watch?.look() ?? []) this.#fire(fired, now);
    if (this.#recording !== null && now >= this.#recording.untilMs)
      this.endRecording().catch((error: unknown) => this.#options.onError(error));
  }

  #fire(fired: Fired, now: number): void {
    const { model, sink, newPath, onFired, onError } = this.#options;
    const text = `${fired.trigger.text}: ${fired.evidence}`;
    sendNote(sink, { kind: NOTE_TRIGGERED, bootNs: model.clock.bootNs(fired.atNs), text });
    let path: string | null = null;
    if (this.#recording === null) {
      try {
        path = newPath();
        const past = this.ring.begin(path, this.#saveOptions);
        this.#recording = { past, untilMs: now + this.#afterMs, sinceNs: fired.atNs };
      } catch (error) {
        path = null;
        onError(error);
      }
    }
    onFired?.(fired, path);
  }
}
