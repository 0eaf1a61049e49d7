/** HTTP/1 (RFC 9112) heads, as far as they are there: method and path, Host, status. No allocation but what is kept. */
/** RFC 9110 §9 and 5789, then WebDAV's (RFC 4918, 3253, 5323) and QUERY. */
const METHODS = [
  ...['GET', 'POST', 'PUT', 'HEAD', 'DELETE', 'PATCH', 'OPTIONS', 'CONNECT', 'TRACE'],
  ...['PROPFIND', 'PROPPATCH', 'MKCOL', 'COPY', 'MOVE', 'LOCK', 'UNLOCK', 'REPORT', 'SEARCH', 'QUERY'],
];
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
  text: Uint8Array = new Uint8Array(0);
  /** Host without port, null = none (or an address, or no name that could be one). */
  host: Uint8Array | null = null;
  /** The end of the request line is there. */
  line = false;
  /** The head's end is there. */
  whole = false;
  /** Past the head, where it is whole: a body, or the next request of a client that does not wait. */
  end = 0;

  /** False when these bytes are no request line. */
  read(bytes: Uint8Array, start: number, length: number): boolean {
    this.host = null;
    this.line = this.whole = false;
    const method = methodLength(bytes, start, length);
    if (method === 0) return false;
    const end = start + length;
    let at = start + method + 1;
    while (at < end && bytes[at] === SPACE) at++;
    const target = at;
    while (at < end && bytes[at]! > SPACE && bytes[at] !== 127) at++;
    if (at < end && bytes[at] !== SPACE) return false;
    // Longer than we keep, or cut: what is there of the target counts, but the version must follow where it is there.
    if (at + 9 <= end && !startsHttp1(bytes, at + 1)) {
      at = targetWithSpaces(bytes, at, end);
      if (at < 0) return false;
    }
    let path = target;
    while (path < at && bytes[path] !== 0x3f && path - target < PATH_MAX) path++;
    this.text = concatenated(bytes, start, start + method + 1, target, path);
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
        this.end = line + (bytes[line] === CR ? 2 : 1);
        return;
      }
      if (this.host !== null || !isHost(bytes, line, end)) continue; // of two, the first counts
      let at = line + 5;
      while (at < end && (bytes[at] === SPACE || bytes[at] === 9)) at++;
      const host = at;
      while (at < end && isNameByte(bytes[at]!)) at++;
      if (at >= end) return;
      const after = bytes[at]!;
      // What is no name (an address in brackets, say) names nobody, but the head goes on.
      if (after !== CR && after !== LF && after !== SPACE && after !== 0x3a) continue;
      if (at > host && at - host <= HOST_MAX && !isNumeric(bytes, host, at)) this.host = bytes.slice(host, at);
    }
  }
}

/** The end of a target with spaces in it, as careless clients send: before the version that ends the line; −1 = none. */
function targetWithSpaces(bytes: Uint8Array, from: number, end: number): number {
  let line = from;
  while (line < end && bytes[line]! >= SPACE && bytes[line] !== 127) line++;
  if (line >= end || (bytes[line] !== CR && bytes[line] !== LF)) return -1;
  while (bytes[line - 1] === SPACE) line--;
  let at = line - 'HTTP/1.1'.length;
  if (at <= from || !startsHttp1(bytes, at)) return -1;
  while (at > from && bytes[at - 1] === SPACE) at--;
  return at;
}

/** The bytes of two ranges. */
function concatenated(bytes: Uint8Array, from: number, to: number, from2: number, to2: number): Uint8Array {
  if (to === from2) return bytes.slice(from, to2);
  const all = new Uint8Array(to - from + to2 - from2);
  all.set(bytes.subarray(from, to));
  all.set(bytes.subarray(from2, to2), to - from);
  return all;
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
