/** ARP, TCP, UDP and ICMP as layers of the decoded tree. */
import { ipv4Text, ipv6Text, macText } from './address.ts';
import { u16, u32 } from './bytes.ts';
import { hex, LayerBuilder, type TreeLayer } from './tree-layer.ts';

const PROTOCOLS: ReadonlyMap<number, string> = new Map([
  [0, 'hop-by-hop options'],
  [1, 'ICMP'],
  [2, 'IGMP'],
  [4, 'IPv4'],
  [6, 'TCP'],
  [17, 'UDP'],
  [41, 'IPv6'],
  [43, 'routing'],
  [44, 'fragment'],
  [47, 'GRE'],
  [50, 'ESP'],
  [51, 'authentication'],
  [58, 'ICMPv6'],
  [59, 'no next header'],
  [60, 'destination options'],
  [89, 'OSPF'],
  [132, 'SCTP'],
  [135, 'mobility'],
]);

export function protocolText(protocol: number): string {
  const name = PROTOCOLS.get(protocol);
  return name === undefined ? String(protocol) : `${name} (${protocol})`;
}

const TCP_FLAG_NAMES = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG', 'ECE', 'CWR'];

export function tcpFlagsText(flags: number): string {
  return TCP_FLAG_NAMES.filter((_, bit) => (flags & (1 << bit)) !== 0).join(', ') || 'none';
}

export function tcpLayer(bytes: Uint8Array, at: number, end: number): TreeLayer {
  const b = new LayerBuilder(bytes, at, end);
  const full = b.has(at, 20);
  const headerLength = full ? (bytes[at + 12]! >> 4) * 4 : end - at;
  b.field('Source port', at, 2, () => String(u16(bytes, at)))
    .field('Destination port', at + 2, 2, () => String(u16(bytes, at + 2)))
    .field('Sequence number', at + 4, 4, () => String(u32(bytes, at + 4)))
    .field('Acknowledgement number', at + 8, 4, () => String(u32(bytes, at + 8)))
    .field('Header length', at + 12, 1, `${headerLength} bytes`)
    .field('Flags', at + 13, 1, () => tcpFlagsText(bytes[at + 13]!))
    .field('Window', at + 14, 2, () => String(u16(bytes, at + 14)))
    .field('Checksum', at + 16, 2, () => hex(u16(bytes, at + 16), 4))
    .field('Urgent pointer', at + 18, 2, () => String(u16(bytes, at + 18)));
  if (full && headerLength >= 20) tcpOptions(b, at + 20, Math.min(at + headerLength, b.end));
  const summary = full
    ? `${u16(bytes, at)} → ${u16(bytes, at + 2)} [${tcpFlagsText(bytes[at + 13]!)}] ${Math.max(0, end - at - headerLength)} bytes`
    : 'cut short';
  return b.done('TCP', summary, headerLength);
}

function tcpOptions(b: LayerBuilder, from: number, end: number): void {
  const { bytes } = b;
  let at = from;
  while (at < end) {
    const kind = bytes[at]!;
    if (kind === 0) return;
    if (kind === 1) {
      at++;
      continue;
    }
    const length = at + 1 < end ? bytes[at + 1]! : 0;
    if (length < 2 || at + length > end) {
      b.field('Option', at, end - at, `kind ${kind}, damaged`);
      return;
    }
    if (kind === 2 && length === 4) b.field('Maximum segment size', at, 4, String(u16(bytes, at + 2)));
    else if (kind === 3 && length === 3) b.field('Window scale', at, 3, `× ${2 ** Math.min(14, bytes[at + 2]!)}`);
    else if (kind === 4 && length === 2) b.field('SACK permitted', at, 2, 'yes');
    else if (kind === 5) {
      const blocks: string[] = [];
      for (let i = at + 2; i + 8 <= at + length; i += 8) blocks.push(`${u32(bytes, i)}–${u32(bytes, i + 4)}`);
      b.field('SACK', at, length, blocks.join(', '));
    } else if (kind === 8 && length === 10) {
      b.field('Timestamps', at, 10, `value ${u32(bytes, at + 2)}, echo ${u32(bytes, at + 6)}`);
    } else b.field('Option', at, length, `kind ${kind}, ${length} bytes`);
    at += length;
  }
}

export function udpLayer(bytes: Uint8Array, at: number, end: number): TreeLayer {
  const b = new LayerBuilder(bytes, at, end);
  b.field('Source port', at, 2, () => String(u16(bytes, at)))
    .field('Destination port', at + 2, 2, () => String(u16(bytes, at + 2)))
    .field('Length', at + 4, 2, () => String(u16(bytes, at + 4)))
    .field('Checksum', at + 6, 2, () => hex(u16(bytes, at + 6), 4));
  const summary = b.has(at, 8)
    ? `${u16(bytes, at)} → ${u16(bytes, at + 2)} ${Math.max(0, end - at - 8)} bytes`
    : 'cut short';
  return b.done('UDP', summary, 8);
}

const ICMP_TYPES: ReadonlyMap<number, string> = new Map([
  [0, 'echo reply'],
  [3, 'destination unreachable'],
  [4, 'source quench'],
  [5, 'redirect'],
  [8, 'echo request'],
  [9, 'router advertisement'],
  [10, 'router solicitation'],
  [11, 'time exceeded'],
  [12, 'parameter problem'],
  [13, 'timestamp'],
  [14, 'timestamp reply'],
]);
const ICMPV6_TYPES: ReadonlyMap<number, string> = new Map([
  [1, 'destination unreachable'],
  [2, 'packet too big'],
  [3, 'time exceeded'],
  [4, 'parameter problem'],
  [128, 'echo request'],
  [129, 'echo reply'],
  [130, 'multicast listener query'],
  [131, 'multicast listener report'],
  [133, 'router solicitation'],
  [134, 'router advertisement'],
  [135, 'neighbor solicitation'],
  [136, 'neighbor advertisement'],
  [137, 'redirect'],
  [143, 'multicast listener report v2'],
]);

export function icmpLayer(bytes: Uint8Array, at: number, end: number, v6: boolean): TreeLayer {
  const b = new LayerBuilder(bytes, at, end);
  const type = bytes[at] ?? 0;
  const name = (v6 ? ICMPV6_TYPES : ICMP_TYPES).get(type) ?? `type ${type}`;
  b.field('Type', at, 1, `${name} (${type})`)
    .field('Code', at + 1, 1, () => String(bytes[at + 1]!))
    .field('Checksum', at + 2, 2, () => hex(u16(bytes, at + 2), 4));
  const echo = v6 ? type === 128 || type === 129 : type === 8 || type === 0;
  if (echo) {
    b.field('Identifier', at + 4, 2, () => String(u16(bytes, at + 4)));
    b.field('Sequence number', at + 6, 2, () => String(u16(bytes, at + 6)));
  } else if (v6 && type === 2) b.field('MTU', at + 4, 4, () => String(u32(bytes, at + 4)));
  else if (!v6 && type === 3 && bytes[at + 1] === 4)
    b.field('Next-hop MTU', at + 6, 2, () => String(u16(bytes, at + 6)));
  else if (v6 && (type === 135 || type === 136)) b.field('Target', at + 8, 16, () => ipv6Text(bytes, at + 8));
  return b.done(v6 ? 'ICMPv6' : 'ICMP', name, 8);
}

export function arpLayer(bytes: Uint8Array, at: number): TreeLayer {
  const b = new LayerBuilder(bytes, at, bytes.length);
  if (!b.has(at, 28) || u16(bytes, at) !== 1 || u16(bytes, at + 2) !== 0x0800) {
    return b.done('ARP', 'not for IPv4 on Ethernet', bytes.length - at);
  }
  const operation = u16(bytes, at + 6);
  b.field('Operation', at + 6, 2, operation === 1 ? 'request (1)' : operation === 2 ? 'reply (2)' : String(operation))
    .field('Sender MAC', at + 8, 6, () => macText(bytes, at + 8))
    .field('Sender address', at + 14, 4, () => ipv4Text(bytes, at + 14))
    .field('Target MAC', at + 18, 6, () => macText(bytes, at + 18))
    .field('Target address', at + 24, 4, () => ipv4Text(bytes, at + 24));
  const summary =
    operation === 2
      ? `${ipv4Text(bytes, at + 14)} is at ${macText(bytes, at + 8)}`
      : `who has ${ipv4Text(bytes, at + 24)}? tell ${ipv4Text(bytes, at + 14)}`;
  return b.done('ARP', summary, 28);
}
