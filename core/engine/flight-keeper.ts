/**
 * The flight recorder of the app: what is kept of whatever is watched, the triggers, and both as they were set the last
 * time. The ring lies in the user's state folder.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { FilterAnswer } from '../contract/answers.ts';
import { flightSettings, triggerSettings, type FiredState, type FlightSettings, type FlightState, type SavedAnswer, type TriggerSettings } from '../contract/recording.ts'; // prettier-ignore
import { errnoText, FlowglassError } from '../errors.ts';
import { applyFix, explain } from '../filter/filter.ts';
import { ringPrefix } from '../flight-recorder/paths.ts';
import { recoverRings } from '../flight-recorder/recover.ts';
import type { SampleWindow } from '../flight-recorder/samples.ts';
import type { Fired } from '../flight-recorder/trigger-watch.ts';
import { parseTrigger, type Trigger } from '../flight-recorder/trigger.ts';
import type { Joined } from '../session/join.ts';
import type { LiveRecorder } from './live-recorder.ts';
import { readState, writeState } from '../system/state-file.ts';

const DEFAULTS: FlightSettings = { on: true, seconds: 120, megabytes: 256 };
const AFTER_SECONDS = 30;
const stored = z.object({ settings: flightSettings, wish: triggerSettings });

/** A live source, as the flight recorder knows it. */
export interface Kept {
  readonly recorder: LiveRecorder;
  readonly onSamples: (samples: SampleWindow | null) => void;
  /** Of a session time, ns since the Epoch; null when it is not known. */
  readonly wallNs: (atNs: number) => bigint | null;
}

export interface KeeperOptions {
  /** For rings and settings; made 0700. */
  readonly folder: string;
  readonly newPath: () => string;
  /** A file was written. */
  readonly opened: (path: string) => void;
  readonly changed: () => void;
  readonly onFired: (text: string, path: string | null) => void;
  readonly onSaved: (saved: SavedAnswer, why: 'trigger' | 'recovered') => void;
  readonly onError: (error: unknown) => void;
}

export class FlightKeeper {
  readonly #options: KeeperOptions;
  readonly #file: string;
  readonly #fired = new Map<string, FiredState>();
  #settings = DEFAULTS;
  #wish: TriggerSettings = { triggers: [], afterSeconds: AFTER_SECONDS };
  #kept: Kept | null = null;
  #problem: FlowglassError | null = null;

  constructor(options: KeeperOptions) {
    this.#options = options;
    this.#file = join(options.folder, 'flight.json');
    const known = readState(this.#file, stored);
    if (known === null) return;
    this.#settings = known.settings;
    // What an older version understood may be none any more.
    const readable = (text: string): boolean => parseTrigger(text).ok;
    const triggers = known.wish.triggers.map(({ text, enabled }) => ({ text, enabled: enabled && readable(text) }));
    this.#wish = { ...known.wish, triggers };
  }

  get state(): FlightState {
    const flight = this.#kept?.recorder.flight ?? null;
    const trouble = this.#problem;
    return {
      settings: this.#settings,
      running: flight !== null,
      heldMs: flight === null ? 0 : Math.round(flight.ring.heldMs / 100) * 100,
      bytes: flight?.ring.bytes ?? 0,
      problem: trouble && { code: trouble.code, what: trouble.what, where: trouble.where, hint: trouble.hint },
      recording: flight?.recording ? { ...flight.recording, paused: false } : null,
      afterSeconds: this.#wish.afterSeconds,
      triggers: this.#wish.triggers.map((each) => ({ ...each, fired: this.#fired.get(each.text) ?? null })),
    };
  }

  /** A live source began: what it sees is kept, when that is wished. */
  attach(kept: Kept): void {
    this.#kept = kept;
    this.#start();
    const { newPath, onError } = this.#options;
    recoverRings(this.#ringPath, newPath).then(
      (files) => files.forEach((file) => this.#saved(file, 'recovered')),
      onError,
    );
  }

  /** The live source is about to end: what a trigger began is closed. */
  async detach(): Promise<void> {
    await this.#stop();
    this.#kept = null;
  }

  async keep(settings: FlightSettings): Promise<void> {
    await this.#stop();
    this.#settings = settings;
    this.#remember();
    this.#start();
  }

  /** Throws FlowglassError when one of them cannot be read. */
  setTriggers(wish: TriggerSettings): void {
    const triggers = triggersOf(wish);
    this.#wish = wish;
    this.#remember();
    this.#kept?.recorder.flight?.setTriggers(triggers, wish.afterSeconds * 1000);
    this.#options.changed();
  }

  /** Writes what was kept. Throws FlowglassError. */
  async save(): Promise<SavedAnswer> {
    const flight = this.#kept?.recorder.flight ?? null;
    if (flight === null) throw this.#problem ?? new FlowglassError({ code: 'nothing-kept', what: 'nothing was kept', where: 'flight recorder', hint: this.#kept ? 'turn it on first' : 'it keeps what is watched: attach to an interface first' }); // prettier-ignore
    const saved = answerOf(await flight.save());
    this.#options.opened(saved.path);
    return saved;
  }

  get #ringPath(): string {
    return join(this.#options.folder, 'flight.pcapng');
  }

  #start(): void {
    const { folder, newPath, changed, onError } = this.#options;
    const { on, seconds, megabytes } = this.#settings;
    const kept = this.#kept;
    this.#problem = null;
    if (on && kept !== null) {
      try {
        makeFolder(folder);
        const flight = kept.recorder.keep({
          prefix: ringPrefix(this.#ringPath),
          limits: { ms: seconds * 1000, bytes: megabytes * 1e6 },
          newPath,
          afterMs: this.#wish.afterSeconds * 1000,
          onSamples: kept.onSamples,
          onFired: (fired, path) => this.#onFired(fired, path),
          onSaved: (saved) => this.#saved(saved, 'trigger'),
          onError,
          onEnd: (error) => void this.#ended(error),
        });
        flight.setTriggers(triggersOf(this.#wish));
      } catch (error) {
        if (!(error instanceof FlowglassError)) throw error;
        void this.#ended(error);
      }
    }
    changed();
  }

  /** Nothing more is kept, and it says why: a full disk, a folder that cannot be written. */
  async #ended(error: FlowglassError): Promise<void> {
    this.#problem = error;
    this.#options.onError(error);
    await this.#stop();
    this.#options.changed();
  }

  async #stop(): Promise<void> {
    try {
      await this.#kept?.recorder.keepNothing();
    } catch (error) {
      this.#options.onError(error);
    }
  }

  #onFired({ trigger, evidence, atNs }: Fired, path: string | null): void {
    const wallNs = this.#kept?.wallNs(atNs) ?? null;
    const at = wallNs === null ? new Date() : new Date(Number(wallNs / 1_000_000n));
    const times = (this.#fired.get(trigger.text)?.times ?? 0) + 1;
    this.#fired.set(trigger.text, { times, at: at.toISOString(), evidence, path });
    this.#options.onFired(`${trigger.text}: ${evidence}`, path);
    this.#options.changed();
  }

  #saved(file: Joined, why: 'trigger' | 'recovered'): void {
    this.#options.opened(file.path);
    this.#options.onSaved(answerOf(file), why);
  }

  #remember(): void {
    writeState(this.#file, { settings: this.#settings, wish: this.#wish });
  }
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new FlowglassError({ code: 'unwritable-file', what: errnoText(error), where: folder, hint: 'set XDG_STATE_HOME to a folder that you may write to', cause: error }); // prettier-ignore
  }
}

function triggersOf({ triggers }: TriggerSettings): Trigger[] {
  return triggers.flatMap(({ text, enabled }) => {
    const result = parseTrigger(text);
    if (!enabled) return [];
    if (result.ok) return [result.trigger];
    throw new FlowglassError({ code: 'bad-trigger', what: 'the trigger cannot be read', where: text, hint: explain(result.problem) }); // prettier-ignore
  });
}

function answerOf({ path, bytes, counts, fromNs, toNs }: Joined): SavedAnswer {
  return { path, bytes, packets: counts.packets, seconds: Number(toNs - fromNs) / 1e9 };
}

/** Whether a text is a trigger, as the field for one shows it. */
export function checkTrigger(text: string): FilterAnswer {
  const result = parseTrigger(text);
  if (result.ok) return { ok: true, matching: 0, total: 0 };
  const { start, end, message } = result.problem;
  return { ok: false, position: start, length: end - start, message, fix: applyFix(text, result.problem) };
}
