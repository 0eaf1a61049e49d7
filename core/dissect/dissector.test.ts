import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Dissector } from './dissector.ts';
import { UNPARSED_REASON_NAMES, type Packet } from './packet.ts';
import {
  ACK,
  be16,
  be32,
  concat,
  ethernet,
  icmp,
  ipv4,
  ipv6,
  MACS,
  SYN,
  tcp,
  timestamps,
  udp,
} from './test-packets.ts';

const A = '192.0.2.1';
const B = '198.51.100.2';
const segment = tcp(40000, 443, 0xfffffff0, 5, ACK, { payload: [1, 2, 3] });
const inner = ipv4(A, B, 6, segment);

function dissect(linkType: number, bytes: Uint8Array, captured = bytes.length, original = bytes.length): Packet {
  return new Dissector().dissect(linkType, bytes, 0, captured, original, 0);
}

function summary(p: Packet): string {
  if (p.unparsed >= 0) return UNPARSED_REASON_NAMES[p.unparsed] ?? '?';
  return `${p.protocol} ${[...p.addresses.slice(0, 4)].join('.')}:${p.sourcePort} ${[...p.addresses.slice(16, 20)].join('.')}:${p.destinationPort} ${p.payloadLength}`;
}

const FLOW = `6 ${A}:40000 ${B}:443 3`;

describe('link layers lead to the same flow', () => {
  const vlan = 0x8100;
  const sll = concat([0, 4, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0], [8, 0], inner);
  const sll2 = concat([8, 0, 0, 0, 0, 0, 0, 9, 0, 1, 4, 6, 2, 0, 0, 0, 0, 1, 0, 0], inner);
  const snap = concat([0xaa, 0xaa, 3, 0, 0, 0, 8, 0], inner);
  const wifi = concat([0x88, 1, 0, 0], Array<number>(20).fill(2), [0, 0], snap);
  const cases: [string, number, Uint8Array][] = [
    ['Ethernet', 1, ethernet(0x800, inner)],
    ['VLAN', 1, ethernet(0x800, inner, [[vlan, 5]])],
    [
      'QinQ 88a8',
      1,
      ethernet(0x800, inner, [
        [0x88a8, 5],
        [vlan, 6],
      ]),
    ],
    [
      'QinQ 9100',
      1,
      ethernet(0x800, inner, [
        [0x9100, 5],
        [vlan, 6],
      ]),
    ],
    ['MPLS', 1, ethernet(0x8847, concat([0, 0, 0x10, 64, 0, 0, 0x21, 64], inner))],
    ['MPLS pseudowire', 1, ethernet(0x8847, concat([0, 0, 0x11, 64, 0, 0, 0, 0], ethernet(0x800, inner)))],
    ['PPPoE', 1, ethernet(0x8864, concat([0x11, 0, 0, 1, ...be16(inner.length + 2), 0, 0x21], inner))],
    ['LLC SNAP', 1, ethernet(snap.length, snap)],
    ['raw 101', 101, inner],
    ['raw 12', 12, inner],
    ['ipv4 228', 228, inner],
    ['null little', 0, concat([2, 0, 0, 0], inner)],
    ['null big', 0, concat([0, 0, 0, 2], inner)],
    ['loop', 108, concat([0, 0, 0, 2], inner)],
    ['SLL', 113, sll],
    ['SLL2', 276, sll2],
    ['PPP', 9, concat([0xff, 3, 0, 0x21], inner)],
    ['PPP compressed', 9, concat([0x21], inner)],
    ['PPP HDLC', 50, concat([0xff, 3, 0, 0x21], inner)],
    ['Cisco HDLC', 104, concat([0x0f, 0, 8, 0], inner)],
    ['802.11', 105, wifi],
    ['radiotap', 127, concat([0, 0, 8, 0, 0, 0, 0, 0], wifi)],
    ['radiotap with padding', 127, concat([0, 0, 9, 0, 2, 0, 0, 0, 0x20], wifi.subarray(0, 26), [0, 0], snap)],
    ['NFLOG', 239, concat([2, 0, 0, 0, 8, 0, 1, 0, 0, 0, 0, 0, inner.length + 4, 0, 9, 0], inner)],
    ['GRE', 1, ethernet(0x800, ipv4(A, B, 47, concat([0x20, 0, 8, 0, 0, 0, 0, 1], inner)))],
    ['GRE bridging', 1, ethernet(0x800, ipv4(A, B, 47, concat([0, 0, 0x65, 0x58], ethernet(0x800, inner))))],
    ['IPIP', 1, ethernet(0x800, ipv4('10.0.0.1', '10.0.0.2', 4, inner))],
    ['4in6', 1, ethernet(0x86dd, ipv6(1, 2, 4, inner))],
    [
      'VXLAN',
      1,
      ethernet(0x800, ipv4(A, B, 17, udp(9, 4789, concat([8, 0, 0, 0, 0, 0, 1, 0], ethernet(0x800, inner))))),
    ],
    [
      'Geneve',
      1,
      ethernet(
        0x800,
        ipv4(A, B, 17, udp(9, 6081, concat([1, 0, 0x65, 0x58, 0, 0, 1, 0, 1, 1, 1, 1], ethernet(0x800, inner)))),
      ),
    ],
    [
      'GTP-U',
      1,
      ethernet(0x800, ipv4(A, B, 17, udp(9, 2152, concat([0x30, 255, 0, inner.length, 0, 0, 0, 1], inner)))),
    ],
    [
      'GTP-U with sequence number and extension headers',
      1,
      ethernet(
        0x800,
        ipv4(A, B, 17, udp(9, 2152, concat([0x36, 255, 0, 99, 0, 0, 0, 1, 0, 7, 0, 0x85], [1, 0x10, 9, 0xc0, 1, 0, 0, 0], inner))), // prettier-ignore
      ),
    ],
    ['WCCP', 1, ethernet(0x800, ipv4('10.0.0.1', '10.0.0.2', 47, concat([0, 0, 0x88, 0x3e, 0, 1, 0, 0], inner)))],
    ['GRE in UDP', 1, ethernet(0x800, ipv4(A, B, 17, udp(9, 4754, concat([0, 0, 8, 0], inner))))],
    ['IPv4 options', 101, ipv4(A, B, 6, segment, { options: [7, 7, 4, 0, 0, 0, 0, 0] })],
    ['Ethernet padding', 1, concat(ethernet(0x800, inner), [0, 0, 0, 0, 0, 0])],
  ];
  it.each(cases)('%s', (_, linkType, bytes) => {
    expect(summary(dissect(linkType, bytes))).toBe(FLOW);
  });

  it('keeps tags, cooked direction and depth beside the flow', () => {
    const tagged = dissect(
      1,
      ethernet(0x800, inner, [
        [0x88a8, 5],
        [vlan, 6],
      ]),
    );
    expect([tagged.vlan, tagged.innerVlan]).toEqual([5, 6]);
    const cooked = dissect(276, sll2);
    expect([cooked.linkInterface, cooked.packetType]).toEqual([9, 4]);
    expect(dissect(1, ethernet(0x800, ipv4(A, B, 4, inner))).tunnels).toBe(1);
  });
});

describe('what names no flow is counted by reason', () => {
  it.each([
    ['arp', 1, ethernet(0x806, Array<number>(28).fill(0))],
    ['ethertype', 1, ethernet(0x88cc, [1, 2])],
    ['llc', 1, ethernet(3, [0x42, 0x42, 3])],
    [
      'vlan',
      1,
      ethernet(0x800, inner, [
        [0x8100, 1],
        [0x8100, 2],
        [0x8100, 3],
      ]),
    ],
    ['truncated', 1, ethernet(0x800, inner.subarray(0, 12))],
    ['ip-header', 101, concat([0x41], inner.subarray(1))],
    ['ip-header', 101, Uint8Array.from([0x20, 1, 2])],
    ['fragment', 101, ipv4(A, B, 6, [1, 2, 3], { fragment: 8 })],
    [
      'ipv6-extension',
      101,
      ipv6(
        1,
        2,
        60,
        Array.from({ length: 9 * 8 }, (_, i) => (i % 8 === 0 ? 60 : 0)),
      ),
    ],
    ['link-type', 220, inner],
    ['link-type', 0x12345, inner],
    ['truncated', 1, new Uint8Array(0)],
  ])('%s', (reason, linkType, bytes) => {
    expect(summary(dissect(linkType, bytes))).toBe(reason);
  });

  it('ARP within VXLAN counts in the flow of the tunnel', () => {
    const arp = ethernet(0x806, Array<number>(28).fill(0));
    const p = dissect(101, ipv4(A, B, 17, udp(9, 4789, concat([8, 0, 0, 0, 0, 0, 1, 0], arp))));
    expect(summary(p)).toBe(`17 ${A}:9 ${B}:4789 ${8 + arp.length}`);
    expect(p.tunnels).toBe(0);
  });
});

describe('lengths come from the headers, not from what was captured', () => {
  const big = ethernet(0x800, ipv4(A, B, 6, tcp(1, 2, 3, 4, ACK, { payload: Array<number>(1000).fill(1) })));
  it.each([54, 60, 68, 1054])('snaplen %i', (snaplen) => {
    const p = dissect(1, big, snaplen, big.length);
    expect([p.payloadLength, p.original, p.tcp, p.sourcePort]).toEqual([1000, 1054, 1, 1]);
  });
  it('only the IP header: counted, marked cut', () => {
    const p = dissect(1, big, 34, big.length);
    expect([p.unparsed, p.protocol, p.cut, p.payloadLength, p.sourcePort]).toEqual([-1, 6, 1, 1000, 0]);
  });
  it('captured more than original: the larger counts', () => {
    expect(dissect(1, big, big.length, 10).original).toBe(big.length);
  });
  it('total length 0 (segmentation offload) and IPv6 payload length 0 (jumbogram)', () => {
    expect(dissect(101, ipv4(A, B, 6, segment, { total: 0 })).payloadLength).toBe(3);
    const jumbo = ipv6(1, 2, 6, segment);
    jumbo[4] = jumbo[5] = 0;
    expect(dissect(101, jumbo).payloadLength).toBe(3);
  });
});

describe('fragments', () => {
  const datagram = udp(1000, 2000, Array<number>(24).fill(1));
  it('later ones belong to the flow of the first', () => {
    const d = new Dissector();
    const first = ipv4(A, B, 17, datagram.subarray(0, 16), { id: 9, more: true });
    const later = ipv4(A, B, 17, datagram.subarray(16), { id: 9, fragment: 16 });
    expect(summary(d.dissect(101, first, 0, first.length, first.length, 0))).toBe(`17 ${A}:1000 ${B}:2000 8`);
    const p = d.dissect(101, later, 0, later.length, later.length, 5);
    expect(summary(p)).toBe(`17 ${A}:1000 ${B}:2000 16`);
    expect(p.laterFragment).toBe(1);
    const other = ipv4(A, B, 17, datagram.subarray(16), { id: 10, fragment: 16 });
    expect(summary(d.dissect(101, other, 0, other.length, other.length, 5))).toBe('fragment');
    expect(summary(d.dissect(101, later, 0, later.length, later.length, 200e9))).toBe('fragment');
  });
  it('IPv6, within an extension header chain; an atomic fragment is whole', () => {
    const d = new Dissector();
    const fragment = (offset: number, more: number, data: Uint8Array): Uint8Array =>
      ipv6(1, 2, 44, concat([17, 0, ...be16(offset | more), 0, 0, 0, 5], data));
    const first = fragment(0, 1, datagram.subarray(0, 16));
    d.dissect(101, first, 0, first.length, first.length, 0);
    const later = fragment(16, 0, datagram.subarray(16));
    const p = d.dissect(101, later, 0, later.length, later.length, 1);
    expect([p.protocol, p.sourcePort, p.destinationPort, p.payloadLength]).toEqual([17, 1000, 2000, 16]);
    expect(d.dissect(101, fragment(0, 0, datagram), 0, 40 + 8 + 32, 80, 1).fragment).toBe(0);
  });
});

describe('transport', () => {
  it('reads the options of a SYN', () => {
    const options = [2, 4, ...be16(1460), 4, 2, ...timestamps(0x80000001, 3).slice(2), 1, 3, 3, 7];
    const p = dissect(101, ipv4(A, B, 6, tcp(1, 2, 3, 0, SYN, { options })));
    expect([p.mss, p.sackPermitted, p.windowScale, p.tsval >>> 0, p.tsecr]).toEqual([1460, 1, 7, 0x80000001, 3]);
  });
  it('stops at options that claim more than there is, or nothing', () => {
    expect(dissect(101, ipv4(A, B, 6, tcp(1, 2, 3, 0, SYN, { options: [3, 9, 7, 0] }))).windowScale).toBe(-1);
    expect(dissect(101, ipv4(A, B, 6, tcp(1, 2, 3, 0, SYN, { options: [3, 0, 7, 0] }))).windowScale).toBe(-1);
  });
  it('ICMP echo is a flow by its identifier, an error one by its quote, swapped', () => {
    expect(summary(dissect(101, ipv4(A, B, 1, icmp(8, 0, [...be16(77), ...be16(1)]))))).toBe(`1 ${A}:77 ${B}:77 0`);
    const error = dissect(101, ipv4('10.9.9.9', A, 1, icmp(3, 3, be32(0), inner.subarray(0, 28))));
    expect(summary(error)).toBe(`6 ${B}:443 ${A}:40000 0`);
    expect(error.icmpError).toBe(1);
  });
});

describe('the fast way and the layers', () => {
  /** What a packet says; what lies within the dissector, or is left over from a tunnel, is not compared. */
  const said = (p: Packet): Record<string, unknown> => {
    const { addressWords, layered, wideAddresses, otherOptions, layer, offset, end, fragmentSlot, ...rest } = p;
    void [addressWords, layered, wideAddresses, otherOptions, layer, offset, end, fragmentSlot];
    return Object.fromEntries(Object.entries(rest).filter(([name]) => !name.startsWith('outer')));
  };
  const options = timestamps(7, 8);
  const six = ipv6(1, 2, 6, tcp(1, 2, 3, 4, ACK, { payload: [1] }));
  const bodies: Uint8Array[] = [
    inner,
    six,
    ipv4(A, B, 6, tcp(1, 2, 3, 4, SYN, { options: [2, 4, 5, 180, 3, 3, 7, 4, 2, 0, 0, 0] })),
    ipv4(A, B, 6, tcp(1, 2, 3, 4, ACK, { options, payload: [9] })),
    ipv4(A, B, 17, udp(53, 4000, [1, 2, 3])),
    ipv4(A, B, 17, udp(9, 4789, concat([8, 0, 0, 0, 0, 0, 1, 0], ethernet(0x86dd, six)))),
    ipv6(1, 2, 17, udp(53, 4000, [1, 2, 3])),
    ipv6(1, 2, 0, concat([6, 0, 0, 0, 0, 0, 0, 0], segment)),
    ipv4(A, B, 1, icmp(3, 3, [0, 0, 0, 0], inner)),
    ipv4(A, B, 41, six),
    ipv4(A, B, 132, concat(Array<number>(20).fill(1))),
  ];
  const framed = (link: number, body: Uint8Array): Uint8Array => {
    const type = (body[0] ?? 0) >> 4 === 4 ? 0x800 : 0x86dd;
    if (link === 1) return ethernet(type, body);
    if (link === 113) return concat([0, 4, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0], be16(type), body);
    if (link === 276) return concat(be16(type), [0, 0, 0, 0, 0, 9, 0, 1, 4, 6, 2, 0, 0, 0, 0, 1, 0, 0], body);
    return body;
  };
  it('say the same of any packets in any order, whole, cut or changed', () => {
    const one = fc.record({
      link: fc.constantFrom(1, 101, 113, 276),
      body: fc.constantFrom(...bodies),
      changes: fc.array(fc.tuple(fc.nat(90), fc.integer({ min: 0, max: 255 })), { maxLength: 2 }),
      cut: fc.option(fc.nat(90)),
      padding: fc.nat(3),
    });
    fc.assert(
      fc.property(fc.array(one, { minLength: 1, maxLength: 12 }), (packets) => {
        const [fast, layers] = [new Dissector(), new Dissector(false)];
        for (const { link, body, changes, cut, padding } of packets) {
          const bytes = concat(framed(link, body), Array<number>(padding).fill(7));
          for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
          const captured = Math.min(bytes.length, cut ?? bytes.length);
          const expected = said(layers.dissect(link, bytes, 0, captured, bytes.length, 0));
          expect(said(fast.dissect(link, bytes, 0, captured, bytes.length, 0))).toEqual(expected);
        }
      }),
      { numRuns: 1500 },
    );
  });
});

describe('hostile bytes', () => {
  const linkTypes = [0, 1, 9, 12, 50, 51, 101, 104, 105, 108, 109, 113, 117, 127, 149, 228, 229, 239, 258, 276, 9999];
  it('never throws and never reads beyond, whatever the bytes and lengths', () => {
    const d = new Dissector();
    fc.assert(
      fc.property(
        fc.constantFrom(...linkTypes),
        fc.uint8Array({ maxLength: 200 }),
        fc.nat(300),
        fc.integer({ min: 0, max: 0xffffffff }),
        (linkType, bytes, captured, original) => {
          const p = d.dissect(linkType, bytes, 0, captured, original, 0);
          expect(p.payloadLength).toBeGreaterThanOrEqual(0);
          expect(p.payloadLength).toBeLessThanOrEqual(p.original);
        },
      ),
      { numRuns: 5000 },
    );
  });
  it('any cut or flipped byte of real packets', () => {
    const d = new Dissector();
    const samples = [
      ethernet(0x800, ipv4(A, B, 17, udp(9, 4789, concat([8, 0, 0, 0, 0, 0, 1, 0], ethernet(0x800, inner))))),
      ethernet(0x86dd, ipv6(1, 2, 0, concat([44, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 1, 0, 0, 0, 1], segment))),
      ethernet(0x800, ipv4(A, B, 47, concat([0xb0, 0, 0x65, 0x58], Array<number>(12).fill(0), ethernet(0x800, inner)))),
      ethernet(0x8847, concat(Array<number>(40).fill(0))),
      concat(MACS, ...Array.from({ length: 20 }, () => [0x81, 0, 0, 1])),
    ];
    for (const sample of samples) {
      for (let cut = 0; cut <= sample.length; cut++) d.dissect(1, sample, 0, cut, sample.length, 0);
      for (let at = 0; at < sample.length; at++) {
        for (const value of [0, 1, 0x7f, 0x80, 0xff]) {
          const changed = sample.slice();
          changed[at] = value;
          d.dissect(1, changed, 0, changed.length, changed.length, 0);
        }
      }
    }
  });
});
