/**
 * Protocols of requests and answers over one connection: HTTP/2 in the clear, PostgreSQL, MySQL, Redis. A request is
 * timed from its first segment to the first of its answer; of several under way at once the one that was asked first.
 */
import {
  isMysqlAnswer,
  isMysqlCommand,
  isPostgresRequest,
  isPostgresStart,
  isRedisAnswer,
  isRedisCommand,
  mysqlGreeting,
  postgresVersion,
} from '../dissect/database-protocols.ts';
import { HTTP2_PREFACE, http2Headers, http2Preface } from '../dissect/http2.ts';
import { APP_HTTP2, APP_MYSQL, APP_POSTGRESQL, APP_REDIS } from '../flow/applications.ts';
import type { Column, Table } from '../flow/columns.ts';
import { FACT_ANSWER, FACT_HTTP_ANSWER, FACT_PROTOCOL, FACT_REQUEST } from '../flow/fact-records.ts';
import type { Piece } from './inspector.ts';
import type { FactSink } from './sink.ts';

const NOTHING = new Uint8Array(0);

export class ExchangeInspector {
  readonly #sink: FactSink;
  /** Side of the client + 1 */
  readonly #client: Column<Uint8Array>;
  /** The server told its version. */
  readonly #versed: Column<Uint8Array>;
  /** When the request passed that waits for its answer, NaN = none; its stream (HTTP/2). */
  readonly #askedNs: Column<Float64Array>;
  readonly #stream: Column<Uint32Array>;

  constructor(sink: FactSink, rows: Table) {
    this.#sink = sink;
    this.#client = rows.uint8();
    this.#versed = rows.uint8();
    this.#askedNs = rows.float64();
    this.#stream = rows.uint32();
  }

  begin(row: number): void {
    this.#askedNs.data[row] = NaN;
  }

  /** APP_* of a stream that begins with these bytes, −1 = more are needed, 0 = none of these. */
  recognise(p: Piece, bytes: Uint8Array, start: number, length: number): number {
    const preface = http2Preface(bytes, start, length);
    if (preface > 0 && preface < HTTP2_PREFACE) return -1;
    if (preface === HTTP2_PREFACE) return this.#begun(p, APP_HTTP2, p.side, NOTHING, 0, 0);
    if (isPostgresStart(bytes, start, length)) return this.#begun(p, APP_POSTGRESQL, p.side, NOTHING, 0, 0);
    const version = mysqlGreeting(bytes, start, length);
    if (version > 0) return this.#begun(p, APP_MYSQL, 1 - p.side, bytes, start + 5, version);
    return isRedisCommand(bytes, start, length) ? this.#begun(p, APP_REDIS, p.side, NOTHING, 0, 0) : 0;
  }

  #begun(p: Piece, protocol: number, client: number, text: Uint8Array, from: number, length: number): number {
    this.#client.data[p.conversation] = client + 1;
    this.#sink.fact(p, FACT_PROTOCOL, 0, NaN, protocol, 0, text, from, length);
    return protocol;
  }

  /** The beginning of a side's stream of a known protocol, or any later segment. */
  segment(p: Piece, protocol: number, bytes: Uint8Array, start: number, length: number): void {
    if (length <= 0) return;
    if (protocol === APP_HTTP2) this.#http2(p, bytes, start, length);
    else if (this.#client.data[p.conversation] === p.side + 1) this.#request(p, protocol, bytes, start, length);
    else this.#server(p, protocol, bytes, start, length);
  }

  #request(p: Piece, protocol: number, bytes: Uint8Array, start: number, length: number): void {
    const asks =
      protocol === APP_POSTGRESQL
        ? isPostgresRequest(bytes[start]!)
        : protocol === APP_MYSQL
          ? isMysqlCommand(bytes, start, length)
          : isRedisCommand(bytes, start, length);
    if (asks) this.#asked(p, 0);
  }

  #server(p: Piece, protocol: number, bytes: Uint8Array, start: number, length: number): void {
    const row = p.conversation;
    if (protocol === APP_POSTGRESQL && this.#versed.data[row] === 0) {
      const [at, size] = postgresVersion(bytes, start, length);
      if (size > 0) {
        this.#versed.data[row] = 1;
        this.#sink.fact(p, FACT_PROTOCOL, 0, NaN, APP_POSTGRESQL, 0, bytes, at, size);
      }
    }
    const answers =
      protocol === APP_MYSQL
        ? isMysqlAnswer(bytes, start, length)
        : protocol === APP_REDIS
          ? isRedisAnswer(bytes[start]!)
          : true;
    if (answers) this.#answered(p, FACT_ANSWER, 0);
  }

  #http2(p: Piece, bytes: Uint8Array, start: number, length: number): void {
    const row = p.conversation;
    const client = this.#client.data[row] === p.side + 1;
    const skip = client && http2Preface(bytes, start, length) === HTTP2_PREFACE ? HTTP2_PREFACE : 0;
    http2Headers(bytes, start + skip, length - skip, (stream, status) => {
      if (client) {
        // Trailers are headers of a stream that was asked for already.
        if (stream > this.#stream.data[row]!) this.#asked(p, stream);
      } else if (stream === this.#stream.data[row]) this.#answered(p, FACT_HTTP_ANSWER, status);
    });
  }

  #asked(p: Piece, stream: number): void {
    const row = p.conversation;
    this.#sink.fact(p, FACT_REQUEST, 0, NaN, 0, 0, NOTHING, 0, 0);
    if (!Number.isNaN(this.#askedNs.data[row]!)) return;
    this.#askedNs.data[row] = p.atNs;
    this.#stream.data[row] = stream;
  }

  #answered(p: Piece, kind: number, status: number): void {
    const ns = p.atNs - this.#askedNs.data[p.conversation]!;
    if (!(ns >= 0)) return;
    this.#askedNs.data[p.conversation] = NaN;
    this.#sink.fact(p, kind, 0, ns, status, 0, NOTHING, 0, 0);
  }
}
