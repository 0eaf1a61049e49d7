import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { crc32c } from '../capture/crc32c.ts';
import type { PcapngWriter } from '../capture/pcapng-writer.ts';

/**
 * Blocks of ours inside a pcapng file (docs/session-format.md). One local-use block type; the body is little-endian
 * whatever the section is:
 *
 *   0 magic "FLOWGLAS"   8 u16 version   10 u16 kind   12 u32 flags   16 u32 raw length   20 u32 stored length
 *   24 u64 from ns   32 u64 to ns (boot time)   40 u32 sequence   44 u32 part   48 u32 parts   52 u32 CRC-32C
 *   56 payload, padded to four
 */
export const BLOCK_FLOWGLASS = 0x8046474c;
export const BLOCK_VERSION = 1;
export const BODY_HEADER_BYTES = 56;
/** Stored and raw payload of one block: block, header and payload stay within 64 KiB. */
export const MAX_PAYLOAD_BYTES = 65_536 - 12 - BODY_HEADER_BYTES - 4;

const MAGIC_LOW = 0x574f4c46; // "FLOW"
const MAGIC_HIGH = 0x53414c47; // "GLAS"

/** JSON: what was recorded, where, by which version. First block of ours in a file. */
export const KIND_HEADER = 1;
/** A run of the helper's frames with their 8-byte headers, packets left out. */
export const KIND_JOURNAL = 2;
/** A part of the serialised state, in order of `part`. */
export const KIND_KEYFRAME = 3;
/** What has been written so far: see COUNTS. */
export const KIND_COUNTS = 4;
/** Entries of the index. */
export const KIND_INDEX = 5;
/** The last block of a file that was closed properly. */
export const KIND_END = 6;

/** The payload is raw DEFLATE (RFC 1951). */
export const FLAG_DEFLATE = 1;
/** The last frame of this journal block goes on in the next journal block. */
export const FLAG_CONTINUES = 2;

/** Offsets of u64 counters in a KIND_COUNTS payload. */
export const COUNTS = {
  size: 56,
  /** Enhanced Packet Blocks in this file. */
  packets: 0,
  /** Their captured bytes. */
  bytes: 8,
  /** Wire packets they stand for. */
  wirePackets: 16,
  /** Written after a later packet of the same interface. */
  late: 24,
  /** Wire packets that the filter kept out. */
  filtered: 32,
  /** Packet records that the writer could not store, and the wire packets they stand for. */
  lostFrames: 40,
  lostPackets: 48,
} as const;

/** Offsets in one entry of the index. */
export const ENTRY = {
  size: 40,
  fromNs: 0,
  toNs: 8,
  /** Of the block in the file. */
  offset: 16,
  /** KIND_* of ours, ENTRY_PACKETS or ENTRY_INTERFACE. */
  kind: 24,
  /** Packets in a run; parts of a keyframe; else 0. */
  count: 28,
  /** i64: wall time minus boot time of the packets in a run, for all of them the same; else 0. */
  wallOffsetNs: 32,
} as const;
/** A run of packet blocks; the times are boot times of the first and last of them. */
export const ENTRY_PACKETS = 16;
/** An Interface Description Block. */
export const ENTRY_INTERFACE = 17;

/** KIND_END payload: u32 number of index blocks, u64 offset of the first, u32 this: with the length the last 16 bytes. */
export const END_MAGIC = 0x58494746; // "FGIX"
export const END_PAYLOAD_BYTES = 16;

const START = Uint8Array.of(0x46, 0x4c, 0x4f, 0x57, 0x47, 0x4c, 0x41, 0x53);

export interface BlockInfo {
  readonly kind: number;
  readonly flags?: number;
  readonly fromNs: bigint;
  readonly toNs: bigint;
  readonly sequence: number;
  readonly part?: number;
  readonly parts?: number;
}

/**
 * Writes one block of ours; `raw[start…end)` is deflated (level 1) when `compress` is set and that makes it smaller.
 * At most MAX_PAYLOAD_BYTES.
 */
export function writeBlock(
  out: PcapngWriter,
  info: BlockInfo,
  raw: Uint8Array,
  compress: boolean,
  start = 0,
  end = raw.length,
): void {
  let payload = raw.subarray(start, end);
  if (payload.length > MAX_PAYLOAD_BYTES) throw new RangeError(`a payload of ${payload.length} bytes`);
  let flags = info.flags ?? 0;
  if (compress && payload.length > 64) {
    const deflated = deflateRawSync(payload, { level: 1 });
    if (deflated.length < payload.length) {
      payload = deflated;
      flags |= FLAG_DEFLATE;
    }
  }
  const at = out.beginBlock(BLOCK_FLOWGLASS, BODY_HEADER_BYTES + payload.length);
  const view = out.view;
  out.bytes.set(START, at);
  view.setUint16(at + 8, BLOCK_VERSION, true);
  view.setUint16(at + 10, info.kind, true);
  view.setUint32(at + 12, flags, true);
  view.setUint32(at + 16, end - start, true);
  view.setUint32(at + 20, payload.length, true);
  view.setBigUint64(at + 24, info.fromNs, true);
  view.setBigUint64(at + 32, info.toNs, true);
  view.setUint32(at + 40, info.sequence, true);
  view.setUint32(at + 44, info.part ?? 0, true);
  view.setUint32(at + 48, info.parts ?? 1, true);
  out.bytes.set(payload, at + BODY_HEADER_BYTES);
  const bodyEnd = at + BODY_HEADER_BYTES + payload.length;
  const crc = crc32c(out.bytes, at + BODY_HEADER_BYTES, bodyEnd, crc32c(out.bytes, at, at + 52));
  view.setUint32(at + 52, crc, true);
  out.endBlock(bodyEnd);
}

export interface Block {
  readonly version: number;
  readonly kind: number;
  readonly flags: number;
  readonly fromNs: bigint;
  readonly toNs: bigint;
  readonly sequence: number;
  readonly part: number;
  readonly parts: number;
  readonly rawLength: number;
  /** As stored; a view of the block's bytes. */
  readonly stored: Uint8Array;
}

/**
 * Reads the body of a block of type BLOCK_FLOWGLASS. Null when the magic is another's; throws RangeError with a
 * clause that says what is wrong when it is ours and damaged.
 */
export function readBlock(body: Uint8Array): Block | null {
  if (body.length < BODY_HEADER_BYTES) return null;
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  if (view.getUint32(0, true) !== MAGIC_LOW || view.getUint32(4, true) !== MAGIC_HIGH) return null;
  const stored = view.getUint32(20, true);
  if (stored > body.length - BODY_HEADER_BYTES) throw new RangeError('longer than its block');
  const end = BODY_HEADER_BYTES + stored;
  if (crc32c(body, BODY_HEADER_BYTES, end, crc32c(body, 0, 52)) !== view.getUint32(52, true)) {
    throw new RangeError('its check sum is wrong');
  }
  const rawLength = view.getUint32(16, true);
  if (rawLength > MAX_PAYLOAD_BYTES) throw new RangeError('its length is impossible');
  return {
    version: view.getUint16(8, true),
    kind: view.getUint16(10, true),
    flags: view.getUint32(12, true),
    fromNs: view.getBigUint64(24, true),
    toNs: view.getBigUint64(32, true),
    sequence: view.getUint32(40, true),
    part: view.getUint32(44, true),
    parts: view.getUint32(48, true),
    rawLength,
    stored: body.subarray(BODY_HEADER_BYTES, end),
  };
}

/** The payload as it was before compression; null when it is damaged. */
export function payloadOf(block: Block): Uint8Array | null {
  if ((block.flags & FLAG_DEFLATE) === 0) return block.stored.length === block.rawLength ? block.stored : null;
  try {
    // One chunk, for zlib would make and join several; the length was checked when the block was read.
    const chunkSize = Math.max(64, block.rawLength);
    const raw = inflateRawSync(block.stored, { maxOutputLength: MAX_PAYLOAD_BYTES, chunkSize });
    return raw.length === block.rawLength ? raw : null;
  } catch {
    return null;
  }
}
