/** What the engine shows: a live capture, a session of ours, or a foreign capture. */
import type { FlowModel } from '../flow/model.ts';
import type { Gap } from '../flow/reducer.ts';
import type { SummarySource } from '../summary/source.ts';
import type { TimelineStore } from '../timeline/store.ts';
import type { FindingList } from './finding-facts.ts';
import type { FlowPackets } from './packets.ts';

/** Packets that are kept for a while. */
export interface Ring {
  readonly bytes: number;
  /** Copies what it holds into a session file. Throws FlowglassError. */
  save(path: string): Promise<unknown>;
}

export interface Source {
  readonly mode: 'live' | 'replay';
  readonly name: string;
  readonly path: string | null;
  /** Recorded by Flowglass: processes and kernel states are known. */
  readonly ours: boolean;
  readonly truncated: boolean;
  /** One sentence on that; left out or null = nothing to say. */
  readonly damage?: string | null;
  /** State at the cursor; another object after a seek. */
  readonly model: FlowModel;
  readonly timeline: TimelineStore;
  readonly findings: FindingList;
  readonly gaps: readonly Gap[];
  /** Session times, ns since the clock's origin. */
  readonly startNs: number;
  readonly endNs: number;
  readonly cursorNs: number;
  /** The cursor follows the newest data. */
  readonly following: boolean;
  /** Moves the cursor; forward is cheap. Calls must not overlap. */
  seek(atNs: number): Promise<void>;
  /** Goes to the newest moment and stays there; of sources that still grow. */
  follow?(): void;
  /** Stays at the moment shown, while the source goes on. */
  pause?(): void | Promise<void>;
  /** Called ten times a second. */
  tick(): void;
  /** For details: what a summary of the state at the cursor is made from. */
  summary(): SummarySource;
  /** Packets of the file; left out where there is none: recorded ones are seen when the recording is opened. */
  readonly packets?: FlowPackets;
  /**
   * A capture file with all of it as of now, its flows at least; with `packets` one that has packets, null when there are
   * none.
   */
  exported(packets: boolean): string | null;
  /** What the flight recorder keeps of packets; null or left out = nothing. */
  readonly ring?: Ring | null;
  close(): Promise<void>;
}
