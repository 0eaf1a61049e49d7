/** TCP (RFC 9293, options RFC 7323 and 2018), UDP (RFC 768), ICMP (RFC 792, 4443), SCTP (RFC 9260) ports. */
import { i32, u16 } from './bytes.ts';
import { quotedFlow, tunnelByPort, tunnelByProtocol } from './network.ts';
import {
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  LAYER_DONE,
  UNPARSED_TRUNCATED,
  type Packet,
} from './packet.ts';

export function transportHeader(p: Packet, bytes: Uint8Array): void {
  p.layer = LAYER_DONE;
  switch (p.protocol) {
    case IPPROTO_TCP:
      return tcpHeader(p, bytes);
    case IPPROTO_UDP:
      return udpHeader(p, bytes);
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
      return icmpHeader(p, bytes);
    case IPPROTO_SCTP:
      if (ports(p, bytes, 12)) {
        p.payloadOffset = p.offset + 12;
        p.payloadLength = Math.max(0, p.end - p.payloadOffset);
      }
      return;
    default:
      tunnelByProtocol(p, bytes);
  }
}

/**
 * Reads both ports. Where the capture ends before them but the wire did not, the packet still counts, under port 0 and
 * marked cut; where the datagram itself is too short it is truncated.
 */
function ports(p: Packet, bytes: Uint8Array, headerLength: number): boolean {
  if (p.offset + 4 > p.end) {
    p.fail(UNPARSED_TRUNCATED);
    return false;
  }
  p.payloadLength = Math.max(0, p.end - p.offset - headerLength);
  p.payloadOffset = p.offset + headerLength;
  if (p.offset + 4 > p.capturedEnd) {
    p.cut = 1;
    return false;
  }
  p.sourcePort = u16(bytes, p.offset);
  p.destinationPort = u16(bytes, p.offset + 2);
  return true;
}

function udpHeader(p: Packet, bytes: Uint8Array): void {
  if (!ports(p, bytes, 8)) return;
  if (p.offset + 8 > p.capturedEnd) {
    p.cut = 1;
    return;
  }
  const length = u16(bytes, p.offset + 4);
  if (p.fragment === 0 && length >= 8) p.payloadLength = Math.min(p.payloadLength, length - 8);
  tunnelByPort(p, bytes);
}

function tcpHeader(p: Packet, bytes: Uint8Array): void {
  if (!ports(p, bytes, 20)) return;
  const at = p.offset;
  if (at + 14 > p.capturedEnd) {
    p.cut = 1;
    return;
  }
  const headerLength = ((bytes[at + 12] ?? 0) >> 4) * 4;
  // A header length of less than 20 is no TCP; the packet keeps its flow but says nothing about the stream.
  if (headerLength < 20 || at + headerLength > p.end) {
    p.payloadLength = 0;
    return;
  }
  p.payloadOffset = at + headerLength;
  p.payloadLength = p.end - p.payloadOffset;
  p.sequence = i32(bytes, at + 4);
  p.acknowledgement = i32(bytes, at + 8);
  p.flags = bytes[at + 13] ?? 0;
  if (at + 16 > p.capturedEnd) {
    p.cut = 1;
    p.window = -1;
  } else p.window = u16(bytes, at + 14);
  p.tcp = 1;
  if (headerLength > 20) tcpOptions(p, bytes, at + 20, Math.min(at + headerLength, p.capturedEnd));
}

export function tcpOptions(p: Packet, bytes: Uint8Array, from: number, end: number): void {
  let at = from;
  p.otherOptions = 1;
  while (at < end) {
    const kind = bytes[at] ?? 0;
    if (kind === 0) return;
    if (kind === 1) {
      at++;
      continue;
    }
    if (at + 2 > end) return;
    const length = bytes[at + 1] ?? 0;
    if (length < 2 || at + length > end) return;
    if (kind === 2 && length === 4) p.mss = u16(bytes, at + 2);
    else if (kind === 3 && length === 3) p.windowScale = Math.min(14, bytes[at + 2] ?? 0);
    else if (kind === 4) p.sackPermitted = 1;
    else if (kind === 5) p.sackBlocks = (length - 2) >> 3;
    else if (kind === 8 && length === 10) {
      p.hasTimestamps = 1;
      p.tsval = i32(bytes, at + 2);
      p.tsecr = i32(bytes, at + 6);
    }
    at += length;
  }
}

function icmpHeader(p: Packet, bytes: Uint8Array): void {
  const at = p.offset;
  if (at + 4 > p.end) return p.fail(UNPARSED_TRUNCATED);
  p.payloadOffset = at + 8;
  p.payloadLength = Math.max(0, p.end - p.payloadOffset);
  if (at + 2 > p.capturedEnd) {
    p.cut = 1;
    return;
  }
  const version = p.protocol === IPPROTO_ICMP ? 4 : 6;
  const type = bytes[at] ?? 0;
  p.icmpType = type;
  p.icmpCode = bytes[at + 1] ?? 0;
  const echo = version === 4 ? type === 8 || type === 0 : type === 128 || type === 129;
  if (echo) {
    if (at + 8 > p.capturedEnd) {
      p.cut = 1;
      return;
    }
    p.sourcePort = p.destinationPort = u16(bytes, at + 4);
    p.echoSequence = u16(bytes, at + 6);
    return;
  }
  // Unreachable, source quench, redirect, time exceeded, parameter problem; v6: 1 to 4.
  const error =
    version === 4 ? type === 3 || type === 4 || type === 5 || type === 11 || type === 12 : type >= 1 && type <= 4;
  if (error) quotedFlow(p, bytes, at + 8, version);
}
