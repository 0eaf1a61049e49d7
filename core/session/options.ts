import type { ProcessTexts } from '../capture/pcapng-writer.ts';
import type { FlowglassError } from '../errors.ts';
import type { FileCalls } from './file-sink.ts';

/** Who sent or received a packet, as option 8 tells it. */
export interface Owner {
  readonly pid: number;
  /** 0 = not known. */
  readonly tid: number;
  /** Changes with exec and when a pid is used again; for the process blocks of Wireshark. */
  readonly identity?: number;
}

/**
 * The owner of a flow's local side at a moment, null when not known. `view` at `keyOffset` holds the struct fg_key;
 * `direction` 1 = the packet goes from hi to lo; the time is boot nanoseconds in two halves. Called for each packet
 * when it is written: must not allocate more than its answer.
 */
export type OwnerOf = (
  bytes: Uint8Array,
  view: DataView,
  keyOffset: number,
  epoch: number,
  direction: number,
  atHigh: number,
  atLow: number,
) => Owner | null;

export interface RecordingTexts {
  /** Name and version of the program. */
  readonly application: string;
  readonly hardware?: string | null;
  readonly os?: string | null;
  readonly host?: string | null;
}

export interface SessionWriterOptions extends RecordingTexts {
  /** `-` = standard output (no rotation). */
  readonly path: string;
  readonly force?: boolean;
  /** Bytes kept of a packet, 0 = whole packets. What the helper copies for others may be longer: it is cut. */
  readonly snaplen: number;
  /** False = flows and events only. */
  readonly packets?: boolean;
  /** Text of the filter, for if_filter and the header. */
  readonly filter?: string | null;
  /** Start another file when this is exceeded. */
  readonly rotateBytes?: number | null;
  readonly rotateMs?: number | null;
  /** Keep at most this many files; older ones are deleted. */
  readonly ring?: number | null;
  /** A file is whole, and this writer goes on or has failed: its path, bytes, and the milliseconds it lasted. */
  readonly onClosed?: (path: string, bytes: number, ms: number) => void;
  /** The disk is nearly full: frees some of it and answers true, or answers false. */
  readonly makeRoom?: () => boolean;
  /** How long a packet waits for earlier ones and for its owner, and how much may wait. */
  readonly holdMs?: number;
  readonly holdBytes?: number;
  /**
   * True when frames were applied before this recording began: the file then begins with a keyframe. Give the HELLO,
   * CLOCK and INTERFACE frames of before to `prime`.
   */
  readonly keyframeFirst?: boolean;
  /** The reducer's state, all frames given so far applied. */
  readonly serialize: () => Uint8Array;
  readonly ownerOf?: OwnerOf;
  /** The exact filter; `view` at `offset` holds a struct fg_packet. Asked when the packet is written. */
  readonly accepts?: (bytes: Uint8Array, view: DataView, offset: number) => boolean;
  /** For if_description: container or namespace of an interface. */
  readonly describe?: (iface: number) => string | null;
  /** Names seen for addresses, for Name Resolution Blocks at the end of each file. */
  readonly names?: () => readonly { readonly address: Uint8Array; readonly names: readonly string[] }[];
  /** Write Wireshark's process blocks, from what this tells; absent = do not. */
  readonly processInfo?: (owner: Owner, atHigh: number, atLow: number) => ProcessTexts | null;
  /** A comment on each packet of a known owner, as UTF-8, for readers that show no process; absent = none. */
  readonly comment?: (owner: Owner) => Uint8Array | null;
  /** Called once, when writing has failed; what was written before is kept. */
  readonly onError?: (error: FlowglassError) => void;
  /** Drive `tick()` by a timer of 100 ms; default true. */
  readonly timer?: boolean;
  /** Milliseconds of a clock that never steps. */
  readonly now?: () => number;
  readonly calls?: FileCalls;
}

/** What a recording holds so far; wire packets count as the kernel programs count them. */
export interface SessionCounts {
  packets: number;
  bytes: number;
  wirePackets: number;
  late: number;
  filtered: number;
  lostFrames: number;
  lostPackets: number;
}

export interface SessionResult {
  readonly files: readonly string[];
  readonly counts: Readonly<SessionCounts>;
  /** Bytes of all files still there. */
  readonly bytes: number;
  readonly error: FlowglassError | null;
}
