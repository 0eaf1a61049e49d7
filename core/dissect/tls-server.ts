/**
 * The server's first flight of TLS in the clear: version, ALPN, resumption, and up to TLS 1.2 the certificate. Bytes are
 * hostile: whatever cannot be read is not known.
 */
import { X509Certificate } from 'node:crypto';
import { u16 } from './bytes.ts';
import { TLS_HELLO, TLS_NEED_MORE, TLS_NOT_HELLO } from './tls.ts';

const FLIGHT_MAX = 16384;
const CHANGE_CIPHER_SPEC = 20;
const ALERT = 21;
const HANDSHAKE = 22;
const SERVER_HELLO = 2;
const CERTIFICATE = 11;
const DONE = 14;

export const TLS_1_2 = 0x0303;
export const TLS_1_3 = 0x0304;

/** SHA-256 of "HelloRetryRequest": the random of a ServerHello that is one (RFC 8446 §4.1.3). */
const RETRY = [0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91];

/** Reused. */
export class ServerFlight {
  /** As on the wire, 0 = no ServerHello was read */
  version = 0;
  /** The server asked for another ClientHello. */
  retry = false;
  /** A session was resumed: the server took a key of before (1.3), or changes ciphers right after its ServerHello (1.2). */
  resumed = false;
  /** What was chosen in the clear. */
  alpn: Uint8Array | null = null;
  /** DER of the server's own certificate, as far as it came whole. */
  certificate: Uint8Array | null = null;
  readonly #messages = new Uint8Array(FLIGHT_MAX);

  /**
   * Looks at the first `length` bytes of the server's stream. TLS_NEED_MORE: the ServerHello (or, up to 1.2, the
   * certificate) is not whole yet; what is known is filled in. TLS_HELLO: nothing more is to come. TLS_NOT_HELLO: no TLS.
   */
  read(bytes: Uint8Array, start: number, length: number): number {
    this.#reset();
    const end = start + length;
    const messages = this.#messages;
    let size = 0;
    let cipher = false;
    for (let at = start; at < end;) {
      const type = bytes[at]!;
      if (type === CHANGE_CIPHER_SPEC || type === ALERT) {
        cipher = type === CHANGE_CIPHER_SPEC;
        break;
      }
      if (type !== HANDSHAKE || (at + 1 < end && bytes[at + 1] !== 3)) {
        if (at === start) return TLS_NOT_HELLO;
        break;
      }
      if (at + 5 > end) break;
      const record = u16(bytes, at + 3);
      if (record === 0 || record > FLIGHT_MAX) return TLS_NOT_HELLO;
      for (let i = at + 5; i < Math.min(at + 5 + record, end) && size < FLIGHT_MAX; i++) messages[size++] = bytes[i]!;
      at += 5 + record;
    }
    return this.#messagesOf(size, cipher);
  }

  /** Reads handshake messages without records: `length` bytes of CRYPTO data. As `read`. */
  readBare(bytes: Uint8Array, start: number, length: number): number {
    this.#reset();
    const size = Math.min(length, FLIGHT_MAX);
    for (let i = 0; i < size; i++) this.#messages[i] = bytes[start + i]!;
    return this.#messagesOf(size, false);
  }

  #reset(): void {
    this.version = 0;
    this.retry = this.resumed = false;
    this.alpn = this.certificate = null;
  }

  /** Names of the certificate: the first DNS name, else the common name; null when it cannot be read. */
  certificateName(): string | null {
    if (this.certificate === null) return null;
    try {
      const { subjectAltName, subject } = new X509Certificate(this.certificate);
      const dns = /(?:^|, )DNS:("?)([^",]+)\1/.exec(subjectAltName ?? '')?.[2];
      const common = /(?:^|\n)CN=([^\n]+)/.exec(subject ?? '')?.[1];
      return dns ?? common ?? null;
    } catch {
      return null; // damaged: it names nothing
    }
  }

  #messagesOf(size: number, cipher: boolean): number {
    const m = this.#messages;
    if (size > 0 && m[0] !== SERVER_HELLO) return TLS_NOT_HELLO;
    for (let at = 0; at + 4 <= size;) {
      const type = m[at]!;
      const to = at + 4 + m[at + 1]! * 65536 + u16(m, at + 2);
      if (to > size) return size >= FLIGHT_MAX ? TLS_HELLO : TLS_NEED_MORE;
      if (type === SERVER_HELLO) {
        this.#hello(m, at + 4, to);
        if (this.version === 0) return TLS_NOT_HELLO;
        if (this.version >= TLS_1_3) return TLS_HELLO;
      } else if (type === CERTIFICATE) {
        const length = m[at + 7]! * 65536 + u16(m, at + 8);
        if (at + 10 + length <= to && length > 0) this.certificate = m.slice(at + 10, at + 10 + length);
        return TLS_HELLO;
      } else if (type === DONE) return TLS_HELLO;
      at = to;
    }
    this.resumed = cipher && this.version !== 0;
    return cipher ? TLS_HELLO : TLS_NEED_MORE;
  }

  #hello(m: Uint8Array, from: number, to: number): void {
    let at = from + 34;
    if (at >= to || m[from] !== 3) return;
    let version = u16(m, from);
    this.retry = RETRY.every((byte, i) => m[from + 2 + i] === byte);
    at += 1 + m[at]! + 3;
    if (at + 2 <= to) {
      const end = Math.min(to, at + 2 + u16(m, at));
      at += 2;
      while (at + 4 <= end) {
        const type = u16(m, at);
        const data = at + 4;
        const next = data + u16(m, at + 2);
        if (next > end) break;
        if (type === 41) this.resumed = true;
        else if (type === 43 && next - data === 2) version = u16(m, data);
        else if (type === 16 && next - data > 3 && m[data + 2]! === next - data - 3)
          this.alpn = m.slice(data + 3, next);
        at = next;
      }
    }
    this.version = version;
    this.resumed &&= version >= TLS_1_3;
  }
}
