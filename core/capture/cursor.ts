import { type FileHandle } from 'node:fs/promises';
import { type Decompressed, detectCompression, gunzip, unzstd } from './compression.ts';
import type { CaptureHandlers } from './interface.ts';
import { CaptureParser } from './parser.ts';
import { fileChunks, openFile } from './read.ts';

type Pieces = Decompressed | AsyncGenerator<Uint8Array, void, void>;

/**
 * A capture file that is read bit by bit: up to the packet that the handlers hold, then on from there. What is in memory
 * is one piece of the file, whatever its size.
 */
export class CaptureCursor {
  readonly #file: FileHandle;
  readonly #parser: CaptureParser;
  readonly #pieces: Pieces;
  #over = false;

  private constructor(file: FileHandle, parser: CaptureParser, pieces: Pieces) {
    this.#file = file;
    this.#parser = parser;
    this.#pieces = pieces;
  }

  /** Opens the file; nothing of it is handed out yet. Throws FlowglassError when it cannot be opened. */
  static async open(path: string, handlers: CaptureHandlers): Promise<CaptureCursor> {
    const file = await openFile(path, path);
    const first = Buffer.alloc(4);
    const { bytesRead } = await file.read(first, 0, 4, 0);
    const compression = detectCompression(first.subarray(0, bytesRead));
    const stored = fileChunks(file);
    const pieces = compression === 'gzip' ? gunzip(stored) : compression === 'zstd' ? unzstd(stored, path) : stored;
    return new CaptureCursor(file, new CaptureParser(handlers, { name: path, bufferBytes: 1 << 20 }), pieces);
  }

  /** Everything was handed out, or nothing more can be read. */
  get over(): boolean {
    return this.#over;
  }

  /** Hands out packets until one is held (`CaptureHandlers.hold`) or the file is over. Calls must not overlap. */
  async advance(): Promise<void> {
    const parser = this.#parser;
    parser.goOn();
    while (!parser.held && !this.#over) {
      const next = parser.stopped ? null : await this.#pieces.next();
      if (next === null || next.done === true) this.#over = true;
      else parser.push(next.value);
    }
  }

  async close(): Promise<void> {
    if (!this.#over) await this.#pieces.return(null as never);
    this.#over = true;
    await this.#file.close();
  }
}
