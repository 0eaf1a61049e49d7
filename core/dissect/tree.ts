/**
 * The decoded tree of one packet for the details pane: layers with their fields, each with its place in the packet's
 * bytes. For one packet at a time, so it may allocate. Text from the wire is untrusted: show it as text, escaped.
 */
import { ipv4Text, ipv6Text, macText } from './address.ts';
import { i32, u16, u32 } from './bytes.ts';
import { Dissector } from './dissector.ts';
import { isVlanType, LINK_TYPE_NAMES } from './link.ts';
import { IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_TCP, IPPROTO_UDP, UNPARSED_REASON_NAMES } from './packet.ts';
import { dnsLayer } from './tree-dns.ts';
import { hex, LayerBuilder, type TreeLayer } from './tree-layer.ts';
import { arpLayer, icmpLayer, protocolText, tcpLayer, udpLayer } from './tree-transport.ts';

const ETHERTYPE_TEXT: ReadonlyMap<number, string> = new Map([
  [0x0800, 'IPv4'],
  [0x0806, 'ARP'],
  [0x8100, '802.1Q VLAN'],
  [0x86dd, 'IPv6'],
  [0x8847, 'MPLS'],
  [0x8863, 'PPPoE discovery'],
  [0x8864, 'PPPoE session'],
  [0x88a8, '802.1ad QinQ'],
  [0x88cc, 'LLDP'],
  [0x88e5, 'MACsec'],
]);

function ethertypeText(type: number): string {
  const name = ETHERTYPE_TEXT.get(type);
  return name === undefined ? hex(type, 4) : `${name} (${hex(type, 4)})`;
}

/**
 * The layers of a packet (`bytes` = what was captured, from its first byte; `original` = length on the wire). Whatever
 * is inside a tunnel follows as further layers. Never throws.
 */
export function dissectTree(linkType: number, bytes: Uint8Array, original: number): TreeLayer[] {
  const layers: TreeLayer[] = [];
  const dissector = new Dissector();
  dissector.dissect(linkType, bytes, 0, bytes.length, original, 0);
  const p = dissector.packet;
  const linkName = LINK_TYPE_NAMES.get(linkType) ?? `link type ${linkType}`;
  if (linkType === 1) ethernetLayers(layers, bytes, 0);
  else {
    const length = p.firstIpOffset >= 0 ? p.firstIpOffset : bytes.length;
    if (length > 0) layers.push(new LayerBuilder(bytes, 0, length).done(linkName, `${length} bytes`, length));
    if (p.firstIpOffset >= 0) ipLayers(layers, bytes, p.firstIpOffset);
  }
  if (layers.length === 0)
    layers.push(new LayerBuilder(bytes, 0, bytes.length).done(linkName, 'no bytes', bytes.length));
  if (p.unparsed >= 0) {
    const reason = UNPARSED_REASON_NAMES[p.unparsed] ?? 'unknown';
    const last = layers[layers.length - 1]!;
    last.fields.push({ label: 'Not decoded', value: reason, offset: last.offset, length: last.length });
  }
  return layers;
}

function ethernetLayers(layers: TreeLayer[], bytes: Uint8Array, at: number): void {
  const b = new LayerBuilder(bytes, at, bytes.length);
  b.field('Destination', at, 6, () => macText(bytes, at));
  b.field('Source', at + 6, 6, () => macText(bytes, at + 6));
  if (!b.has(at, 14)) {
    layers.push(b.done('Ethernet', 'cut short', bytes.length - at));
    return;
  }
  let type = u16(bytes, at + 12);
  b.field(type < 0x600 ? 'Length' : 'Type', at + 12, 2, type < 0x600 ? String(type) : ethertypeText(type));
  layers.push(b.done('Ethernet', `${macText(bytes, at + 6)} → ${macText(bytes, at)}`, 14));
  let offset = at + 14;
  for (let tags = 0; isVlanType(type) && tags < 4; tags++) {
    const v = new LayerBuilder(bytes, offset, bytes.length);
    if (!v.has(offset, 4)) return;
    const control = u16(bytes, offset);
    v.field('Priority', offset, 2, String(control >> 13));
    v.field('VLAN', offset, 2, String(control & 0xfff));
    type = u16(bytes, offset + 2);
    v.field('Type', offset + 2, 2, ethertypeText(type));
    layers.push(v.done('VLAN', `id ${control & 0xfff}`, 4));
    offset += 4;
  }
  if (type === 0x0800 || type === 0x86dd) ipLayers(layers, bytes, offset);
  else if (type === 0x0806) layers.push(arpLayer(bytes, offset));
  else {
    // MPLS, PPPoE, LLC: the dissector knows how to step over them.
    const inner = new Dissector().dissect(1, bytes, 0, bytes.length, bytes.length, 0);
    if (inner.firstIpOffset >= offset) {
      const step = inner.firstIpOffset - offset;
      layers.push(new LayerBuilder(bytes, offset, bytes.length).done(ethertypeText(type), `${step} bytes`, step));
      ipLayers(layers, bytes, inner.firstIpOffset);
    }
  }
}

const LAYERS_MAX = 24;

function ipLayers(layers: TreeLayer[], bytes: Uint8Array, at: number): void {
  if (layers.length > LAYERS_MAX || at >= bytes.length) return;
  const version = bytes[at]! >> 4;
  if (version === 4) ipv4Layer(layers, bytes, at);
  else if (version === 6) ipv6Layer(layers, bytes, at);
}

function ipv4Layer(layers: TreeLayer[], bytes: Uint8Array, at: number): void {
  const b = new LayerBuilder(bytes, at, bytes.length);
  const headerLength = (bytes[at]! & 15) * 4;
  if (!b.has(at, 20) || headerLength < 20) {
    layers.push(b.done('IPv4', 'damaged header', bytes.length - at));
    return;
  }
  const fragment = u16(bytes, at + 6);
  const protocol = bytes[at + 9]!;
  const total = u16(bytes, at + 2);
  const flags = [(fragment & 0x4000) !== 0 ? 'do not fragment' : '', (fragment & 0x2000) !== 0 ? 'more fragments' : ''];
  b.field('Version', at, 1, '4')
    .field('Header length', at, 1, `${headerLength} bytes`)
    .field('DSCP', at + 1, 1, String(bytes[at + 1]! >> 2))
    .field('ECN', at + 1, 1, String(bytes[at + 1]! & 3))
    .field('Total length', at + 2, 2, String(total))
    .field('Identification', at + 4, 2, hex(u16(bytes, at + 4), 4))
    .field('Flags', at + 6, 2, flags.filter((flag) => flag !== '').join(', ') || 'none')
    .field('Fragment offset', at + 6, 2, String((fragment & 0x1fff) * 8))
    .field('Time to live', at + 8, 1, String(bytes[at + 8]!))
    .field('Protocol', at + 9, 1, protocolText(protocol))
    .field('Header checksum', at + 10, 2, hex(u16(bytes, at + 10), 4))
    .field('Source', at + 12, 4, () => ipv4Text(bytes, at + 12))
    .field('Destination', at + 16, 4, () => ipv4Text(bytes, at + 16))
    .field('Options', at + 20, headerLength - 20, `${headerLength - 20} bytes`);
  layers.push(b.done('IPv4', `${ipv4Text(bytes, at + 12)} → ${ipv4Text(bytes, at + 16)}`, headerLength));
  const end = Math.min(bytes.length, total === 0 ? bytes.length : at + total);
  if ((fragment & 0x1fff) !== 0) return;
  transportLayers(layers, bytes, at + headerLength, end, protocol);
}

function ipv6Layer(layers: TreeLayer[], bytes: Uint8Array, at: number): void {
  const b = new LayerBuilder(bytes, at, bytes.length);
  if (!b.has(at, 40)) {
    layers.push(b.done('IPv6', 'cut short', bytes.length - at));
    return;
  }
  const first = u32(bytes, at);
  const length = u16(bytes, at + 4);
  let next = bytes[at + 6]!;
  b.field('Version', at, 1, '6')
    .field('Traffic class', at, 2, hex((first >>> 20) & 0xff, 2))
    .field('Flow label', at + 1, 3, hex(first & 0xfffff, 5))
    .field('Payload length', at + 4, 2, String(length))
    .field('Next header', at + 6, 1, protocolText(next))
    .field('Hop limit', at + 7, 1, String(bytes[at + 7]!))
    .field('Source', at + 8, 16, () => ipv6Text(bytes, at + 8))
    .field('Destination', at + 24, 16, () => ipv6Text(bytes, at + 24));
  layers.push(b.done('IPv6', `${ipv6Text(bytes, at + 8)} → ${ipv6Text(bytes, at + 24)}`, 40));
  const end = Math.min(bytes.length, length === 0 ? bytes.length : at + 40 + length);
  let offset = at + 40;
  for (let headers = 0; headers < 8; headers++) {
    if (![0, 43, 44, 51, 60, 135].includes(next)) break;
    const e = new LayerBuilder(bytes, offset, end);
    if (!e.has(offset, 8)) return;
    const size = next === 44 ? 8 : next === 51 ? (bytes[offset + 1]! + 2) * 4 : (bytes[offset + 1]! + 1) * 8;
    const later = next === 44 && (u16(bytes, offset + 2) & 0xfff8) !== 0;
    e.field('Next header', offset, 1, protocolText(bytes[offset]!));
    if (next === 44) {
      e.field('Fragment offset', offset + 2, 2, String(u16(bytes, offset + 2) & 0xfff8));
      e.field('Identification', offset + 4, 4, hex(i32(bytes, offset + 4), 8));
    }
    layers.push(e.done(`IPv6 ${protocolText(next)}`, `${size} bytes`, size));
    if (later) return;
    next = bytes[offset]!;
    offset += size;
  }
  transportLayers(layers, bytes, offset, end, next);
}

function transportLayers(layers: TreeLayer[], bytes: Uint8Array, at: number, end: number, protocol: number): void {
  if (at >= end || layers.length > LAYERS_MAX) return;
  switch (protocol) {
    case IPPROTO_TCP: {
      layers.push(tcpLayer(bytes, at, end));
      const payload = at + (at + 13 <= end ? (bytes[at + 12]! >> 4) * 4 : end);
      const dns = u16(bytes, at) === 53 || u16(bytes, at + 2) === 53;
      if (dns && payload + 14 <= end) layers.push(dnsLayer(bytes, payload + 2, end));
      else payloadLayer(layers, bytes, payload, end);
      return;
    }
    case IPPROTO_UDP: {
      layers.push(udpLayer(bytes, at, end));
      if (at + 8 > end) return;
      const source = u16(bytes, at);
      const destination = u16(bytes, at + 2);
      if ([53, 5353, 5355].some((port) => port === source || port === destination)) {
        layers.push(dnsLayer(bytes, at + 8, end));
      } else if (destination === 4789 && at + 16 <= end) {
        const vxlan = new LayerBuilder(bytes, at + 8, end);
        const network = u32(bytes, at + 12) >>> 8;
        vxlan.field('Flags', at + 8, 1, hex(bytes[at + 8]!, 2)).field('VNI', at + 12, 3, String(network));
        layers.push(vxlan.done('VXLAN', `network ${network}`, 8));
        ethernetLayers(layers, bytes.subarray(0, end), at + 16);
      } else payloadLayer(layers, bytes, at + 8, end);
      return;
    }
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6: {
      layers.push(icmpLayer(bytes, at, end, protocol === IPPROTO_ICMPV6));
      const type = bytes[at]!;
      const error = protocol === IPPROTO_ICMP ? [3, 4, 5, 11, 12].includes(type) : type >= 1 && type <= 4;
      if (error) ipLayers(layers, bytes.subarray(0, end), at + 8);
      return;
    }
    case 4:
    case 41:
      ipLayers(layers, bytes.subarray(0, end), at);
      return;
    default:
      payloadLayer(layers, bytes, at, end);
  }
}

function payloadLayer(layers: TreeLayer[], bytes: Uint8Array, at: number, end: number): void {
  if (at >= end) return;
  layers.push(new LayerBuilder(bytes, at, end).done('Data', `${end - at} bytes`, end - at));
}
