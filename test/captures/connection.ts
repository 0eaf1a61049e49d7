/** Captures of one TCP connection, by hand. */
import { ACK, ipv4, SYN, tcp } from '../../core/dissect/test-packets.ts';
import { EPOCH, pcap } from './build.ts';

export const A = '192.0.2.1';
export const B = '198.51.100.2';

/** A segment of the client (c) or the server (s). */
export interface Segment {
  readonly from: 'c' | 's';
  readonly seq: number;
  readonly ack?: number;
  readonly flags: number;
  readonly payload?: Uint8Array | number[];
  readonly atMs: number;
  readonly id?: number;
  readonly window?: number;
  readonly ports?: [number, number];
}

/** A capture of one connection; sequence numbers as they stand on the wire. */
export function connection(segments: readonly Segment[]): Uint8Array {
  return pcap(
    segments.map(({ from, seq, ack = 0, flags, payload = [], atMs, id, window, ports = [40000, 443] }, i) => {
      const [c, s] = ports;
      const given = { payload, ...(window === undefined ? {} : { window }) };
      const options = { id: id ?? i + 1 };
      const bytes =
        from === 'c'
          ? ipv4(A, B, 6, tcp(c, s, seq >>> 0, ack >>> 0, flags, given), options)
          : ipv4(B, A, 6, tcp(s, c, seq >>> 0, ack >>> 0, flags, given), options);
      return { bytes, seconds: EPOCH + Math.floor(atMs / 1000), fraction: Math.round((atMs % 1000) * 1000) };
    }),
    { linkType: 101 },
  );
}

/** SYN, SYN-ACK after 40 ms, ACK. */
export const handshake = (isnC = 1000, isnS = 5000, atMs = 0): Segment[] => [
  { from: 'c', seq: isnC, flags: SYN, atMs },
  { from: 's', seq: isnS, ack: isnC + 1, flags: SYN | ACK, atMs: atMs + 40 },
  { from: 'c', seq: isnC + 1, ack: isnS + 1, flags: ACK, atMs: atMs + 40.1 },
];
