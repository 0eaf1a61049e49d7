import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ACK,
  be16,
  be32,
  concat,
  dnsName,
  ethernet,
  icmp,
  ipv4,
  ipv6,
  SYN,
  tcp,
  timestamps,
  udp,
} from './test-packets.ts';
import { dissectTree } from './tree.ts';
import type { TreeLayer } from './tree-layer.ts';

const A = '192.0.2.1';
const B = '198.51.100.2';
const labels = (layers: TreeLayer[]): string[] => layers.map(({ label }) => label);
const value = (layers: TreeLayer[], layer: string, field: string): string | undefined =>
  layers.find(({ label }) => label === layer)?.fields.find(({ label }) => label === field)?.value;

describe('decoded tree', () => {
  it('Ethernet, VLAN, IPv4, TCP with options; each field at its place', () => {
    const segment = tcp(40000, 443, 7, 0, SYN, { options: timestamps(5, 6) });
    const bytes = ethernet(0x800, ipv4(A, B, 6, segment), [[0x8100, 12]]);
    const layers = dissectTree(1, bytes, bytes.length);
    expect(labels(layers)).toEqual(['Ethernet', 'VLAN', 'IPv4', 'TCP']);
    expect(value(layers, 'VLAN', 'VLAN')).toBe('12');
    expect(value(layers, 'IPv4', 'Source')).toBe(A);
    expect(value(layers, 'TCP', 'Flags')).toBe('SYN');
    expect(value(layers, 'TCP', 'Timestamps')).toBe('value 5, echo 6');
    expect(layers[3]).toMatchObject({ offset: 38, length: 32, summary: '40000 → 443 [SYN] 0 bytes' });
    expect(layers[2]!.fields.find(({ label }) => label === 'Destination')).toMatchObject({ offset: 34, length: 4 });
  });

  it('IPv6 with extension headers, UDP, DNS question and answers', () => {
    const answer = [0xc0, 12, 0, 1, 0, 1, ...be32(60), 0, 4, 192, 0, 2, 7];
    const head = [0x12, 0x34, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0];
    const message = concat(head, dnsName('www.example'), [0, 1, 0, 1], answer);
    const bytes = ipv6(1, 2, 0, concat([17, 0, 1, 4, 0, 0, 0, 0], udp(53, 999, message)));
    const layers = dissectTree(101, bytes, bytes.length);
    expect(labels(layers)).toEqual(['IPv6', 'IPv6 hop-by-hop options (0)', 'UDP', 'DNS']);
    expect(value(layers, 'IPv6', 'Source')).toBe('2001:db8::1');
    expect(layers[3]!.summary).toBe('www.example A → 192.0.2.7');
    expect(value(layers, 'DNS', 'Answer')).toBe('www.example A 192.0.2.7, lives 60 s');
  });

  it('ARP, an ICMP error with its quote, a tunnel', () => {
    const arp = ethernet(0x806, [0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2]);
    expect(dissectTree(1, arp, arp.length)[1]!.summary).toBe('who has 10.0.0.2? tell 10.0.0.1');
    const quote = ipv4(A, B, 17, udp(5, 6, []));
    const error = ipv4('10.0.0.1', A, 1, icmp(3, 4, [...be16(0), ...be16(1400)], quote));
    const layers = dissectTree(101, error, error.length);
    expect(labels(layers)).toEqual(['IPv4', 'ICMP', 'IPv4', 'UDP']);
    expect(value(layers, 'ICMP', 'Next-hop MTU')).toBe('1400');
    const frame = ethernet(0x800, ipv4(A, B, 6, tcp(1, 2, 3, 4, ACK)));
    const vxlan = ipv4('10.0.0.1', '10.0.0.2', 17, udp(9, 4789, concat([8, 0, 0, 0, 0, 1, 2, 0], frame)));
    expect(labels(dissectTree(101, vxlan, vxlan.length))).toEqual(['IPv4', 'UDP', 'VXLAN', 'Ethernet', 'IPv4', 'TCP']);
  });

  it('MPLS and cooked headers are stepped over; what is not decoded says why', () => {
    const inner = ipv4(A, B, 6, tcp(1, 2, 3, 4, ACK));
    expect(labels(dissectTree(1, ethernet(0x8847, concat([0, 0, 0x11, 64], inner)), 100))).toContain('TCP');
    expect(labels(dissectTree(113, concat(Array(14).fill(0), [8, 0], inner), 100))).toEqual([
      'linux-sll',
      'IPv4',
      'TCP',
    ]);
    const usb = dissectTree(220, new Uint8Array(10), 10);
    expect(usb[0]!.fields).toEqual([{ label: 'Not decoded', value: 'link-type', offset: 0, length: 10 }]);
  });

  it('property: no throw, and every field lies within the packet', () => {
    const sample = ethernet(
      0x800,
      ipv4(A, B, 17, udp(53, 5, concat([0, 1, 0x80, 0, 0, 1, 0, 2, 0, 0, 0, 0], Array(60).fill(0xc0)))),
    );
    fc.assert(
      fc.property(
        fc.constantFrom(0, 1, 9, 101, 105, 113, 127, 276),
        fc.oneof(fc.uint8Array({ maxLength: 160 }), fc.constant(sample)),
        fc.array(fc.tuple(fc.nat(160), fc.nat(255)), { maxLength: 5 }),
        (linkType, given, changes) => {
          const bytes = given.slice();
          for (const [at, byte] of changes) if (at < bytes.length) bytes[at] = byte;
          for (const layer of dissectTree(linkType, bytes, bytes.length)) {
            expect(layer.offset + layer.length).toBeLessThanOrEqual(bytes.length);
            for (const { offset, length } of layer.fields) expect(offset + length).toBeLessThanOrEqual(bytes.length);
          }
        },
      ),
      { numRuns: 3000 },
    );
  });
});
