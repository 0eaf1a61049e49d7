/** Recordings of the machine that the engine runs on, as a page lists and keeps them. */
import { z } from 'zod';

const path = z.string().min(1).max(4096);

/** Endings of names of captures. */
export const CAPTURE_ENDING = /\.(pcapng|pcap|cap)(\.(gz|zst))?$/i;

export const sessionRequests = {
  /** What is in the recordings folder, and what was opened elsewhere; newest first. */
  sessions: z.strictObject({}),
  /** What is in one of them, without opening it. */
  sessionFacts: z.strictObject({ path }),
  /** Gives it another name in its folder; an ending that names no capture is completed. */
  sessionRename: z.strictObject({ path, name: z.string().min(1).max(255) }),
  sessionTrash: z.strictObject({ path }),
  /** Takes back what was moved to the trash from this path. */
  sessionRestore: z.strictObject({ path }),
} as const;

export interface SessionAnswer {
  path: string;
  name: string;
  folder: string;
  modified: string;
  bytes: number;
  /** It is being written, or shown. */
  use: 'recorded' | 'open' | null;
}

export interface SessionsAnswer {
  /** The recordings folder. */
  folder: string;
  /** Why it could not be read. */
  problem: string | null;
  sessions: SessionAnswer[];
}

/** null = not known without opening it. */
export interface SessionFactsAnswer {
  /** Recorded by Flowglass. */
  ours: boolean;
  /** Why nothing more is known, or what is wrong with the file. */
  problem: string | null;
  host: string | null;
  /** RFC 3339 */
  started: string | null;
  durationNs: number | null;
  interfaces: string[];
  packets: number | null;
  flows: number | null;
  /** Flows of which something went wrong. */
  troubled: number | null;
}

export interface SessionAnswers {
  sessions: SessionsAnswer;
  sessionFacts: SessionFactsAnswer;
  sessionRename: { path: string };
  sessionTrash: null;
  sessionRestore: null;
}
