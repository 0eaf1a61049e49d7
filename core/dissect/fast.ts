/**
 * The packets that nearly all captures are full of, at constant offsets: Ethernet, cooked (SLL, SLL2) or raw IP, then
 * IPv4 without options or IPv6 without extension headers, whole, then TCP or UDP with their headers captured. What is
 * anything else is left to the layers of dissector.ts, which say the same of these packets, in five times the time.
 */
import { IPPROTO_TCP, IPPROTO_UDP, LAYER_DONE, PARSED, type Packet } from './packet.ts';
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from './link.ts';
import { isTunnelPort } from './network.ts';
import { tcpOptions } from './transport.ts';

const LINKTYPE_ETHERNET = 1;
const LINKTYPE_RAW = 101;
const LINKTYPE_SLL = 113;
const LINKTYPE_SLL2 = 276;
const ARPHRD_NETLINK = 824;
/** NOP, NOP, timestamps of ten bytes: what most segments carry and nothing else (RFC 7323, appendix A). */
const TIMESTAMPS_ONLY = 0x0101080a;

/**
 * Fills `p` and returns true, or returns false with nothing to rely on in `p`. `view` lies over `bytes`;
 * `capturedEnd` is at most its length, `end` at least `capturedEnd`.
 */
export function fastPacket(
  p: Packet,
  bytes: Uint8Array,
  view: DataView,
  linkType: number,
  offset: number,
  capturedEnd: number,
  end: number,
): boolean {
  let ip: number;
  let type: number;
  let packetType = -1;
  let linkInterface = -1;
  if (linkType === LINKTYPE_ETHERNET) {
    ip = offset + 14;
    if (ip + 28 > capturedEnd) return false;
    type = view.getUint16(offset + 12);
  } else if (linkType === LINKTYPE_RAW) {
    ip = offset;
    if (ip + 28 > capturedEnd) return false;
    type = bytes[ip]! >> 4 === 4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6;
  } else if (linkType === LINKTYPE_SLL2) {
    ip = offset + 20;
    if (ip + 28 > capturedEnd || view.getUint16(offset + 8) === ARPHRD_NETLINK) return false;
    type = view.getUint16(offset);
    linkInterface = view.getUint32(offset + 4);
    packetType = bytes[offset + 10]!;
  } else if (linkType === LINKTYPE_SLL) {
    ip = offset + 16;
    if (ip + 28 > capturedEnd || view.getUint16(offset + 2) === ARPHRD_NETLINK) return false;
    type = view.getUint16(offset + 14);
    packetType = view.getUint16(offset);
  } else return false;

  const words = p.addressWords;
  let at: number;
  let ipEnd: number;
  let protocol: number;
  let family: number;
  let id = 0;
  if (type === ETHERTYPE_IPV4) {
    if (bytes[ip] !== 0x45 || (view.getUint16(ip + 6) & 0x3fff) !== 0) return false;
    const total = view.getUint16(ip + 2);
    if (total < 20) return false;
    ipEnd = ip + total;
    protocol = bytes[ip + 9]!;
    at = ip + 20;
    family = 4;
    id = view.getUint16(ip + 4);
    if (p.wideAddresses !== 0) p.narrowAddresses();
    words[0] = view.getInt32(ip + 12, true);
    words[4] = view.getInt32(ip + 16, true);
  } else if (type === ETHERTYPE_IPV6) {
    if (ip + 48 > capturedEnd || bytes[ip]! >> 4 !== 6) return false;
    const length = view.getUint16(ip + 4);
    if (length === 0) return false;
    ipEnd = ip + 40 + length;
    protocol = bytes[ip + 6]!;
    at = ip + 40;
    family = 6;
    p.wideAddresses = 1;
    for (let i = 0; i < 8; i++) words[i] = view.getInt32(ip + 8 + i * 4, true);
  } else return false;
  // Ethernet pads short frames: the datagram ends where IP says. It cannot end past the frame.
  if (ipEnd > end) ipEnd = end;

  if (protocol === IPPROTO_TCP) {
    if (at + 20 > capturedEnd) return false;
    const headerLength = (bytes[at + 12]! >> 4) * 4;
    const payload = at + headerLength;
    if (headerLength < 20 || payload > ipEnd || payload > capturedEnd) return false;
    if (p.layered !== 0) p.reset(0, 0, 0);
    p.payloadOffset = payload;
    p.payloadLength = ipEnd - payload;
    p.sequence = view.getInt32(at + 4);
    p.acknowledgement = view.getInt32(at + 8);
    p.flags = bytes[at + 13]!;
    p.window = view.getUint16(at + 14);
    p.tcp = 1;
    if (headerLength === 32 && view.getInt32(at + 20) === TIMESTAMPS_ONLY) {
      if (p.otherOptions !== 0) p.clearTcpOptions();
      p.hasTimestamps = 1;
      p.tsval = view.getInt32(at + 24);
      p.tsecr = view.getInt32(at + 28);
    } else {
      p.clearTcpOptions();
      if (headerLength > 20) tcpOptions(p, bytes, at + 20, payload);
    }
  } else if (protocol === IPPROTO_UDP) {
    if (at + 8 > ipEnd) return false;
    if (isTunnelPort(view.getUint16(at + 2))) return false;
    const length = view.getUint16(at + 4);
    if (p.layered !== 0) p.reset(0, 0, 0);
    let payloadLength = ipEnd - at - 8;
    if (length >= 8 && length - 8 < payloadLength) payloadLength = length - 8;
    p.payloadOffset = at + 8;
    p.payloadLength = payloadLength;
    if (p.tcp !== 0) p.clearTcp();
  } else return false;
  p.unparsed = PARSED;
  p.layered = 0;
  p.layer = LAYER_DONE;
  p.family = family;
  p.protocol = protocol;
  p.sourcePort = view.getUint16(at);
  p.destinationPort = view.getUint16(at + 2);
  p.capturedEnd = capturedEnd;
  p.original = end - offset;
  p.packetType = packetType;
  p.linkInterface = linkInterface;
  p.ipOffset = ip;
  p.firstIpOffset = ip;
  p.ipEnd = ipEnd;
  p.ipId = id;
  p.transportOffset = at;
  p.offset = at;
  p.end = ipEnd;
  p.ethertype = linkType === LINKTYPE_RAW ? 0 : type;
  return true;
}
