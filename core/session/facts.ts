import type { FileHandle } from 'node:fs/promises';
import type { CaptureInterface } from '../capture/interface.ts';
import { type Block, BLOCK_FLOWGLASS, COUNTS, payloadOf, readBlock } from './blocks.ts';
import type { SessionHeader } from './header.ts';
import type { IndexEntry } from './index.ts';
import type { SessionCounts } from './options.ts';

/** Longest block of ours. */
const MAX_BLOCK = 65_536;

export interface OpenOptions {
  readonly signal?: AbortSignal | undefined;
  /** While a file without index is scanned: bytes done and in all. */
  readonly progress?: ((bytes: number, total: number) => void) | undefined;
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

/** Reads one block of ours at an offset; null when it is none or damaged. `length` is that of the whole block. */
export async function readBlockAt(
  file: FileHandle,
  offset: number,
): Promise<{ readonly block: Block; readonly length: number } | null> {
  const head = Buffer.alloc(8);
  if ((await file.read(head, 0, 8, offset)).bytesRead < 8) return null;
  const length = head.readUInt32LE(4);
  if (head.readUInt32LE(0) !== BLOCK_FLOWGLASS || length < 12 || length > MAX_BLOCK) return null;
  const bytes = Buffer.alloc(length);
  if ((await file.read(bytes, 0, length, offset)).bytesRead < length) return null;
  try {
    const block = readBlock(bytes.subarray(8, length - 4));
    return block ? { block, length } : null;
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
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
