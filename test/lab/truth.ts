import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** What capinfos says of a file. */
export interface CaptureFacts {
  packets: number;
  /** Sum of the original lengths. */
  bytes: number;
}

function tool(program: string, args: readonly string[]): { stdout: string; stderr: string; status: number | null } {
  const result = spawnSync(program, args, { encoding: 'utf8', timeout: 60_000, maxBuffer: 1 << 28 });
  if (result.error !== undefined) throw result.error;
  // These two lines are about this machine (running as root), not about the file.
  const stderr = result.stderr.replace(/^Running as user .*dangerous\.\n/gm, '');
  return { stdout: result.stdout, stderr, status: result.status };
}

/** Packet count and bytes by capinfos; throws when it has anything to complain about. */
export function capinfos(file: string): CaptureFacts {
  const { stdout, stderr, status } = tool('capinfos', ['-M', '-T', '-r', '-c', '-d', file]);
  if (status !== 0 || stderr !== '') throw new Error(`capinfos ${file} (${status}): ${stderr}`);
  const columns = stdout.trim().split('\t');
  return { packets: Number(columns[1]), bytes: Number(columns[2]) };
}

/** Fields of every packet by tshark, one array a packet; throws when it has anything to complain about. */
export function tshark(file: string, fields: readonly string[], options: readonly string[] = []): string[][] {
  const args = ['-n', '-r', file, '-T', 'fields', ...fields.flatMap((field) => ['-e', field]), ...options];
  const { stdout, stderr, status } = tool('tshark', args);
  if (status !== 0 || stderr !== '') throw new Error(`tshark ${file} (${status}): ${stderr}`);
  return stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => line.split('\t'));
}

/** Number of packets tcpdump prints for a file; throws when it warns. */
export function tcpdumpCount(file: string): number {
  const { stdout, stderr, status } = tool('tcpdump', ['-n', '-t', '-r', file]);
  const complaints = stderr
    .split('\n')
    .filter((line) => line !== '' && !/^reading from file/.test(line))
    .join('\n');
  if (status !== 0 || complaints !== '') throw new Error(`tcpdump -r ${file} (${status}): ${complaints}`);
  return stdout.split('\n').filter((line) => line !== '').length;
}

/** Converts a file with editcap; throws when it complains. */
export function editcap(from: string, to: string, format: string): void {
  const { stderr, status } = tool('editcap', ['-F', format, from, to]);
  if (status !== 0 || stderr !== '') throw new Error(`editcap ${from} (${status}): ${stderr}`);
}

/** Merges files by time with mergecap; throws when it complains. */
export function mergecap(from: readonly string[], to: string): void {
  const { stderr, status } = tool('mergecap', ['-w', to, ...from]);
  if (status !== 0 || stderr !== '') throw new Error(`mergecap ${from.join(' ')} (${status}): ${stderr}`);
}

/** One Enhanced Packet Block, by a reader of the test's own. */
export interface StoredPacket {
  /** Nanoseconds since 1970, assuming if_tsresol 9 (checked by the caller through tshark). */
  atNs: bigint;
  captured: number;
  original: number;
  direction: 'in' | 'out' | null;
  /** Option 8, null when absent. */
  pid: number | null;
  tid: number | null;
  dropCount: number;
}

/** The enhanced packet blocks of a little-endian pcapng file, and how many blocks there are of each type. A torn tail ends it. */
export function readPacketBlocks(file: string): { packets: StoredPacket[]; blocks: Map<number, number> } {
  const bytes = readFileSync(file);
  const packets: StoredPacket[] = [];
  const blocks = new Map<number, number>();
  for (let at = 0; at + 12 <= bytes.length;) {
    const type = bytes.readUInt32LE(at);
    const length = bytes.readUInt32LE(at + 4);
    if (length < 12 || at + length > bytes.length || bytes.readUInt32LE(at + length - 4) !== length) break;
    blocks.set(type, (blocks.get(type) ?? 0) + 1);
    if (type === 6) packets.push(readPacketBlock(bytes.subarray(at, at + length)));
    at += length;
  }
  return { packets, blocks };
}

function readPacketBlock(block: Buffer): StoredPacket {
  const captured = block.readUInt32LE(20);
  const packet: StoredPacket = {
    atNs: (BigInt(block.readUInt32LE(12)) << 32n) | BigInt(block.readUInt32LE(16)),
    captured,
    original: block.readUInt32LE(24),
    direction: null,
    pid: null,
    tid: null,
    dropCount: 0,
  };
  for (let at = 28 + ((captured + 3) & ~3); at + 4 <= block.length - 4;) {
    const code = block.readUInt16LE(at);
    const length = block.readUInt16LE(at + 2);
    if (code === 0) break;
    if (code === 2) packet.direction = ([null, 'in', 'out', null] as const)[block.readUInt32LE(at + 4) & 3] ?? null;
    if (code === 4) packet.dropCount = Number(block.readBigUInt64LE(at + 4));
    if (code === 8) {
      packet.pid = block.readUInt32LE(at + 4);
      packet.tid = block.readUInt32LE(at + 8);
    }
    at += 4 + ((length + 3) & ~3);
  }
  return packet;
}
