/**
 * QUIC: server name and ALPN from the ClientHello in the client's Initial packets, and how long the handshake took: from
 * the first Initial to the client's first packet under the final keys. Nothing past the handshake is looked at.
 */
import {
  openQuicInitial,
  QUIC_INITIAL,
  QUIC_NONE,
  QUIC_OTHER_VERSION,
  QUIC_SHORT,
  quicCrypto,
  QuicHeader,
  quicInitialKeys,
  quicVersionText,
  type QuicKeys,
} from '../dissect/quic.ts';
import { ServerFlight } from '../dissect/tls-server.ts';
import { ClientHello, TLS_HELLO, TLS_NEED_MORE } from '../dissect/tls.ts';
import { APP_QUIC, TLS_RESUMED } from '../flow/applications.ts';
import type { Column, Table } from '../flow/columns.ts';
import { FACT_PROTOCOL, FACT_TLS_DONE, FACT_TLS_SERVER } from '../flow/fact-records.ts';
import { SOURCE_QUIC } from '../flow/observed-names.ts';
import { NEED_MORE, NOT_THIS, READ, type Piece } from './inspector.ts';
import type { FactSink } from './sink.ts';
import { HEAD_BYTES, StreamHeads } from './stream-heads.ts';
import { tellHello } from './tls.ts';

/** Handshakes followed at once; the one that began longest ago gives way, counted. */
const HANDSHAKES = 256;

interface Handshake {
  /** Side of the client */
  client: number;
  /** Keys of the client's and the server's Initial packets */
  keys: readonly [QuicKeys, QuicKeys];
  /** By who sent it (0 client, 1 server): where its CRYPTO data is gathered; −1 = not yet, or read. */
  slots: [number, number];
  read: [boolean, boolean];
}

const HANDSHAKING = 1;
const OVER = 2;

export class QuicInspector {
  readonly #sink: FactSink;
  readonly #header = new QuicHeader();
  readonly #hello = new ClientHello();
  readonly #flight = new ServerFlight();
  readonly #heads = new StreamHeads(HANDSHAKES * 2);
  readonly #handshakes = new Map<number, Handshake>();
  readonly #stage: Column<Uint8Array>;
  /** Side of the client + 1, 0 = not known */
  readonly #client: Column<Uint8Array>;
  readonly #askedNs: Column<Float64Array>;
  #evicted = 0;

  constructor(sink: FactSink, rows: Table) {
    this.#sink = sink;
    this.#stage = rows.uint8();
    this.#client = rows.uint8();
    this.#askedNs = rows.float64();
  }

  /** Handshakes that were given up because too many were followed at once. */
  get evicted(): number {
    return this.#evicted + this.#heads.evicted;
  }

  begin(row: number): void {
    this.#forget(row);
  }

  /**
   * A datagram, of a conversation known to be QUIC or of one not known. READ = it is QUIC; NEED_MORE = it may be, of a
   * version not known or from the middle of a connection.
   */
  datagram(p: Piece): number {
    const row = p.conversation;
    if (this.#stage.data[row] === OVER) return READ;
    const header = this.#header;
    const end = p.offset + p.length;
    for (let at = p.offset; at < end; at = header.end) {
      const first = at === p.offset;
      const kind = header.read(p.bytes, at, end, first);
      if (kind === QUIC_OTHER_VERSION) return NEED_MORE;
      // What begins with a protected packet says nothing by itself; behind another one it is known to be one.
      if (kind === QUIC_NONE || (first && kind === QUIC_SHORT && this.#stage.data[row] === 0))
        return first ? NOT_THIS : READ;
      if (this.#stage.data[row] === 0) {
        const version = new TextEncoder().encode(quicVersionText(header.version) ?? '');
        this.#sink.fact(p, FACT_PROTOCOL, 0, NaN, APP_QUIC, 0, version, 0, version.length);
        this.#stage.data[row] = HANDSHAKING;
      }
      if (kind === QUIC_SHORT) {
        if (this.#client.data[row] === p.side + 1) this.#over(p);
        return READ;
      }
      if (kind === QUIC_INITIAL && header.end <= p.offset + p.captured) this.#initial(p);
    }
    return READ;
  }

  #initial(p: Piece): void {
    const row = p.conversation;
    let handshake = this.#handshakes.get(row) ?? null;
    let plain: Uint8Array | null = null;
    if (handshake !== null) {
      const sender = p.side === handshake.client ? 0 : 1;
      plain = openQuicInitial(p.bytes, this.#header, handshake.keys[sender]);
      if (handshake.read[sender]) return;
    }
    if (plain === null) {
      // The first one of its sender, or the first after a Retry, or of another connection.
      const fresh = this.#handshakeOf(p);
      plain = openQuicInitial(p.bytes, this.#header, fresh.keys[0]);
      if (plain === null) return;
      this.#forget(row);
      this.#remember(row, fresh);
      handshake = fresh;
      if (this.#client.data[row] === 0) this.#askedNs.data[row] = p.atNs;
      this.#client.data[row] = p.side + 1;
    }
    if (handshake !== null) this.#gather(p, handshake, plain);
  }

  #handshakeOf(p: Piece): Handshake {
    const { version, destinationId, destinationIdLength } = this.#header;
    const id = p.bytes.subarray(destinationId, destinationId + destinationIdLength);
    const keys = quicInitialKeys(version, id)!; // the header is one of a version that is known
    return { client: p.side, keys, slots: [-1, -1], read: [false, false] };
  }

  #remember(row: number, handshake: Handshake): void {
    if (this.#handshakes.size >= HANDSHAKES) {
      const [oldest] = this.#handshakes.keys();
      this.#forget(oldest!);
      this.#evicted++;
    }
    this.#handshakes.set(row, handshake);
  }

  #forget(row: number): void {
    const handshake = this.#handshakes.get(row);
    if (handshake === undefined) return;
    for (const sender of [0, 1] as const) this.#close(row, handshake, sender);
    this.#handshakes.delete(row);
  }

  #close(row: number, { slots }: Handshake, sender: 0 | 1): void {
    if (slots[sender] >= 0 && this.#heads.holds(slots[sender], row * 2 + sender)) this.#heads.close(slots[sender]);
    slots[sender] = -1;
  }

  /** Puts together what an Initial holds of its sender's hello. */
  #gather(p: Piece, handshake: Handshake, plain: Uint8Array): void {
    const sender = p.side === handshake.client ? 0 : 1;
    const owner = p.conversation * 2 + sender;
    const heads = this.#heads;
    let ready = 0;
    quicCrypto(plain, (offset, at, length) => {
      if (offset >= HEAD_BYTES) return;
      if (handshake.slots[sender] < 0) handshake.slots[sender] = heads.open(owner, 0);
      ready = heads.add(handshake.slots[sender], offset, plain, at, length);
    });
    if (ready === 0) return;
    const more = sender === 0 ? this.#clientHello(p, handshake, ready) : this.#serverHello(p, handshake, ready);
    if (more && ready < HEAD_BYTES) return;
    handshake.read[sender] = true;
    this.#close(p.conversation, handshake, sender);
    if (handshake.read[0] && handshake.read[1]) this.#handshakes.delete(p.conversation);
  }

  /** Whether more is needed. */
  #clientHello(p: Piece, handshake: Handshake, ready: number): boolean {
    const result = this.#hello.readBare(this.#heads.bytes(handshake.slots[0]), 0, ready);
    if (result === TLS_HELLO) tellHello(this.#sink, p, this.#hello, SOURCE_QUIC);
    return result === TLS_NEED_MORE;
  }

  #serverHello(p: Piece, handshake: Handshake, ready: number): boolean {
    const flight = this.#flight;
    const result = flight.readBare(this.#heads.bytes(handshake.slots[1]), 0, ready);
    if (flight.version !== 0) {
      const flags = flight.resumed ? TLS_RESUMED : 0;
      this.#sink.fact(p, FACT_TLS_SERVER, 0, NaN, flight.version, flags, NOTHING, 0, 0);
    }
    return result === TLS_NEED_MORE;
  }

  #over(p: Piece): void {
    const row = p.conversation;
    this.#stage.data[row] = OVER;
    this.#forget(row);
    const ns = p.atNs - this.#askedNs.data[row]!;
    if (ns >= 0) this.#sink.fact(p, FACT_TLS_DONE, 0, ns, 0, 0, NOTHING, 0, 0);
  }
}

const NOTHING = new Uint8Array(0);
