/** HTTP/1 (RFC 9112) heads, as far as they are there: method and path, Host, status. No allocation but what is kept. */
const METHODS = ['GET', 'POST', 'PUT', 'HEAD', 'DELETE', 'PATCH', 'OPTIONS', 'CONNECT', 'TRACE', 'PROPFIND'];
const PATH_MAX = 512;
const HOST_MAX = 255;

const CR = 13;
const LF = 10;
const SPACE = 32;

/** Length of the method with which these bytes begin, 0 = none. */
export function methodLength(bytes: Uint8Array, start: number, length: number): number {
  for (const method of METHODS) {
    if (length <= method.length || bytes[start + method.length] !== SPACE) continue;
    let i = 0;
    while (i < method.length && bytes[start + i] === method.charCodeAt(i)) i++;
    if (i === method.length) return i;
  }
  return 0;
}

/** A request's head; reused. Places are offsets in the bytes given. */
export class HttpRequest {
  /** Method and path without query, as `GET /path`. */
  text = new Uint8Array(0);
  /** Host without port, null = none (or an address, or no name that could be one). */
  host: Uint8Array | null = null;
  /** The end of the request line is there. */
  line = false;
  /** The head's end is there. */
  whole = false;

  /** False when these bytes are no request line. */
  read(bytes: Uint8Array, start: number, length: number): boolean {
    this.host = null;
    this.line = this.whole = false;
    const method = methodLength(bytes, start, length);
    if (method === 0) return false;
    const end = start + length;
    let at = start + method + 1;
    const target = at;
    while (at < end && bytes[at]! > SPACE && bytes[at] !== 127) at++;
    if (at < end && bytes[at] !== SPACE) return false;
    // Longer than we keep, or cut: what is there of the target counts, but the version must follow where it is there.
    if (at + 9 <= end && !startsHttp1(bytes, at + 1)) return false;
    let path = target;
    while (path < at && bytes[path] !== 0x3f && path - target < PATH_MAX) path++;
    this.text = bytes.slice(start, path);
    this.#headers(bytes, at, end);
    return true;
  }

  #headers(bytes: Uint8Array, from: number, end: number): void {
    let line = from;
    for (;;) {
      while (line < end && bytes[line] !== LF) line++;
      this.line ||= line < end;
      line++;
      if (line >= end) return;
      if (bytes[line] === CR || bytes[line] === LF) {
        this.whole = true;
        return;
      }
      if (this.host !== null || !isHost(bytes, line, end)) continue; // of two, the first counts
      let at = line + 5;
      while (at < end && (bytes[at] === SPACE || bytes[at] === 9)) at++;
      const host = at;
      while (at < end && isNameByte(bytes[at]!)) at++;
      if (at >= end || at - host > HOST_MAX || at === host) return;
      const after = bytes[at]!;
      if (after !== CR && after !== LF && after !== SPACE && after !== 0x3a) return;
      if (!isNumeric(bytes, host, at)) this.host = bytes.slice(host, at);
    }
  }
}

function startsHttp1(bytes: Uint8Array, at: number): boolean {
  const word = 'HTTP/1.';
  for (let i = 0; i < word.length; i++) if (bytes[at + i] !== word.charCodeAt(i)) return false;
  return true;
}

function isHost(bytes: Uint8Array, at: number, end: number): boolean {
  const word = 'host:';
  if (at + word.length > end) return false;
  for (let i = 0; i < word.length; i++) {
    const byte = bytes[at + i]!;
    if ((byte >= 65 && byte <= 90 ? byte + 32 : byte) !== word.charCodeAt(i)) return false;
  }
  return true;
}

/** Letters, digits, hyphen, dot, underscore: what names of hosts are made of. */
export function isNameByte(byte: number): boolean {
  return (
    (byte >= 97 && byte <= 122) ||
    (byte >= 65 && byte <= 90) ||
    (byte >= 48 && byte <= 57) ||
    byte === 0x2d ||
    byte === 0x2e ||
    byte === 0x5f
  );
}

/** An IPv4 address, or nothing that names. */
function isNumeric(bytes: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if ((bytes[i]! < 48 || bytes[i]! > 57) && bytes[i] !== 0x2e) return false;
  return true;
}

/** Status of a response whose status line these bytes begin with, 0 = they are none. */
export function httpStatus(bytes: Uint8Array, start: number, length: number): number {
  if (length < 12 || !startsHttp1(bytes, start) || bytes[start + 8] !== SPACE) return 0;
  let status = 0;
  for (let i = start + 9; i < start + 12; i++) {
    const digit = bytes[i]! - 48;
    if (digit < 0 || digit > 9) return 0;
    status = status * 10 + digit;
  }
  return status >= 100 && status < 600 ? status : 0;
}
