/**
 * TLS over TCP: server name and ALPN from the ClientHello, version and certificate from the server's first flight, and
 * how long the handshake took: from the ClientHello to the client's last handshake message (1.3, or a resumed 1.2), or
 * to the server's (1.2), as the client sees it.
 */
import { ClientHello, TLS_HELLO, TLS_NEED_MORE } from '../dissect/tls.ts';
import { ServerFlight, TLS_1_3 } from '../dissect/tls-server.ts';
import { TLS_ENCRYPTED_HELLO, TLS_RESUMED } from '../flow/applications.ts';
import type { Column, Table } from '../flow/columns.ts';
import {
  FACT_NAME,
  FACT_SIDE_HI,
  FACT_TLS_CERTIFICATE,
  FACT_TLS_CLIENT,
  FACT_TLS_DONE,
  FACT_TLS_SERVER,
} from '../flow/fact-records.ts';
import { SOURCE_SNI } from '../flow/observed-names.ts';
import { NEED_MORE, NOT_THIS, READ, type Piece } from './inspector.ts';
import type { FactSink } from './sink.ts';

const ASKED = 1;
/** The server's ServerHello was seen; the client's next flight ends the handshake (1.3), or is the last but one. */
const ANSWERED = 2;
const KEYS_SENT = 3;
const OVER = 4;

export class TlsInspector {
  readonly #sink: FactSink;
  readonly #hello = new ClientHello();
  readonly #flight = new ServerFlight();
  readonly #stage: Column<Uint8Array>;
  /** side of the client + 1 */
  readonly #client: Column<Uint8Array>;
  readonly #version: Column<Uint16Array>;
  /** 1 = resumed, 2 = another ClientHello was asked for, 4 = the server's flight was told of */
  readonly #flags: Column<Uint8Array>;
  readonly #askedNs: Column<Float64Array>;

  constructor(sink: FactSink, rows: Table) {
    this.#sink = sink;
    this.#stage = rows.uint8();
    this.#client = rows.uint8();
    this.#version = rows.uint16();
    this.#flags = rows.uint8();
    this.#askedNs = rows.float64();
  }

  begin(row: number): void {
    this.#askedNs.data[row] = NaN;
  }

  looks(row: number): boolean {
    return this.#stage.data[row] !== OVER;
  }

  /** Each segment of a conversation known to be TLS, for the time. */
  segment(p: Piece): void {
    const row = p.conversation;
    const stage = this.#stage.data[row]!;
    const fromClient = this.#client.data[row] === p.side + 1;
    if (stage === ANSWERED && fromClient) {
      // A second ClientHello was asked for: its answer is still to come.
      if ((this.#flags.data[row]! & 2) !== 0) {
        this.#flags.data[row] = this.#flags.data[row]! & ~2;
        this.#stage.data[row] = ASKED;
        return;
      }
      if (this.#version.data[row]! >= TLS_1_3 || (this.#flags.data[row]! & 1) !== 0) this.#over(p);
      else this.#stage.data[row] = KEYS_SENT;
    } else if (stage === KEYS_SENT && !fromClient) this.#over(p);
    else if (stage === ASKED && !fromClient && (this.#flags.data[row]! & 4) !== 0) this.#stage.data[row] = ANSWERED;
  }

  /** The beginning of either side's stream. */
  head(p: Piece, bytes: Uint8Array, start: number, length: number): number {
    const row = p.conversation;
    const client = this.#client.data[row]!;
    if (client !== 0 && client !== p.side + 1) return this.#server(p, bytes, start, length);
    // Times count from the first byte of the ClientHello, however many segments it takes.
    if (Number.isNaN(this.#askedNs.data[row]!)) this.#askedNs.data[row] = p.atNs;
    const result = this.#hello.read(bytes, start, length);
    if (result === TLS_NEED_MORE) return NEED_MORE;
    if (result !== TLS_HELLO) return this.#server(p, bytes, start, length) === READ ? READ : NOT_THIS;
    this.#client.data[row] = p.side + 1;
    this.#stage.data[row] = ASKED;
    tellHello(this.#sink, p, this.#hello, SOURCE_SNI);
    return READ;
  }

  #server(p: Piece, bytes: Uint8Array, start: number, length: number): number {
    const row = p.conversation;
    const flight = this.#flight;
    const result = flight.read(bytes, start, length);
    if (flight.version === 0) return result === TLS_NEED_MORE ? NEED_MORE : NOT_THIS;
    if (this.#client.data[row] === 0) this.#client.data[row] = 2 - p.side;
    if ((this.#flags.data[row]! & 4) === 0) {
      this.#version.data[row] = flight.version;
      this.#flags.data[row] = this.#flags.data[row]! | 4 | (flight.retry ? 2 : 0) | (flight.resumed ? 1 : 0);
      if (this.#stage.data[row] === ASKED) this.#stage.data[row] = ANSWERED;
      const { alpn } = flight;
      const flags = flight.resumed ? TLS_RESUMED : 0;
      this.#sink.fact(p, FACT_TLS_SERVER, 0, NaN, flight.version, flags, alpn ?? NOTHING, 0, alpn?.length ?? 0);
    }
    if (result === TLS_NEED_MORE) return NEED_MORE;
    if (flight.resumed) this.#flags.data[row] = this.#flags.data[row]! | 1;
    const name = flight.certificateName();
    if (name !== null) {
      const text = new TextEncoder().encode(name);
      this.#sink.fact(p, FACT_TLS_CERTIFICATE, 0, NaN, 0, 0, text, 0, text.length);
    }
    return READ;
  }

  #over(p: Piece): void {
    const row = p.conversation;
    const ns = p.atNs - this.#askedNs.data[row]!;
    this.#stage.data[row] = OVER;
    if (ns >= 0) this.#sink.fact(p, FACT_TLS_DONE, 0, ns, 0, 0, NOTHING, 0, 0);
  }
}

const NOTHING = new Uint8Array(0);

/** What a ClientHello asked for; it came from the piece's side. */
export function tellHello(sink: FactSink, p: Piece, hello: ClientHello, source: number): void {
  const { serverName, alpn, encrypted } = hello;
  if (serverName !== null)
    sink.fact(p, FACT_NAME, p.side === 0 ? FACT_SIDE_HI : 0, NaN, source, 0, serverName, 0, serverName.length);
  const offered = joinNul(alpn);
  sink.fact(p, FACT_TLS_CLIENT, 0, NaN, encrypted ? TLS_ENCRYPTED_HELLO : 0, 0, offered, 0, offered.length);
}

function joinNul(parts: readonly Uint8Array[]): Uint8Array {
  const size = parts.reduce((sum, part) => sum + part.length + 1, -1);
  const joined = new Uint8Array(Math.max(0, size));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length + 1;
  }
  return joined;
}
