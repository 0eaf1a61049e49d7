/**
 * PEEK frames of the helper into FACTS frames. Payload ends here: what is recognised goes on into model and journal, the
 * bytes do not. Conversations stand in a bounded table; beyond it the one that began longest ago is forgotten.
 */
import { FRAME_PEEK, KEY, PEEK, PEEK_HI_TO_LO } from '../abi/generated.ts';
import { Table } from '../flow/columns.ts';
import { FACT, FACT_ADDRESS, FRAME_FACTS } from '../flow/fact-records.ts';
import { KEY_WORDS } from '../flow/flows.ts';
import { Index, mix } from '../flow/hash.ts';
import type { FrameSink } from '../wire/frames.ts';
import { Inspector, Piece } from './inspector.ts';
import type { FactSink } from './sink.ts';
import { HEAD_BYTES } from './stream-heads.ts';

const CONVERSATIONS_MAX = 65_536;
const TCP = 6;
const UDP = 17;
const TWO_32 = 4294967296;
const FRAME_BYTES = 60_000;
/** A text of a fact is never longer: DNS names have twice 255 bytes at most, paths 512. */
const TEXT_MAX = 4096;

export class Peeks implements FactSink {
  readonly #inspector: Inspector;
  readonly #piece = new Piece();
  readonly #rows = new Table();
  readonly #key = this.#rows.uint32(KEY_WORDS);
  readonly #epoch = this.#rows.uint32();
  /** 1 = lo is this machine, 2 = hi is */
  readonly #here = this.#rows.uint8();
  readonly #index = new Index();
  readonly #words = new Uint32Array(KEY_WORDS);
  readonly #max: number;
  #next = 0;
  /** Time of the piece in hand, and the one that its times count from. */
  #atLow = 0;
  #atHigh = 0;
  #originHigh = -1;
  /** Facts of the frame in hand. */
  readonly #out = new Uint8Array(FRAME_BYTES + FACT.size + TEXT_MAX + 8);
  readonly #outView = new DataView(this.#out.buffer);
  #length = 0;
  #sink: FrameSink | null = null;

  constructor(max = CONVERSATIONS_MAX) {
    this.#max = max;
    this.#inspector = new Inspector(this);
  }

  /** Takes the payload of a PEEK frame (checked by the frame reader); gives `sink` what it told, as FACTS frames. */
  frame(bytes: Uint8Array, view: DataView, offset: number, length: number, sink: FrameSink): void {
    this.#sink = sink;
    for (let at = offset; at + PEEK.size <= offset + length;) {
      const captured = view.getUint16(at + PEEK.captured, true);
      this.#peek(bytes, view, at, captured);
      at += (PEEK.size + captured + 7) & ~7;
    }
    this.#flush();
    this.#sink = null;
  }

  #peek(bytes: Uint8Array, view: DataView, at: number, captured: number): void {
    const flags = view.getUint16(at + PEEK.flags, true);
    const side = (flags & PEEK_HI_TO_LO) !== 0 ? 1 : 0;
    const epoch = view.getUint32(at + PEEK.epoch, true);
    this.#atLow = view.getUint32(at + PEEK.atNs, true);
    this.#atHigh = view.getUint32(at + PEEK.atNs + 4, true);
    if (this.#originHigh < 0) this.#originHigh = this.#atHigh;
    for (let i = 0; i < KEY_WORDS; i++) this.#words[i] = view.getUint32(at + PEEK.key + i * 4, true);
    const tail = this.#words[KEY.iface / 4]!;
    const protocol = (tail >>> 16) & 0xff;
    if (protocol !== TCP && protocol !== UDP) return;
    const row = this.#conversation(epoch, protocol);
    const cookie = view.getUint32(at + PEEK.cookie, true) | view.getUint32(at + PEEK.cookie + 4, true);
    if (cookie !== 0) this.#here.data[row] = this.#here.data[row]! | (1 << side);
    const ports = this.#words[KEY.loPort / 4]!;
    const p = this.#piece;
    p.conversation = row;
    p.side = side;
    p.bytes = bytes;
    p.offset = at + PEEK.size;
    p.captured = captured;
    p.length = view.getUint32(at + PEEK.payload, true);
    p.atNs = (this.#atHigh - this.#originHigh) * TWO_32 + this.#atLow;
    p.sourcePort = side === 0 ? ports & 0xffff : ports >>> 16;
    p.destinationPort = side === 0 ? ports >>> 16 : ports & 0xffff;
    p.fromHere = cookie !== 0;
    p.toHere = (this.#here.data[row]! & (2 >> side)) !== 0;
    if (protocol === UDP) {
      this.#inspector.datagram(p);
      return;
    }
    if (!this.#inspector.looks(row, side, bytes[p.offset] ?? 0)) return;
    p.sequence = view.getUint32(at + PEEK.sequence, true) | 0;
    // The epoch is the initial sequence number of the side that opened: its stream begins with the next one.
    const offset = (p.sequence - 1 - epoch) | 0;
    p.base = epoch !== 0 && offset >= 0 && offset < HEAD_BYTES ? (epoch + 1) | 0 : null;
    this.#inspector.segment(p);
  }

  /** Row of the conversation whose key is in hand. */
  #conversation(epoch: number, protocol: number): number {
    const index = this.#index;
    let probe = this.#probe();
    let row = index.at(probe);
    if (row >= 0) {
      const known = this.#epoch.data[row]!;
      // Another connection took over the ports; an epoch that was not known becomes so.
      if (protocol === TCP && epoch !== 0 && known !== 0 && known !== epoch) {
        this.#inspector.begin(row);
        this.#here.data[row] = 0;
      }
      if (epoch !== 0) this.#epoch.data[row] = epoch;
      return row;
    }
    if (this.#rows.count < this.#max) row = this.#rows.append();
    else {
      row = this.#next;
      this.#next = (this.#next + 1) % this.#max;
      const words = this.#words.slice();
      this.#words.set(this.#key.data.subarray(row * KEY_WORDS, (row + 1) * KEY_WORDS));
      index.remove(this.#probe(), (other) => hashOf(this.#key.data, other * KEY_WORDS));
      this.#words.set(words);
      probe = this.#probe();
    }
    this.#key.data.set(this.#words, row * KEY_WORDS);
    this.#epoch.data[row] = epoch;
    this.#here.data[row] = 0;
    this.#inspector.begin(row);
    if (index.put(probe, row)) {
      index.reset(this.#rows.count);
      for (let r = 0; r < this.#rows.count; r++) index.insertNew(hashOf(this.#key.data, r * KEY_WORDS), r);
    }
    return row;
  }

  #probe(): number {
    const index = this.#index;
    let probe = index.first(hashOf(this.#words, 0));
    for (;;) {
      const row = index.at(probe);
      if (row < 0) return probe;
      let i = 0;
      while (i < KEY_WORDS && this.#key.data[row * KEY_WORDS + i] === this.#words[i]) i++;
      if (i === KEY_WORDS) return probe;
      probe = index.next(probe);
    }
  }

  // ---- FactSink ----

  fact(
    p: Piece,
    kind: number,
    flags: number,
    value: number,
    a: number,
    b: number,
    text: Uint8Array,
    from: number,
    length: number,
  ): void {
    const at = this.#record(kind, flags, value, a, b, text, from, length);
    const epoch = this.#epoch.data[p.conversation]!;
    this.#outView.setUint32(at + FACT.epoch, epoch, true);
    this.#putKey(at, p.conversation);
  }

  address(
    p: Piece,
    asker: number,
    address: Uint32Array,
    flags: number,
    source: number,
    ttl: number,
    text: Uint8Array,
    from: number,
    length: number,
  ): void {
    const at = this.#record(FACT_ADDRESS, flags, NaN, source, ttl, text, from, length);
    const view = this.#outView;
    this.#putKey(at, p.conversation);
    for (let i = 0; i < 4; i++) {
      const word = this.#key.data[p.conversation * KEY_WORDS + asker * 4 + i]!;
      view.setUint32(at + FACT.key + KEY.loAddress + i * 4, word, true);
      view.setUint32(at + FACT.key + KEY.hiAddress + i * 4, address[i]!, true);
    }
  }

  #putKey(at: number, row: number): void {
    for (let i = 0; i < KEY_WORDS; i++)
      this.#outView.setUint32(at + FACT.key + i * 4, this.#key.data[row * KEY_WORDS + i]!, true);
  }

  #record(
    kind: number,
    flags: number,
    value: number,
    a: number,
    b: number,
    text: Uint8Array,
    from: number,
    length: number,
  ): number {
    if (this.#length > FRAME_BYTES) this.#flush();
    const view = this.#outView;
    const at = this.#length;
    const kept = Math.min(length, TEXT_MAX);
    const size = (FACT.size + kept + 7) & ~7;
    this.#out.fill(0, at, at + size);
    view.setUint16(at + FACT.kind, kind, true);
    view.setUint16(at + FACT.flags, flags, true);
    view.setUint32(at + FACT.recordLength, size, true);
    view.setUint32(at + FACT.atNs, this.#atLow, true);
    view.setUint32(at + FACT.atNs + 4, this.#atHigh, true);
    view.setFloat64(at + FACT.value, value, true);
    view.setUint32(at + FACT.a, a, true);
    view.setUint32(at + FACT.b, b, true);
    view.setUint32(at + FACT.textLength, kept, true);
    for (let i = 0; i < kept; i++) this.#out[at + FACT.size + i] = text[from + i]!;
    this.#length += size;
    return at;
  }

  #flush(): void {
    if (this.#length > 0) this.#sink?.(FRAME_FACTS, this.#out, this.#outView, 0, this.#length);
    this.#length = 0;
  }
}

/** Wraps a sink: PEEK frames become FACTS frames, all others pass. */
export function inspectPeeks(sink: FrameSink): FrameSink {
  const peeks = new Peeks();
  return (type, bytes, view, offset, length) => {
    if (type === FRAME_PEEK) peeks.frame(bytes, view, offset, length, sink);
    else sink(type, bytes, view, offset, length);
  };
}

function hashOf(words: Uint32Array, at: number): number {
  let hash = 0;
  for (let i = 0; i < KEY_WORDS; i++) hash = mix(hash, words[at + i]!);
  return hash;
}
