import { FRAME_ACCEPT_MAX, FRAME_HEADER } from '../abi/generated.ts';
import { FlowglassError } from '../errors.ts';
import { checkFrame, type FrameSink } from '../wire/frames.ts';
import { type Block, FLAG_CONTINUES, payloadOf } from './blocks.ts';
import { frameTime } from './frame-time.ts';

/** Where the cursor gets journal blocks from, in file order. */
export interface JournalSource {
  /** The next journal block, null at the end, 'damaged' for one that cannot be read. */
  next(untilNs: bigint | null): Promise<Block | 'damaged' | 'later' | null>;
  /** How many journal blocks of the file lie before the next one. */
  readonly before: number;
}

/**
 * Goes through the journal frame by frame. A frame's time is the running maximum of what frames tell (frame-time.ts),
 * so going to t in one stride or in many gives the same frames.
 */
export class JournalCursor {
  readonly #source: JournalSource;
  #bytes = new Uint8Array(128 << 10);
  #view = new DataView(this.#bytes.buffer);
  #start = 0;
  #end = 0;
  /** After a damaged block the next one may begin inside a frame. */
  #lost = false;
  /** Time of the last frame given. */
  atNs: bigint;
  frames = 0;
  /** Blocks, or rests of blocks, that could not be read. */
  damaged = 0;

  constructor(source: JournalSource, atNs: bigint) {
    this.#source = source;
    this.atNs = atNs;
  }

  /** How many journal blocks of the file it has behind it. */
  get blocks(): number {
    return this.#source.before;
  }

  /** Gives `sink` all further frames up to and including boot time `toNs`; null = to the end. */
  async advance(toNs: bigint | null, sink: FrameSink, signal?: AbortSignal): Promise<void> {
    for (;;) {
      if (!this.#drain(toNs, sink)) return;
      signal?.throwIfAborted();
      const block = await this.#source.next(toNs);
      if (block === null || block === 'later') return;
      if (block === 'damaged') this.#drop();
      else this.#append(block);
    }
  }

  /** Forgets what cannot be continued. */
  #drop(): void {
    this.damaged++;
    this.#lost = true;
    this.#start = 0;
    this.#end = 0;
  }

  #append(block: Block): void {
    const payload = payloadOf(block);
    if (payload === null) {
      this.#drop();
      return;
    }
    if (this.#start > 0) {
      this.#bytes.copyWithin(0, this.#start, this.#end);
      this.#end -= this.#start;
      this.#start = 0;
    }
    if (this.#lost && !plausible(payload, (block.flags & FLAG_CONTINUES) !== 0)) {
      this.#drop();
      return;
    }
    this.#lost = false;
    if (this.#end + payload.length > this.#bytes.length) {
      // Bounded: more than one frame of the largest size is never waiting.
      const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#end + payload.length));
      larger.set(this.#bytes.subarray(0, this.#end));
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    this.#bytes.set(payload, this.#end);
    this.#end += payload.length;
  }

  /** Gives out whole frames; false when the next one is later than `toNs`. */
  #drain(toNs: bigint | null, sink: FrameSink): boolean {
    while (this.#start + FRAME_HEADER.size <= this.#end) {
      const length = this.#view.getUint32(this.#start + FRAME_HEADER.length, true);
      const type = this.#view.getUint16(this.#start + FRAME_HEADER.type, true);
      if (length > FRAME_ACCEPT_MAX) {
        this.#drop();
        return true;
      }
      const offset = this.#start + FRAME_HEADER.size;
      if (offset + length > this.#end) return true;
      try {
        // Types of the helper are checked here; the engine's own (64 to 127) by who reads them.
        checkFrame(type, this.#view, offset, length);
      } catch (error) {
        if (!(error instanceof FlowglassError)) throw error;
        this.damaged++;
        this.#start = offset + length;
        continue;
      }
      const told = frameTime(type, this.#view, offset, length);
      const atNs = told > this.atNs ? told : this.atNs;
      if (toNs !== null && atNs > toNs) return false;
      this.atNs = atNs;
      this.#start = offset + length;
      this.frames++;
      sink(type, this.#bytes, this.#view, offset, length);
    }
    return true;
  }
}

/** Whether a run begins at a frame: its headers lead from one to the next up to the end. */
function plausible(payload: Uint8Array, continues: boolean): boolean {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  let at = 0;
  while (at + FRAME_HEADER.size <= payload.length) {
    const length = view.getUint32(at + FRAME_HEADER.length, true);
    const type = view.getUint16(at + FRAME_HEADER.type, true);
    if (length > FRAME_ACCEPT_MAX || type === 0 || type > 127) return false;
    at += FRAME_HEADER.size + length;
  }
  return at === payload.length || continues;
}
