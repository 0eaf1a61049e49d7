import {
  OPTION_COMMENT,
  OPTION_END,
  PACKET_APPLE_EFFECTIVE,
  PACKET_APPLE_PROCESS,
  PACKET_DROPCOUNT,
  PACKET_FLAGS,
  PACKET_PROCESS_THREAD,
} from './format.ts';
import { readText } from './options.ts';
import { toNanoseconds } from './time.ts';

const MAX_PROCESSES = 16;

/**
 * The packet at hand while a capture is read. One object is reused for all packets and nothing is allocated for one:
 * copy what must outlive the call.
 */
export class Packet {
  /** Index among the file's interfaces. */
  interfaceIndex = 0;
  /** False for Simple Packet Blocks, which carry no time. */
  timed = true;
  /** Whole seconds since the Epoch, may be negative. */
  seconds = 0;
  /** 0 to 999 999 999. */
  nanos = 0;
  /** Bytes present. */
  captured = 0;
  /** Length on the wire as the file says; may be less than `captured` in odd files. */
  original = 0;
  /** The buffer in which the bytes lie, at `offset`, `captured` of them. */
  bytes: Uint8Array = new Uint8Array(0);
  view: DataView = new DataView(new ArrayBuffer(0));
  offset = 0;
  /** Offset of the block or record in the (decompressed) file. */
  at = 0;
  /** epb_flags, 0 if absent. */
  flags = 0;
  /** Packets lost between this and the one before on the same interface; -1 = not said. */
  dropCount = -1;
  /** Number of (pid, tid) pairs in `processes`; repeats of option 8 are kept up to 16. */
  processCount = 0;
  readonly processes = new Uint32Array(MAX_PROCESSES * 2);
  /** Index of Apple's process block, -1 if not said. */
  appleProcess = -1;
  appleEffective = -1;
  /** Some option may name a process: option 8, one of Apple's, a comment. */
  namesProcess = false;
  #optionsStart = 0;
  #optionsEnd = 0;
  #littleEndian = true;
  #comments = 0;

  /** Process id of the first option 8, 0 = not known. */
  get pid(): number {
    return this.processCount > 0 ? (this.processes[0] ?? 0) : 0;
  }

  get tid(): number {
    return this.processCount > 0 ? (this.processes[1] ?? 0) : 0;
  }

  /** Length on the wire, never less than what was captured. */
  get length(): number {
    return Math.max(this.captured, this.original);
  }

  /** Nanoseconds since the Epoch, null when the file gives no time. Allocates. */
  get atNs(): bigint | null {
    return this.timed ? toNanoseconds(this.seconds, this.nanos) : null;
  }

  /** A view of the captured bytes. Allocates; valid during the call only. */
  data(): Uint8Array {
    return this.bytes.subarray(this.offset, this.offset + this.captured);
  }

  /** Forgets the options of the packet before. */
  clearOptions(): void {
    this.flags = 0;
    this.dropCount = -1;
    if (!this.namesProcess) return;
    this.namesProcess = false;
    this.processCount = 0;
    this.appleProcess = -1;
    this.appleEffective = -1;
    this.#comments = 0;
    this.#optionsStart = 0;
    this.#optionsEnd = 0;
  }

  /** Reads the options of a packet block; false when one claims more than the block has. */
  readOptions(start: number, end: number, littleEndian: boolean): boolean {
    this.clearOptions();
    this.#optionsStart = start;
    this.#optionsEnd = end;
    this.#littleEndian = littleEndian;
    const view = this.view;
    let at = start;
    while (at + 4 <= end) {
      const code = view.getUint16(at, littleEndian);
      const length = view.getUint16(at + 2, littleEndian);
      if (code === OPTION_END) return true;
      const value = at + 4;
      if (value + length > end) return false;
      if (code === PACKET_FLAGS && length === 4) this.flags = view.getUint32(value, littleEndian);
      else if (code === PACKET_PROCESS_THREAD && length === 8 && this.processCount < MAX_PROCESSES) {
        this.processes[this.processCount * 2] = view.getUint32(value, littleEndian);
        this.processes[this.processCount * 2 + 1] = view.getUint32(value + 4, littleEndian);
        this.processCount++;
        this.namesProcess = true;
      } else if (code === PACKET_DROPCOUNT && length === 8) {
        const first = view.getUint32(value, littleEndian);
        const second = view.getUint32(value + 4, littleEndian);
        this.dropCount = littleEndian ? second * 4294967296 + first : first * 4294967296 + second;
      } else if (code === OPTION_COMMENT) {
        this.#comments++;
        this.namesProcess = true;
      } else if (code === PACKET_APPLE_PROCESS && length === 4) {
        this.appleProcess = view.getUint32(value, littleEndian);
        this.namesProcess = true;
      } else if (code === PACKET_APPLE_EFFECTIVE && length === 4) {
        this.appleEffective = view.getUint32(value, littleEndian);
        this.namesProcess = true;
      }
      at = value + ((length + 3) & ~3);
    }
    return true;
  }

  get hasComments(): boolean {
    return this.#comments > 0;
  }

  /** The packet's comments, in order. */
  comments(): string[] {
    const found: string[] = [];
    if (this.#comments === 0) return found;
    let at = this.#optionsStart;
    while (at + 4 <= this.#optionsEnd) {
      const code = this.view.getUint16(at, this.#littleEndian);
      const length = this.view.getUint16(at + 2, this.#littleEndian);
      if (code === OPTION_END || at + 4 + length > this.#optionsEnd) break;
      if (code === OPTION_COMMENT) found.push(readText(this.bytes, at + 4, at + 4 + length));
      at += 4 + ((length + 3) & ~3);
    }
    return found;
  }
}
