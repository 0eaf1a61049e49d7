import type { CaptureInterface } from '../capture/interface.ts';
import { type Block, COUNTS, payloadOf } from './blocks.ts';
import type { SessionHeader } from './header.ts';
import type { IndexEntry } from './index.ts';
import type { SessionCounts } from './options.ts';

export interface OpenOptions {
  readonly signal?: AbortSignal | undefined;
  /** While a file without index is scanned: bytes done and in all. */
  readonly progress?: ((bytes: number, total: number) => void) | undefined;
  /** Of a file that is still being written, from its writer (`SessionWriter.sync`): nothing has to be looked for. */
  readonly index?: readonly IndexEntry[] | undefined;
}

/** What is known of a session file before anything is replayed. */
export interface SessionFacts {
  readonly header: SessionHeader;
  readonly interfaces: readonly CaptureInterface[];
  readonly index: readonly IndexEntry[];
  readonly captured: Readonly<SessionCounts>;
  readonly truncated: boolean;
  readonly cutAt: number | null;
  readonly damagedBlocks: number;
}

/** Reads a KIND_COUNTS block; zeros without one. */
export function readCounts(block: Block | null): SessionCounts {
  const payload = (block && payloadOf(block)) ?? new Uint8Array(0);
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const get = (at: number): number => (at + 8 <= payload.length ? Number(view.getBigUint64(at, true)) : 0);
  return {
    packets: get(COUNTS.packets),
    bytes: get(COUNTS.bytes),
    wirePackets: get(COUNTS.wirePackets),
    late: get(COUNTS.late),
    filtered: get(COUNTS.filtered),
    lostFrames: get(COUNTS.lostFrames),
    lostPackets: get(COUNTS.lostPackets),
  };
}
