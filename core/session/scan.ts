import type { FileHandle } from 'node:fs/promises';
import { CLOCK, FRAME_CLOCK, FRAME_HEADER } from '../abi/generated.ts';
import { CaptureParser } from '../capture/parser.ts';
import { toNanoseconds } from '../capture/time.ts';
import {
  type Block,
  BLOCK_FLOWGLASS,
  ENTRY_PACKETS,
  KIND_COUNTS,
  KIND_END,
  FLAG_CONTINUES,
  KIND_INDEX,
  KIND_JOURNAL,
  KIND_KEYFRAME,
  payloadOf,
  readBlock,
} from './blocks.ts';
import type { SessionHeader } from './header.ts';
import type { IndexEntry } from './index.ts';
import type { SessionCounts } from './options.ts';
import { type OpenOptions, readCounts, type SessionFacts } from './facts.ts';

/** Packets in one rebuilt run; a run ends at each block of ours too. */
const RUN_PACKETS = 1024;

interface Clock {
  readonly bootNs: bigint;
  readonly wallNs: bigint;
}

interface Run {
  readonly offset: number;
  readonly fromWallNs: bigint;
  toWallNs: bigint;
  count: number;
}

/** Rebuilds the index of a session that was not closed, by reading all of it; the tail may be torn. */
export async function scanSession(
  file: FileHandle,
  size: number,
  header: SessionHeader,
  path: string,
  options: OpenOptions,
): Promise<SessionFacts> {
  const entries: (IndexEntry | Run)[] = [];
  const clocks: Clock[] = [];
  if (header.anchor) clocks.push({ bootNs: header.anchor.bootNs, wallNs: header.anchor.realtimeNs });
  let run: Run | null = null;
  let counts: Block | null = null;
  let stored: SessionCounts | null = null;
  let damagedBlocks = 0;
  let expected = 0;
  let continued = false;
  let packets = 0;
  let bytes = 0;
  const parser: CaptureParser = new CaptureParser(
    {
      packet: (packet) => {
        packets++;
        bytes += packet.captured;
        const wallNs = toNanoseconds(packet.seconds, packet.nanos);
        if (run === null || run.count >= RUN_PACKETS) {
          run = { offset: packet.at, fromWallNs: wallNs, toWallNs: wallNs, count: 0 };
          entries.push(run);
        }
        run.count++;
        if (wallNs > run.toWallNs) run.toWallNs = wallNs;
      },
      local: (type, body, at) => {
        if (type !== BLOCK_FLOWGLASS) return;
        run = null;
        let block: Block | null;
        try {
          block = readBlock(body);
        } catch (error) {
          if (!(error instanceof RangeError)) throw error;
          damagedBlocks++;
          return;
        }
        if (block === null) return;
        // Numbers that are missing are blocks that something took out of the file.
        if (block.sequence > expected) damagedBlocks += block.sequence - expected;
        expected = block.sequence + 1;
        if (block.kind === KIND_COUNTS) {
          counts = block;
          stored = readCounts(block);
        }
        if (block.kind === KIND_INDEX || block.kind === KIND_END) return;
        if (block.kind === KIND_KEYFRAME && block.part > 0) return;
        entries.push({
          fromNs: block.fromNs,
          toNs: block.toNs,
          offset: at,
          kind: block.kind,
          count: block.parts,
          wallOffsetNs: 0n,
        });
        if (block.kind !== KIND_JOURNAL) return;
        if (!continued) collectClocks(block, clocks);
        continued = (block.flags & FLAG_CONTINUES) !== 0;
      },
    },
    { name: path, bufferBytes: Math.min(4 << 20, Math.max(64 << 10, size)) },
  );
  for (let at = 0; !parser.stopped;) {
    options.signal?.throwIfAborted();
    const { bytesRead } = await file.read(parser.buffer, parser.fill, parser.room(), at);
    if (bytesRead === 0) break;
    at += bytesRead;
    parser.advance(bytesRead);
    options.progress?.(at, size);
  }
  const result = parser.end();
  const known: SessionCounts = stored ?? readCounts(counts);
  return {
    header,
    interfaces: result.interfaces,
    index: entries.map((entry) => ('kind' in entry ? entry : toEntry(entry, clocks))),
    captured: {
      ...known,
      packets,
      bytes,
      // What came after the last count stands for at least itself.
      wirePackets: known.wirePackets + Math.max(0, packets - known.packets),
    },
    truncated: true,
    cutAt: result.cutAt,
    damagedBlocks,
  };
}

/** CLOCK frames of a block that begins at a frame; what is missed in others is few and not needed. */
function collectClocks(block: Block, clocks: Clock[]): void {
  const payload = payloadOf(block);
  if (payload === null) return;
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  for (let at = 0; at + FRAME_HEADER.size <= payload.length;) {
    const length = view.getUint32(at + FRAME_HEADER.length, true);
    const offset = at + FRAME_HEADER.size;
    if (offset + length > payload.length) return;
    if (view.getUint16(at + FRAME_HEADER.type, true) === FRAME_CLOCK && length === CLOCK.size) {
      clocks.push({
        bootNs: view.getBigUint64(offset + CLOCK.bootNs, true),
        wallNs: view.getBigUint64(offset + CLOCK.realtimeNs, true),
      });
    }
    at = offset + length;
  }
}

function toEntry(run: Run, clocks: readonly Clock[]): IndexEntry {
  let clock = clocks[0];
  for (const each of clocks) if (each.wallNs <= run.fromWallNs) clock = each;
  const offset = clock ? clock.wallNs - clock.bootNs : 0n;
  return {
    fromNs: run.fromWallNs - offset,
    toNs: run.toWallNs - offset,
    offset: run.offset,
    kind: ENTRY_PACKETS,
    count: run.count,
    wallOffsetNs: offset,
  };
}
