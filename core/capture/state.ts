import type { CaptureHandlers, CaptureInterface, CaptureProblem } from './interface.ts';
import { Packet } from './packet.ts';

/** Problems kept in words; more are only counted. */
const MAX_PROBLEMS = 64;
/** More interfaces than this in one file end the reading: the table must not grow with hostile input. */
export const MAX_INTERFACES = 65_536;

export type CaptureFormat = 'pcap' | 'pcapng';

/** What the decoders of both formats share: the buffer, the handlers and the tally. */
export class CaptureState {
  readonly handlers: CaptureHandlers;
  readonly packet = new Packet();
  readonly interfaces: CaptureInterface[] = [];
  readonly problems: CaptureProblem[] = [];
  bytes: Uint8Array<ArrayBuffer>;
  view: DataView;
  /** Offset in the file of `bytes[0]`. */
  base = 0;
  /** Bytes that follow and are not wanted. */
  skip = 0;
  /** Offset in the file of the block that is being skipped. */
  skippedAt = 0;
  /** Set when nothing after can be made sense of. */
  stopped = false;
  /** The packet at hand is not wanted yet: decoding stops before it. */
  held = false;
  packets = 0;
  /** Packet records that could not be delivered. */
  damaged = 0;
  damage = false;
  problemCount = 0;
  /** Blocks of types that are not read, by type. */
  readonly unknownBlocks = new Map<number, number>();

  constructor(handlers: CaptureHandlers, bufferBytes: number) {
    this.handlers = handlers;
    this.bytes = new Uint8Array(bufferBytes);
    this.view = new DataView(this.bytes.buffer);
    this.packet.bytes = this.bytes;
    this.packet.view = this.view;
  }

  /** Doubles the buffer, keeping what it holds. Called only when real bytes have filled it. */
  grow(): void {
    const larger = new Uint8Array(this.bytes.length * 2);
    larger.set(this.bytes);
    this.use(larger);
  }

  /** Goes on in another buffer; the caller sets `base`. */
  use(bytes: Uint8Array<ArrayBuffer>): void {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer);
    this.packet.bytes = bytes;
    this.packet.view = this.view;
  }

  /** Records something odd at a buffer position. */
  problem(position: number, what: string, damage: boolean): void {
    this.problemCount++;
    if (damage) this.damage = true;
    if (this.problems.length < MAX_PROBLEMS) this.problems.push({ at: this.base + position, what, damage });
  }

  /** Records damage after which the rest of the file cannot be read. */
  stop(position: number, what: string): void {
    this.problem(position, what, true);
    this.stopped = true;
  }

  /** Counts the packet at hand and hands it out, unless it is held. */
  deliver(info: CaptureInterface): void {
    if (this.handlers.hold !== undefined && this.handlers.hold(this.packet)) {
      this.held = true;
      return;
    }
    this.packets++;
    info.packets++;
    info.capturedBytes += this.packet.captured;
    this.handlers.packet?.(this.packet);
  }
}

/** A decoder takes whole records from `start` up to `end` and returns where it stopped. */
export interface Decoder {
  decode(start: number, end: number): number;
}
