/** Recording, the flight recorder and its triggers, as a page asks for them and is told of them. */
import { z } from 'zod';
import type { CompletionAnswer, FilterAnswer, Trouble } from './answers.ts';

/** What is kept while something is watched: so long, and at most so much of the disk. */
export const flightSettings = z.strictObject({
  on: z.boolean(),
  seconds: z.number().int().min(10).max(86_400),
  megabytes: z.number().int().min(10).max(100_000),
});
const triggerText = z.string().max(2000);
/** A trigger in the language of docs/filter.md, "Triggers". */
export const triggerWish = z.strictObject({ text: triggerText.min(1), enabled: z.boolean() });
export const triggerSettings = z.strictObject({
  triggers: z.array(triggerWish).max(50),
  /** How long a recording goes on after its trigger. */
  afterSeconds: z.number().int().min(1).max(86_400),
});

export const recordingRequests = {
  /** Into a new file of the recordings folder: where files go is never the page's choice. */
  recordStart: z.strictObject({
    snaplen: z.number().int().min(0).max(262_144).default(256),
    packets: z.boolean().default(true),
  }),
  recordStop: z.strictObject({}),
  /** While paused no packets are stored; flows are counted on. */
  recordPause: z.strictObject({ paused: z.boolean() }),
  /** Writes what was kept into a new file of the recordings folder. */
  flightSave: z.strictObject({}),
  flightKeep: z.strictObject({ settings: flightSettings }),
  /** Replaces all triggers. */
  flightTriggers: z.strictObject({ wish: triggerSettings }),
  /** Says whether a text is a trigger, without setting it. */
  triggerCheck: z.strictObject({ text: triggerText }),
  triggerComplete: z.strictObject({ text: triggerText, cursor: z.number().int().min(0).max(2000) }),
} as const;

export type FlightSettings = z.output<typeof flightSettings>;
export type TriggerSettings = z.output<typeof triggerSettings>;
export type TriggerWish = z.output<typeof triggerWish>;

/** A file that was written from what was kept. */
export interface SavedAnswer {
  path: string;
  bytes: number;
  packets: number;
  seconds: number;
}

export interface RecordingAnswers {
  recordStart: { path: string };
  recordStop: { path: string; bytes: number };
  recordPause: null;
  flightSave: SavedAnswer;
  flightKeep: null;
  flightTriggers: null;
  triggerCheck: FilterAnswer;
  triggerComplete: CompletionAnswer;
}

/** A file that is being written; session time of its beginning. */
export interface RecordingState {
  path: string;
  sinceNs: number;
  bytes: number;
  paused: boolean;
}

/** The last time that a trigger fired. */
export interface FiredState {
  /** How often since the engine runs. */
  times: number;
  /** RFC 3339, UTC. */
  at: string;
  /** What it saw, with values. */
  evidence: string;
  /** The recording that it began; null when one was under way, or none could be made. */
  path: string | null;
}

export interface TriggerState extends TriggerWish {
  fired: FiredState | null;
}

/** The flight recorder. */
export interface FlightState {
  settings: FlightSettings;
  /** Something is watched, and what happens is kept. */
  running: boolean;
  /** How far back saving now would reach, and what that takes up. */
  heldMs: number;
  bytes: number;
  /** Why nothing is kept although it should be. */
  problem: Trouble | null;
  /** What a trigger began, while it goes on. */
  recording: RecordingState | null;
  afterSeconds: number;
  triggers: TriggerState[];
}
