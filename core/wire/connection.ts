import type { Duplex } from 'node:stream';
import { COMMAND_STOP, FRAME_HEADER } from '../abi/generated.ts';
import { errnoName } from '../errors.ts';
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
  #stopping = false;

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
        // No Buffer: whoever keeps a frame by slice() shall have a copy.
        this.#reader.push(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength));
      } catch (error) {
        end(error);
        return;
      }
      // A helper that was asked to stop needs no credit, and may be gone before it arrives: the write would fail and
      // Node would throw away what was sent to us but not read yet.
      if (this.#stopping || this.#reader.consumed - this.#acknowledged < CREDIT_BYTES) return;
      this.#acknowledged = this.#reader.consumed;
      this.send(creditCommand(this.#acknowledged));
    });
    // That the other side is gone is its end, not an error of ours; how it ended is known from its exit.
    stream.on('error', (error) => end(['EPIPE', 'ECONNRESET'].includes(errnoName(error)) ? null : error));
    stream.on('close', () => end(null));
  }

  /** Frames skipped because their type is not known. */
  get unknownFrames(): number {
    return this.#reader.unknown;
  }

  /** Sends a command; without effect once the connection has ended. */
  send(command: Command): void {
    if (this.#ended || !this.#stream.writable) return;
    const view = new DataView(command.buffer, command.byteOffset, command.byteLength);
    if (view.getUint16(FRAME_HEADER.type, true) === COMMAND_STOP) this.#stopping = true;
    this.#stream.write(command);
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
