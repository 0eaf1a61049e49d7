/** How a session file is opened: by its index, or by a scan where it has none. */
import type { FileHandle } from 'node:fs/promises';
import type { CaptureInterface } from '../capture/interface.ts';
import { CaptureParser } from '../capture/parser.ts';
import { FlowglassError } from '../errors.ts';
import { BlockWindow, MAX_BLOCK } from './block-window.ts';
import {
  type Block,
  BLOCK_FLOWGLASS,
  END_MAGIC,
  ENTRY_INTERFACE,
  KIND_COUNTS,
  KIND_HEADER,
  KIND_INDEX,
  payloadOf,
  readBlock,
} from './blocks.ts';
import { type OpenOptions, readCounts, type SessionFacts } from './facts.ts';
import { readHeader, type SessionHeader } from './header.ts';
import { type IndexEntry, readEntries } from './index.ts';
import { scanSession } from './scan.ts';

/** How far into a file the header is looked for. */
const HEAD_BYTES = 1 << 20;

/** What opens a session; null when the file is not one of ours. Throws FlowglassError when it cannot be read. */
export async function readFacts(file: FileHandle, path: string, options: OpenOptions): Promise<SessionFacts | null> {
  const info = await file.stat();
  if (!info.isFile()) return null;
  const head = await readHead(file, path);
  if (head === null) return null;
  const index = options.index ?? (await readIndex(file, info.size));
  if (index === null) return scanSession(file, info.size, head.header, path, options);
  const interfaces = await readInterfaces(file, path, index);
  const counts = [...index].reverse().find((entry) => entry.kind === KIND_COUNTS);
  const block = counts ? await new BlockWindow(file).blockAt(counts.offset) : null;
  return {
    header: head.header,
    interfaces,
    index,
    captured: readCounts(block?.block ?? null),
    truncated: false,
    cutAt: null,
    damagedBlocks: 0,
  };
}

/** Looks for our header among the first blocks, before any packet. */
async function readHead(file: FileHandle, path: string): Promise<{ readonly header: SessionHeader } | null> {
  let found: SessionHeader | null = null;
  const parser: CaptureParser = new CaptureParser(
    {
      packet: () => parser.cancel(),
      local: (type, body) => {
        if (type !== BLOCK_FLOWGLASS || found) return;
        let block: Block | null = null;
        try {
          block = readBlock(body);
        } catch (error) {
          if (!(error instanceof RangeError)) throw error;
        }
        if (block?.kind !== KIND_HEADER) return;
        found = readHeader(payloadOf(block) ?? new Uint8Array(0), path);
        parser.cancel();
      },
    },
    { name: path, bufferBytes: 64 << 10 },
  );
  for (let at = 0; at < HEAD_BYTES && !parser.stopped;) {
    const { bytesRead } = await file.read(parser.buffer, parser.fill, Math.min(parser.room(), 64 << 10), at);
    if (bytesRead === 0) break;
    at += bytesRead;
    try {
      parser.advance(bytesRead);
    } catch (error) {
      // Not a capture, or compressed: the reader of captures says which.
      if (error instanceof FlowglassError && found === null && error.code !== 'session-version') return null;
      throw error;
    }
  }
  return found === null ? null : { header: found };
}

/** Follows the last 16 bytes to the index; null when they are not there or what they name is not whole. */
async function readIndex(file: FileHandle, size: number): Promise<IndexEntry[] | null> {
  if (size < 16) return null;
  const tail = Buffer.alloc(16);
  await file.read(tail, 0, 16, size - 16);
  if (tail.readUInt32LE(8) !== END_MAGIC) return null;
  const first = Number(tail.readBigUInt64LE(0));
  if (!Number.isSafeInteger(first) || first >= size) return null;
  const entries: IndexEntry[] = [];
  const window = new BlockWindow(file);
  let offset = first;
  for (let part = 0, parts = 1; part < parts; part++) {
    const read = await window.blockAt(offset);
    if (read?.block.kind !== KIND_INDEX || read.block.part !== part) return null;
    parts = read.block.parts;
    const payload = payloadOf(read.block);
    if (payload === null) return null;
    for (const entry of readEntries(payload)) {
      if (entry.offset >= size) return null;
      entries.push(entry);
    }
    offset += read.length;
  }
  return entries;
}

async function readInterfaces(
  file: FileHandle,
  path: string,
  index: readonly IndexEntry[],
): Promise<CaptureInterface[]> {
  const interfaces: CaptureInterface[] = [];
  const buffer = Buffer.alloc(MAX_BLOCK);
  for (const entry of index) {
    if (entry.kind !== ENTRY_INTERFACE) continue;
    const parser = new CaptureParser({}, { name: path, bufferBytes: MAX_BLOCK });
    parser.resume(entry.offset, interfaces);
    const { bytesRead } = await file.read(buffer, 0, 8, entry.offset);
    const length = bytesRead === 8 ? buffer.readUInt32LE(4) : 0;
    if (length < 12 || length > MAX_BLOCK) continue;
    await file.read(buffer, 0, length, entry.offset);
    parser.push(buffer.subarray(0, length));
    const described = parser.interfaces[interfaces.length];
    if (described) interfaces.push(described);
  }
  return interfaces;
}
