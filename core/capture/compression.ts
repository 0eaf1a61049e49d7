import { spawn } from 'node:child_process';
import { type Duplex, Readable } from 'node:stream';
import * as zlib from 'node:zlib';
import { errnoName, errnoText, FlowglassError } from '../errors.ts';

export type Compression = 'none' | 'gzip' | 'zstd';

/** Judges by the first bytes: gzip (RFC 1952), zstd (RFC 8878; frames may begin with a skippable one). */
export function detectCompression(first: Uint8Array): Compression {
  if (first.length >= 2 && first[0] === 0x1f && first[1] === 0x8b) return 'gzip';
  if (first.length >= 4) {
    const magic = new DataView(first.buffer, first.byteOffset).getUint32(0, true);
    if (magic === 0xfd2fb528 || (magic & 0xfffffff0) >>> 0 === 0x184d2a50) return 'zstd';
  }
  return 'none';
}

/** How the compressed data ended, when not well. */
export interface DecompressionProblem {
  readonly kind: 'cut' | 'damaged';
  readonly what: string;
}

/** Decompressed pieces; the returned value tells of a bad end, after everything readable was given. */
export type Decompressed = AsyncGenerator<Uint8Array, DecompressionProblem | null, void>;

/**
 * zlib gives nothing out of the call in which it finds damage, so the input goes in small pieces (smaller at first, where
 * a small file lies): what is lost before the damage is what one piece holds.
 */
const FIRST_PIECE = 256;
const PIECE = 16 << 10;

async function* pieces(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, void> {
  let done = 0;
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length;) {
      const size = done < PIECE ? FIRST_PIECE : PIECE;
      yield chunk.subarray(at, at + size);
      at += size;
      done += size;
    }
  }
}

/**
 * What one of Node's decompressing streams makes of a source. Each piece goes in only when all that came out of the one
 * before was taken: a stream that fails forgets what waits in it.
 */
async function* decompress(source: AsyncIterable<Uint8Array>, inflate: Duplex): Decompressed {
  const outcome: { failure: Error | null } = { failure: null };
  let wake = (): void => undefined;
  let done = false;
  const settled = (): void => {
    done = true;
    wake();
  };
  inflate.on('readable', () => wake());
  inflate.on('end', settled);
  inflate.on('error', (error: Error) => {
    outcome.failure = error;
    settled();
  });
  /** What comes out until the step begun by `begin` is done. */
  async function* step(begin: () => void): AsyncGenerator<Uint8Array, void, void> {
    done = false;
    begin();
    for (;;) {
      const chunk = inflate.read() as Uint8Array | null;
      if (chunk !== null) yield chunk;
      else if (done) return;
      else await new Promise<void>((resolve) => (wake = resolve));
    }
  }
  try {
    for await (const piece of pieces(source)) {
      yield* step(() => inflate.write(piece, settled));
      if (outcome.failure !== null || inflate.readableEnded) break;
    }
    if (outcome.failure === null && !inflate.readableEnded) yield* step(() => inflate.end());
  } finally {
    inflate.destroy();
  }
  const { failure } = outcome;
  if (failure === null) return null;
  const name = errnoName(failure);
  if (name === 'Z_BUF_ERROR') return { kind: 'cut', what: 'the compressed data is cut short' };
  if (name.startsWith('Z') || name.startsWith('ERR_ZSTD')) {
    return { kind: 'damaged', what: 'the compressed data is damaged' };
  }
  throw failure;
}

/** gzip with any number of members, by Node's zlib; bytes after the last member that are no member are ignored. */
export function gunzip(source: AsyncIterable<Uint8Array>): Decompressed {
  return decompress(source, zlib.createGunzip({ chunkSize: 256 << 10 }));
}

interface ZstdModule {
  createZstdDecompress?: () => Duplex;
}

/**
 * zstd by Node itself (22.15 and later), else by the system's `zstd`; a clear error when neither is there
 * (docs/decisions/0012-zstd-without-a-library.md).
 */
export async function* unzstd(source: AsyncIterable<Uint8Array>, name: string): Decompressed {
  const own: ZstdModule = zlib as ZstdModule;
  if (own.createZstdDecompress) return yield* decompress(source, own.createZstdDecompress());
  const child = spawn('zstd', ['-d', '-c', '-q', '-'], { stdio: ['pipe', 'pipe', 'pipe'] });
  const failed = new Promise<unknown>((resolve) => child.on('error', resolve));
  const closed = new Promise<number | null>((resolve) => child.on('close', (code) => resolve(code)));
  let complaint = '';
  child.stderr.on('data', (text: Buffer) => {
    if (complaint.length < 4096) complaint += text.toString('utf8');
  });
  // The decoder may stop early: writing to it then fails, and its exit status says why.
  child.stdin.on('error', () => undefined);
  const input = Readable.from(pieces(source), { objectMode: true, highWaterMark: 1 });
  let sourceError: Error | null = null;
  input.on('error', (error: Error) => {
    sourceError = error;
    child.stdin.destroy();
  });
  input.pipe(child.stdin);
  try {
    for await (const chunk of child.stdout) yield chunk as Uint8Array;
    const status = await Promise.race([closed, failed]);
    if (sourceError) throw sourceError as Error;
    if (typeof status !== 'number') {
      if (errnoName(status) !== 'ENOENT') throw zstdMissing(name, errnoText(status));
      throw zstdMissing(name, 'this Node has no zstd and no `zstd` program was found');
    }
    if (status === 0) return null;
    return /unexpected end|premature end|truncated|incomplete/i.test(complaint)
      ? { kind: 'cut', what: 'the compressed data is cut short' }
      : { kind: 'damaged', what: 'the compressed data is damaged' };
  } finally {
    input.destroy();
    if (child.pid !== undefined && child.exitCode === null) child.kill();
  }
}

function zstdMissing(name: string, what: string): FlowglassError {
  return new FlowglassError({
    code: 'zstd-missing',
    what,
    where: name,
    hint: 'install the package zstd, or decompress the file first',
  });
}
