import { type FileHandle, open } from 'node:fs/promises';
import { FlowglassError, unreadableFile } from '../errors.ts';
import { type Compression, type Decompressed, detectCompression, gunzip, unzstd } from './compression.ts';
import type { CaptureHandlers } from './interface.ts';
import { CaptureParser, type CaptureResult, type ParserOptions } from './parser.ts';

export interface ReadProgress {
  /** Bytes of the file as stored that were read. */
  readonly bytes: number;
  /** Size of the file as stored; 0 when not known (a pipe). */
  readonly total: number;
  readonly packets: number;
}

export interface ReadOptions extends ParserOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called at most about every 4 MiB. */
  readonly progress?: ((progress: ReadProgress) => void) | undefined;
}

export interface ReadResult extends CaptureResult {
  readonly compression: Compression;
  /** Size as stored. */
  readonly storedBytes: number;
}

/**
 * Reads a capture file, `-` for standard input, whatever its name says: pcap, pcapng, either of them in gzip or zstd.
 * Handlers are called in file order; between chunks the event loop runs. Throws FlowglassError for what cannot be
 * opened or is not a capture, and the signal's reason when aborted. A cut or damaged file is not an error: everything
 * whole is delivered and the result says where it broke.
 */
export async function readCapture(
  path: string,
  handlers: CaptureHandlers | ((parser: CaptureParser) => CaptureHandlers),
  options: ReadOptions = {},
): Promise<ReadResult> {
  const name = options.name ?? (path === '-' ? 'standard input' : path);
  const file = path === '-' ? null : await openFile(path, name);
  try {
    const size = file ? (await file.stat()).size : 0;
    // A small file needs no large buffer; a pipe or a growing file gets the usual one.
    const bufferBytes =
      options.bufferBytes ?? (size > 0 ? Math.min(MARGIN + PIECE, Math.max(64 << 10, size)) : 4 << 20);
    // A function as handlers gets the parser, to cancel it; the indirection costs one object a file.
    const relay: CaptureHandlers = {};
    const parser = new CaptureParser(relay, { name, bufferBytes });
    Object.assign(relay, typeof handlers === 'function' ? handlers(parser) : handlers);
    if (!file) return await readStream(process.stdin, parser, name, options);
    const first = Buffer.alloc(4);
    const bytesRead = size === 0 ? 0 : (await file.read(first, 0, 4, 0)).bytesRead;
    // What has no size (a FIFO, /proc) cannot be read at a position.
    if (size === 0 && !(await file.stat()).isFile()) {
      return await readStream(file.createReadStream({ autoClose: false }), parser, name, options);
    }
    const compression = detectCompression(first.subarray(0, bytesRead));
    if (compression !== 'none') return await readStream(fileChunks(file), parser, name, options, size);
    return await readPlain(file, size, parser, options);
  } catch (error) {
    throw unreadableFile(error, name);
  } finally {
    await file?.close();
  }
}

/**
 * Reads a capture that comes in as a stream, compressed or not, until the stream ends; handlers are called as packets
 * come. As `readCapture` otherwise.
 */
export async function readCaptureStream(
  source: AsyncIterable<Uint8Array>,
  handlers: CaptureHandlers,
  options: ReadOptions = {},
): Promise<ReadResult> {
  const name = options.name ?? 'standard input';
  const parser = new CaptureParser(handlers, { name, bufferBytes: options.bufferBytes ?? 1 << 20 });
  return readStream(source, parser, name, options);
}

/** Opens a file for reading; throws FlowglassError with the reason when that cannot be done. */
export async function openFile(path: string, name: string): Promise<FileHandle> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, 'r');
    if ((await file.stat()).isDirectory()) throw Object.assign(new Error('is a directory'), { code: 'EISDIR' });
    return file;
  } catch (error) {
    await file?.close();
    throw unreadableFile(error, name);
  }
}

/** The file's bytes from its beginning, in pieces that may be kept. */
export async function* fileChunks(file: FileHandle): AsyncGenerator<Uint8Array, void, void> {
  const buffer = Buffer.alloc(1 << 20);
  for (let position = 0; ;) {
    const { bytesRead } = await file.read(buffer, 0, buffer.length, position);
    if (bytesRead === 0) return;
    position += bytesRead;
    // Copied: the stream below keeps pieces longer than this buffer's next filling.
    yield Uint8Array.prototype.slice.call(buffer, 0, bytesRead);
  }
}

/** Read at a time. */
const PIECE = 1 << 20;
/** Before each piece, for the block that the piece before ended in. */
const MARGIN = 64 << 10;

/** A regular file: one piece is read by libuv's threads while the other is looked at here. */
async function readPlain(
  file: FileHandle,
  total: number,
  parser: CaptureParser,
  options: ReadOptions,
): Promise<ReadResult> {
  let bytes = 0;
  const whole = (): ReadResult => ({ ...parser.end(), compression: 'none', storedBytes: total });
  if (options.bufferBytes !== undefined || total <= PIECE) {
    while (!parser.stopped) {
      options.signal?.throwIfAborted();
      const { bytesRead } = await file.read(parser.buffer, parser.fill, parser.room(), bytes);
      if (bytesRead === 0) break;
      bytes += bytesRead;
      parser.advance(bytesRead);
      options.progress?.({ bytes, total, packets: parser.packets });
    }
    return whole();
  }
  const read = (into: Uint8Array, at: number): Promise<{ bytesRead: number }> =>
    file.read(into, MARGIN, into.length - MARGIN, at);
  let filled = new Uint8Array(MARGIN + PIECE);
  let ahead = read(filled, 0);
  try {
    for (;;) {
      const { bytesRead } = await ahead;
      options.signal?.throwIfAborted();
      if (bytesRead === 0) break;
      bytes += bytesRead;
      const free = parser.exchange(filled, MARGIN);
      if (free === null) {
        parser.push(filled.subarray(MARGIN, MARGIN + bytesRead));
        ahead = read(filled, bytes);
      } else {
        ahead = read(free, bytes);
        parser.advance(bytesRead);
        filled = free;
      }
      options.progress?.({ bytes, total, packets: parser.packets });
      if (parser.stopped) break;
    }
  } finally {
    // Also when a handler has thrown: the file is closed only after the read under way.
    await ahead.catch(() => undefined);
  }
  return whole();
}

/** Compressed data that grows beyond this, and to so many times its size, is made to fill memory or time. */
const EXPANDED_MAX = 256 << 20;
const EXPANSION_MAX = 250;

/** Reads a stream of unknown length; `total` is its stored size if known. */
async function readStream(
  source: AsyncIterable<Uint8Array>,
  parser: CaptureParser,
  name: string,
  options: ReadOptions,
  total = 0,
): Promise<ReadResult> {
  let stored = 0;
  let expanded = 0;
  let reported = 0;
  const report = (): void => {
    if (stored - reported < 4 << 20 && stored !== total) return;
    reported = stored;
    options.progress?.({ bytes: stored, total, packets: parser.packets });
  };
  const iterator = source[Symbol.asyncIterator]();
  // Enough of the beginning to judge by: a pipe may give single bytes.
  let first: Uint8Array = new Uint8Array(0);
  let ended = false;
  while (first.length < 4) {
    const next = await iterator.next();
    if (next.done) {
      ended = true;
      break;
    }
    const joined = new Uint8Array(first.length + next.value.length);
    joined.set(first);
    joined.set(next.value, first.length);
    first = joined;
  }
  stored = first.length;
  async function* whole(): AsyncGenerator<Uint8Array, void, void> {
    if (first.length > 0) yield first;
    while (!ended) {
      options.signal?.throwIfAborted();
      const next = await iterator.next();
      if (next.done) return;
      stored += next.value.length;
      yield next.value;
    }
  }
  const compression = detectCompression(first);
  let problem: Awaited<ReturnType<Decompressed['return']>>['value'] = null;
  try {
    if (compression === 'none') {
      for await (const chunk of whole()) {
        parser.push(chunk);
        report();
        if (parser.stopped) break;
      }
    } else {
      const plain = compression === 'gzip' ? gunzip(whole()) : unzstd(whole(), name);
      for (;;) {
        options.signal?.throwIfAborted();
        const next = await plain.next();
        if (next.done) {
          problem = next.value;
          break;
        }
        parser.push(next.value);
        expanded += next.value.length;
        report();
        const bomb = expanded > EXPANDED_MAX && expanded > stored * EXPANSION_MAX;
        if (bomb) {
          problem = { kind: 'damaged', what: `the compressed data grows to more than ${EXPANSION_MAX} times its size` };
        }
        if (bomb || parser.stopped) {
          await plain.return(null);
          break;
        }
      }
    }
  } finally {
    await iterator.return?.();
  }
  const result = withProblem(parser, problem, name);
  return { ...result, compression, storedBytes: Math.max(total, stored) };
}

function withProblem(
  parser: CaptureParser,
  problem: { readonly kind: 'cut' | 'damaged'; readonly what: string } | null,
  name: string,
): CaptureResult {
  if (problem === null) return parser.end();
  let result: CaptureResult;
  try {
    result = parser.end();
  } catch (error) {
    if (!(error instanceof FlowglassError)) throw error;
    throw new FlowglassError({
      code: 'damaged-compression',
      what: problem.what,
      where: name,
      hint: 'nothing of it could be read',
      cause: error,
    });
  }
  // That the capture ends in the middle is because of it.
  const inside = result.cutAt === null ? result.problems : result.problems.filter(({ at }) => at !== result.cutAt);
  return {
    ...result,
    cutAt: result.cutAt ?? (problem.kind === 'cut' ? result.bytes : null),
    truncated: true,
    problems: [...inside, { at: result.bytes, what: problem.what, damage: true }],
    problemCount: result.problemCount + (result.cutAt === null ? 1 : 0),
  };
}
