import { FlowglassError } from '../errors.ts';
import { BLOCK_SECTION, PCAP_HEADER_BYTES, PCAP_MICROSECONDS, PCAP_MODIFIED, PCAP_NANOSECONDS } from './format.ts';
import type { CaptureHandlers, CaptureInterface, CaptureProblem } from './interface.ts';
import { PcapDecoder } from './pcap.ts';
import { PcapngDecoder } from './pcapng.ts';
import { type CaptureFormat, CaptureState, type Decoder } from './state.ts';

/** What was read. */
export interface CaptureResult {
  readonly format: CaptureFormat;
  /** Bytes of the file (after decompression) that were looked at. */
  readonly bytes: number;
  readonly packets: number;
  /** Packet records that are in the file but could not be delivered. */
  readonly damaged: number;
  readonly interfaces: readonly CaptureInterface[];
  /** Where the data ends although a block or record had begun; null when it ends cleanly. */
  readonly cutAt: number | null;
  /** Up to where whole blocks were read. */
  readonly wholeBytes: number;
  /** The file was cut or damaged: something in it could not be read. */
  readonly truncated: boolean;
  /** The first 64 problems, in file order. */
  readonly problems: readonly CaptureProblem[];
  readonly problemCount: number;
  readonly unknownBlocks: ReadonlyMap<number, number>;
}

const PCAP_MAGICS = [PCAP_MICROSECONDS, PCAP_NANOSECONDS, PCAP_MODIFIED];

export interface ParserOptions {
  /** For error texts. */
  readonly name?: string;
  /** Size of the one buffer; default 4 MiB. */
  readonly bufferBytes?: number;
}

/**
 * Reads a pcap or pcapng byte stream given in pieces of any size; what comes out does not depend on where the pieces
 * end. Holds one buffer, which grows only when a single block has filled it with real bytes (at most 32 MiB).
 *
 * Use: either `push(piece)`, or read straight into `buffer` at `fill` (`room()` bytes) and call `advance(n)`; then
 * `end()`. Throws FlowglassError when the bytes are not a capture at all; damage inside a capture is in the result.
 */
export class CaptureParser {
  readonly #state: CaptureState;
  readonly #name: string;
  #decoder: Decoder | null = null;
  #format: CaptureFormat = 'pcapng';
  #start = 0;
  #fill = 0;
  #bytes = 0;
  /** End of the last whole record before reading stopped. */
  #whole = 0;
  #magic = 0;
  #magicLittle = true;

  constructor(handlers: CaptureHandlers, options: ParserOptions = {}) {
    this.#state = new CaptureState(handlers, Math.max(64, options.bufferBytes ?? 4 << 20));
    this.#name = options.name ?? 'capture';
  }

  /** Nothing more can be read: damage, or the caller asked for it. */
  get stopped(): boolean {
    return this.#state.stopped;
  }

  /** The next packet waits for `goOn`, as a handler asked for; what is pushed meanwhile is kept. */
  get held(): boolean {
    return this.#state.held;
  }

  /** Offers the packet that was held once more, and reads on. */
  goOn(): void {
    this.#state.held = false;
    this.advance(0);
  }

  get interfaces(): readonly CaptureInterface[] {
    return this.#state.interfaces;
  }

  get packets(): number {
    return this.#state.packets;
  }

  /** Makes the parser ignore what follows, without calling that damage. May be called from a handler. */
  cancel(): void {
    this.#state.stopped = true;
  }

  /**
   * Begins in the middle of a pcapng section, at a block boundary at `offset` of the file, with the interfaces that
   * were described before it.
   */
  resume(offset: number, interfaces: readonly CaptureInterface[]): void {
    const decoder = new PcapngDecoder(this.#state);
    const last = interfaces[interfaces.length - 1];
    const section = last?.section ?? 0;
    // Copies: the counters of this reading are its own.
    for (const each of interfaces) this.#state.interfaces.push({ ...each });
    decoder.resume(
      section,
      Math.max(
        0,
        interfaces.findIndex((each) => each.section === section),
      ),
    );
    this.#decoder = decoder;
    this.#state.base = offset;
    this.#bytes = offset;
  }

  /** Free bytes in `buffer` from `fill` on, at least one. */
  room(): number {
    if (this.#fill === this.#state.bytes.length) this.#state.grow();
    return this.#state.bytes.length - this.#fill;
  }

  get buffer(): Uint8Array {
    return this.#state.bytes;
  }

  get fill(): number {
    return this.#fill;
  }

  /**
   * Goes on in another buffer, whose bytes from `at` on follow in the file; say how many by `advance`. What is left over
   * from the piece before is put in front of them. Returns the buffer that is free now, to be filled meanwhile; null,
   * and nothing is done, when there is too much left over: `push` the piece then.
   */
  exchange(bytes: Uint8Array<ArrayBuffer>, at: number): Uint8Array<ArrayBuffer> | null {
    const state = this.#state;
    const left = this.#fill - this.#start;
    if (left > at) return null;
    const free = state.bytes;
    bytes.set(free.subarray(this.#start, this.#fill), at - left);
    state.base += this.#start - (at - left);
    state.use(bytes);
    this.#start = at - left;
    this.#fill = at;
    return free;
  }

  /** Takes a piece of the file; the piece may be reused afterwards. */
  push(piece: Uint8Array): void {
    let from = 0;
    while (from < piece.length && !this.#state.stopped) {
      const take = Math.min(this.room(), piece.length - from);
      this.#state.bytes.set(
        from === 0 && take === piece.length ? piece : piece.subarray(from, from + take),
        this.#fill,
      );
      from += take;
      this.advance(take);
    }
  }

  /** `count` bytes were put into `buffer` at `fill`. */
  advance(count: number): void {
    const state = this.#state;
    this.#fill += count;
    this.#bytes += count;
    while (!state.held) {
      if (state.stopped) {
        this.#whole = Math.max(this.#whole, state.base + this.#start);
        this.#fill = 0;
        this.#start = 0;
        return;
      }
      if (state.skip > 0) {
        const step = Math.min(state.skip, this.#fill - this.#start);
        this.#start += step;
        state.skip -= step;
        if (state.skip > 0) break;
      }
      if (this.#decoder === null && !this.#detect()) break;
      this.#start = this.#decoder?.decode(this.#start, this.#fill) ?? this.#start;
      if (state.skip === 0 && !state.stopped) break;
    }
    this.#compact();
  }

  #compact(): void {
    const state = this.#state;
    if (this.#start === 0) return;
    if (this.#start < this.#fill) state.bytes.copyWithin(0, this.#start, this.#fill);
    state.base += this.#start;
    this.#fill -= this.#start;
    this.#start = 0;
  }

  /** Decides by the first bytes; false while there are too few. */
  #detect(): boolean {
    const state = this.#state;
    const start = this.#start;
    if (this.#fill - start < 4) return false;
    const little = state.view.getUint32(start, true);
    if (little === BLOCK_SECTION) {
      this.#decoder = new PcapngDecoder(state);
      return true;
    }
    const big = state.view.getUint32(start, false);
    const magicLittle = PCAP_MAGICS.includes(little);
    if (!magicLittle && !PCAP_MAGICS.includes(big)) throw this.#notACapture();
    this.#format = 'pcap';
    this.#magic = magicLittle ? little : big;
    this.#magicLittle = magicLittle;
    if (this.#fill - start < PCAP_HEADER_BYTES) return false;
    this.#decoder = new PcapDecoder(state, this.#magic, this.#magicLittle, start, this.#name);
    this.#start = start + PCAP_HEADER_BYTES;
    return true;
  }

  #notACapture(): FlowglassError {
    return new FlowglassError({
      code: 'not-a-capture',
      what: 'not a capture file',
      where: this.#name,
      hint: 'pcap and pcapng files are read, also compressed with gzip or zstd',
    });
  }

  /** The input has ended. Throws when it was empty or too short to tell what it is. */
  end(): CaptureResult {
    const state = this.#state;
    if (this.#bytes === 0) {
      throw new FlowglassError({
        code: 'empty-file',
        what: 'the file is empty',
        where: this.#name,
        hint: 'give a pcap or pcapng file',
      });
    }
    if (this.#decoder === null && this.#fill - this.#start < 4) throw this.#notACapture();
    const whole = state.stopped ? this.#whole : state.skip > 0 ? state.skippedAt : state.base + this.#start;
    const cut = !state.stopped && (this.#fill > this.#start || state.skip > 0) ? this.#bytes : null;
    if (cut !== null) {
      state.problemCount++;
      state.problems.push({ at: cut, what: `cut short at byte ${cut}`, damage: true });
    }
    return {
      format: this.#format,
      bytes: this.#bytes,
      packets: state.packets,
      damaged: state.damaged,
      interfaces: state.interfaces,
      cutAt: cut,
      wholeBytes: whole,
      truncated: cut !== null || state.damage,
      problems: state.problems,
      problemCount: state.problemCount,
      unknownBlocks: state.unknownBlocks,
    };
  }
}
