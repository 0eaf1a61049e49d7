/** Frames made by hand, layer by layer: the sender's side of what a packet parser must understand. Checksums are left out. */

const FROM = Buffer.from('020000000001', 'hex');
/** Nobody's: a host does not answer what is not for its own hardware address. */
const TO = Buffer.from('020000000009', 'hex');

export const ETHERTYPE = { ipv4: 0x0800, arp: 0x0806, vlan: 0x8100, ipv6: 0x86dd, qinq: 0x88a8, lldp: 0x88cc } as const;
export const PROTOCOL = { icmp: 1, ipip: 4, tcp: 6, udp: 17, fragment: 44, gre: 47, icmpv6: 58, options: 60 } as const;

const of16 = (...values: number[]): Buffer => Buffer.from(values.flatMap((value) => [value >> 8, value & 255]));

export const ethernet = (type: number, payload: Buffer): Buffer => Buffer.concat([TO, FROM, of16(type), payload]);

/** A tag with what comes after it; put it into `ethernet(ETHERTYPE.vlan, …)`. */
export const tag = (id: number, type: number, payload: Buffer): Buffer => Buffer.concat([of16(id, type), payload]);

export interface Ip {
  /** Fragment: offset in units of eight bytes, and whether more follow. */
  offset?: number;
  more?: boolean;
  id?: number;
  /** Bytes of IPv4 options, a multiple of four. */
  options?: number;
  source?: number;
}

/** 10.99.0.`source` → 10.99.0.200. */
export function ipv4(
  protocol: number,
  payload: Buffer,
  { offset = 0, more = false, id = 1, options = 0, source = 1 }: Ip = {},
): Buffer {
  // prettier-ignore
  const header = Buffer.alloc(20 + options, 1); // no-operation options
  header[0] = 0x45 + options / 4;
  header[1] = 0;
  header.writeUInt16BE(header.length + payload.length, 2);
  header.writeUInt16BE(id, 4);
  header.writeUInt16BE((more ? 0x2000 : 0) | offset, 6);
  header[8] = 64;
  header[9] = protocol;
  header.writeUInt16BE(0, 10);
  Buffer.from([10, 99, source >> 8, source & 255, 10, 99, 0, 200]).copy(header, 12);
  return Buffer.concat([header, payload]);
}

/** fd99::1 → fd99::200. */
export function ipv6(next: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(40);
  header[0] = 0x60;
  header.writeUInt16BE(payload.length, 4);
  header[6] = next;
  header[7] = 64;
  Buffer.from('fd990000000000000000000000000001fd990000000000000000000000000200', 'hex').copy(header, 8);
  return Buffer.concat([header, payload]);
}

/** An IPv6 extension header of eight bytes. */
export const extension = (next: number, payload: Buffer): Buffer =>
  Buffer.concat([Buffer.from([next, 0, 1, 4, 0, 0, 0, 0]), payload]);

export const fragment6 = (next: number, payload: Buffer, { offset = 0, more = false, id = 1 }: Ip): Buffer =>
  Buffer.concat([Buffer.from([next, 0]), of16((offset << 3) | (more ? 1 : 0), 0, id), payload]);

export const udp = (from: number, to: number, payload: Buffer | number): Buffer => {
  const bytes = typeof payload === 'number' ? Buffer.alloc(payload) : payload;
  return Buffer.concat([of16(from, to, 8 + bytes.length, 0), bytes]);
};

export const FLAG = { fin: 1, syn: 2, rst: 4, ack: 16 } as const;

export const tcp = (from: number, to: number, flags: number, seq: number, ack: number, payload = 0): Buffer => {
  const header = Buffer.alloc(20);
  header.writeUInt16BE(from, 0);
  header.writeUInt16BE(to, 2);
  header.writeUInt32BE(seq >>> 0, 4);
  header.writeUInt32BE(ack >>> 0, 8);
  header[12] = 5 << 4;
  header[13] = flags;
  header.writeUInt16BE(1000, 14);
  return Buffer.concat([header, Buffer.alloc(payload)]);
};

/** Filled up with zeros to `length`, as Ethernet hardware does below 60 bytes. */
export const padded = (frame: Buffer, length = 60): Buffer => Buffer.concat([frame, Buffer.alloc(Math.max(0, length - frame.length))]); // prettier-ignore

/** Frames as lab-inject reads them. */
export const framesInput = (frames: readonly Buffer[]): Buffer => Buffer.concat(frames.flatMap((frame) => [of16(frame.length), frame])); // prettier-ignore
