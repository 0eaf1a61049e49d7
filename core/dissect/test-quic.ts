/** Builds QUIC packets for tests: the sealing half that a reader does not need. */
import { createCipheriv } from 'node:crypto';
import { clientHello, concat } from './test-packets.ts';
import { quicInitialKeys, type QuicKeys } from './quic.ts';

export const QUIC_V1 = 0x00000001;
export const QUIC_V2 = 0x6b3343cf;

/** A variable-length integer in two or four bytes. */
const varint = (value: number): number[] =>
  value < 0x4000 ? [0x40 | (value >> 8), value & 255] : [0x80 | (value >>> 24), (value >> 16) & 255, (value >> 8) & 255, value & 255]; // prettier-ignore

export const PING = Uint8Array.of(1);
export const padding = (size: number): Uint8Array => new Uint8Array(size);
export const ack = (largest: number): Uint8Array => concat([2], varint(largest), varint(0), [0, 0]);
export const crypto = (offset: number, data: Uint8Array): Uint8Array =>
  concat([6], varint(offset), varint(data.length), data);

/** A ClientHello as CRYPTO frames carry it: without records. */
export const bareHello = (serverName: string, alpn: string[], pad = 0): Uint8Array =>
  clientHello(serverName, alpn, pad).slice(5);

export interface InitialOptions {
  readonly version?: number;
  /** Connection id that the keys follow from, where the packet has another one. */
  readonly keysOf?: Uint8Array;
  readonly destination: Uint8Array;
  readonly source?: Uint8Array;
  readonly number?: number;
  readonly token?: Uint8Array;
  readonly server?: boolean;
  readonly frames: readonly Uint8Array[];
  /** The payload is padded to this. */
  readonly fill?: number;
}

/** An Initial packet, sealed (RFC 9001 §5.3, §5.4). */
export function quicInitial(o: InitialOptions): Uint8Array {
  const version = o.version ?? QUIC_V1;
  const keys = quicInitialKeys(version, o.keysOf ?? o.destination)![o.server === true ? 1 : 0];
  const frames = concat(...o.frames);
  const plain = concat(frames, padding(Math.max(0, (o.fill ?? 0) - frames.length, 4 - frames.length)));
  const token = o.token ?? new Uint8Array(0);
  const source = o.source ?? new Uint8Array(0);
  const type = version === QUIC_V2 ? 0x10 : 0;
  const number = o.number ?? 0;
  const head = concat(
    [0xc0 | type | 1, version >>> 24, (version >> 16) & 255, (version >> 8) & 255, version & 255],
    [o.destination.length, ...o.destination, source.length, ...source],
    varint(token.length),
    token,
    varint(2 + plain.length + 16),
    [number >> 8, number & 255],
  );
  return seal(head, plain, number, keys);
}

function seal(head: Uint8Array, plain: Uint8Array, number: number, keys: QuicKeys): Uint8Array {
  const nonce = Uint8Array.from(keys.iv);
  nonce[10]! ^= number >> 8;
  nonce[11]! ^= number & 255;
  const cipher = createCipheriv('aes-128-gcm', keys.key, nonce).setAAD(head);
  const body = concat(cipher.update(plain), cipher.final(), cipher.getAuthTag());
  const mask = createCipheriv('aes-128-ecb', keys.hp, null).update(body.subarray(2, 18));
  const out = concat(head, body);
  out[0]! ^= mask[0]! & 0x0f;
  out[head.length - 2]! ^= mask[1]!;
  out[head.length - 1]! ^= mask[2]!;
  return out;
}

/** A Handshake packet, which nobody else can read. */
export function quicHandshake(
  destination: Uint8Array,
  source: Uint8Array,
  size: number,
  version = QUIC_V1,
): Uint8Array {
  const type = version === QUIC_V2 ? 0x30 : 0x20;
  return concat(
    [0xc0 | type, version >>> 24, (version >> 16) & 255, (version >> 8) & 255, version & 255],
    [destination.length, ...destination, source.length, ...source],
    varint(size),
    new Uint8Array(size).fill(7),
  );
}

/** A packet under the final keys. */
export const quicShort = (destination: Uint8Array, size = 40): Uint8Array =>
  concat([0x41], destination, new Uint8Array(size).fill(9));
