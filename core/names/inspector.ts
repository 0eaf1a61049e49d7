/**
 * What payload says of a flow: who is talked to, in which protocol, and how long answers took. One implementation for
 * live sessions and recordings (first payload bytes that the kernel programs copied), and for captures of others.
 *
 * Protocols are recognised by content. A flow's direction is looked at until something is recognised or cannot be; what
 * it came to is told to a FactSink, and nothing else is kept. Bytes are hostile: what cannot be read names nothing.
 */
import { u16 } from '../dissect/bytes.ts';
import { httpStatus } from '../dissect/http.ts';
import {
  APP_DHCP,
  APP_DNS,
  APP_HTTP,
  APP_HTTP2,
  APP_LLMNR,
  APP_MDNS,
  APP_MYSQL,
  APP_NTP,
  APP_POSTGRESQL,
  APP_QUIC,
  APP_REDIS,
  APP_SSH,
  APP_TLS,
} from '../flow/applications.ts';
import { Table } from '../flow/columns.ts';
import { FACT_PROTOCOL } from '../flow/fact-records.ts';
import { DatagramExchanges } from './datagram-exchanges.ts';
import { DnsInspector } from './dns.ts';
import { ExchangeInspector } from './exchanges.ts';
import { HttpInspector } from './http.ts';
import { QuicInspector } from './quic.ts';
import type { FactSink } from './sink.ts';
import { HEAD_BYTES, StreamHeads } from './stream-heads.ts';
import { TlsInspector } from './tls.ts';

const PORT_DNS = 53;
const PORT_MDNS = 5353;
const PORT_LLMNR = 5355;

const LOOKING = 0;
const GATHERING = 1;
const DONE = 2;

/** What a reader says of the beginning of a stream. */
export const NEED_MORE = 0;
export const NOT_THIS = 1;
export const READ = 2;

const BANNER_MAX = 255;

const TLS_HANDSHAKE = 22;
/** Of a record that holds a ClientHello, as far as it is looked at here; a shorter one could not name anybody. */
const CLIENT_HELLO_MIN = 45;

/** A record with a ClientHello (RFC 8446, 4 and 5.1). */
function beginsTls({ bytes, offset, captured }: Piece): boolean {
  if (bytes[offset] !== TLS_HANDSHAKE || captured < CLIENT_HELLO_MIN) return false;
  return bytes[offset + 1] === 3 && bytes[offset + 2]! <= 4 && bytes[offset + 5] === 1 && bytes[offset + 6] === 0;
}

const hasExchanges = (protocol: number): boolean =>
  protocol === APP_HTTP2 || protocol === APP_POSTGRESQL || protocol === APP_MYSQL || protocol === APP_REDIS;

/** A piece of payload; reused. `length` bytes of it were there, `captured` are at `offset`. */
export class Piece {
  /** The conversation it belongs to, and the side (0 lo, 1 hi) that sent it. */
  conversation = 0;
  side = 0;
  bytes: Uint8Array = new Uint8Array(0);
  offset = 0;
  captured = 0;
  length = 0;
  /** ns, of any one origin */
  atNs = 0;
  /** TCP */
  sequence = 0;
  /** Sequence number of the stream's first byte, where it is known. */
  base: number | null = null;
  sourcePort = 0;
  destinationPort = 0;
  /** The sender of this, and who it is sent to, are known to be of this machine. */
  fromHere = false;
  toHere = false;
}

export class Inspector {
  readonly #sink: FactSink;
  readonly #heads: StreamHeads;
  readonly #dns: DnsInspector;
  readonly #tls: TlsInspector;
  readonly #http: HttpInspector;
  readonly #quic: QuicInspector;
  readonly #exchanges: ExchangeInspector;
  readonly #datagrams: DatagramExchanges;
  readonly #rows = new Table();
  /** APP_* of the conversation, 0 = not recognised */
  readonly #protocol = this.#rows.uint8();
  /** Raised when a row begins anew: what waits elsewhere for the former one is not its. */
  readonly #generation = this.#rows.uint32();
  /** By side */
  readonly #state = this.#rows.uint8(2);
  readonly #slot = this.#rows.int32(2);
  /** TLS that began within a stream (STARTTLS, CONNECT, PostgreSQL's SSLRequest): 1 = it counts from `#from`, 2 = from what comes next. */
  readonly #turned = this.#rows.uint8(2);
  readonly #from = this.#rows.int32(2);
  /** Bytes of a DNS stream that were read */
  readonly #read = this.#rows.uint32(2);

  constructor(sink: FactSink, streams?: number) {
    this.#sink = sink;
    this.#heads = new StreamHeads(streams);
    this.#dns = new DnsInspector(sink);
    this.#tls = new TlsInspector(sink, this.#rows);
    this.#http = new HttpInspector(sink, this.#rows);
    this.#quic = new QuicInspector(sink, this.#rows);
    this.#exchanges = new ExchangeInspector(sink, this.#rows);
    this.#datagrams = new DatagramExchanges(sink);
  }

  /** Streams that were given up because too many were gathered at once. */
  get evicted(): number {
    return this.#heads.evicted + this.#quic.evicted;
  }

  /** A conversation begins, in a new row or in that of one that is forgotten. */
  begin(row: number): void {
    if (row >= this.#rows.count) this.#rows.append(row + 1 - this.#rows.count);
    else
      for (const { data, stride } of this.#rows.columns)
        if (data !== this.#generation.data) data.fill(0, row * stride, (row + 1) * stride);
    this.#generation.data[row] = this.#generation.data[row]! + 1;
    this.#tls.begin(row);
    this.#http.begin(row);
    this.#quic.begin(row);
    this.#exchanges.begin(row);
  }

  /**
   * Would `segment` look at payload of that side that begins with the byte `first` at all? Most segments are of streams
   * whose beginning is known.
   */
  looks(row: number, side: number, first: number): boolean {
    const protocol = this.#protocol.data[row]!;
    if (protocol === 0 && first === TLS_HANDSHAKE) return true;
    if (protocol === APP_HTTP || hasExchanges(protocol)) return true;
    if (protocol === APP_TLS) return this.#tls.looks(row);
    return this.#state.data[row * 2 + side] !== DONE;
  }

  /** A whole datagram, as far as it was captured. */
  datagram(p: Piece): void {
    const row = p.conversation;
    const multicast = p.sourcePort === PORT_MDNS || p.destinationPort === PORT_MDNS;
    const local = p.sourcePort === PORT_LLMNR || p.destinationPort === PORT_LLMNR;
    const usual = multicast || local || p.sourcePort === PORT_DNS || p.destinationPort === PORT_DNS;
    const known = this.#protocol.data[row]!;
    if (known === APP_QUIC || (known === 0 && !usual && (p.bytes[p.offset]! & 0x80) !== 0)) {
      const result = this.#quic.datagram(p);
      if (result === READ) this.#protocol.data[row] = APP_QUIC;
      if (result !== NOT_THIS || known !== 0) return;
    }
    if (known === APP_NTP || known === APP_DHCP) {
      this.#datagrams.datagram(p, known);
      return;
    }
    const protocol = known !== 0 ? known : multicast ? APP_MDNS : local ? APP_LLMNR : APP_DNS;
    if (protocol <= APP_LLMNR) {
      if (this.#state.data[row * 2 + p.side] === DONE && known === 0 && !usual) return;
      const found = known === 0 && !usual ? this.#datagrams.recognise(p) : 0;
      if (found !== 0) {
        this.#recognised(p, found);
        this.#datagrams.datagram(p, found);
        return;
      }
      const end = p.offset + p.captured;
      const read = this.#dns.message(
        p,
        this.#generation.data[row]!,
        protocol,
        p.bytes,
        p.offset,
        end,
        !usual && known === 0,
      );
      if (read) this.#recognised(p, protocol);
      else if (known === 0) this.#state.data[row * 2 + p.side] = DONE;
    }
  }

  /** Payload of a TCP segment, in any order. */
  segment(p: Piece): void {
    const row = p.conversation;
    if (p.captured <= 0) return;
    const protocol = this.#protocol.data[row]!;
    const i = row * 2 + p.side;
    if (protocol !== APP_TLS && this.#state.data[i] === DONE && beginsTls(p)) {
      this.#turn(p, i);
      this.#fresh(p, i);
      return;
    }
    if (protocol === APP_HTTP && this.#state.data[i] === DONE) {
      this.#http.segment(p);
      return;
    }
    if (hasExchanges(protocol)) {
      this.#exchanges.segment(p, protocol, p.bytes, p.offset, p.captured);
      return;
    }
    if (protocol === APP_TLS) this.#tls.segment(p);
    if (this.#state.data[i] !== DONE) this.#fresh(p, i);
  }

  /** Payload of a side whose beginning is not known yet. */
  #fresh(p: Piece, i: number): void {
    const state = this.#state.data[i]!;
    if (state === LOOKING) {
      const first = this.#firstOf(p, i);
      const at = (p.sequence - first) | 0;
      if (at < 0) return;
      if (at >= HEAD_BYTES) {
        this.#state.data[i] = DONE;
        return;
      }
      if (at === 0) {
        const result = this.#head(p, p.bytes, p.offset, Math.min(p.captured, HEAD_BYTES));
        if (result !== NEED_MORE) {
          this.#done(i);
          return;
        }
      }
      this.#slot.data[i] = this.#heads.open(i, first);
      this.#state.data[i] = GATHERING;
    }
    const slot = this.#slot.data[i]!;
    if (!this.#heads.holds(slot, i)) {
      this.#state.data[i] = DONE;
      return;
    }
    const ready = this.#heads.add(slot, p.sequence, p.bytes, p.offset, p.captured);
    if (ready === 0) return;
    if (this.#head(p, this.#heads.bytes(slot), 0, ready) === NEED_MORE && ready < HEAD_BYTES) return;
    this.#done(i);
  }

  /** Nothing more is wanted of the beginning of a side's stream. */
  #done(i: number): void {
    const slot = this.#slot.data[i]!;
    if (this.#state.data[i] === GATHERING && this.#heads.holds(slot, i)) this.#heads.close(slot);
    this.#state.data[i] = DONE;
  }

  /** Sequence number of the first byte that is to be read. */
  #firstOf(p: Piece, i: number): number {
    if (this.#turned.data[i] === 0) return p.base ?? p.sequence;
    if (this.#turned.data[i] === 2) {
      this.#turned.data[i] = 1;
      this.#from.data[i] = p.sequence;
    }
    return this.#from.data[i]!;
  }

  /** From here on the conversation is TLS, whatever asked for it; what was recognised before stays its protocol. */
  #turn(p: Piece, i: number): void {
    const row = p.conversation;
    if (this.#protocol.data[row] === 0) this.#recognised(p, APP_TLS);
    this.#protocol.data[row] = APP_TLS;
    for (const side of [i, i ^ 1]) {
      if (this.#state.data[side] === GATHERING) this.#done(side);
      this.#state.data[side] = LOOKING;
    }
    this.#turned.data[i] = 1;
    this.#turned.data[i ^ 1] = 2;
    this.#from.data[i] = p.sequence;
  }

  /** The beginning of a stream, without gaps: NEED_MORE until it is known what it is. */
  #head(p: Piece, bytes: Uint8Array, start: number, length: number): number {
    const row = p.conversation;
    switch (this.#protocol.data[row]!) {
      case APP_TLS:
        return this.#tls.head(p, bytes, start, length);
      case APP_HTTP:
        return this.#httpHead(p, bytes, start, length);
      case APP_DNS:
        return this.#messages(p, bytes, start, length);
      case 0:
        break;
      default:
        return READ;
    }
    const first = bytes[start]!;
    const exchange = first === 22 ? 0 : this.#exchanges.recognise(p, bytes, start, length);
    if (exchange !== 0) {
      if (exchange < 0) return NEED_MORE;
      this.#protocol.data[row] = exchange;
      this.#exchanges.segment(p, exchange, bytes, start, length);
      return READ;
    }
    let result = NOT_THIS;
    if (first === 22) {
      result = this.#tls.head(p, bytes, start, length);
      if (result === READ) this.#recognised(p, APP_TLS);
    } else if (first >= 65 && first <= 90) {
      result = this.#httpHead(p, bytes, start, length);
      if (result === READ) this.#recognised(p, APP_HTTP);
      else if (result === NOT_THIS) result = this.#ssh(p, bytes, start, length);
    } else if (first < 64) result = this.#messages(p, bytes, start, length);
    return result;
  }

  /** Whoever is answered is not waited for: its head may have no end. */
  #httpHead(p: Piece, bytes: Uint8Array, start: number, length: number): number {
    const asker = p.conversation * 2 + 1 - p.side;
    if (this.#state.data[asker] === GATHERING && httpStatus(bytes, start, length) > 0) this.#done(asker);
    return this.#http.head(p, bytes, start, length);
  }

  /** RFC 4253, 4.2. */
  #ssh(p: Piece, bytes: Uint8Array, start: number, length: number): number {
    const word = 'SSH-';
    for (let i = 0; i < Math.min(4, length); i++) if (bytes[start + i] !== word.charCodeAt(i)) return NOT_THIS;
    let end = start;
    while (end < start + length && bytes[end]! >= 32 && bytes[end]! < 127) end++;
    if (end === start + length) return length > BANNER_MAX ? NOT_THIS : NEED_MORE;
    if (bytes[end] !== 13 && bytes[end] !== 10) return NOT_THIS;
    const row = p.conversation;
    // The server's is what tells: of two, the one sent by the end that was connected to; its port is the lower as a rule.
    const server = p.sourcePort < p.destinationPort;
    if (this.#protocol.data[row] === 0 || server) {
      this.#protocol.data[row] = APP_SSH;
      this.#sink.fact(p, FACT_PROTOCOL, 0, NaN, APP_SSH, 0, bytes, start, end - start);
    }
    return READ;
  }

  /** DNS over TCP (RFC 1035, 4.2.2): messages, each with its length before it. */
  #messages(p: Piece, bytes: Uint8Array, start: number, length: number): number {
    const row = p.conversation;
    const i = row * 2 + p.side;
    const known = this.#protocol.data[row] === APP_DNS;
    while (this.#read.data[i]! + 2 <= length) {
      const at = start + this.#read.data[i]!;
      const size = u16(bytes, at);
      if (size < 12) return NOT_THIS;
      // Before it is known to be DNS, its header must look like it before more is waited for.
      if (!known && at + 14 <= start + length && !this.#dns.plausible(bytes, at + 2)) return NOT_THIS;
      if (at + 2 + size > start + length) break;
      const strict = this.#protocol.data[row] !== APP_DNS;
      if (!this.#dns.message(p, this.#generation.data[row]!, APP_DNS, bytes, at + 2, at + 2 + size, strict)) {
        if (strict) return NOT_THIS;
      } else if (strict) this.#recognised(p, APP_DNS);
      this.#read.data[i] = this.#read.data[i]! + 2 + size;
    }
    return NEED_MORE;
  }

  #recognised(p: Piece, protocol: number): void {
    if (this.#protocol.data[p.conversation] === protocol) return;
    this.#protocol.data[p.conversation] = protocol;
    this.#sink.fact(p, FACT_PROTOCOL, 0, NaN, protocol, 0, NOTHING, 0, 0);
  }
}

const NOTHING = new Uint8Array(0);
