/**
 * The TLS ClientHello (RFC 8446 §4.1.2): server name (RFC 6066), ALPN (RFC 7301), whether its inner part is encrypted
 * (RFC 9849); over any number of records, or in the CRYPTO frames of QUIC.
 */
import { u16 } from './bytes.ts';

/** Handshake bytes gathered before giving up. */
export const CLIENT_HELLO_MAX = 16384;

const ENCRYPTED_CLIENT_HELLO = 0xfe0d;

export const TLS_NEED_MORE = 0;
export const TLS_NOT_HELLO = 1;
export const TLS_HELLO = 2;

/** What a ClientHello asked for; reused. Bytes are as they came. */
export class ClientHello {
  serverName: Uint8Array | null = null;
  alpn: Uint8Array[] = [];
  /** An encrypted_client_hello extension is there: the server name is that of the front, unless it was made up (GREASE). */
  encrypted = false;

  #message = new Uint8Array(CLIENT_HELLO_MAX);

  /**
   * Looks at the first `length` bytes of a stream. TLS_NEED_MORE while the message is not whole (at most
   * CLIENT_HELLO_MAX bytes), TLS_NOT_HELLO when it cannot be one, TLS_HELLO once it was read.
   */
  read(bytes: Uint8Array, start: number, length: number): number {
    const end = start + length;
    // Nearly always it is one record, all of it there: read where it stands.
    if (length >= 9 && bytes[start] === 22 && bytes[start + 1] === 3 && bytes[start + 5] === 1) {
      const size = 4 + bytes[start + 6]! * 65536 + u16(bytes, start + 7);
      if (size <= u16(bytes, start + 3) && size + 5 <= length && size <= CLIENT_HELLO_MAX) {
        this.#parse(bytes, start + 5, start + 5 + size);
        return TLS_HELLO;
      }
    }
    const message = this.#message;
    let size = 0;
    let wanted = -1;
    let at = start;
    while (wanted < 0 || size < wanted) {
      // Record: type 22, version 3.x, length of at most 2^14.
      if (at < end && bytes[at] !== 22) return TLS_NOT_HELLO;
      if (at + 1 < end && bytes[at + 1] !== 3) return TLS_NOT_HELLO;
      if (at + 5 > end) return length >= CLIENT_HELLO_MAX ? TLS_NOT_HELLO : TLS_NEED_MORE;
      const recordLength = u16(bytes, at + 3);
      if (recordLength === 0 || recordLength > 16384) return TLS_NOT_HELLO;
      const available = Math.min(recordLength, end - at - 5, CLIENT_HELLO_MAX - size);
      for (let i = 0; i < available; i++) message[size++] = bytes[at + 5 + i] ?? 0;
      if (size > 0 && message[0] !== 1) return TLS_NOT_HELLO;
      if (wanted < 0 && size >= 4) wanted = 4 + (message[1] ?? 0) * 65536 + u16(message, 2);
      if (wanted > CLIENT_HELLO_MAX) return TLS_NOT_HELLO;
      if (wanted >= 0 && size >= wanted) break;
      if (available < recordLength) return length >= CLIENT_HELLO_MAX ? TLS_NOT_HELLO : TLS_NEED_MORE;
      at += 5 + recordLength;
    }
    this.#parse(message, 0, wanted);
    return TLS_HELLO;
  }

  /**
   * Reads a handshake message without records: `length` bytes of CRYPTO data. As `read`.
   */
  readBare(bytes: Uint8Array, start: number, length: number): number {
    if (length < 4) return length > 0 && bytes[start] !== 1 ? TLS_NOT_HELLO : TLS_NEED_MORE;
    const wanted = 4 + (bytes[start + 1] ?? 0) * 65536 + u16(bytes, start + 2);
    if (bytes[start] !== 1 || wanted > CLIENT_HELLO_MAX) return TLS_NOT_HELLO;
    if (length < wanted) return TLS_NEED_MORE;
    this.#parse(bytes, start, start + wanted);
    return TLS_HELLO;
  }

  #parse(m: Uint8Array, start: number, end: number): void {
    this.serverName = null;
    this.alpn = [];
    this.encrypted = false;
    // Handshake header 4, version 2, random 32, then session id, cipher suites, compression methods.
    let at = start + 38;
    if (at >= end) return;
    at += 1 + (m[at] ?? 0);
    if (at + 2 > end) return;
    at += 2 + u16(m, at);
    if (at + 1 > end) return;
    at += 1 + (m[at] ?? 0);
    if (at + 2 > end) return;
    const extensionsEnd = Math.min(end, at + 2 + u16(m, at));
    at += 2;
    while (at + 4 <= extensionsEnd) {
      const type = u16(m, at);
      const from = at + 4;
      const to = from + u16(m, at + 2);
      if (to > extensionsEnd) return;
      if (type === 0) this.#serverName(m, from, to);
      else if (type === 16) this.#protocols(m, from, to);
      else if (type === ENCRYPTED_CLIENT_HELLO) this.encrypted = true;
      at = to;
    }
  }

  #serverName(m: Uint8Array, from: number, to: number): void {
    let at = from + 2;
    while (at + 3 <= to) {
      const length = u16(m, at + 1);
      if (at + 3 + length > to) return;
      if (m[at] === 0 && length > 0) {
        this.serverName = m.slice(at + 3, at + 3 + length);
        return;
      }
      at += 3 + length;
    }
  }

  #protocols(m: Uint8Array, from: number, to: number): void {
    let at = from + 2;
    while (at < to && this.alpn.length < 32) {
      const length = m[at] ?? 0;
      if (length === 0 || at + 1 + length > to) return;
      this.alpn.push(m.slice(at + 1, at + 1 + length));
      at += 1 + length;
    }
  }
}
