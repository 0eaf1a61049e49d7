import type { Duplex } from 'node:stream';
import { creditCommand, type Command } from './commands.ts';
import { FrameReader, type FrameSink } from './frames.ts';

/** The engine acknowledges what it consumed each time this many bytes have come in (docs/wire.md, Credits). */
export const CREDIT_BYTES = 1 << 20;

/** The engine's end of the helper's socket: frames in, commands and credits out. */
export class HelperConnection {
  readonly #stream: Duplex;
  readonly #reader: FrameReader;
  #acknowledged = 0;
  #ended = false;

  /**
   * `sink` gets every known frame; `ended` is called once, with what was thrown while reading (a malformed frame, or an
   * error of the sink), with the socket's error, or with null when the other side closed.
   */
  constructor(stream: Duplex, sink: FrameSink, ended: (error: unknown) => void) {
    this.#stream = stream;
    this.#reader = new FrameReader(sink);
    const end = (error: unknown): void => {
      if (this.#ended) return;
      this.#ended = true;
      stream.destroy();
      ended(error);
    };
    stream.on('data', (chunk: Uint8Array) => {
      if (this.#ended) return;
      try {
        this.#reader.push(chunk);
      } catch (error) {
        end(error);
        return;
      }
      if (this.#reader.consumed - this.#acknowledged < CREDIT_BYTES) return;
      this.#acknowledged = this.#reader.consumed;
      this.send(creditCommand(this.#acknowledged));
    });
    stream.on('error', end);
    stream.on('close', () => end(null));
  }

  /** Frames skipped because their type is not known. */
  get unknownFrames(): number {
    return this.#reader.unknown;
  }

  /** Sends a command; without effect once the connection has ended. */
  send(command: Command): void {
    if (!this.#ended && this.#stream.writable) this.#stream.write(command);
  }

  /** Reads nothing more until resume(): the helper then queues, and counts what it has to drop. */
  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  /** Closes the socket without a word; the helper detaches and exits. */
  close(): void {
    this.#stream.destroy();
  }
}
