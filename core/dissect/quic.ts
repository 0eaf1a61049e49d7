/**
 * QUIC packets of the handshake (RFC 9000 §17.2; version 2: RFC 9369). The keys of Initial packets follow from the
 * client's first destination connection id (RFC 9001 §5.2), so whoever sees them can read the ClientHello within: in
 * CRYPTO frames, in any order, over any number of packets. Bytes are hostile: what cannot be read is null.
 */
import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto';
import { u16, u32 } from './bytes.ts';

/** What a packet within a datagram is. */
export const QUIC_NONE = 0;
export const QUIC_INITIAL = 1;
/** 0-RTT, Handshake, Retry: nothing that can be read. */
export const QUIC_LONG = 2;
/** A version that is not known, or an offer of versions. */
export const QUIC_OTHER_VERSION = 3;
/** Protected by the keys that the handshake came to. */
export const QUIC_SHORT = 4;

const ID_MAX = 20;
/** A client's Initial fills its datagram to this (RFC 9000 §14.1). */
const INITIAL_DATAGRAM = 1200;
const TAG = 16;

interface Version {
  readonly salt: Uint8Array;
  /** Before "key", "iv" and "hp". */
  readonly label: string;
  /** Two bits of the first byte. */
  readonly initial: number;
  readonly retry: number;
  readonly name: string;
}

const SALT_1 = Buffer.from('38762cf7f55934b34d179ae6a4c80cadccbb7f0a', 'hex');
const SALT_2 = Buffer.from('0dede3def700a6db819381be6e269dcbf9bd2ed9', 'hex');
const SALT_DRAFT_23 = Buffer.from('c3eef712c72ebb5a11a7d2432bb46365bef9f502', 'hex');
const SALT_DRAFT_29 = Buffer.from('afbfec289993d24c9e9786f19c6111e04390a899', 'hex');

const like1 = (name: string, salt: Uint8Array): Version => ({ salt, label: 'quic ', initial: 0, retry: 3, name });

/** RFC 9001 §5.2, RFC 9369 §3.3, and the drafts that were in use. */
const VERSIONS: ReadonlyMap<number, Version> = new Map([
  [0x00000001, like1('QUIC 1', SALT_1)],
  [0x6b3343cf, { salt: SALT_2, label: 'quicv2 ', initial: 1, retry: 0, name: 'QUIC 2' }],
  ...[23, 24, 25, 26, 27, 28].map((n): [number, Version] => [0xff000000 + n, like1(`QUIC draft-${n}`, SALT_DRAFT_23)]),
  ...[29, 30, 31, 32].map((n): [number, Version] => [0xff000000 + n, like1(`QUIC draft-${n}`, SALT_DRAFT_29)]),
  ...[33, 34].map((n): [number, Version] => [0xff000000 + n, like1(`QUIC draft-${n}`, SALT_1)]),
]);

/** `QUIC 1` of 0x00000001; null for what is not known. */
export const quicVersionText = (version: number): string | null => VERSIONS.get(version)?.name ?? null;

/** The header of one packet; reused. Places are offsets in the bytes given. */
export class QuicHeader {
  kind = QUIC_NONE;
  version = 0;
  /** Of the packet, and past it. */
  start = 0;
  end = 0;
  destinationId = 0;
  destinationIdLength = 0;
  /** Of the protected packet number of an Initial. */
  number = 0;
  #at = 0;

  /**
   * Reads the packet at `at` of a datagram that ends at `end` (on the wire: fewer bytes may be there). Returns `kind`;
   * `first` = it is the datagram's first packet. Packets of an unknown version count only where they are as long as an
   * Initial must be.
   */
  read(bytes: Uint8Array, at: number, end: number, first: boolean): number {
    this.kind = QUIC_NONE;
    this.start = at;
    this.end = end;
    if (at + 7 > end || bytes.length < at + 7) return QUIC_NONE;
    const head = bytes[at]!;
    if ((head & 0x80) === 0) return (this.kind = (head & 0x40) !== 0 ? QUIC_SHORT : QUIC_NONE);
    this.version = u32(bytes, at + 1);
    this.destinationIdLength = bytes[at + 5]!;
    this.destinationId = at + 6;
    const source = this.destinationId + this.destinationIdLength;
    if (this.destinationIdLength > ID_MAX || source >= end || source >= bytes.length) return QUIC_NONE;
    this.#at = source + 1 + bytes[source]!;
    if (bytes[source]! > ID_MAX || this.#at > end) return QUIC_NONE;
    const version = VERSIONS.get(this.version);
    if (version === undefined) {
      const offer = this.version === 0 && (end - this.#at) % 4 === 0 && end > this.#at;
      const long = this.version !== 0 && end - at >= INITIAL_DATAGRAM;
      return (this.kind = first && (offer || long) ? QUIC_OTHER_VERSION : QUIC_NONE);
    }
    if ((head & 0x40) === 0) return QUIC_NONE;
    const type = (head >> 4) & 3;
    if (type === version.retry) return (this.kind = QUIC_LONG);
    if (type === version.initial) {
      const token = this.#varint(bytes, end);
      this.#at += token;
    }
    const length = this.#varint(bytes, end);
    if (!(length >= TAG + 4 && this.#at + length <= end)) return QUIC_NONE; // NaN too
    this.number = this.#at;
    this.end = this.#at + length;
    return (this.kind = type === version.initial ? QUIC_INITIAL : QUIC_LONG);
  }

  /** A variable-length integer (RFC 9000 §16) at `#at`, which goes past it; NaN when it is not there. */
  #varint(bytes: Uint8Array, end: number): number {
    const size = 1 << ((bytes[this.#at] ?? 0) >> 6);
    if (this.#at + size > Math.min(end, bytes.length)) return NaN;
    const value = varint(bytes, this.#at);
    this.#at += size;
    return value;
  }
}

function varint(bytes: Uint8Array, at: number): number {
  const first = bytes[at]!;
  if (first < 0x40) return first;
  if (first < 0x80) return u16(bytes, at) & 0x3fff;
  if (first < 0xc0) return u32(bytes, at) & 0x3fffffff;
  return (u32(bytes, at) & 0x3fffffff) * 2 ** 32 + u32(bytes, at + 4);
}

/** Keys of the Initial packets of one end (AEAD_AES_128_GCM). */
export interface QuicKeys {
  readonly key: Uint8Array;
  readonly iv: Uint8Array;
  readonly hp: Uint8Array;
}

const hmac = (key: Uint8Array, data: Uint8Array): Buffer => createHmac('sha256', key).update(data).digest();

/** HKDF-Expand-Label (RFC 8446 §7.1) without context, of at most 32 bytes. */
function expand(secret: Uint8Array, label: string, size: number): Uint8Array {
  const text = `tls13 ${label}`;
  return hmac(secret, Buffer.from([0, size, text.length, ...Buffer.from(text), 0, 1])).subarray(0, size);
}

/** Keys of both ends, client first, from the connection id that the client chose for the server. */
export function quicInitialKeys(version: number, destinationId: Uint8Array): [QuicKeys, QuicKeys] | null {
  const known = VERSIONS.get(version);
  if (known === undefined) return null;
  const secret = hmac(known.salt, destinationId);
  const of = (end: string): QuicKeys => {
    const own = expand(secret, end, 32);
    const { label } = known;
    return {
      key: expand(own, `${label}key`, 16),
      iv: expand(own, `${label}iv`, 12),
      hp: expand(own, `${label}hp`, 16),
    };
  };
  return [of('client in'), of('server in')];
}

/** What an Initial packet that is whole in `bytes` holds; null when these are not its keys. */
export function openQuicInitial(bytes: Uint8Array, header: QuicHeader, keys: QuicKeys): Uint8Array | null {
  const { start, number, end } = header;
  const sample = bytes.subarray(number + 4, number + 4 + 16);
  if (end > bytes.length || sample.length < 16) return null;
  const mask = createCipheriv('aes-128-ecb', keys.hp, null).update(sample);
  const first = bytes[start]! ^ (mask[0]! & 0x0f);
  const numberLength = (first & 3) + 1;
  const payload = number + numberLength;
  if (payload + TAG > end) return null;
  const head = bytes.slice(start, payload);
  const nonce = Uint8Array.from(keys.iv);
  head[0] = first;
  for (let i = 0; i < numberLength; i++) {
    const at = number - start + i;
    head[at] = head[at]! ^ mask[1 + i]!;
    const to = nonce.length - numberLength + i;
    nonce[to] = nonce[to]! ^ head[at];
  }
  const cipher = createDecipheriv('aes-128-gcm', keys.key, nonce).setAAD(head);
  cipher.setAuthTag(bytes.subarray(end - TAG, end));
  const plain = cipher.update(bytes.subarray(payload, end - TAG));
  try {
    cipher.final();
    return plain;
  } catch {
    return null; // another key, or changed on the way
  }
}

const FRAME_PADDING = 0;
const FRAME_PING = 1;
const FRAME_ACK = 2;
const FRAME_ACK_ECN = 3;
const FRAME_CRYPTO = 6;

/** Calls `visit` for the data of each CRYPTO frame of an Initial's plain payload (RFC 9000 §12.4): where in the stream, where in `plain`. */
export function quicCrypto(plain: Uint8Array, visit: (offset: number, at: number, length: number) => void): void {
  let at = 0;
  const next = (): number => {
    const size = 1 << ((plain[at] ?? 0) >> 6);
    const value = at + size <= plain.length ? varint(plain, at) : NaN;
    at += size;
    return value;
  };
  while (at < plain.length) {
    const type = plain[at++]!;
    if (type === FRAME_PADDING || type === FRAME_PING) continue;
    if (type === FRAME_ACK || type === FRAME_ACK_ECN) {
      next(); // largest
      next(); // delay
      const ranges = next();
      next(); // first range
      for (let i = 0; i < ranges * 2 && at < plain.length; i++) next();
      if (type === FRAME_ACK_ECN) for (let i = 0; i < 3; i++) next();
      continue;
    }
    if (type !== FRAME_CRYPTO) return; // the connection is closed, or nothing that belongs here
    const offset = next();
    const length = next();
    if (!(at + length <= plain.length)) return;
    visit(offset, at, length);
    at += length;
  }
}
