/** Transport headers that may be given away, with right checksums for a payload of zeros, and the insides of tunnels. */
import { crc32c } from '../capture/crc32c.ts';
import { u16 } from '../dissect/bytes.ts';
import { gtpInside, isTunnelPort } from '../dissect/network.ts';
import { checksum, put16 } from './checksum.ts';
import { cleanIcmp4, cleanIcmp6, cleanIgmp } from './icmp.ts';
import { cleanIpv4, cleanIpv6 } from './network.ts';
import { cleanEthernet, cleanEthertype, cleanMpls, cleanPpp, enter, type Work } from './packet.ts';

/** What the IP header says of what follows it. */
export interface Inside {
  readonly protocol: number;
  /** Where it ends on the wire. */
  readonly end: number;
  /** The first of several fragments: no checksum can be right for what is left. */
  readonly fragment: boolean;
  /** Sum of the pseudo-header without its length. */
  readonly sum: number;
  /** Bytes of it, as the IP header tells. */
  readonly length: number;
}

const NOP = 1;
/** Options of TCP that say something of the transport only: MSS, window scale, SACK permitted, SACK, timestamps. */
const TCP_OPTIONS: readonly number[] = [2, 3, 4, 5, 8];

export function cleanTransport(w: Work, at: number, inside: Inside): number {
  const limit = Math.min(w.captured, inside.end);
  if (at >= limit) return Math.min(at, w.captured);
  switch (inside.protocol) {
    case 6:
      return tcp(w, at, limit, inside);
    case 17:
      return udp(w, at, limit, inside);
    case 1:
      return cleanIcmp4(w, at, limit, inside);
    case 58:
      return cleanIcmp6(w, at, limit, inside);
    case 2:
      return cleanIgmp(w, at, limit);
    case 132:
      return sctp(w, at, limit);
    case 4:
      return enter(w) ? cleanIpv4(w, at, inside.end) : at;
    case 41:
      return enter(w) ? cleanIpv6(w, at, inside.end) : at;
    case 137:
      return enter(w) ? cleanMpls(w, at, inside.end) : at;
    case 47:
      return gre(w, at, limit, inside);
    case 50: // ESP: index and sequence number
      return Math.min(at + 8, limit);
    default:
      return at;
  }
}

/** Puts the checksum of what is left of a segment or datagram; of the first of several fragments it is 0. */
export function seal(w: Work, field: number, at: number, kept: number, inside: Inside, length = inside.length): void {
  checksum(w.bytes, field, at, kept, inside.sum + length);
  if (inside.fragment && field + 2 <= kept) put16(w.bytes, field, 0);
}

function tcp(w: Work, at: number, limit: number, inside: Inside): number {
  const { bytes } = w;
  if (at + 13 > limit) return limit;
  const header = at + Math.max(20, (bytes[at + 12]! >> 4) * 4);
  const kept = Math.min(header, limit);
  for (let option = at + 20; option < kept;) {
    const kind = bytes[option]!;
    if (kind <= NOP) {
      option++;
      continue;
    }
    const length = option + 1 < kept ? bytes[option + 1]! : 0;
    const whole = length >= 2 && option + length <= kept;
    const stop = whole ? option + length : kept;
    if (!whole || !TCP_OPTIONS.includes(kind)) bytes.fill(NOP, option, stop);
    option = stop;
  }
  seal(w, at + 16, at, kept, inside);
  return kept;
}

function udp(w: Work, at: number, limit: number, inside: Inside): number {
  const { bytes } = w;
  const header = at + 8;
  if (header > limit) {
    bytes.fill(0, Math.min(at + 6, limit), limit);
    return limit;
  }
  const port = u16(bytes, at + 2);
  const kept = isTunnelPort(port) && !inside.fragment ? tunnelByPort(w, port, header, limit, inside.end) : header;
  if (u16(bytes, at + 6) === 0) return kept; // none was made
  // The pseudo-header has the length that the UDP header tells.
  seal(w, at + 6, at, kept, inside, u16(bytes, at + 4));
  if (!inside.fragment && u16(bytes, at + 6) === 0) put16(bytes, at + 6, 0xffff);
  return kept;
}

/** VXLAN (also GPE), Geneve, GTP-U. Options of Geneve and the endpoint's id of GTP-U become zeros. */
function tunnelByPort(w: Work, port: number, at: number, limit: number, end: number): number {
  const { bytes } = w;
  if (at + 8 > limit) return at;
  if (port === 4754) return at; // GRE in UDP: the header stays as it is, nothing behind it
  if (port === 2152) {
    const inner = gtpInside(bytes, at, limit);
    if (inner < 0 || (bytes[at]! & 4) !== 0 || !enter(w)) return at; // what extension headers hold is not known
    bytes.fill(0, at + 4, inner);
    return bytes[inner]! >> 4 === 4 ? cleanIpv4(w, inner, end) : cleanIpv6(w, inner, end);
  }
  if (port === 6081) {
    const options = at + 8 + (bytes[at]! & 63) * 4;
    if (bytes[at]! >> 6 !== 0 || options > limit || !enter(w)) return at;
    const type = u16(bytes, at + 2);
    bytes.fill(0, at + 8, options);
    return cleanEthertype(w, type, options, end);
  }
  if ((bytes[at]! & 8) === 0 || !enter(w)) return at;
  const next = port === 4790 ? bytes[at + 3]! : 3;
  if (next < 1 || next > 3) return at;
  if (next === 3) return cleanEthernet(w, at + 8, end);
  return next === 1 ? cleanIpv4(w, at + 8, end) : cleanIpv6(w, at + 8, end);
}

/** RFC 2784 and 2890, PPTP, ERSPAN, WCCP: as core/dissect/network.ts reads them. */
function gre(w: Work, at: number, limit: number, inside: Inside): number {
  const { bytes } = w;
  if (at + 4 > limit) return at;
  const flags = u16(bytes, at);
  const type = u16(bytes, at + 2);
  const version = flags & 7;
  const summed = (flags & 0x8000) !== 0;
  let next = at + 4 + ((flags & 0x2000) !== 0 ? 4 : 0) + ((flags & 0x1000) !== 0 ? 4 : 0);
  if (version === 1) {
    if (type !== 0x880b) return at + 4;
    if ((flags & 0x0080) !== 0) next += 4;
    return next > limit || !enter(w) ? at + 4 : cleanPpp(w, next, inside.end);
  }
  if (version !== 0 || (flags & 0x4000) !== 0) return at + 4;
  if (summed) next += 4;
  const erspan2 = type === 0x88be;
  const erspan3 = type === 0x22eb;
  if (erspan2 && (flags & 0x1000) !== 0) next += 8;
  if (erspan3) next += next + 12 <= limit && (bytes[next + 11]! & 1) === 1 ? 20 : 12;
  const wccp = type === 0x883e;
  if (wccp && next < limit && bytes[next]! >> 4 !== 4) next += 4;
  if (next > limit || !enter(w)) return at + 4;
  const ethertype = wccp ? 0x0800 : type;
  const kept = erspan2 || erspan3 ? cleanEthernet(w, next, inside.end) : cleanEthertype(w, ethertype, next, inside.end);
  if (summed) checksum(bytes, at + 4, at, kept);
  return kept;
}

function sctp(w: Work, at: number, limit: number): number {
  const kept = Math.min(at + 12, limit);
  if (at + 12 > limit) {
    w.bytes.fill(0, Math.min(at + 8, limit), limit);
    return kept;
  }
  // CRC-32C, little-endian (RFC 9260, appendix A), of the header alone: chunks are cut off.
  w.bytes.fill(0, at + 8, at + 12);
  new DataView(w.bytes.buffer).setUint32(at + 8, crc32c(w.bytes, at, at + 12), true);
  return kept;
}
