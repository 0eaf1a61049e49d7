/** IP headers that may be given away: addresses are pseudonyms, options and extension headers have their lengths only. */
import { u16 } from '../dissect/bytes.ts';
import { addWords, checksum } from './checksum.ts';
import type { Work } from './packet.ts';
import { cleanTransport, type Inside } from './transport.ts';

const NOP = 1;
const EXTENSIONS_MAX = 16;

export function cleanIp(w: Work, at: number, end: number): number {
  const version = at < w.captured ? w.bytes[at]! >> 4 : 0;
  return version === 4 ? cleanIpv4(w, at, end) : version === 6 ? cleanIpv6(w, at, end) : at;
}

export function cleanIpv4(w: Work, at: number, end: number): number {
  const { bytes, addresses } = w;
  if (at + 20 > w.captured) return at;
  const headerLength = (bytes[at]! & 15) * 4;
  const total = u16(bytes, at + 2) === 0 ? end - at : u16(bytes, at + 2);
  if (bytes[at]! >> 4 !== 4 || headerLength < 20 || total < headerLength) return at;
  addresses.v4(bytes, at + 12);
  addresses.v4(bytes, at + 16);
  const header = at + headerLength;
  // Routes and time stamps have addresses in them.
  bytes.fill(NOP, at + 20, Math.min(header, w.captured));
  checksum(bytes, at + 10, at, Math.min(header, w.captured));
  if (header > w.captured) return w.captured;
  const fragment = u16(bytes, at + 6) & 0x3fff;
  if ((fragment & 0x1fff) !== 0) return header;
  const protocol = bytes[at + 9]!;
  const inside: Inside = {
    protocol,
    end: Math.min(end, at + total),
    fragment: fragment !== 0,
    // The pseudo-header (RFC 9293 §3.1): addresses, protocol; the length is added where it is used.
    sum: addWords(protocol, bytes, at + 12, at + 20),
    length: total - headerLength,
  };
  return cleanTransport(w, header, inside);
}

export function cleanIpv6(w: Work, at: number, end: number): number {
  const { bytes, addresses } = w;
  if (at + 40 > w.captured || bytes[at]! >> 4 !== 6) return at;
  const told = u16(bytes, at + 4);
  const ipEnd = told === 0 ? end : at + 40 + told;
  addresses.v6(bytes, at + 8);
  addresses.v6(bytes, at + 24);
  let next = bytes[at + 6]!;
  let offset = at + 40;
  let fragment = false;
  for (let headers = 0; headers < EXTENSIONS_MAX; headers++) {
    const routing = next === 43;
    const options = next === 0 || next === 60;
    const other = next === 51 || next === 135 || next === 139 || next === 140;
    if (next !== 44 && !routing && !options && !other) break;
    if (offset + 8 > w.captured) return offset;
    const following = bytes[offset]!;
    if (next === 44) {
      if ((u16(bytes, offset + 2) & 0xfff8) !== 0) return offset + 8;
      fragment = (bytes[offset + 3]! & 1) !== 0;
      offset += 8;
    } else {
      const size = next === 51 ? (bytes[offset + 1]! + 2) * 4 : (bytes[offset + 1]! + 1) * 8;
      const stop = Math.min(offset + size, w.captured);
      // Options become padding, of a routing header type and count stay, everything else is zeros.
      bytes.fill(0, offset + (routing ? 4 : 2), stop);
      if (options) pad(bytes, offset + 2, stop);
      if (offset + size > w.captured) return w.captured;
      offset += size;
    }
    next = following;
  }
  const stop = Math.min(end, ipEnd);
  const sum = addWords(next, bytes, at + 8, at + 40);
  const length = Math.max(0, ipEnd - offset);
  return cleanTransport(w, Math.min(offset, w.captured), { protocol: next, end: stop, fragment, sum, length });
}

/** PadN options (RFC 8200 §4.2) over zeroed bytes. */
function pad(bytes: Uint8Array, from: number, to: number): void {
  for (let at = from; at < to;) {
    const size = Math.min(257, to - at);
    if (size === 1) return; // Pad1 is a zero
    bytes[at] = 1;
    bytes[at + 1] = size - 2;
    at += size;
  }
}
