/** IPv4 (RFC 791), IPv6 (RFC 8200) with extension headers and fragments, and the tunnels that carry them. */
import { i32, u16 } from './bytes.ts';
import type { FragmentTable } from './fragments.ts';
import {
  IPPROTO_GRE,
  IPPROTO_ICMPV6,
  IPPROTO_IPIP,
  IPPROTO_IPV6,
  IPPROTO_MPLS,
  LAYER_DONE,
  LAYER_ETHERNET,
  LAYER_ETHERTYPE,
  LAYER_IPV4,
  LAYER_IPV6,
  LAYER_PPP,
  LAYER_TRANSPORT,
  UNPARSED_FRAGMENT,
  UNPARSED_IP_HEADER,
  UNPARSED_IPV6_EXTENSION,
  UNPARSED_TRUNCATED,
  type Packet,
} from './packet.ts';

/** Tunnels within tunnels beyond this count as the flow reached so far. */
const TUNNELS_MAX = 8;
/** Extension headers followed, as in the kernel programs. */
const EXTENSIONS_MAX = 8;

function copyAddress(p: Packet, bytes: Uint8Array, at: number, to: number, length: number): void {
  const addresses = p.addresses;
  if (length === 4) {
    addresses[to] = bytes[at]!;
    addresses[to + 1] = bytes[at + 1]!;
    addresses[to + 2] = bytes[at + 2]!;
    addresses[to + 3] = bytes[at + 3]!;
    if (p.wideAddresses !== 0) p.narrowAddresses();
    return;
  }
  p.wideAddresses = 1;
  for (let i = 0; i < 16; i++) addresses[to + i] = bytes[at + i]!;
}

export function ipHeader(p: Packet, bytes: Uint8Array): void {
  if (p.offset >= p.capturedEnd) return p.fail(UNPARSED_TRUNCATED);
  const version = (bytes[p.offset] ?? 0) >> 4;
  if (version === 4) p.layer = LAYER_IPV4;
  else if (version === 6) p.layer = LAYER_IPV6;
  else p.fail(UNPARSED_IP_HEADER);
}

export function ipv4Header(p: Packet, bytes: Uint8Array, fragments: FragmentTable, atNs: number): void {
  const at = p.offset;
  if (at + 20 > p.capturedEnd) return p.fail(UNPARSED_TRUNCATED);
  const first = bytes[at] ?? 0;
  const headerLength = (first & 15) * 4;
  let total = u16(bytes, at + 2);
  // Length 0: the packet was captured before segmentation offload filled it in (large sends).
  if (total === 0) total = p.end - at;
  if (first >> 4 !== 4 || headerLength < 20 || total < headerLength) return p.fail(UNPARSED_IP_HEADER);
  p.family = 4;
  p.protocol = bytes[at + 9] ?? 0;
  copyAddress(p, bytes, at + 12, 0, 4);
  copyAddress(p, bytes, at + 16, 16, 4);
  p.sourcePort = 0;
  p.destinationPort = 0;
  p.ipOffset = at;
  if (p.firstIpOffset < 0) p.firstIpOffset = at;
  // Ethernet pads short frames: the datagram ends where IP says. It cannot end past the frame.
  p.ipEnd = Math.min(p.end, at + total);
  p.end = p.ipEnd;
  p.ipId = u16(bytes, at + 4);
  p.offset = at + headerLength;
  p.transportOffset = p.offset;
  p.payloadOffset = p.offset;
  p.payloadLength = Math.max(0, p.end - p.offset);
  const fragment = u16(bytes, at + 6);
  fragmentOrTransport(p, fragments, (fragment & 0x1fff) * 8, (fragment & 0x2000) !== 0, p.ipId, atNs);
}

function fragmentOrTransport(
  p: Packet,
  fragments: FragmentTable,
  fragmentOffset: number,
  more: boolean,
  id: number,
  atNs: number,
): void {
  if (fragmentOffset === 0 && !more) {
    p.layer = LAYER_TRANSPORT;
    return;
  }
  p.fragment = 1;
  if (fragmentOffset === 0) {
    p.fragmentSlot = fragments.reserve(p, id, atNs);
    p.layer = LAYER_TRANSPORT;
    return;
  }
  if (!fragments.find(p, id, atNs)) return p.fail(UNPARSED_FRAGMENT);
  p.laterFragment = 1;
  p.layer = LAYER_DONE;
}

export function ipv6Header(p: Packet, bytes: Uint8Array, fragments: FragmentTable, atNs: number): void {
  const at = p.offset;
  if (at + 40 > p.capturedEnd) return p.fail(UNPARSED_TRUNCATED);
  if ((bytes[at] ?? 0) >> 4 !== 6) return p.fail(UNPARSED_IP_HEADER);
  const length = u16(bytes, at + 4);
  p.family = 6;
  copyAddress(p, bytes, at + 8, 0, 16);
  copyAddress(p, bytes, at + 24, 16, 16);
  p.sourcePort = 0;
  p.destinationPort = 0;
  p.ipOffset = at;
  if (p.firstIpOffset < 0) p.firstIpOffset = at;
  // Payload length 0: a jumbogram (RFC 2675) or segmentation offload; the frame's own length is what is left.
  p.ipEnd = length === 0 ? p.end : Math.min(p.end, at + 40 + length);
  p.end = p.ipEnd;
  p.ipId = 0;
  let next = bytes[at + 6] ?? 0;
  let offset = at + 40;
  for (let headers = 0; ; headers++) {
    const extension =
      next === 0 || next === 43 || next === 60 || next === 51 || next === 135 || next === 139 || next === 140;
    if (!extension && next !== 44) break;
    if (headers === EXTENSIONS_MAX) return p.fail(UNPARSED_IPV6_EXTENSION);
    if (offset + 8 > p.capturedEnd || offset + 8 > p.end) return p.fail(UNPARSED_TRUNCATED);
    const following = bytes[offset] ?? 0;
    if (next === 44) {
      const fragment = u16(bytes, offset + 2);
      const id = i32(bytes, offset + 4);
      p.ipId = id & 0xffff;
      // RFC 6946: an atomic fragment (offset 0, no more) is a whole datagram.
      const fragmentOffset = fragment & 0xfff8;
      const more = (fragment & 1) !== 0;
      offset += 8;
      next = following;
      if (fragmentOffset === 0 && !more) continue;
      p.transportOffset = offset;
      p.payloadOffset = offset;
      p.payloadLength = Math.max(0, p.end - offset);
      p.fragment = 1;
      if (fragmentOffset !== 0) {
        // The first fragment's chain of headers decides the protocol; the table is keyed by what the header names.
        p.protocol = 0;
        if (!fragments.find(p, id, atNs)) return p.fail(UNPARSED_FRAGMENT);
        p.laterFragment = 1;
        p.layer = LAYER_DONE;
        return;
      }
      p.protocol = 0;
      p.fragmentSlot = fragments.reserve(p, id, atNs);
      continue;
    }
    // RFC 4302 counts in words of four, less two; the others in words of eight, less one.
    const words = bytes[offset + 1] ?? 0;
    offset += next === 51 ? (words + 2) * 4 : (words + 1) * 8;
    next = following;
  }
  p.protocol = next;
  p.offset = offset;
  p.transportOffset = offset;
  p.payloadOffset = offset;
  p.payloadLength = Math.max(0, p.end - offset);
  p.layer = LAYER_TRANSPORT;
}

/** Keeps the flow found so far, to be counted if the inside cannot be named. False = too deep: stay here. */
function enterTunnel(p: Packet): boolean {
  if (p.tunnels >= TUNNELS_MAX) return false;
  p.tunnels++;
  p.outerFamily = p.family;
  p.outerProtocol = p.protocol;
  p.outerSourcePort = p.sourcePort;
  p.outerDestinationPort = p.destinationPort;
  p.outerPayloadOffset = p.payloadOffset;
  p.outerPayloadLength = p.payloadLength;
  p.outerTransportOffset = p.transportOffset;
  p.outerIpOffset = p.ipOffset;
  p.outerIpEnd = p.ipEnd;
  p.outerAddresses.set(p.addresses);
  p.tags = 0;
  return true;
}

/** The inside of the tunnel is no IP (ARP, LLDP, cut off): the packet counts in the tunnel's own flow. */
export function leaveTunnel(p: Packet): void {
  p.unparsed = -1;
  p.tunnels--;
  p.family = p.outerFamily;
  p.protocol = p.outerProtocol;
  p.sourcePort = p.outerSourcePort;
  p.destinationPort = p.outerDestinationPort;
  p.payloadOffset = p.outerPayloadOffset;
  p.payloadLength = p.outerPayloadLength;
  p.transportOffset = p.outerTransportOffset;
  p.ipOffset = p.outerIpOffset;
  p.ipEnd = p.outerIpEnd;
  p.addresses.set(p.outerAddresses);
  p.wideAddresses = 1;
  p.laterFragment = 0;
  p.tcp = 0;
  p.flags = 0;
  p.icmpType = -1;
  p.icmpError = 0;
}

/** Tunnels that are IP protocols of their own. True when `packet.layer` now names the inside. */
export function tunnelByProtocol(p: Packet, bytes: Uint8Array): boolean {
  switch (p.protocol) {
    case IPPROTO_IPIP:
    case IPPROTO_IPV6:
    case IPPROTO_MPLS: {
      const protocol = p.protocol;
      if (!enterTunnel(p)) return false;
      p.layer = protocol === IPPROTO_IPIP ? LAYER_IPV4 : protocol === IPPROTO_IPV6 ? LAYER_IPV6 : LAYER_ETHERTYPE;
      p.ethertype = 0x8847;
      return true;
    }
    case IPPROTO_GRE:
      return gre(p, bytes);
    default:
      return false;
  }
}

const ETHERTYPE_WCCP = 0x883e;

/** GRE (RFC 2784, 2890), the PPTP form (RFC 2637), transparent Ethernet, ERSPAN and what WCCP redirects. */
function gre(p: Packet, bytes: Uint8Array): boolean {
  const at = p.offset;
  if (at + 4 > p.capturedEnd) return false;
  const flags = u16(bytes, at);
  const type = u16(bytes, at + 2);
  const version = flags & 7;
  let offset = at + 4;
  if ((flags & 0x2000) !== 0) offset += 4;
  if ((flags & 0x1000) !== 0) offset += 4;
  if (version === 1) {
    if (type !== 0x880b || (flags & 0x1000) === 0) return false;
    if ((flags & 0x0080) !== 0) offset += 4;
    if (!enterTunnel(p)) return false;
    p.layer = LAYER_PPP;
  } else {
    if (version !== 0 || (flags & 0x4000) !== 0) return false;
    if ((flags & 0x8000) !== 0) offset += 4;
    const erspan2 = type === 0x88be;
    const erspan3 = type === 0x22eb;
    if (erspan2 && (flags & 0x1000) !== 0) offset += 8;
    if (erspan3) {
      if (offset + 12 > p.capturedEnd) return false;
      offset += ((bytes[offset + 11] ?? 0) & 1) === 1 ? 20 : 12;
    }
    if (!enterTunnel(p)) return false;
    p.layer = erspan2 || erspan3 ? LAYER_ETHERNET : LAYER_ETHERTYPE;
    p.ethertype = type === ETHERTYPE_WCCP ? 0x0800 : type;
    // Version 2 of WCCP puts a header of four bytes before the packet, version 1 none.
    if (type === ETHERTYPE_WCCP && (bytes[offset] ?? 0) >> 4 !== 4) offset += 4;
  }
  p.offset = offset;
  return true;
}

const PORT_VXLAN = 4789;
/** Linux's default before the number was assigned; flannel still uses it. */
const PORT_VXLAN_LINUX = 8472;
const PORT_VXLAN_GPE = 4790;
const PORT_GENEVE = 6081;
const PORT_GTP_U = 2152;
const PORT_GRE = 4754;

export function isTunnelPort(port: number): boolean {
  return (
    port === PORT_VXLAN ||
    port === PORT_VXLAN_LINUX ||
    port === PORT_VXLAN_GPE ||
    port === PORT_GENEVE ||
    port === PORT_GTP_U ||
    port === PORT_GRE
  );
}

/** Tunnels within UDP, by destination port and a header that fits. True when `packet.layer` now names the inside. */
export function tunnelByPort(p: Packet, bytes: Uint8Array): boolean {
  const port = p.destinationPort;
  const at = p.payloadOffset;
  if (!isTunnelPort(port)) return false;
  if (at + 8 > p.capturedEnd || p.payloadLength < 8) return false;
  const first = bytes[at] ?? 0;
  if (port === PORT_GRE) {
    // RFC 8086
    p.offset = at;
    return gre(p, bytes);
  }
  if (port === PORT_GTP_U) {
    const inner = gtpInside(bytes, at, p.capturedEnd);
    if (inner < 0 || !enterTunnel(p)) return false;
    p.offset = inner;
    p.layer = (bytes[inner] ?? 0) >> 4 === 4 ? LAYER_IPV4 : LAYER_IPV6;
    return true;
  }
  if (port === PORT_GENEVE) {
    // RFC 8926: version 0, options in words of four.
    if (first >> 6 !== 0 || !enterTunnel(p)) return false;
    p.offset = at + 8 + (first & 63) * 4;
    p.ethertype = u16(bytes, at + 2);
    p.layer = LAYER_ETHERTYPE;
    return true;
  }
  // RFC 7348: the VNI flag must be set; on the old port all reserved bits must be clear too.
  if ((first & 8) === 0) return false;
  if (
    port === PORT_VXLAN_LINUX &&
    (first !== 8 || bytes[at + 1] !== 0 || u16(bytes, at + 2) !== 0 || bytes[at + 7] !== 0)
  )
    return false;
  const next = port === PORT_VXLAN_GPE ? bytes[at + 3] : 3;
  if (next !== 1 && next !== 2 && next !== 3) return false;
  if (!enterTunnel(p)) return false;
  p.offset = at + 8;
  p.layer = next === 1 ? LAYER_IPV4 : next === 2 ? LAYER_IPV6 : LAYER_ETHERNET;
  return true;
}

/**
 * Where a user's packet within GTP-U begins (3GPP TS 29.281 §5): version 1, message type 255, extension headers in words
 * of four. −1 = there is none.
 */
export function gtpInside(bytes: Uint8Array, at: number, end: number): number {
  const flags = bytes[at] ?? 0;
  if (flags >> 4 !== 3 || bytes[at + 1] !== 255) return -1;
  let inner = at + 8;
  if ((flags & 7) !== 0) {
    inner += 4;
    let next = (flags & 4) !== 0 && inner <= end ? (bytes[inner - 1] ?? 0) : 0;
    for (let headers = 0; next !== 0; headers++) {
      const words = inner < end ? (bytes[inner] ?? 0) : 0;
      if (headers === EXTENSIONS_MAX || words === 0 || inner + words * 4 > end) return -1;
      inner += words * 4;
      next = bytes[inner - 1] ?? 0;
    }
  }
  const version = inner < end ? (bytes[inner] ?? 0) >> 4 : 0;
  return version === 4 || version === 6 ? inner : -1;
}

/**
 * Reads the packet that an ICMP error quotes and makes its flow the packet's flow, with source and destination
 * swapped, as the error answers it. False when the quote does not name one.
 */
export function quotedFlow(p: Packet, bytes: Uint8Array, at: number, family: number): boolean {
  const end = Math.min(p.capturedEnd, p.end);
  let protocol: number;
  let ports: number;
  if (family === 4) {
    if (at + 20 > end || (bytes[at] ?? 0) >> 4 !== 4) return false;
    const headerLength = ((bytes[at] ?? 0) & 15) * 4;
    if (headerLength < 20 || (u16(bytes, at + 6) & 0x1fff) !== 0) return false;
    protocol = bytes[at + 9] ?? 0;
    ports = at + headerLength;
  } else {
    if (at + 40 > end || (bytes[at] ?? 0) >> 4 !== 6) return false;
    protocol = bytes[at + 6] ?? 0;
    ports = at + 40;
    for (let headers = 0; protocol === 0 || protocol === 43 || protocol === 60 || protocol === 44; headers++) {
      if (headers === EXTENSIONS_MAX || ports + 8 > end) return false;
      if (protocol === 44 && (u16(bytes, ports + 2) & 0xfff8) !== 0) return false;
      const length = protocol === 44 ? 8 : ((bytes[ports + 1] ?? 0) + 1) * 8;
      protocol = bytes[ports] ?? 0;
      ports += length;
    }
  }
  let source = 0;
  let destination = 0;
  if (protocol === 6 || protocol === 17 || protocol === 132) {
    if (ports + 4 > end) return false;
    source = u16(bytes, ports);
    destination = u16(bytes, ports + 2);
  } else if (protocol === 1 || protocol === IPPROTO_ICMPV6) {
    if (ports + 8 > end) return false;
    const type = bytes[ports] ?? 0;
    const echo = protocol === 1 ? type === 8 || type === 0 : type === 128 || type === 129;
    if (echo) source = destination = u16(bytes, ports + 4);
  }
  const length = family === 4 ? 4 : 16;
  copyAddress(p, bytes, family === 4 ? at + 16 : at + 24, 0, length);
  copyAddress(p, bytes, family === 4 ? at + 12 : at + 8, 16, length);
  p.family = family;
  p.protocol = protocol;
  p.sourcePort = destination;
  p.destinationPort = source;
  p.icmpError = 1;
  p.payloadLength = 0;
  return true;
}
