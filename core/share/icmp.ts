/** ICMP, ICMPv6 with neighbour discovery, IGMP: headers and addresses stay, everything carried does not. */
import { checksum } from './checksum.ts';
import { cleanIpv4, cleanIpv6 } from './network.ts';
import type { Work } from './packet.ts';
import { seal, type Inside } from './transport.ts';

const PLAIN_HEADER = 4;

export function cleanIcmp4(w: Work, at: number, limit: number, inside: Inside): number {
  const { bytes } = w;
  let kept = Math.min(at + 8, limit);
  const type = bytes[at]!;
  switch (type) {
    case 0: // echo reply
    case 8: // echo
    case 13: // timestamp
    case 14:
    case 17: // address mask
    case 18:
      break;
    case 5: // redirect
      if (at + 8 > limit) return Math.min(at + PLAIN_HEADER, limit);
      w.addresses.v4(bytes, at + 4);
      kept = cleanIpv4(w, at + 8, inside.end);
      break;
    case 3: // unreachable
    case 4: // source quench
    case 11: // time exceeded
    case 12: // parameter problem
      if (at + 8 <= limit) kept = cleanIpv4(w, at + 8, inside.end);
      break;
    default:
      kept = Math.min(at + PLAIN_HEADER, limit);
  }
  checksum(bytes, at + 2, at, kept);
  return kept;
}

export function cleanIcmp6(w: Work, at: number, limit: number, inside: Inside): number {
  const kept = icmp6Body(w, at, limit, inside.end);
  seal(w, at + 2, at, kept, inside);
  return kept;
}

function icmp6Body(w: Work, at: number, limit: number, end: number): number {
  const { bytes, addresses } = w;
  const type = bytes[at]!;
  const map = (...offsets: number[]): void => offsets.forEach((offset) => addresses.v6(bytes, at + offset));
  const short = (length: number): boolean => at + length > limit;
  if (type >= 1 && type <= 4) return short(8) ? limit : cleanIpv6(w, at + 8, end);
  if (type === 128 || type === 129 || type === 143) return Math.min(at + 8, limit);
  if (type === 133 && !short(8)) return neighbourOptions(w, at + 8, limit);
  if (type === 134 && !short(16)) return neighbourOptions(w, at + 16, limit);
  if (type >= 130 && type <= 132 && !short(24)) {
    map(8);
    return at + 24;
  }
  if ((type === 135 || type === 136) && !short(24)) {
    map(8);
    return neighbourOptions(w, at + 24, limit);
  }
  if (type === 137 && !short(40)) {
    map(8, 24);
    return neighbourOptions(w, at + 40, limit);
  }
  return Math.min(at + PLAIN_HEADER, limit);
}

/** RFC 4861 §4.6: link-layer addresses of six bytes; what is anything else ends it. */
function neighbourOptions(w: Work, from: number, limit: number): number {
  let at = from;
  while (at + 8 <= limit && (w.bytes[at] === 1 || w.bytes[at] === 2) && w.bytes[at + 1] === 1) {
    w.addresses.mac(w.bytes, at + 2);
    at += 8;
  }
  return at;
}

export function cleanIgmp(w: Work, at: number, limit: number): number {
  const kept = Math.min(at + 8, limit);
  const type = w.bytes[at]!;
  const grouped = type === 0x11 || type === 0x12 || type === 0x16 || type === 0x17;
  if (!grouped || at + 8 > limit) return Math.min(at + PLAIN_HEADER, limit, kept);
  w.addresses.v4(w.bytes, at + 4);
  checksum(w.bytes, at + 2, at, kept);
  return kept;
}
