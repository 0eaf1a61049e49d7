/** Inputs to begin with: the captures of the repository, and packets of every layer that is decoded. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import {
  ACK,
  be16,
  clientHello,
  concat,
  dnsName,
  ethernet,
  FIN,
  icmp,
  ipv4,
  ipv6,
  PSH,
  RST,
  SYN,
  tcp,
  timestamps,
  udp,
} from '../../core/dissect/test-packets.ts';
import { ROOT } from './campaign.ts';

const A = '10.0.0.1';
const B = '10.0.0.2';

/** The m- files, plain, those of at most `most` bytes. */
export function captures(most = 6000): Uint8Array[] {
  const folder = join(ROOT, 'test/corpus');
  return [
    ...readdirSync(folder)
      .filter((name) => name.startsWith('m-'))
      .map((name) => {
        const bytes = readFileSync(join(folder, name));
        return new Uint8Array(name.endsWith('.gz') ? gunzipSync(bytes) : bytes);
      })
      .filter(({ length }) => length > 4 && length <= most),
    pcap(1, conversation()),
    pcap(276, cookedPair()),
  ];
}

/** A pcap file of packets, 1 ms apart. */
export function pcap(linkType: number, packets: readonly Uint8Array[]): Uint8Array {
  const out = Buffer.alloc(24 + packets.reduce((sum, { length }) => sum + 16 + length, 0));
  out.writeUInt32LE(0xa1b2c3d4, 0);
  out.writeUInt16LE(2, 4);
  out.writeUInt16LE(4, 6);
  out.writeUInt32LE(262144, 16);
  out.writeUInt32LE(linkType, 20);
  let at = 24;
  packets.forEach((packet, i) => {
    out.writeUInt32LE(1_700_000_000, at);
    out.writeUInt32LE(i * 1000, at + 4);
    out.writeUInt32LE(packet.length, at + 8);
    out.writeUInt32LE(packet.length, at + 12);
    out.set(packet, at + 16);
    at += 16 + packet.length;
  });
  return new Uint8Array(out);
}

function conversation(): Uint8Array[] {
  const hello = clientHello('shop.example', ['h2'], 30);
  const c = (sequence: number, ack: number, flags: number, payload: Uint8Array | number[] = []): Uint8Array =>
    ethernet(
      0x800,
      ipv4(A, B, 6, tcp(40000, 443, sequence, ack, flags, { options: timestamps(sequence, 1), payload })),
    );
  const s = (sequence: number, ack: number, flags: number, payload: Uint8Array | number[] = []): Uint8Array =>
    ethernet(0x800, ipv4(B, A, 6, tcp(443, 40000, sequence, ack, flags, { payload })));
  const middle = hello.length >> 1;
  return [
    c(100, 0, SYN),
    s(500, 101, SYN | ACK),
    c(101, 501, ACK),
    c(101 + middle, 501, ACK | PSH, hello.subarray(middle)),
    c(101, 501, ACK, hello.subarray(0, middle)),
    s(501, 101 + hello.length, ACK, [1, 2, 3]),
    s(501, 101 + hello.length, ACK, [1, 2, 3]),
    c(101 + hello.length, 504, FIN | ACK),
    s(504, 102 + hello.length, FIN | ACK),
    c(102 + hello.length, 505, ACK),
    c(102 + hello.length, 505, RST),
    ethernet(0x800, ipv4(B, A, 17, udp(53, 4000, dnsAnswer()))),
  ];
}

function cookedPair(): Uint8Array[] {
  const packet = ipv4(A, B, 6, tcp(40000, 80, 1, 1, ACK | PSH, { payload: [71, 69, 84, 32] }));
  return [1, 2].map((face) => concat([8, 0, 0, 0, 0, 0, 0, face, 0, 1, 4, 6], Array<number>(8).fill(0), packet));
}

export function dnsAnswer(): Uint8Array {
  const question = [...dnsName('www.shop.example'), 0, 1, 0, 1];
  return concat(
    [0, 7, 0x81, 0x80, 0, 1, 0, 3, 0, 0, 0, 1],
    question,
    [0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 60, 0, 4, 1, 97, 0xc0, 16],
    [0xc0, 0x2e, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 9],
    [0xc0, 0x2e, 0, 28, 0, 1, 0, 0, 0, 60, 0, 16, ...Array<number>(16).fill(1)],
    [0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0],
  );
}

/** Packets for the dissector: a link type of two bytes, then the packet. */
export function packets(): Uint8Array[] {
  const segment = tcp(1, 2, 3, 4, ACK, { options: timestamps(5, 6), payload: [1, 2, 3] });
  const inner = ipv4('192.0.2.1', '192.0.2.2', 6, segment);
  const frame = ethernet(0x800, inner);
  const of = (linkType: number, bytes: Uint8Array): Uint8Array => concat(be16(linkType), bytes);
  const eth = (type: number, payload: Uint8Array | number[], tags: [number, number][] = []): Uint8Array =>
    of(1, ethernet(type, payload, tags));
  const syn = tcp(1, 2, 3, 0, SYN, { options: [2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7] });
  return [
    eth(0x800, inner),
    eth(0x800, ipv4(A, B, 6, syn)),
    eth(0x800, inner, [
      [0x88a8, 1],
      [0x8100, 2],
    ]),
    eth(0x800, ipv4(A, B, 17, udp(9, 53, dnsAnswer()))),
    eth(0x800, ipv4(A, B, 17, udp(9, 4789, concat([8, 0, 0, 0, 0, 0, 1, 0], frame)))),
    eth(0x800, ipv4(A, B, 17, udp(9, 6081, concat([2, 0, 0x65, 0x58, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0], frame)))),
    eth(0x800, ipv4(A, B, 47, concat([0xb0, 0, 0x65, 0x58], Array<number>(12).fill(0), frame))),
    eth(0x800, ipv4(A, B, 4, inner)),
    eth(0x800, ipv4(A, B, 17, udp(9, 99, [1, 2, 3]), { id: 9, more: true })),
    eth(0x800, ipv4(A, B, 17, [1, 2, 3], { id: 9, fragment: 16 })),
    eth(0x800, ipv4(A, B, 1, icmp(3, 3, [0, 0, 0, 0], inner))),
    eth(0x800, ipv4(A, B, 1, icmp(8, 0, [0, 1, 0, 2], [1]))),
    eth(0x86dd, ipv6(1, 2, 0, concat([44, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 1, 0, 0, 0, 1], segment))),
    eth(0x86dd, ipv6(1, 2, 58, icmp(1, 0, [0, 0, 0, 0], ipv6(2, 1, 6, segment)))),
    eth(0x8847, concat([0, 0, 0x10, 64, 0, 0, 0x21, 64], inner)),
    eth(0x8864, concat([0x11, 0, 0, 1, ...be16(inner.length + 2), 0, 0x21], inner)),
    eth(0x806, concat([0, 1, 8, 0, 6, 4, 0, 1], Array<number>(20).fill(1))),
    of(0, concat([2, 0, 0, 0], inner)),
    of(9, concat([0xff, 3, 0, 0x21], inner)),
    of(12, inner),
    of(113, concat([0, 4, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0], inner)),
    of(276, cookedPair()[0]!),
    of(127, concat([0, 0, 9, 0, 2, 0, 0, 0, 0x20], [8, 2], Array<number>(22).fill(0), [0xaa, 0xaa, 3, 0, 0, 0, 8, 0], inner)),
    of(105, concat([0x88, 0], Array<number>(24).fill(0), [0xaa, 0xaa, 3, 0, 0, 0, 8, 0], inner)),
    of(239, concat([2, 0, 0, 0, ...[inner.length + 4, 0, 9, 0]], inner)),
    of(117, concat([61, 2, 0, 0], Array<number>(60).fill(0), inner)),
  ]; // prettier-ignore
}
