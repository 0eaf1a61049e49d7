/**
 * What the inspector (core/names) recognised, into the model: of a recording of ours as FRAME_FACTS frames, which stand
 * in the journal like the helper's frames (no payload is kept there), of a capture of others directly.
 */
import { KEY } from '../abi/generated.ts';
import { DNS_UNANSWERED, TLS_ANSWERED } from './applications.ts';
import { NONE } from './flows.ts';
import type { FlowModel } from './model.ts';
import { EVERYBODY, THIS_MACHINE } from './observed-names.ts';

/** A frame that the engine makes: records of FACT, each followed by its text and padded to 8. */
export const FRAME_FACTS = 65;
/** u16 kind, u16 flags, u32 length of the record, u64 boot time, f64 value, u32 ×4, struct fg_key. */
export const FACT = {
  size: 40 + KEY.size,
  kind: 0,
  flags: 2,
  recordLength: 4,
  atNs: 8,
  value: 16,
  epoch: 24,
  a: 28,
  b: 32,
  textLength: 36,
  key: 40,
} as const;

/** a = APP_*; text = its first line (SSH), version (MySQL) or nothing. */
export const FACT_PROTOCOL = 1;
/** The end that FACT_SIDE_HI tells has this name: a = SOURCE_*. */
export const FACT_NAME = 2;
/** ClientHello: a = TLS_* flags, text = ALPN joined with NUL. */
export const FACT_TLS_CLIENT = 3;
/** ServerHello: a = version, b = TLS_* flags, text = ALPN chosen, where it is in the clear. */
export const FACT_TLS_SERVER = 4;
/** Name in the server's certificate. */
export const FACT_TLS_CERTIFICATE = 5;
/** The handshake is over: value = ns since the ClientHello. */
export const FACT_TLS_DONE = 6;
/** A question: a = its type, text = its name. */
export const FACT_DNS_QUESTION = 7;
/** Its answer: a = its type, b = response code, value = ns since the question (NaN: that was not seen), text = its name. */
export const FACT_DNS_ANSWER = 8;
/** An address has a name: the key's lo = who asked, hi = the address; a = SOURCE_*, b = TTL in seconds. */
export const FACT_ADDRESS = 9;
/** Method and path. */
export const FACT_HTTP_REQUEST = 10;
/** a = status, value = ns since the request. */
export const FACT_HTTP_ANSWER = 11;

/** A request of a protocol of which nothing else is told. */
export const FACT_REQUEST = 12;
/** Its answer: value = ns since the request. */
export const FACT_ANSWER = 13;

/** In `flags`: which end a name belongs to, or who answered. */
export const FACT_SIDE_HI = 1;
/** FACT_ADDRESS: who asked is this machine, by whichever address; everybody. */
export const FACT_ASKED_HERE = 2;
export const FACT_FOR_ALL = 4;

/** ns of a TTL that never ends. */
export const TTL_FOREVER = 0xffffffff;

/** A FRAME_FACTS payload that says: this address (sixteen bytes, IPv4 in the first four) has this name for everybody. */
export function addressFrame(address: Uint8Array, source: number, name: string): Uint8Array {
  const text = new TextEncoder().encode(name);
  const frame = new Uint8Array((FACT.size + text.length + 7) & ~7);
  const view = new DataView(frame.buffer);
  view.setUint16(FACT.kind, FACT_ADDRESS, true);
  view.setUint16(FACT.flags, FACT_FOR_ALL, true);
  view.setUint32(FACT.recordLength, frame.length, true);
  view.setFloat64(FACT.value, NaN, true);
  view.setUint32(FACT.a, source, true);
  view.setUint32(FACT.b, TTL_FOREVER, true);
  view.setUint32(FACT.textLength, text.length, true);
  frame.set(address, FACT.key + KEY.hiAddress);
  frame.set(text, FACT.size);
  return frame;
}

/** Names beyond this are not kept: a capture may hold millions of invented ones. */
const TEXT_BYTES_MAX = 64 << 20;

export class FactRecords {
  /** Texts that were not kept because of the cap. */
  unkept = 0;
  readonly #model: FlowModel;
  readonly #flowOf: (words: Uint32Array, key: number, epoch: number, atNs: number) => number;
  readonly #words = new Uint32Array(10);

  /** `flowOf` gives the flow of the key at a place of some words, begun when it is new; −1 = none. */
  constructor(model: FlowModel, flowOf: (words: Uint32Array, key: number, epoch: number, atNs: number) => number) {
    this.#model = model;
    this.#flowOf = flowOf;
  }

  /** A FRAME_FACTS payload; what is not whole at its end is left out. */
  frame(bytes: Uint8Array, view: DataView, offset: number, length: number): void {
    const model = this.#model;
    const end = offset + length;
    for (let at = offset; at + FACT.size <= end;) {
      const size = view.getUint32(at + FACT.recordLength, true);
      const text = view.getUint32(at + FACT.textLength, true);
      if (size < FACT.size + text || size % 8 !== 0 || at + size > end) return;
      const kind = view.getUint16(at + FACT.kind, true);
      const flags = view.getUint16(at + FACT.flags, true);
      const atNs = model.clock.relative(view.getUint32(at + FACT.atNs, true), view.getUint32(at + FACT.atNs + 4, true));
      if (atNs > model.nowNs) model.nowNs = atNs;
      const words = this.#words;
      for (let i = 0; i < 10; i++) words[i] = view.getUint32(at + FACT.key + i * 4, true);
      const value = view.getFloat64(at + FACT.value, true);
      const a = view.getUint32(at + FACT.a, true);
      const b = view.getUint32(at + FACT.b, true);
      if (kind === FACT_ADDRESS) this.address(words, 0, words, 4, flags, a, b, atNs, bytes, at + FACT.size, text);
      else {
        const flow = this.#flowOf(words, 0, view.getUint32(at + FACT.epoch, true), atNs);
        if (flow >= 0) this.fact(flow, kind, flags, atNs, value, a, b, bytes, at + FACT.size, text);
      }
      at += size;
    }
  }

  /** An address has a name. */
  address(
    asker: Uint32Array,
    askerAt: number,
    address: Uint32Array,
    addressAt: number,
    flags: number,
    source: number,
    ttl: number,
    atNs: number,
    bytes: Uint8Array,
    from: number,
    length: number,
  ): void {
    const name = this.#text(bytes, from, length) - 1;
    if (name < 0) return;
    const ttlNs = ttl === TTL_FOREVER ? Infinity : ttl * 1e9;
    const { names } = this.#model;
    if ((flags & FACT_FOR_ALL) !== 0) names.learn(EVERYBODY, 0, address, addressAt, name, source, atNs, ttlNs);
    else {
      names.learn(asker, askerAt, address, addressAt, name, source, atNs, ttlNs);
      if ((flags & FACT_ASKED_HERE) !== 0) names.learn(THIS_MACHINE, 0, address, addressAt, name, source, atNs, ttlNs);
    }
  }

  /** Anything else, of a flow. */
  fact(
    flow: number,
    kind: number,
    flags: number,
    atNs: number,
    value: number,
    a: number,
    b: number,
    bytes: Uint8Array,
    from: number,
    length: number,
  ): void {
    const model = this.#model;
    const { applications } = model;
    const row = model.applicationOf(flow);
    const text = (): number => this.#text(bytes, from, length);
    model.touch(flow, atNs);
    switch (kind) {
      case FACT_PROTOCOL:
        applications.protocol.data[row] = a;
        if (length > 0) applications.banner.data[row] = text();
        return;
      case FACT_NAME: {
        const name = text();
        if (name === 0) return;
        model.setName(flow, (flags & FACT_SIDE_HI) !== 0 ? 1 : 0, name - 1);
        applications.nameSource.data[row] = a;
        if (a <= 2) applications.tlsName.data[row] = name;
        return;
      }
      case FACT_TLS_CLIENT:
        applications.tlsFlags.data[row] = applications.tlsFlags.data[row]! | a;
        if (length > 0) applications.tlsAlpn.data[row] = text();
        return;
      case FACT_TLS_SERVER:
        applications.tlsVersion.data[row] = a;
        applications.tlsFlags.data[row] = applications.tlsFlags.data[row]! | b | TLS_ANSWERED;
        if (length > 0) applications.tlsChosen.data[row] = text();
        return;
      case FACT_TLS_CERTIFICATE:
        applications.tlsCertificate.data[row] = text();
        return;
      case FACT_TLS_DONE:
        applications.handshakeNs.data[row] = value;
        return;
      case FACT_DNS_QUESTION:
        applications.requests.data[row] = applications.requests.data[row]! + 1;
        applications.dnsType.data[row] = a;
        applications.dnsQuestion.data[row] = text();
        applications.dnsCode.data[row] = DNS_UNANSWERED;
        return;
      case FACT_DNS_ANSWER:
        applications.dnsType.data[row] = a;
        applications.dnsQuestion.data[row] = text();
        applications.dnsCode.data[row] = b;
        this.#sample(row, value);
        return;
      case FACT_HTTP_REQUEST:
        applications.requests.data[row] = applications.requests.data[row]! + 1;
        applications.httpRequest.data[row] = text();
        return;
      case FACT_HTTP_ANSWER:
        applications.httpStatus.data[row] = a;
        this.#sample(row, value);
        return;
      case FACT_REQUEST:
        applications.requests.data[row] = applications.requests.data[row]! + 1;
        return;
      case FACT_ANSWER:
        this.#sample(row, value);
        return;
    }
  }

  #sample(row: number, valueNs: number): void {
    if (!(valueNs >= 0)) return;
    const { applications, histograms } = this.#model;
    const data = applications.latency.data;
    if (data[row] === NONE) data[row] = histograms.create();
    histograms.add(data[row]!, valueNs);
  }

  /** Number of the string + 1; 0 = none, or no more are kept. */
  #text(bytes: Uint8Array, from: number, length: number): number {
    if (length === 0) return 0;
    if (this.#model.strings.bytes > TEXT_BYTES_MAX) {
      this.unkept++;
      return 0;
    }
    return this.#model.strings.intern(bytes, from, length) + 1;
  }
}
