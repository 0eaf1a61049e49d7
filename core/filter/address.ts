/** IPv4 and IPv6 addresses and prefixes as text and bytes (RFC 4291, RFC 5952, zones of RFC 4007). */
import type { AddressValue } from './ast.ts';

function parseV4(text: string): Uint8Array | null {
  const parts = text.split('.');
  if (parts.length !== 4) return null;
  const bytes = new Uint8Array(16);
  for (let i = 0; i < 4; i++) {
    const part = parts[i] ?? '';
    if (!/^\d{1,3}$/.test(part) || (part.length > 1 && part.startsWith('0')) || Number(part) > 255) return null;
    bytes[i] = Number(part);
  }
  return bytes;
}

function parseV6(text: string): Uint8Array | null {
  let groups = text;
  const dot = text.lastIndexOf(':');
  if (text.includes('.')) {
    const tail = parseV4(text.slice(dot + 1));
    if (tail === null) return null;
    const high = (((tail[0] ?? 0) << 8) | (tail[1] ?? 0)).toString(16);
    const low = (((tail[2] ?? 0) << 8) | (tail[3] ?? 0)).toString(16);
    groups = `${text.slice(0, dot + 1)}${high}:${low}`;
  }
  const halves = groups.split('::');
  if (halves.length > 2) return null;
  const head = halves[0] === '' || halves[0] === undefined ? [] : halves[0].split(':');
  const tail = halves[1] === '' || halves[1] === undefined ? [] : halves[1].split(':');
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return null;
  const words = [...head, ...Array.from({ length: missing }, () => '0'), ...tail];
  const bytes = new Uint8Array(16);
  for (let i = 0; i < 8; i++) {
    const word = words[i] ?? '';
    if (!/^[0-9a-f]{1,4}$/i.test(word)) return null;
    const value = parseInt(word, 16);
    bytes[i * 2] = value >> 8;
    bytes[i * 2 + 1] = value & 255;
  }
  return bytes;
}

/** Clears the bits past `prefix` in place. */
export function maskBytes(bytes: Uint8Array, prefix: number): Uint8Array {
  for (let i = 0; i < 16; i++) {
    const keep = Math.max(0, Math.min(8, prefix - i * 8));
    bytes[i] = (bytes[i] ?? 0) & (0xff00 >> keep) & 0xff;
  }
  return bytes;
}

/** An address value with the bits past the prefix cleared. */
export function address(family: 4 | 6, bytes: Uint8Array, prefix: number, zone: string | null = null): AddressValue {
  return { kind: 'address', family, bytes: maskBytes(Uint8Array.from(bytes), prefix), prefix, zone };
}

function isMapped(bytes: Uint8Array): boolean {
  return bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 255 && bytes[11] === 255;
}

/** What parseAddress says when the text is no address: a sentence for people. */
export interface AddressError {
  readonly error: string;
}

/**
 * Reads `10.0.0.1`, `10.0.0.0/8`, `2001:db8::/32`, `fe80::1%eth0` (a zone stands before the prefix length). An
 * IPv4-mapped IPv6 address becomes the IPv4 address, as in the flow model.
 */
export function parseAddress(text: string): AddressValue | AddressError {
  const slash = text.indexOf('/');
  const whole = slash < 0 ? text : text.slice(0, slash);
  const percent = whole.indexOf('%');
  const body = percent < 0 ? whole : whole.slice(0, percent);
  const zone = percent < 0 ? null : whole.slice(percent + 1);
  const six = body.includes(':');
  const bytes = six ? parseV6(body) : parseV4(body);
  if (bytes === null) return { error: `${body} is not an ${six ? 'IPv6' : 'IPv4'} address` };
  const bits = six ? 128 : 32;
  let prefix = bits;
  if (slash >= 0) {
    const length = text.slice(slash + 1);
    if (!/^\d{1,3}$/.test(length) || Number(length) > bits)
      return { error: `a prefix length of an ${six ? 'IPv6' : 'IPv4'} address goes from 0 to ${bits}` };
    prefix = Number(length);
  }
  if (zone !== null) {
    if (zone === '') return { error: 'the name of an interface belongs after %' };
    const linkLocal = six && bytes[0] === 0xfe && ((bytes[1] ?? 0) & 0xc0) === 0x80;
    const multicast = six && bytes[0] === 0xff;
    if (!linkLocal && !multicast) return { error: 'only link-local addresses have a zone' };
  }
  if (six && prefix >= 96 && isMapped(bytes)) {
    const inner = new Uint8Array(16);
    inner.set(bytes.subarray(12), 0);
    return address(4, inner, prefix - 96, zone);
  }
  return address(six ? 6 : 4, bytes, prefix, zone);
}

/** Canonical text of 16 bytes as in AddressValue: dotted decimal, or RFC 5952. */
export function formatBytes(family: 4 | 6, bytes: Uint8Array): string {
  if (family === 4) return `${bytes[0] ?? 0}.${bytes[1] ?? 0}.${bytes[2] ?? 0}.${bytes[3] ?? 0}`;
  const words = Array.from({ length: 8 }, (_, i) => ((bytes[i * 2] ?? 0) << 8) | (bytes[i * 2 + 1] ?? 0));
  let best = -1;
  let bestLength = 1;
  for (let i = 0; i < 8; i++) {
    let length = 0;
    while (i + length < 8 && words[i + length] === 0) length++;
    if (length > bestLength) {
      best = i;
      bestLength = length;
    }
  }
  const hex = (from: number, to: number): string =>
    words
      .slice(from, to)
      .map((word) => word.toString(16))
      .join(':');
  return best < 0 ? hex(0, 8) : `${hex(0, best)}::${hex(best + bestLength, 8)}`;
}

/** Canonical text of an address value: prefix length only when it is not the whole address. */
export function formatAddress(value: AddressValue): string {
  const zone = value.zone === null ? '' : `%${value.zone}`;
  const prefix = value.prefix === (value.family === 4 ? 32 : 128) ? '' : `/${value.prefix}`;
  return formatBytes(value.family, value.bytes) + zone + prefix;
}

/** The four big-endian 32-bit words of 16 bytes. */
export function wordsOf(bytes: Uint8Array): [number, number, number, number] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, 16);
  return [view.getUint32(0), view.getUint32(4), view.getUint32(8), view.getUint32(12)];
}
