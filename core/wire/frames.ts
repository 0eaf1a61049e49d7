import {
  CLOCK,
  EVENT,
  FLOW_RECORD,
  FRAME_ACCEPT_MAX,
  FRAME_BYE,
  FRAME_CLOCK,
  FRAME_EVENTS,
  FRAME_FLOWS,
  FRAME_GAP,
  FRAME_HEADER,
  FRAME_HELLO,
  FRAME_INTERFACE,
  FRAME_LOG,
  FRAME_NAMES,
  FRAME_PACKETS,
  FRAME_PEEK,
  FRAME_PROCESSES,
  FRAME_RESYNCED,
  FRAME_SOCKETS,
  FRAME_STATS,
  FRAME_TOTALS,
  FRAME_TRANSLATIONS,
  GAP,
  HELLO,
  INTERFACE,
  LOG,
  NAME,
  PACKET,
  PEEK,
  PROCESS,
  SOCKET_EVENT,
  STATS,
  TOTALS_RECORD,
  TRANSLATION,
} from '../abi/generated.ts';
import { FlowglassError } from '../errors.ts';

/**
 * Receives one frame: its type, and its payload as `length` bytes from `offset` of `bytes` (`view` spans the same
 * memory). The memory belongs to the reader and is used again after the call: copy what is kept.
 */
export type FrameSink = (type: number, bytes: Uint8Array, view: DataView, offset: number, length: number) => void;

/** Sizes of payloads: exactly one structure, or any number of equal ones. */
const EXACT = new Map<number, number>([
  [FRAME_HELLO, HELLO.size],
  [FRAME_CLOCK, CLOCK.size],
  [FRAME_INTERFACE, INTERFACE.size],
  [FRAME_GAP, GAP.size],
  [FRAME_STATS, STATS.size],
  [FRAME_BYE, STATS.size],
  [FRAME_RESYNCED, CLOCK.size],
]);
const ARRAY = new Map<number, number>([
  [FRAME_FLOWS, FLOW_RECORD.size],
  [FRAME_TOTALS, TOTALS_RECORD.size],
  [FRAME_SOCKETS, SOCKET_EVENT.size],
  [FRAME_EVENTS, EVENT.size],
  [FRAME_NAMES, NAME.size],
  [FRAME_TRANSLATIONS, TRANSLATION.size],
]);

function malformed(what: string): FlowglassError {
  return new FlowglassError({
    code: 'malformed-frame',
    what: `the capture helper sent something unreadable (${what})`,
    where: 'flowglass-helper',
    hint: 'make sure helper and application are of one version (npm run build)',
  });
}

/** Length of a record of `size` bytes and `tail` more, padded to 8. */
const padded = (size: number, tail: number): number => (size + tail + 7) & ~7;

/**
 * Checks that a payload holds whole structures whose own lengths stay inside it, so that readers further on can walk
 * it without checks of their own. Returns false for a type that this version does not know; throws when malformed.
 */
export function checkFrame(type: number, view: DataView, offset: number, length: number): boolean {
  const exact = EXACT.get(type);
  if (exact !== undefined) {
    if (length !== exact) throw malformed(`type ${type} of ${length} bytes instead of ${exact}`);
    return true;
  }
  const element = ARRAY.get(type);
  if (element !== undefined) {
    if (length % element !== 0) throw malformed(`type ${type} of ${length} bytes, not a multiple of ${element}`);
    return true;
  }
  const end = offset + length;
  switch (type) {
    case FRAME_PACKETS:
      for (let at = offset; at < end;) {
        if (end - at < PACKET.size) throw malformed('a cut packet record');
        const captured = view.getUint32(at + PACKET.captured, true);
        if (captured > FRAME_ACCEPT_MAX) throw malformed(`a packet of ${captured} bytes`);
        at += padded(PACKET.size, captured);
        if (at > end) throw malformed('a packet record longer than its frame');
      }
      return true;
    case FRAME_PROCESSES:
      for (let at = offset; at < end;) {
        if (end - at < PROCESS.size) throw malformed('a cut process record');
        const strings =
          view.getUint16(at + PROCESS.exeLength, true) +
          view.getUint16(at + PROCESS.fileLength, true) +
          view.getUint16(at + PROCESS.argsLength, true);
        const record = view.getUint32(at + PROCESS.recordLength, true);
        if (record < PROCESS.size + strings || record % 8 !== 0) throw malformed(`a process record of ${record} bytes`);
        at += record;
        if (at > end) throw malformed('a process record longer than its frame');
      }
      return true;
    case FRAME_LOG:
      if (length < LOG.size || view.getUint32(offset + LOG.length, true) > length - LOG.size) {
        throw malformed('a log line longer than its frame');
      }
      return true;
    case FRAME_PEEK:
      for (let at = offset; at < end;) {
        if (end - at < PEEK.size) throw malformed('a cut peek');
        at += padded(PEEK.size, view.getUint16(at + PEEK.captured, true));
        if (at > end) throw malformed('a peek longer than its frame');
      }
      return true;
    default:
      return false;
  }
}

/**
 * Cuts a byte stream into frames (`u32 length | u16 type | u16 flags | payload`, docs/wire.md), wherever the chunks
 * break. A frame inside one chunk is handed on in place; one that crosses chunks is put together in one reused buffer.
 * Types that are not known are skipped and counted; a length past 1 MiB or a malformed payload throws.
 */
export class FrameReader {
  /** Bytes of whole frames handed on or skipped, headers included. */
  consumed = 0;
  /** Frames handed on or skipped. */
  frames = 0;
  /** Frames skipped because their type is not known. */
  unknown = 0;
  #held: Uint8Array<ArrayBuffer> = new Uint8Array(1 << 17);
  #heldView = new DataView(this.#held.buffer);
  #heldLength = 0;
  readonly #sink: FrameSink;

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  /** Bytes of an unfinished frame that wait for more. */
  get pending(): number {
    return this.#heldLength;
  }

  /** Takes the next bytes of the stream, in pieces of any size. */
  push(chunk: Uint8Array): void {
    let at = 0;
    while (this.#heldLength > 0 && at < chunk.length) {
      const need = this.#heldLength < FRAME_HEADER.size ? FRAME_HEADER.size : this.#frameLength(this.#heldView, 0);
      const take = Math.min(need - this.#heldLength, chunk.length - at);
      this.#hold(chunk, at, take);
      at += take;
      if (this.#heldLength < FRAME_HEADER.size || this.#heldLength < this.#frameLength(this.#heldView, 0)) continue;
      this.#heldLength = 0;
      this.#deliver(this.#held, this.#heldView, 0);
    }
    if (at === chunk.length) return;
    const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    while (chunk.length - at >= FRAME_HEADER.size) {
      const length = this.#frameLength(view, at);
      if (chunk.length - at < length) break;
      this.#deliver(chunk, view, at);
      at += length;
    }
    this.#hold(chunk, at, chunk.length - at);
  }

  /** Length of the frame at `at`, header included. */
  #frameLength(view: DataView, at: number): number {
    const length = view.getUint32(at + FRAME_HEADER.length, true);
    if (length > FRAME_ACCEPT_MAX) throw malformed(`a frame of ${length} bytes`);
    return FRAME_HEADER.size + length;
  }

  #hold(chunk: Uint8Array, from: number, count: number): void {
    const total = this.#heldLength + count;
    if (total > this.#held.length) {
      const larger = new Uint8Array(FRAME_HEADER.size + FRAME_ACCEPT_MAX);
      larger.set(this.#held.subarray(0, this.#heldLength));
      this.#held = larger;
      this.#heldView = new DataView(larger.buffer);
    }
    this.#held.set(chunk.subarray(from, from + count), this.#heldLength);
    this.#heldLength = total;
  }

  #deliver(bytes: Uint8Array, view: DataView, at: number): void {
    const length = view.getUint32(at + FRAME_HEADER.length, true);
    const type = view.getUint16(at + FRAME_HEADER.type, true);
    const offset = at + FRAME_HEADER.size;
    this.frames++;
    this.consumed += FRAME_HEADER.size + length;
    if (checkFrame(type, view, offset, length)) this.#sink(type, bytes, view, offset, length);
    else this.unknown++;
  }
}
