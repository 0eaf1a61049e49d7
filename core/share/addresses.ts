/**
 * Pseudonyms of addresses. Two IP addresses that share their first n bits get pseudonyms that share n bits (Xu, Fan,
 * Ammar, Moon: "Prefix-Preserving IP Address Anonymization", Crypto-PAn; AES as its pseudo-random function), and an
 * address keeps its kind: private stays private, multicast stays multicast. What names nobody (loopback, unspecified,
 * broadcast, well-known groups) stays as it is.
 */
import { createCipheriv, createHmac, type Cipher } from 'node:crypto';
import { ipv4Text, ipv6Text, macText } from '../dissect/address.ts';

/** Distinct values seen and the first few of them, before → after. */
export interface Replaced {
  readonly count: number;
  readonly examples: readonly (readonly [before: string, after: string])[];
}

export const EXAMPLES = 3;

interface Kind {
  readonly name: string;
  /** Leading bits that say so and stay; -1 = the whole address stays. */
  readonly fixed: number;
}

const KEPT: Kind = { name: 'kept', fixed: -1 };
const PUBLIC: Kind = { name: 'public', fixed: 0 };

const kind = (name: string, fixed: number): Kind => ({ name, fixed });
const V4_RANGES: readonly (readonly [base: number, bits: number, kind: Kind])[] = [
  [0x7f000000, 8, KEPT],
  [0xe0000000, 24, KEPT],
  [0xeffffffa, 32, KEPT], // SSDP
  [0x00000000, 32, KEPT],
  [0xffffffff, 32, KEPT],
  [0x0a000000, 8, kind('private', 8)],
  [0xac100000, 12, kind('private', 12)],
  [0xc0a80000, 16, kind('private', 16)],
  [0x64400000, 10, kind('shared', 10)],
  [0xa9fe0000, 16, kind('link-local', 16)],
  [0xe0000000, 4, kind('multicast', 4)],
  [0xf0000000, 4, kind('reserved', 4)],
  [0x00000000, 8, kind('this network', 8)],
];

function kindOfV4(address: number): Kind {
  for (const [base, bits, found] of V4_RANGES)
    if ((address ^ base) >>> (32 - bits) === 0 || (bits === 32 && address === base)) return found;
  return PUBLIC;
}

const V6_LINK_LOCAL = kind('link-local', 64);
const V6_LINK_LOCAL_WIDE = kind('link-local', 10);
const V6_UNIQUE_LOCAL = kind('private', 8);
const V6_MULTICAST = kind('multicast', 16);
const V6_SOLICITED = kind('solicited-node', 104);
const V6_GLOBAL = kind('global', 3);
/** The last four bytes are an IPv4 address. */
const V6_MAPPED = kind('mapped', 96);

function zeros(bytes: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (bytes[i] !== 0) return false;
  return true;
}

function kindOfV6(bytes: Uint8Array, at: number): Kind {
  const first = bytes[at]!;
  const second = bytes[at + 1]!;
  if (first === 0 && zeros(bytes, at, at + 10)) {
    if (bytes[at + 10] === 0xff && bytes[at + 11] === 0xff) return V6_MAPPED;
    if (zeros(bytes, at + 10, at + 15) && bytes[at + 15]! < 2) return KEPT;
    return PUBLIC;
  }
  if (
    first === 0x00 &&
    second === 0x64 &&
    bytes[at + 2] === 0xff &&
    bytes[at + 3] === 0x9b &&
    zeros(bytes, at + 4, at + 12)
  )
    return V6_MAPPED; // RFC 6052
  if (first === 0xff) {
    if (zeros(bytes, at + 2, at + 13) && bytes[at + 13]! < 2 && bytes[at + 14] === 0) return KEPT;
    if (zeros(bytes, at + 2, at + 11) && bytes[at + 11] === 1 && bytes[at + 12] === 0xff) return V6_SOLICITED;
    return V6_MULTICAST;
  }
  if (first === 0xfe && (second & 0xc0) === 0x80)
    return zeros(bytes, at + 2, at + 8) ? V6_LINK_LOCAL : V6_LINK_LOCAL_WIDE;
  if ((first & 0xfe) === 0xfc) return V6_UNIQUE_LOCAL;
  return first >> 5 === 1 ? V6_GLOBAL : PUBLIC;
}

const key4 = (bytes: Uint8Array, at: number): number =>
  ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;

const text16 = (bytes: Uint8Array, at: number, length: number): string => {
  let text = '';
  for (let i = 0; i < length; i++) text += String.fromCharCode(bytes[at + i]!);
  return text;
};

export class AddressPseudonyms {
  readonly #cipher: Cipher;
  readonly #key: Uint8Array;
  readonly #pad: Uint8Array;
  readonly #v4 = new Map<number, number>();
  readonly #v6 = new Map<string, Uint8Array>();
  readonly #mac = new Map<string, Uint8Array>();
  readonly #plain = new Uint8Array(128 * 16);
  readonly #bytes = new Uint8Array(16);

  /** `key`: 32 bytes. */
  constructor(key: Uint8Array) {
    this.#key = key;
    const derived = createHmac('sha256', key).update('flowglass addresses').digest();
    this.#cipher = createCipheriv('aes-128-ecb', derived.subarray(0, 16), null).setAutoPadding(false);
    this.#pad = this.#cipher.update(derived.subarray(16));
  }

  /** Replaces the four bytes at `at`. */
  v4(bytes: Uint8Array, at: number): void {
    const address = key4(bytes, at);
    const found = this.#v4.get(address) ?? this.#makeV4(address);
    bytes[at] = found >>> 24;
    bytes[at + 1] = found >>> 16;
    bytes[at + 2] = found >>> 8;
    bytes[at + 3] = found;
  }

  /** Replaces the sixteen bytes at `at`. */
  v6(bytes: Uint8Array, at: number): void {
    const text = text16(bytes, at, 16);
    let found = this.#v6.get(text);
    if (found === undefined) {
      found = this.#makeV6(bytes, at);
      this.#v6.set(text, found);
    }
    bytes.set(found, at);
  }

  /** Replaces the six bytes at `at`; whether it is a group stays, and what is made up is marked as local (IEEE 802). */
  mac(bytes: Uint8Array, at: number): void {
    const text = text16(bytes, at, 6);
    let found = this.#mac.get(text);
    if (found === undefined) {
      found = this.#makeMac(bytes.slice(at, at + 6));
      this.#mac.set(text, found);
    }
    bytes.set(found, at);
  }

  /** An address in its text form, as other tools write it into names and comments; null when it is none. */
  text(text: string): string | null {
    const v4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
    if (v4 === null) return null;
    const bytes = Uint8Array.from(v4.slice(1).map(Number));
    this.v4(bytes, 0);
    return ipv4Text(bytes, 0);
  }

  /** True when a pseudonym is an address that is in the capture too: this key would leave an original in the copy. */
  get collides(): boolean {
    for (const [from, to] of this.#v4) if (kindOfV4(from).fixed >= 0 && this.#v4.has(to)) return true;
    for (const [from, to] of this.#v6) if (text16(to, 0, 16) !== from && this.#v6.has(text16(to, 0, 16))) return true;
    return false;
  }

  /** The same addresses under another key. */
  again(key: Uint8Array): AddressPseudonyms {
    const next = new AddressPseudonyms(key);
    const bytes = new Uint8Array(16);
    for (const address of this.#v4.keys()) next.#makeV4(address);
    for (const text of this.#v6.keys()) {
      for (let i = 0; i < 16; i++) bytes[i] = text.charCodeAt(i);
      next.v6(bytes, 0);
    }
    return next;
  }

  get addresses(): Replaced {
    const examples: [string, string][] = [];
    let count = 0;
    const bytes = this.#bytes;
    const v4 = (address: number): string =>
      `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;
    for (const [from, to] of this.#v4) {
      if (from === to && kindOfV4(from).fixed < 0) continue;
      count++;
      if (examples.length < EXAMPLES) examples.push([v4(from), v4(to)]);
    }
    let wide = 0;
    for (const [from, to] of this.#v6) {
      for (let i = 0; i < 16; i++) bytes[i] = from.charCodeAt(i);
      if (kindOfV6(bytes, 0).fixed < 0) continue;
      count++;
      if (wide++ < EXAMPLES) examples.push([ipv6Text(bytes, 0), ipv6Text(to, 0)]);
    }
    return { count, examples };
  }

  get macs(): Replaced {
    const examples: [string, string][] = [];
    let count = 0;
    for (const [from, to] of this.#mac) {
      if (text16(to, 0, 6) === from) continue;
      count++;
      if (examples.length >= EXAMPLES) continue;
      const bytes = Uint8Array.from(from, (character) => character.charCodeAt(0));
      examples.push([macText(bytes, 0), macText(to, 0)]);
    }
    return { count, examples };
  }

  #makeV4(address: number): number {
    const { name, fixed } = kindOfV4(address);
    let found = address;
    if (fixed >= 0) {
      // A pseudonym of another kind is enciphered again: a permutation of the kind, as the whole is one.
      const bytes = new Uint8Array(4);
      do {
        new DataView(bytes.buffer).setUint32(0, found);
        this.#encipher(bytes, 32, fixed, 4);
        found = key4(bytes, 0);
      } while (kindOfV4(found).name !== name || kindOfV4(found).fixed !== fixed);
    }
    this.#v4.set(address, found);
    return found;
  }

  #makeV6(bytes: Uint8Array, at: number): Uint8Array {
    const made = bytes.slice(at, at + 16);
    const found = kindOfV6(made, 0);
    if (found.fixed < 0) return made;
    if (found === V6_MAPPED) {
      this.v4(made, 12);
      return made;
    }
    do this.#encipher(made, 128, found.fixed, 6);
    while (kindOfV6(made, 0) !== found);
    return made;
  }

  /** Flips each bit from `from` on by what AES makes of the bits before it. */
  #encipher(bytes: Uint8Array, bits: number, from: number, family: number): void {
    const plain = this.#plain;
    for (let bit = from; bit < bits; bit++) {
      const block = (bit - from) * 16;
      plain.set(this.#pad, block);
      // Families must not share blocks: the pad's last byte stays beyond every prefix of IPv4 only.
      const whole = bit >> 3;
      for (let i = 0; i < whole; i++) plain[block + i] = bytes[i]!;
      if ((bit & 7) !== 0) {
        const mask = 0xff00 >> (bit & 7);
        plain[block + whole] = (bytes[whole]! & mask) | (this.#pad[whole]! & ~mask & 0xff);
      }
      plain[block + 15] = plain[block + 15]! ^ (bit * 2 + (family === 6 ? 1 : 0));
    }
    const flips = this.#cipher.update(plain.subarray(0, (bits - from) * 16));
    for (let bit = from; bit < bits; bit++) {
      const flip = flips[(bit - from) * 16]! >> 7;
      bytes[bit >> 3] = bytes[bit >> 3]! ^ (flip << (7 - (bit & 7)));
    }
  }

  #makeMac(mac: Uint8Array): Uint8Array {
    const [a, b, c, d, e] = mac;
    const bridge = a === 0x01 && b === 0x80 && c === 0xc2 && d === 0 && e === 0;
    const group4 = a === 0x01 && b === 0x00 && c === 0x5e;
    const group6 = a === 0x33 && b === 0x33;
    if (mac.every((byte) => byte === 0xff) || mac.every((byte) => byte === 0) || bridge) return mac;
    if (group4 && d === 0 && e === 0) return mac;
    if (group6 && c === 0 && d! < 2 && e === 0) return mac;
    const hash = createHmac('sha256', this.#key).update('mac').update(mac).digest();
    // Groups of IP carry the end of the group's address.
    if (group4) return Uint8Array.of(0x01, 0x00, 0x5e, hash[0]! & 0x7f, hash[1]!, hash[2]!);
    if (group6) return Uint8Array.of(0x33, 0x33, c === 0xff ? c : hash[3]!, hash[0]!, hash[1]!, hash[2]!);
    return Uint8Array.of((hash[0]! & 0xfc) | 2 | (a! & 1), ...hash.subarray(1, 6));
  }
}
