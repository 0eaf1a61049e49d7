/** What the payload says of a flow: names from DNS answers, server name and ALPN from the TLS ClientHello. */
import { u16 } from '../dissect/bytes.ts';
import { DNS_TYPE_A, DNS_TYPE_AAAA, DNS_TYPE_CNAME, DnsMessage, DnsName } from '../dissect/dns.ts';
import type { Packet } from '../dissect/packet.ts';
import { ClientHello, TLS_HELLO, TLS_NEED_MORE } from '../dissect/tls.ts';
import { Table } from '../flow/columns.ts';
import type { FlowModel } from '../flow/model.ts';
import { ObservedNames } from './observed-names.ts';
import { HEAD_BYTES, StreamHeads } from './stream-heads.ts';

const PORT_DNS = 53;
const PORT_MDNS = 5353;

/** Names beyond this are not kept: a capture may hold millions of invented ones. */
const TEXT_BYTES_MAX = 64 << 20;

const LOOKING = 0;
const GATHERING = 1;
const DONE = 2;

export class Application {
  readonly names = new ObservedNames();
  readonly #model: FlowModel;
  readonly #heads = new StreamHeads();
  readonly #hello = new ClientHello();
  readonly #message = new DnsMessage();
  /** End of the CNAME chain that began with the question. */
  readonly #alias = new DnsName();
  readonly #words = new Uint32Array(4);
  #unnamed = 0;
  /** Per sender (row × 2 + side). */
  readonly #rows = new Table();
  readonly #state = this.#rows.uint8(2);
  readonly #slot = this.#rows.int32(2);

  constructor(model: FlowModel) {
    this.#model = model;
  }

  /** Streams and names that were given up because of the caps. */
  get evicted(): number {
    return this.#heads.evicted + this.names.evicted + this.#unnamed;
  }

  /** A new flow; `keys` are the model's key words. */
  begin(flow: number): void {
    if (flow >= this.#rows.count) this.#rows.append(flow + 1 - this.#rows.count);
    if (this.names.empty) return;
    const key = this.#model.flows.key.data;
    const lo = this.#model.flows.addressWord(flow, 0);
    const hi = this.#model.flows.addressWord(flow, 1);
    const hiName = this.names.lookup(key, lo, key, hi);
    if (hiName >= 0) this.#model.setName(flow, 1, hiName);
    const loName = this.names.lookup(key, hi, key, lo);
    if (loName >= 0) this.#model.setName(flow, 0, loName);
  }

  /** UDP payload of a whole datagram. */
  datagram(flow: number, side: number, p: Packet, bytes: Uint8Array): void {
    if (p.sourcePort !== PORT_DNS && p.sourcePort !== PORT_MDNS) return;
    const end = Math.min(p.capturedEnd, p.payloadOffset + p.payloadLength);
    this.#dns(flow, 1 - side, p.sourcePort === PORT_MDNS, bytes, p.payloadOffset, end);
  }

  /** Whether `segment` would look at a payload at all; most segments are of streams whose beginning is known. */
  looks(flow: number, side: number, p: Packet, server: boolean): boolean {
    return p.sourcePort === PORT_DNS || (!server && this.#state.data[flow * 2 + side] !== DONE);
  }

  /**
   * TCP payload of side `side`. `base` = sequence number of the stream's first byte if its SYN was seen;
   * `server` tells that the sender is known to be the server.
   */
  segment(flow: number, side: number, p: Packet, bytes: Uint8Array, base: number | null, server: boolean): void {
    const captured = Math.min(p.payloadLength, p.capturedEnd - p.payloadOffset);
    if (captured <= 0) return;
    if (p.sourcePort === PORT_DNS && captured > 14 && u16(bytes, p.payloadOffset) === captured - 2) {
      // RFC 1035 §4.2.2: two bytes of length; messages that are split over segments are left alone.
      this.#dns(flow, 1 - side, false, bytes, p.payloadOffset + 2, p.payloadOffset + captured);
    }
    if (server) return;
    this.#tls(flow, side, p.sequence, bytes, p.payloadOffset, captured, base);
  }

  #tls(
    flow: number,
    side: number,
    sequence: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
    base: number | null,
  ): void {
    const i = flow * 2 + side;
    const state = this.#state.data[i]!;
    if (state === DONE) return;
    if (state === LOOKING) {
      const first = base ?? sequence;
      const at = (sequence - first) | 0;
      if (at < 0) return;
      if (at >= HEAD_BYTES) {
        this.#state.data[i] = DONE;
        return;
      }
      if (at === 0) {
        const result = this.#hello.read(bytes, offset, Math.min(length, HEAD_BYTES));
        if (result !== TLS_NEED_MORE) {
          if (result === TLS_HELLO) this.#greet(flow, side);
          this.#state.data[i] = DONE;
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
    const ready = this.#heads.add(slot, sequence, bytes, offset, length);
    if (ready === 0) return;
    const result = this.#hello.read(this.#heads.bytes(slot), 0, ready);
    if (result === TLS_NEED_MORE && ready < HEAD_BYTES) return;
    if (result === TLS_HELLO) this.#greet(flow, side);
    this.#heads.close(slot);
    this.#state.data[i] = DONE;
  }

  /** The ClientHello came from `side`. */
  #greet(flow: number, side: number): void {
    const { serverName, alpn } = this.#hello;
    const strings = this.#model.strings;
    let name = -1;
    if (serverName !== null) {
      name = strings.intern(serverName);
      this.#model.setName(flow, 1 - side, name);
    }
    let protocols = -1;
    if (alpn.length > 0) protocols = strings.intern(joinNul(alpn));
    this.#model.setTls(flow, name, protocols);
  }

  /** An answer for the host on side `asker`: every address in it has the name that was asked for. */
  #dns(flow: number, asker: number, multicast: boolean, bytes: Uint8Array, start: number, end: number): void {
    const message = this.#message;
    if (!message.open(bytes, start, end) || !message.response || message.rcode !== 0) return;
    const asked = message.questions > 0;
    const question = message.question;
    if (asked) this.#alias.copy(question);
    while (message.next()) {
      if (asked && message.type === DNS_TYPE_CNAME && message.owner.equals(this.#alias)) {
        this.#alias.copy(message.target);
        continue;
      }
      const four = message.type === DNS_TYPE_A && message.dataLength === 4;
      const sixteen = message.type === DNS_TYPE_AAAA && message.dataLength === 16;
      if (!four && !sixteen) continue;
      // A record whose owner the chain of aliases did not lead to speaks for itself only.
      const name = asked && message.owner.equals(this.#alias) ? question : message.owner;
      if (name.length === 0) continue;
      if (this.#model.strings.bytes > TEXT_BYTES_MAX) {
        this.#unnamed++;
        continue;
      }
      const words = this.#words;
      for (let w = 0; w < 4; w++) {
        const at = message.dataOffset + w * 4;
        words[w] = w * 4 < message.dataLength ? word(bytes, at) : 0;
      }
      const id = this.#model.strings.intern(name.bytes, 0, name.length);
      const key = this.#model.flows.key.data;
      if (multicast) this.names.learnForAll(words, 0, id);
      else this.names.learn(key, this.#model.flows.addressWord(flow, asker), words, 0, id);
    }
  }
}

/** Four bytes as they lie in memory, the way flow keys hold addresses. */
function word(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
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
