/** HTTP/1: Host, method and path of each request, status and time of its answer. */
import { httpStatus, HttpRequest, methodLength } from '../dissect/http.ts';
import type { Column, Table } from '../flow/columns.ts';
import { FACT_HTTP_ANSWER, FACT_HTTP_REQUEST, FACT_NAME, FACT_SIDE_HI } from '../flow/fact-records.ts';
import { mix } from '../flow/hash.ts';
import { SOURCE_HTTP } from '../flow/observed-names.ts';
import { NEED_MORE, NOT_THIS, READ, type Piece } from './inspector.ts';
import type { FactSink } from './sink.ts';

const CR = 13;
const LF = 10;
/** A request line that is longer names nothing. */
const LINE_MAX = 8192;

export class HttpInspector {
  readonly #sink: FactSink;
  readonly #request = new HttpRequest();
  /** When the request passed that waits for its answer, NaN = none. */
  readonly #askedNs: Column<Float64Array>;
  /** Of the host that was told last, 0 = none. */
  readonly #host: Column<Uint32Array>;

  /** 1 = the conversation's first request was told of */
  readonly #told: Column<Uint8Array>;
  /** Sequence number of the segment that told of the newest request. */
  readonly #sequence: Column<Int32Array>;

  constructor(sink: FactSink, rows: Table) {
    this.#sink = sink;
    this.#told = rows.uint8();
    this.#sequence = rows.int32();
    this.#askedNs = rows.float64();
    this.#host = rows.uint32();
    this.#cut = rows.uint8(2);
  }

  /** 1 = by side, the newest segment ended within the head of a request */
  readonly #cut: Column<Uint8Array>;

  begin(row: number): void {
    this.#askedNs.data[row] = NaN;
  }

  /** The beginning of a side's stream: a request that may not be whole yet, or an answer. */
  head(p: Piece, bytes: Uint8Array, start: number, length: number): number {
    if (httpStatus(bytes, start, length) > 0) {
      this.#answer(p, bytes, start, length);
      return READ;
    }
    const known = !Number.isNaN(this.#askedNs.data[p.conversation]!);
    if (!this.#request.read(bytes, start, length)) {
      if (length >= 12) return NOT_THIS;
      return mayBegin(bytes, start, length) ? NEED_MORE : NOT_THIS;
    }
    if (!known) this.#askedNs.data[p.conversation] = p.atNs;
    // What is asked for is told as soon as its line is whole: headers may be long, and their end may never come.
    if (this.#request.line && this.#told.data[p.conversation] === 0) this.#tellRequest(p);
    if (this.#request.host === null && !this.#request.whole && length < LINE_MAX) return NEED_MORE;
    if (this.#told.data[p.conversation] === 0) this.#tellRequest(p);
    this.#tellHost(p);
    this.#pipelined(p, bytes, start + length);
    return READ;
  }

  /** A later segment: the beginning of a request or an answer, or neither. */
  segment(p: Piece): void {
    if (methodLength(p.bytes, p.offset, p.captured) > 0) {
      if (((p.sequence - this.#sequence.data[p.conversation]!) | 0) <= 0) return; // sent again
      if (!this.#request.read(p.bytes, p.offset, p.captured)) return;
      this.#askedNs.data[p.conversation] = p.atNs;
      this.#tellRequest(p);
      this.#tellHost(p);
      this.#pipelined(p, p.bytes, p.offset + p.captured);
    } else if (this.#cut.data[p.conversation * 2 + p.side] !== 0) this.#rest(p);
    else if (!Number.isNaN(this.#askedNs.data[p.conversation]!)) this.#answer(p, p.bytes, p.offset, p.captured);
  }

  /** Further requests right behind the head in hand (RFC 9112 §9.3.2), as far as their lines are there. */
  #pipelined(p: Piece, bytes: Uint8Array, end: number): void {
    const request = this.#request;
    let within = !request.whole;
    while (request.whole && request.end < end) {
      const left = end - request.end;
      const is = request.read(bytes, request.end, left);
      within = is ? !request.whole : left < 12 && mayBegin(bytes, request.end, left);
      if (!is || !request.line) break;
      this.#tellRequest(p);
      this.#tellHost(p);
    }
    this.#cut.data[p.conversation * 2 + p.side] = within ? 1 : 0;
  }

  /** What follows a head that began in the segment before. */
  #rest(p: Piece): void {
    const end = p.offset + p.captured;
    const next = headEnd(p.bytes, p.offset, end);
    if (next < 0) return;
    this.#request.whole = true;
    this.#request.end = next;
    this.#pipelined(p, p.bytes, end);
  }

  #tellRequest(p: Piece): void {
    const { text } = this.#request;
    this.#told.data[p.conversation] = 1;
    this.#sequence.data[p.conversation] = p.sequence;
    this.#sink.fact(p, FACT_HTTP_REQUEST, 0, NaN, 0, 0, text, 0, text.length);
  }

  #tellHost(p: Piece): void {
    const { host } = this.#request;
    if (host === null) return;
    let hash = 1;
    for (const byte of host) hash = mix(hash, byte);
    hash = (hash >>> 0) | 1;
    if (this.#host.data[p.conversation] === hash) return;
    this.#host.data[p.conversation] = hash;
    this.#sink.fact(p, FACT_NAME, p.side === 0 ? FACT_SIDE_HI : 0, NaN, SOURCE_HTTP, 0, host, 0, host.length);
  }

  #answer(p: Piece, bytes: Uint8Array, start: number, length: number): void {
    const status = httpStatus(bytes, start, length);
    if (status < 200) return; // none, or one before the answer
    const askedNs = this.#askedNs.data[p.conversation]!;
    this.#askedNs.data[p.conversation] = NaN;
    this.#sink.fact(p, FACT_HTTP_ANSWER, 0, p.atNs - askedNs, status, 0, bytes, start, 0);
  }
}

/** Past the empty line that ends a head; −1 = it is not there. */
function headEnd(bytes: Uint8Array, from: number, end: number): number {
  for (let at = from; at + 1 < end; at++) {
    if (bytes[at] !== LF) continue;
    if (bytes[at + 1] === LF) return at + 2;
    if (bytes[at + 1] === CR && at + 2 < end && bytes[at + 2] === LF) return at + 3;
  }
  return -1;
}

/** Capital letters only, so far: a method may be on its way. */
function mayBegin(bytes: Uint8Array, start: number, length: number): boolean {
  for (let i = start; i < start + length; i++) {
    const byte = bytes[i]!;
    if ((byte < 65 || byte > 90) && byte !== 0x2f && byte !== 0x2e && byte !== 0x31) return false;
  }
  return true;
}
