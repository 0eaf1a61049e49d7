import { readFileSync, writeFileSync } from 'node:fs';
import { inflateRawSync } from 'node:zlib';

/** The bytes of a capture file, and of each of our compressed blocks in it what it has inside (docs/session-format.md). */
export function contentsOf(file: string): Buffer[] {
  const bytes = readFileSync(file);
  if (bytes.readUInt32LE(0) !== 0x0a0d0d0a) return [bytes];
  const inflated: Buffer[] = [];
  // Compressed bytes are looked at inflated only: as they stand they would match short words by chance.
  const plain = Buffer.from(bytes);
  for (let at = 0; at + 12 <= bytes.length; at += bytes.readUInt32LE(at + 4)) {
    if (bytes.readUInt32LE(at) !== 0x8046474c) continue;
    const body = at + 8;
    const stored = bytes.subarray(body + 56, body + 56 + bytes.readUInt32LE(body + 20));
    if ((bytes.readUInt32LE(body + 12) & 1) === 0) continue;
    inflated.push(inflateRawSync(stored));
    plain.fill(0, body + 56, body + 56 + stored.length);
  }
  // Frames go on from one block to the next.
  return [plain, Buffer.concat(inflated)];
}

/** A little-endian pcap file with every packet made as long as it was, by zeros. */
export function padPcap(from: string, to: string): void {
  const bytes = readFileSync(from);
  const pieces = [bytes.subarray(0, 24)];
  for (let at = 24; at + 16 <= bytes.length;) {
    const captured = bytes.readUInt32LE(at + 8);
    const original = bytes.readUInt32LE(at + 12);
    const header = Buffer.from(bytes.subarray(at, at + 16));
    header.writeUInt32LE(original, 8);
    pieces.push(header, bytes.subarray(at + 16, at + 16 + captured), Buffer.alloc(original - captured));
    at += 16 + captured;
  }
  writeFileSync(to, Buffer.concat(pieces));
}
