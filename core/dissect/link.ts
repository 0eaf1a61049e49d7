/**
 * Link layers by LINKTYPE number (https://www.tcpdump.org/linktypes.html). Each function reads one header at
 * `packet.offset`, then says through `packet.layer` what follows, or fails with a reason.
 */
import { u16, u16le, u32, u32le } from './bytes.ts';
import {
  LAYER_ETHERNET,
  LAYER_ETHERTYPE,
  LAYER_IEEE80211,
  LAYER_IP,
  LAYER_IPV4,
  LAYER_IPV6,
  LAYER_LINK_TYPE,
  LAYER_LLC,
  LAYER_PPP,
  UNPARSED_ARP,
  UNPARSED_ETHERTYPE,
  UNPARSED_LINK_TYPE,
  UNPARSED_LLC,
  UNPARSED_TRUNCATED,
  UNPARSED_VLAN,
  type Packet,
} from './packet.ts';

export const ETHERTYPE_IPV4 = 0x0800;
export const ETHERTYPE_ARP = 0x0806;
export const ETHERTYPE_TEB = 0x6558;
export const ETHERTYPE_IPV6 = 0x86dd;
export const ETHERTYPE_MPLS = 0x8847;
export const ETHERTYPE_PPPOE = 0x8864;

/** Two tags are followed, as in the kernel programs. */
const TAGS_MAX = 2;
const ARPHRD_NETLINK = 824;

export function isVlanType(type: number): boolean {
  return type === 0x8100 || type === 0x88a8 || type === 0x9100 || type === 0x9200;
}

/** The name of a link type that this reader decodes, `null` for others (recorded, not decoded). */
export const LINK_TYPE_NAMES: ReadonlyMap<number, string> = new Map([
  [0, 'null'],
  [1, 'ethernet'],
  [9, 'ppp'],
  [12, 'raw'],
  [14, 'raw'],
  [50, 'ppp-hdlc'],
  [51, 'pppoe'],
  [101, 'raw'],
  [104, 'c-hdlc'],
  [105, 'ieee802.11'],
  [108, 'loop'],
  [109, 'enc'],
  [113, 'linux-sll'],
  [117, 'pflog'],
  [127, 'radiotap'],
  [149, 'user2 (pktap)'],
  [228, 'ipv4'],
  [229, 'ipv6'],
  [239, 'nflog'],
  [258, 'pktap'],
  [276, 'linux-sll2'],
]);

/** First step: the header that the link type promises. */
export function linkHeader(p: Packet, bytes: Uint8Array, linkType: number): void {
  switch (linkType) {
    case 1:
      p.layer = LAYER_ETHERNET;
      return;
    case 12:
    case 14:
    case 101:
      p.layer = LAYER_IP;
      return;
    case 228:
      p.layer = LAYER_IPV4;
      return;
    case 229:
      p.layer = LAYER_IPV6;
      return;
    case 0:
    case 108:
    case 109:
      return nullHeader(p, bytes, linkType === 109 ? 12 : 4);
    case 113:
      return cookedHeader(p, bytes);
    case 276:
      return cooked2Header(p, bytes);
    case 9:
      p.layer = LAYER_PPP;
      return;
    case 50:
    case 104:
      return hdlcHeader(p, bytes);
    case 51:
      p.ethertype = ETHERTYPE_PPPOE;
      p.layer = LAYER_ETHERTYPE;
      return;
    case 105:
      p.layer = LAYER_IEEE80211;
      return;
    case 127:
      return radiotapHeader(p, bytes);
    case 117:
      return pflogHeader(p, bytes);
    case 239:
      return nflogHeader(p, bytes);
    case 149:
    case 258:
      return pktapHeader(p, bytes, linkType === 149);
    default:
      p.fail(UNPARSED_LINK_TYPE);
  }
}

/** True when `count` bytes at the packet's offset were captured; else ends dissection as truncated. */
function need(p: Packet, count: number): boolean {
  if (p.offset + count <= p.capturedEnd) return true;
  p.fail(UNPARSED_TRUNCATED);
  return false;
}

/** AF_INET is 2 everywhere; AF_INET6 is 10 (Linux), 24 (NetBSD, OpenBSD), 28 (FreeBSD), 30 (Darwin). */
function addressFamilyLayer(family: number): number {
  if (family === 2) return LAYER_IPV4;
  return family === 10 || family === 24 || family === 28 || family === 30 ? LAYER_IPV6 : -1;
}

/** NULL, LOOP, ENC: a family in the capturing host's byte order, which the file's order does not always tell. */
function nullHeader(p: Packet, bytes: Uint8Array, length: number): void {
  if (!need(p, length)) return;
  let layer = addressFamilyLayer(u32le(bytes, p.offset));
  if (layer < 0) layer = addressFamilyLayer(u32(bytes, p.offset));
  if (layer < 0) return p.fail(UNPARSED_ETHERTYPE);
  p.offset += length;
  p.layer = layer;
}

function cookedHeader(p: Packet, bytes: Uint8Array): void {
  if (!need(p, 16)) return;
  p.packetType = u16(bytes, p.offset);
  cookedProtocol(p, u16(bytes, p.offset + 2), u16(bytes, p.offset + 14), 16);
}

function cooked2Header(p: Packet, bytes: Uint8Array): void {
  if (!need(p, 20)) return;
  p.linkInterface = u32(bytes, p.offset + 4);
  p.packetType = bytes[p.offset + 10] ?? 0;
  cookedProtocol(p, u16(bytes, p.offset + 8), u16(bytes, p.offset), 20);
}

function cookedProtocol(p: Packet, hardware: number, protocol: number, length: number): void {
  if (hardware === ARPHRD_NETLINK) return p.fail(UNPARSED_LINK_TYPE);
  p.offset += length;
  p.ethertype = protocol;
  if (protocol === 4) p.layer = LAYER_LLC;
  else if (protocol < 0x600) p.fail(UNPARSED_LLC);
  else p.layer = LAYER_ETHERTYPE;
}

export function ethernetHeader(p: Packet, bytes: Uint8Array): void {
  if (!need(p, 14)) return;
  const type = u16(bytes, p.offset + 12);
  p.offset += 14;
  p.ethertype = type;
  p.layer = type < 0x600 ? LAYER_LLC : LAYER_ETHERTYPE;
}

/** IEEE 802.2: only SNAP (RFC 1042, also the bridge tunnel OUI) carries an EtherType. */
export function llcHeader(p: Packet, bytes: Uint8Array): void {
  if (!need(p, 3)) return;
  const snap = bytes[p.offset] === 0xaa && bytes[p.offset + 1] === 0xaa && bytes[p.offset + 2] === 3;
  if (!snap) {
    // RFC 948: IPv4 directly on LLC.
    if (bytes[p.offset] === 6 && bytes[p.offset + 1] === 6 && bytes[p.offset + 2] === 3) {
      p.offset += 3;
      p.layer = LAYER_IPV4;
      return;
    }
    return p.fail(UNPARSED_LLC);
  }
  if (!need(p, 8)) return;
  const oui = u16(bytes, p.offset + 3) * 256 + (bytes[p.offset + 5] ?? 0);
  if (oui !== 0 && oui !== 0xf8) return p.fail(UNPARSED_LLC);
  p.ethertype = u16(bytes, p.offset + 6);
  p.offset += 8;
  p.layer = LAYER_ETHERTYPE;
}

export function ethertype(p: Packet, bytes: Uint8Array): void {
  const type = p.ethertype;
  if (type === ETHERTYPE_IPV4) p.layer = LAYER_IPV4;
  else if (type === ETHERTYPE_IPV6) p.layer = LAYER_IPV6;
  else if (type === ETHERTYPE_ARP) p.fail(UNPARSED_ARP);
  else if (isVlanType(type)) vlanTag(p, bytes);
  else if (type === ETHERTYPE_MPLS || type === 0x8848) mplsLabels(p, bytes);
  else if (type === ETHERTYPE_PPPOE) {
    // RFC 2516: version, code 0 = session data, session id, length.
    if (!need(p, 6)) return;
    if (bytes[p.offset + 1] !== 0) return p.fail(UNPARSED_ETHERTYPE);
    p.end = Math.min(p.end, p.offset + 6 + u16(bytes, p.offset + 4));
    p.offset += 6;
    p.layer = LAYER_PPP;
  } else if (type === ETHERTYPE_TEB) p.layer = LAYER_ETHERNET;
  else if (type < 0x600) p.layer = LAYER_LLC;
  else p.fail(UNPARSED_ETHERTYPE);
}

function vlanTag(p: Packet, bytes: Uint8Array): void {
  if (p.tags === TAGS_MAX) return p.fail(UNPARSED_VLAN);
  if (!need(p, 4)) return;
  const id = u16(bytes, p.offset) & 0xfff;
  if (p.tags === 0) p.vlan = id;
  else p.innerVlan = id;
  p.tags++;
  p.ethertype = u16(bytes, p.offset + 2);
  p.offset += 4;
  p.layer = p.ethertype < 0x600 ? LAYER_LLC : LAYER_ETHERTYPE;
}

/** RFC 3032 labels up to the bottom of the stack; then IP by its version, or a pseudowire (RFC 4448) of Ethernet. */
export function mplsLabels(p: Packet, bytes: Uint8Array): void {
  for (;;) {
    if (!need(p, 4)) return;
    const bottom = ((bytes[p.offset + 2] ?? 0) & 1) === 1;
    p.offset += 4;
    if (bottom) break;
  }
  if (!need(p, 1)) return;
  const version = (bytes[p.offset] ?? 0) >> 4;
  if (version === 4) p.layer = LAYER_IPV4;
  else if (version === 6) p.layer = LAYER_IPV6;
  else if (version === 0) {
    p.offset += 4;
    p.layer = LAYER_ETHERNET;
  } else p.fail(UNPARSED_ETHERTYPE);
}

/** RFC 1661, with or without HDLC address and control, protocol field of one or two bytes. */
export function pppHeader(p: Packet, bytes: Uint8Array): void {
  if (p.offset + 4 <= p.capturedEnd && bytes[p.offset] === 0xff && bytes[p.offset + 1] === 3) p.offset += 2;
  if (!need(p, 2)) return;
  let protocol = bytes[p.offset] ?? 0;
  if ((protocol & 1) === 1) p.offset += 1;
  else {
    protocol = u16(bytes, p.offset);
    p.offset += 2;
  }
  if (protocol === 0x21) p.layer = LAYER_IPV4;
  else if (protocol === 0x57) p.layer = LAYER_IPV6;
  else if (protocol === 0x281 || protocol === 0x283) mplsLabels(p, bytes);
  else p.fail(UNPARSED_ETHERTYPE);
}

/** PPP in HDLC framing (RFC 1662), or Cisco HDLC whose protocol is an EtherType. */
function hdlcHeader(p: Packet, bytes: Uint8Array): void {
  if (!need(p, 4)) return;
  const address = bytes[p.offset] ?? 0;
  if (address === 0x0f || address === 0x8f) {
    p.ethertype = u16(bytes, p.offset + 2);
    p.offset += 4;
    p.layer = LAYER_ETHERTYPE;
  } else p.layer = LAYER_PPP;
}

/** Radiotap: only the length and the data-pad flag matter (https://www.radiotap.org). */
function radiotapHeader(p: Packet, bytes: Uint8Array): void {
  if (!need(p, 8)) return;
  const start = p.offset;
  const length = u16le(bytes, start + 2);
  if (length < 8) return p.fail(UNPARSED_LINK_TYPE);
  if (!need(p, length)) return;
  const present = u32le(bytes, start + 4);
  let fields = start + 8;
  let word = present;
  while (word >= 0x80000000 && fields + 4 <= start + length) {
    word = u32le(bytes, fields);
    fields += 4;
  }
  let padded = false;
  if ((present & 2) !== 0) {
    let at = fields - start;
    if ((present & 1) !== 0) at = ((at + 7) & ~7) + 8;
    padded = at < length && ((bytes[start + at] ?? 0) & 0x20) !== 0;
  }
  p.offset = start + length;
  ieee80211Header(p, bytes, padded);
}

/** IEEE 802.11 data frames; management, control, null and encrypted frames name no flow. */
export function ieee80211Header(p: Packet, bytes: Uint8Array, padded: boolean): void {
  if (!need(p, 2)) return;
  const control = bytes[p.offset] ?? 0;
  const flags = bytes[p.offset + 1] ?? 0;
  const subtype = control >> 4;
  if (((control >> 2) & 3) !== 2 || (subtype & 4) !== 0 || (flags & 0x40) !== 0) return p.fail(UNPARSED_ETHERTYPE);
  let length = (flags & 3) === 3 ? 30 : 24;
  let aggregate = false;
  if ((subtype & 8) !== 0) {
    if (!need(p, length + 2)) return;
    aggregate = ((bytes[p.offset + length] ?? 0) & 0x80) !== 0;
    length += (flags & 0x80) !== 0 ? 6 : 2;
  }
  if (padded) length = (length + 3) & ~3;
  // An A-MSDU begins with a 14-byte subframe header; the first subframe names the flow.
  if (aggregate) length += 14;
  if (!need(p, length)) return;
  p.offset += length;
  p.layer = LAYER_LLC;
}

/** OpenBSD packet filter log: the header's own length, padded to four, then IP. */
function pflogHeader(p: Packet, bytes: Uint8Array): void {
  if (!need(p, 4)) return;
  const length = ((bytes[p.offset] ?? 0) + 3) & ~3;
  const layer = addressFamilyLayer(bytes[p.offset + 1] ?? 0);
  if (length < 48) return p.fail(UNPARSED_LINK_TYPE);
  if (layer < 0) return p.fail(UNPARSED_ETHERTYPE);
  if (!need(p, length)) return;
  p.offset += length;
  p.layer = layer;
}

const NFULA_PAYLOAD = 9;

/** Netfilter log: attributes in the capturing host's byte order up to the payload. */
function nflogHeader(p: Packet, bytes: Uint8Array): void {
  if (!need(p, 4)) return;
  const layer = addressFamilyLayer(bytes[p.offset] ?? 0);
  if (layer < 0) return p.fail(UNPARSED_ETHERTYPE);
  let at = p.offset + 4;
  if (at + 4 > p.capturedEnd) return p.fail(UNPARSED_TRUNCATED);
  const little = u16le(bytes, at) <= u16(bytes, at);
  while (at + 4 <= p.capturedEnd) {
    const length = little ? u16le(bytes, at) : u16(bytes, at);
    const type = (little ? u16le(bytes, at + 2) : u16(bytes, at + 2)) & 0x7fff;
    if (length < 4) break;
    if (type === NFULA_PAYLOAD) {
      p.offset = at + 4;
      p.end = Math.min(p.end, at + length);
      p.layer = layer;
      return;
    }
    at += (length + 3) & ~3;
  }
  p.fail(UNPARSED_TRUNCATED);
}

/** Apple's packet tap: header length, record type, then the link type of what follows. */
function pktapHeader(p: Packet, bytes: Uint8Array, guessed: boolean): void {
  if (!need(p, 12)) {
    if (guessed) p.fail(UNPARSED_LINK_TYPE);
    return;
  }
  const length = u32le(bytes, p.offset);
  const type = u32le(bytes, p.offset + 4);
  const linkType = u32le(bytes, p.offset + 8);
  const plausible = length >= 108 && length < 4096 && type === 1 && linkType !== 149 && linkType !== 258;
  if (!plausible) return p.fail(UNPARSED_LINK_TYPE);
  if (!need(p, length)) return;
  p.offset += length;
  p.ethertype = linkType;
  p.layer = LAYER_LINK_TYPE;
}
