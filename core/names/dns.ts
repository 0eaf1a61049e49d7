/** Questions, answers, how long they took, and the names that answers give to addresses. */
import { u16 } from '../dissect/bytes.ts';
import {
  DNS_TYPE_A,
  DNS_TYPE_AAAA,
  DNS_TYPE_CNAME,
  DNS_TYPE_HTTPS,
  DNS_TYPE_SVCB,
  DnsMessage,
  DnsName,
} from '../dissect/dns.ts';
import { APP_LLMNR, APP_MDNS } from '../flow/applications.ts';
import { FACT_ASKED_HERE, FACT_DNS_ANSWER, FACT_DNS_QUESTION, FACT_FOR_ALL } from '../flow/fact-records.ts';
import { mix } from '../flow/hash.ts';
import { SOURCE_DNS, SOURCE_LLMNR, SOURCE_MDNS } from '../flow/observed-names.ts';
import type { Piece } from './inspector.ts';
import type { FactSink } from './sink.ts';

/** Questions that may wait for their answer at once; a power of two. A further one may push out another. */
const WAITING = 8192;
/** Nobody waits longer for an answer. */
const PATIENCE_NS = 60e9;

export class DnsInspector {
  readonly #sink: FactSink;
  readonly #message = new DnsMessage();
  /** End of the CNAME chain that began with the question. */
  readonly #alias = new DnsName();
  readonly #words = new Uint32Array(4);
  readonly #key = new Float64Array(WAITING).fill(-1);
  readonly #question = new Uint32Array(WAITING);
  readonly #askedNs = new Float64Array(WAITING);

  constructor(sink: FactSink) {
    this.#sink = sink;
  }

  /** Could a message begin there? */
  plausible(bytes: Uint8Array, at: number): boolean {
    const questions = u16(bytes, at + 4);
    return (u16(bytes, at + 2) & 0x7840) === 0 && questions === 1 && u16(bytes, at + 6) < 256;
  }

  /**
   * One message, `bytes[start, end)`; false when it is none. `strict`: nothing but its bytes says that it is DNS, so it
   * must be one question, whole to its last byte.
   */
  message(
    p: Piece,
    generation: number,
    protocol: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    strict: boolean,
  ): boolean {
    const message = this.#message;
    if (strict) {
      if (end - start < 17 || !this.plausible(bytes, start) || p.captured < p.length) return false;
      if (!message.open(bytes, start, end, true) || (!message.response && message.answers > 0)) return false;
      while (message.next());
      if (!message.whole) return false;
    }
    if (!message.open(bytes, start, end, protocol === APP_MDNS)) return false;
    if (message.questions === 0 && message.answers === 0) return true;
    const key = (generation & 0x1fff) * 2 ** 40 + (p.conversation & 0xffffff) * 2 ** 16 + message.id;
    const place = mix(mix(p.conversation, generation), message.id) & (WAITING - 1);
    const { question, questionType: type } = message;
    if (!message.response) {
      const hash = hashOf(question, type);
      // Asked again while it waits: the client's patience counts from the first time.
      const again =
        this.#key[place] === key && this.#question[place] === hash && p.atNs - this.#askedNs[place]! < PATIENCE_NS;
      if (!again) {
        this.#key[place] = key;
        this.#question[place] = hash;
        this.#askedNs[place] = p.atNs;
      }
      this.#sink.fact(p, FACT_DNS_QUESTION, 0, NaN, type, 0, ...named(question));
      return true;
    }
    if (message.questions > 0) {
      const asked = this.#key[place] === key && this.#question[place] === hashOf(question, type);
      const latency = asked && protocol !== APP_MDNS ? p.atNs - this.#askedNs[place]! : NaN;
      if (asked) this.#key[place] = -1;
      this.#sink.fact(
        p,
        FACT_DNS_ANSWER,
        0,
        latency < PATIENCE_NS ? latency : NaN,
        type,
        message.rcode,
        ...named(question),
      );
    }
    if (message.rcode === 0) this.#answers(p, protocol, bytes);
    return true;
  }

  /** Every address in an answer has the name that was asked for. */
  #answers(p: Piece, protocol: number, bytes: Uint8Array): void {
    const message = this.#message;
    const { question } = message;
    const asked = message.questions > 0;
    if (asked) this.#alias.copy(question);
    while (message.next()) {
      if (asked && message.type === DNS_TYPE_CNAME && message.owner.equals(this.#alias)) {
        this.#alias.copy(message.target);
        continue;
      }
      const { type, dataLength: length } = message;
      const hinting = type === DNS_TYPE_HTTPS || type === DNS_TYPE_SVCB;
      if (!hinting && !(type === DNS_TYPE_A && length === 4) && !(type === DNS_TYPE_AAAA && length === 16)) continue;
      // A record whose owner the chain of aliases did not lead to speaks for itself only.
      const name = asked && message.owner.equals(this.#alias) ? question : message.owner;
      if (name.length === 0) continue;
      if (hinting) message.hints((at, size) => this.#learn(p, protocol, bytes, at, size, name));
      else this.#learn(p, protocol, bytes, message.dataOffset, length, name);
    }
  }

  #learn(p: Piece, protocol: number, bytes: Uint8Array, at: number, size: number, name: DnsName): void {
    const words = this.#words;
    for (let w = 0; w < 4; w++) words[w] = w * 4 < size ? word(bytes, at + w * 4) : 0;
    if ((words[0]! | words[1]! | words[2]! | words[3]!) === 0) return; // "nowhere": what blockers answer
    const all = protocol === APP_MDNS;
    const flags = all ? FACT_FOR_ALL : p.toHere ? FACT_ASKED_HERE : 0;
    const source = all ? SOURCE_MDNS : protocol === APP_LLMNR ? SOURCE_LLMNR : SOURCE_DNS;
    this.#sink.address(p, 1 - p.side, words, flags, source, this.#message.ttl, name.bytes, 0, name.length);
  }
}

function named(name: DnsName): [Uint8Array, number, number] {
  return name.length === 0 ? [ROOT, 0, 1] : [name.bytes, 0, name.length];
}

const ROOT = Uint8Array.of(0x2e);

/** Of a question, letters without case: servers may answer in another (0x20). */
function hashOf(name: DnsName, type: number): number {
  let hash = type;
  for (let i = 0; i < name.length; i++) {
    const byte = name.bytes[i]!;
    hash = mix(hash, byte >= 65 && byte <= 90 ? byte + 32 : byte);
  }
  return hash >>> 0;
}

/** Four bytes as they lie in memory, the way flow keys hold addresses. */
function word(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}
