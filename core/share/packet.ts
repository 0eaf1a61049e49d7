/**
 * A packet that may be given away: link, network and transport headers with pseudonyms for addresses, no payload, and
 * nothing that this code does not understand. It works by permission: bytes stay when it is known what they mean, and
 * the packet ends where that is not so. Lengths stay, so that everything counted from headers is as it was.
 */
import { u16, u16le, u32, u32le } from '../dissect/bytes.ts';
import { isVlanType } from '../dissect/link.ts';
import type { AddressPseudonyms } from './addresses.ts';
import { cleanIp, cleanIpv4, cleanIpv6 } from './network.ts';

/** The packet at hand: `bytes[0, captured)` are changed in place. */
export interface Work {
  bytes: Uint8Array;
  /** Captured bytes. */
  captured: number;
  readonly addresses: AddressPseudonyms;
  /** Tunnels opened so far. */
  depth: number;
}

const TUNNELS_MAX = 8;
const TAGS_MAX = 8;

export class PacketCleaner implements Work {
  bytes = new Uint8Array(65536);
  captured = 0;
  depth = 0;
  readonly addresses: AddressPseudonyms;

  constructor(addresses: AddressPseudonyms) {
    this.addresses = addresses;
  }

  /** Cleans a packet of `original` bytes on the wire into `bytes`; returns how many of them are left. */
  clean(linkType: number, source: Uint8Array, offset: number, captured: number, original: number): number {
    if (captured > this.bytes.length) this.bytes = new Uint8Array(captured * 2);
    this.bytes.set(source.subarray(offset, offset + captured));
    this.captured = captured;
    this.depth = 0;
    return Math.min(captured, cleanLink(this, linkType, Math.max(captured, original)));
  }
}

/** Every `clean…` returns where what may stay ends. `end` = where the layer ends on the wire. */
function cleanLink(w: Work, linkType: number, end: number): number {
  switch (linkType) {
    case 1:
      return cleanEthernet(w, 0, end);
    case 12:
    case 14:
    case 101:
      return cleanIp(w, 0, end);
    case 228:
      return cleanIpv4(w, 0, end);
    case 229:
      return cleanIpv6(w, 0, end);
    case 0:
    case 108:
      return 4 <= w.captured ? ipOr(w, 4, end) : 0;
    case 109:
      return 12 <= w.captured ? ipOr(w, 12, end) : 0;
    case 113:
      return cooked(w, end, 16, u16(w.bytes, 2), u16(w.bytes, 14), 6, u16(w.bytes, 4));
    case 276:
      return cooked(w, end, 20, u16(w.bytes, 8), u16(w.bytes, 0), 12, w.bytes[11]!);
    case 9:
      return cleanPpp(w, 0, end);
    case 50:
    case 104:
      return hdlc(w, end);
    case 51:
      return cleanEthertype(w, 0x8864, 0, end);
    case 105:
      return ieee80211(w, 0, end, false);
    case 127:
      return radiotap(w, end);
    default:
      // Process names, firewall rules, USB transfers: formats that carry texts of all kinds.
      return 0;
  }
}

/** Link types of which something is left. */
export const CLEANED_LINK_TYPES: ReadonlySet<number> = new Set([
  0, 1, 9, 12, 14, 50, 51, 101, 104, 105, 108, 109, 113, 127, 228, 229, 276,
]);

function ipOr(w: Work, at: number, end: number): number {
  const version = at < w.captured ? w.bytes[at]! >> 4 : 0;
  return version === 4 || version === 6 ? cleanIp(w, at, end) : at;
}

export function cleanEthernet(w: Work, at: number, end: number): number {
  if (at + 14 > w.captured) return at;
  w.addresses.mac(w.bytes, at);
  w.addresses.mac(w.bytes, at + 6);
  return cleanEthertype(w, u16(w.bytes, at + 12), at + 14, end);
}

export function cleanEthertype(w: Work, first: number, from: number, end: number): number {
  let type = first;
  let at = from;
  for (let tags = 0; isVlanType(type) && tags < TAGS_MAX; tags++) {
    if (at + 4 > w.captured) return at;
    type = u16(w.bytes, at + 2);
    at += 4;
  }
  if (type < 0x600) return llc(w, at, end);
  switch (type) {
    case 0x0800:
      return cleanIpv4(w, at, end);
    case 0x86dd:
      return cleanIpv6(w, at, end);
    case 0x0806:
      return arp(w, at);
    case 0x6558:
      return cleanEthernet(w, at, end);
    case 0x8847:
    case 0x8848:
      return cleanMpls(w, at, end);
    case 0x8864:
      // PPPoE session: version, code, session, length.
      return at + 6 > w.captured || w.bytes[at + 1] !== 0
        ? at
        : cleanPpp(w, at + 6, Math.min(end, at + 6 + u16(w.bytes, at + 4)));
    default:
      return at;
  }
}

/** RFC 826 for IPv4 over Ethernet. */
function arp(w: Work, at: number): number {
  const { bytes, addresses } = w;
  if (at + 28 > w.captured || u32(bytes, at) !== 0x00010800 || u16(bytes, at + 4) !== 0x0604) return at;
  addresses.mac(bytes, at + 8);
  addresses.v4(bytes, at + 14);
  addresses.mac(bytes, at + 18);
  addresses.v4(bytes, at + 24);
  return at + 28;
}

export function cleanMpls(w: Work, from: number, end: number): number {
  let at = from;
  for (;;) {
    if (at + 4 > w.captured) return at;
    const bottom = (w.bytes[at + 2]! & 1) === 1;
    at += 4;
    if (bottom) break;
  }
  if (at >= w.captured) return at;
  const version = w.bytes[at]! >> 4;
  if (version === 4 || version === 6) return cleanIp(w, at, end);
  return version === 0 && at + 4 <= w.captured ? cleanEthernet(w, at + 4, end) : at;
}

function llc(w: Work, at: number, end: number): number {
  const { bytes } = w;
  if (at + 3 > w.captured) return at;
  if (bytes[at] === 6 && bytes[at + 1] === 6 && bytes[at + 2] === 3) return cleanIpv4(w, at + 3, end);
  if (bytes[at] !== 0xaa || bytes[at + 1] !== 0xaa || bytes[at + 2] !== 3 || at + 8 > w.captured) return at + 3;
  return cleanEthertype(w, u16(bytes, at + 6), at + 8, end);
}

export function cleanPpp(w: Work, from: number, end: number): number {
  const { bytes } = w;
  let at = from;
  if (at + 4 <= w.captured && bytes[at] === 0xff && bytes[at + 1] === 3) at += 2;
  if (at + 2 > w.captured) return at;
  const short = (bytes[at]! & 1) === 1;
  const protocol = short ? bytes[at]! : u16(bytes, at);
  at += short ? 1 : 2;
  if (protocol === 0x21) return cleanIpv4(w, at, end);
  if (protocol === 0x57) return cleanIpv6(w, at, end);
  return protocol === 0x281 || protocol === 0x283 ? cleanMpls(w, at, end) : at;
}

function hdlc(w: Work, end: number): number {
  if (w.captured < 4) return 0;
  const cisco = w.bytes[0] === 0x0f || w.bytes[0] === 0x8f;
  return cisco ? cleanEthertype(w, u16(w.bytes, 2), 4, end) : cleanPpp(w, 0, end);
}

/** Linux cooked headers: a link-layer address of `length` bytes stands at `address`, in a field of eight. */
function cooked(
  w: Work,
  end: number,
  header: number,
  hardware: number,
  protocol: number,
  address: number,
  length: number,
): number {
  if (header > w.captured) return 0;
  if (length === 6) w.addresses.mac(w.bytes, address);
  w.bytes.fill(0, length === 6 ? address + 6 : address, address + 8);
  const ARPHRD_NETLINK = 824;
  if (hardware === ARPHRD_NETLINK) return header;
  if (protocol === 4) return llc(w, header, end);
  return protocol < 0x600 ? header : cleanEthertype(w, protocol, header, end);
}

/** Of management frames (they have network names) and control frames only the addresses are left. */
function ieee80211(w: Work, at: number, end: number, padded: boolean): number {
  const { bytes, addresses } = w;
  if (at + 10 > w.captured) return at;
  const control = bytes[at]!;
  const flags = bytes[at + 1]!;
  const type = (control >> 2) & 3;
  addresses.mac(bytes, at + 4);
  if (type === 1 || at + 24 > w.captured) return at + 10;
  addresses.mac(bytes, at + 10);
  addresses.mac(bytes, at + 16);
  if (type !== 2) return at + 24;
  let length = (flags & 3) === 3 ? 30 : 24;
  if (at + length > w.captured) return at + 24;
  if (length === 30) addresses.mac(bytes, at + 24);
  const subtype = control >> 4;
  if ((subtype & 4) !== 0 || (flags & 0x40) !== 0) return at + length;
  let aggregate = false;
  if ((subtype & 8) !== 0) {
    if (at + length + 2 > w.captured) return at + length;
    aggregate = (bytes[at + length]! & 0x80) !== 0;
    const more = (flags & 0x80) !== 0 ? 6 : 2;
    bytes.fill(0, at + length + 2, Math.min(w.captured, at + length + more));
    length += more;
  }
  if (padded) length = (length + 3) & ~3;
  if (at + length > w.captured) return Math.min(w.captured, at + length);
  if (aggregate) {
    if (at + length + 14 > w.captured) return at + length;
    addresses.mac(bytes, at + length);
    addresses.mac(bytes, at + length + 6);
    length += 14;
  }
  return llc(w, at + length, end);
}

/** The radio's own header stays, unless it has fields of a vendor's. */
function radiotap(w: Work, end: number): number {
  const { bytes } = w;
  if (w.captured < 8) return 0;
  const length = u16le(bytes, 2);
  if (length < 8 || length > 128 || length > w.captured) return 0;
  const present = u32le(bytes, 4);
  let word = present;
  let at = 8;
  for (let more = true; more; at += 4) {
    if ((word & 0x40000000) !== 0) return 0;
    more = word >>> 31 === 1;
    if (!more) break;
    if (at + 4 > length) return 0;
    word = u32le(bytes, at);
  }
  let padded = false;
  if ((present & 2) !== 0) {
    const flags = (present & 1) !== 0 ? ((at + 7) & ~7) + 8 : at;
    padded = flags < length && (bytes[flags]! & 0x20) !== 0;
  }
  return ieee80211(w, length, end, padded);
}

/** Opens a tunnel; false = too deep, stay outside. */
export function enter(w: Work): boolean {
  return ++w.depth <= TUNNELS_MAX;
}
