/**
 * DNS messages (RFC 1035) from hostile bytes. Names stay bytes: labels joined by dots, a dot or backslash within a
 * label escaped by a backslash (RFC 1035 §5.1), nothing else changed. Pointers may go anywhere in the message (forward
 * ones exist); a name may not exceed 255 bytes nor follow more than POINTERS_MAX pointers.
 */
import { u16, u32 } from './bytes.ts';

export const DNS_TYPE_A = 1;
export const DNS_TYPE_CNAME = 5;
export const DNS_TYPE_AAAA = 28;
export const DNS_TYPE_SVCB = 64;
export const DNS_TYPE_HTTPS = 65;

/** Parameters of SVCB and HTTPS records (RFC 9460, 14.3.2). */
const PARAMETER_IPV4 = 4;
const PARAMETER_IPV6 = 6;

const POINTERS_MAX = 128;
const NAME_MAX = 255;
const RECORDS_MAX = 256;

/** A name that was read; reused. Twice the wire limit, as escapes may double it. */
export class DnsName {
  readonly bytes = new Uint8Array(NAME_MAX * 2 + 2);
  length = 0;

  text(): string {
    return this.length === 0 ? '.' : new TextDecoder().decode(this.bytes.subarray(0, this.length));
  }

  copy(from: DnsName): void {
    this.bytes.set(from.bytes.subarray(0, from.length));
    this.length = from.length;
  }

  /** ASCII letters compare without case (RFC 4343). */
  equals(other: DnsName): boolean {
    if (this.length !== other.length) return false;
    for (let i = 0; i < this.length; i++) {
      let a = this.bytes[i] ?? 0;
      let b = other.bytes[i] ?? 0;
      if (a >= 65 && a <= 90) a += 32;
      if (b >= 65 && b <= 90) b += 32;
      if (a !== b) return false;
    }
    return true;
  }
}

/**
 * Reads the name at `at` of the message `bytes[start, end)`. Returns the offset past it in the record (past the first
 * pointer), or −1 when it is damaged: loops, runs out of the message, is too long, or uses reserved label types.
 */
export function readDnsName(bytes: Uint8Array, start: number, end: number, at: number, name: DnsName): number {
  name.length = 0;
  let wire = 0;
  let pointers = 0;
  let after = -1;
  let offset = at;
  for (;;) {
    if (offset < start || offset >= end) return -1;
    const length = bytes[offset] ?? 0;
    if (length >= 0xc0) {
      if (offset + 2 > end || ++pointers > POINTERS_MAX) return -1;
      if (after < 0) after = offset + 2;
      offset = start + (u16(bytes, offset) & 0x3fff);
      continue;
    }
    if (length >= 0x40) return -1;
    offset++;
    if (length === 0) return after < 0 ? offset : after;
    wire += length + 1;
    if (wire >= NAME_MAX || offset + length > end) return -1;
    if (name.length > 0) name.bytes[name.length++] = 0x2e;
    for (let i = 0; i < length; i++) {
      const byte = bytes[offset + i] ?? 0;
      if (byte === 0x2e || byte === 0x5c) name.bytes[name.length++] = 0x5c;
      name.bytes[name.length++] = byte;
    }
    offset += length;
  }
}

/** A message being read, record by record; reused. */
export class DnsMessage {
  id = 0;
  response = false;
  rcode = 0;
  questions = 0;
  answers = 0;
  /** Of the first question. */
  readonly question = new DnsName();
  questionType = 0;
  /** False when the first question (or, without one, the header) could not be read. */
  valid = false;

  /** The record that `next` read. */
  readonly owner = new DnsName();
  /** Of a CNAME. */
  readonly target = new DnsName();
  type = 0;
  ttl = 0;
  dataOffset = 0;
  dataLength = 0;
  recordOffset = 0;
  /** 0 = answers, 1 = authority, 2 = additional */
  section = 0;

  #bytes: Uint8Array = new Uint8Array(0);
  #start = 0;
  #end = 0;
  #at = 0;
  #left = 0;
  readonly #sections = new Uint16Array(3);

  /**
   * Begins the message `bytes[start, end)`; false when it is none that can be read. `next` reads the answers, with `all`
   * the other sections too.
   */
  open(bytes: Uint8Array, start: number, end: number, all = false): boolean {
    this.valid = false;
    this.questions = 0;
    this.answers = 0;
    this.questionType = 0;
    this.question.length = 0;
    this.#left = 0;
    if (start + 12 > end) return false;
    const flags = u16(bytes, start + 2);
    // Opcode 0 = query; anything else (UPDATE, NOTIFY) has other sections.
    if ((flags & 0x7800) !== 0) return false;
    this.id = u16(bytes, start);
    this.response = (flags & 0x8000) !== 0;
    this.rcode = flags & 15;
    this.questions = u16(bytes, start + 4);
    this.answers = u16(bytes, start + 6);
    this.#bytes = bytes;
    this.#start = start;
    this.#end = end;
    let at = start + 12;
    for (let i = 0; i < this.questions && i < RECORDS_MAX; i++) {
      at = readDnsName(bytes, start, end, at, i === 0 ? this.question : this.owner);
      if (at < 0 || at + 4 > end) return false;
      if (i === 0) this.questionType = u16(bytes, at);
      at += 4;
    }
    this.#at = at;
    this.section = 0;
    this.#sections[0] = this.answers;
    this.#sections[1] = all ? u16(bytes, start + 8) : 0;
    this.#sections[2] = all ? u16(bytes, start + 10) : 0;
    this.#left = RECORDS_MAX;
    this.valid = true;
    return true;
  }

  /** Reads the next record; false at the end or at the first damage. */
  next(): boolean {
    if (this.#left-- <= 0) return false;
    while (this.section < 3 && this.#sections[this.section] === 0) this.section++;
    if (this.section === 3) return false;
    this.#sections[this.section] = this.#sections[this.section]! - 1;
    const bytes = this.#bytes;
    this.recordOffset = this.#at;
    const at = readDnsName(bytes, this.#start, this.#end, this.#at, this.owner);
    if (at < 0 || at + 10 > this.#end) return false;
    this.type = u16(bytes, at);
    this.ttl = u32(bytes, at + 4);
    this.dataOffset = at + 10;
    this.dataLength = u16(bytes, at + 8);
    if (this.dataOffset + this.dataLength > this.#end) return false;
    this.#at = this.dataOffset + this.dataLength;
    if (this.type === DNS_TYPE_CNAME) {
      const after = readDnsName(bytes, this.#start, this.#end, this.dataOffset, this.target);
      if (after < 0) return false;
    }
    return true;
  }

  /** Every record was read, and the message ends where its last record does. */
  get whole(): boolean {
    return this.#at === this.#end && (this.section === 3 || this.#sections.every((left) => left === 0));
  }

  /**
   * Of an SVCB or HTTPS record: calls `visit` with the place and length (4 or 16) of each address it hints at. False when
   * the record is damaged.
   */
  hints(visit: (at: number, length: number) => void): boolean {
    const bytes = this.#bytes;
    const end = this.dataOffset + this.dataLength;
    let at = readDnsName(bytes, this.#start, this.#end, this.dataOffset + 2, this.target);
    if (at < 0) return false;
    while (at + 4 <= end) {
      const key = u16(bytes, at);
      const from = at + 4;
      const to = from + u16(bytes, at + 2);
      if (to > end) return false;
      const size = key === PARAMETER_IPV4 ? 4 : key === PARAMETER_IPV6 ? 16 : 0;
      if (size > 0) for (let a = from; a + size <= to; a += size) visit(a, size);
      at = to;
    }
    return true;
  }

  /** Where the record that `next` read ends. */
  get recordEnd(): number {
    return this.#at;
  }
}
