import { closeSync, openSync, writeSync } from 'node:fs';
import { PcapngWriter } from '../../core/capture/pcapng-writer.ts';

/**
 * A capture like those that people open: 200 connections at once, each with its DNS question and answer, handshake,
 * requests and answers of up to 25 segments with timestamps and acknowledgements, and its end; 880 bytes a packet
 * on average.
 */
const START = 1_790_000_000_000_000_000n;
const CONNECTIONS = 200;
const FIN = 1;
const SYN = 2;
const PSH = 8;
const ACK = 16;

interface Connection {
  readonly client: number;
  readonly server: number;
  readonly port: number;
  readonly sequence: [number, number];
  readonly stamp: [number, number];
}

class Generator {
  readonly writer = new PcapngWriter(5 << 20);
  packets = 0;
  #nowNs = START;
  #id = 0;
  #serial = 0;
  readonly #bytes = new Uint8Array(2048);
  readonly #view = new DataView(this.#bytes.buffer);

  #emit(length: number, flags: number): void {
    this.#nowNs += 5000n;
    const [high, low] = [Number(this.#nowNs >> 32n), Number(this.#nowNs & 0xffffffffn)];
    this.writer.packet(0, high, low, length, length, this.#bytes, 0, flags, 0, 0, 0);
    this.packets++;
  }

  #ip(source: number, destination: number, protocol: number, total: number): void {
    const view = this.#view;
    this.#bytes.fill(0, 0, 66);
    view.setUint16(12, 0x800);
    view.setUint8(14, 0x45);
    view.setUint16(16, total);
    view.setUint16(18, this.#id++ & 0xffff);
    view.setUint8(22, 64);
    view.setUint8(23, protocol);
    view.setUint32(26, source);
    view.setUint32(30, destination);
  }

  #tcp(c: Connection, side: 0 | 1, flags: number, payload: number): void {
    const view = this.#view;
    const other = side === 0 ? 1 : 0;
    this.#ip(side === 0 ? c.client : c.server, side === 0 ? c.server : c.client, 6, 52 + payload);
    view.setUint16(34, side === 0 ? c.port : 443);
    view.setUint16(36, side === 0 ? 443 : c.port);
    view.setUint32(38, c.sequence[side]);
    view.setUint32(42, (flags & ACK) !== 0 ? c.sequence[other] : 0);
    view.setUint8(46, 0x80);
    view.setUint8(47, flags);
    view.setUint16(48, 500);
    c.stamp[side] = Number((this.#nowNs / 1_000_000n) & 0xffffffffn);
    view.setUint32(54, 0x0101080a);
    view.setUint32(58, c.stamp[side]);
    view.setUint32(62, c.stamp[other]);
    this.#emit(66 + payload, side + 1);
    c.sequence[side] = (c.sequence[side] + payload + ((flags & (FIN | SYN)) !== 0 ? 1 : 0)) >>> 0;
  }

  #dns(c: Connection, answer: boolean, serial: number): void {
    const view = this.#view;
    const name = `host${String(serial % 1000).padStart(3, '0')}`;
    const question = [...Buffer.from(`\x03www\x07${name}\x03com\0\0\x01\0\x01`, 'latin1')];
    const [a, b, d, e] = [c.server >>> 24, (c.server >>> 16) & 255, (c.server >>> 8) & 255, c.server & 255];
    const record = answer ? [0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 0, 0, 4, a, b, d, e] : [];
    const header = [serial >> 8, serial, answer ? 0x81 : 1, answer ? 0x80 : 0, 0, 1, 0, answer ? 1 : 0, 0, 0, 0, 0];
    const message = [...header, ...question, ...record];
    this.#ip(answer ? 0x08080808 : c.client, answer ? c.client : 0x08080808, 17, 28 + message.length);
    const port = 20_000 + (serial % 40_000);
    view.setUint16(34, answer ? 53 : port);
    view.setUint16(36, answer ? port : 53);
    view.setUint16(38, 8 + message.length);
    view.setUint16(40, 0);
    this.#bytes.set(message, 42);
    this.#emit(42 + message.length, answer ? 2 : 1);
  }

  /** Yields after each packet. */
  *connection(): Steps {
    const n = this.#serial++;
    const c: Connection = {
      client: 0x0a000001 + (n % 200),
      server: (0xc0000000 + ((n * 7919) % 1000)) >>> 0,
      port: 1024 + (n % 60_000),
      sequence: [(n * 12_345) >>> 0, (n * 54_321) >>> 0],
      stamp: [0, 0],
    };
    yield this.#dns(c, false, n);
    yield this.#dns(c, true, n);
    yield this.#tcp(c, 0, SYN, 0);
    yield this.#tcp(c, 1, SYN | ACK, 0);
    yield this.#tcp(c, 0, ACK, 0);
    for (let turn = 0; turn < 1 + (n % 4); turn++) {
      yield this.#tcp(c, 0, PSH | ACK, 300);
      yield this.#tcp(c, 1, ACK, 0);
      const segments = 2 + ((n * 13) % 24);
      for (let k = 0; k < segments; k++) {
        yield this.#tcp(c, 1, k === segments - 1 ? PSH | ACK : ACK, 1448);
        if (k % 2 === 1) yield this.#tcp(c, 0, ACK, 0);
      }
      yield this.#tcp(c, 0, ACK, 0);
    }
    yield this.#tcp(c, 0, FIN | ACK, 0);
    yield this.#tcp(c, 1, FIN | ACK, 0);
    yield this.#tcp(c, 0, ACK, 0);
  }
}

type Steps = IterableIterator<void>;

/** Writes about `size` bytes of such a capture; returns the number of packets. */
export function writeConversations(path: string, size: number): number {
  const fd = openSync(path, 'w');
  const generator = new Generator();
  const { writer } = generator;
  writer.section({ application: 'bench' });
  writer.interface({ linkType: 1, snaplen: 0, name: 'eth0' });
  const live = Array.from({ length: CONNECTIONS }, () => generator.connection());
  let written = 0;
  for (let i = 0; written + writer.length < size; i = (i + 1) % CONNECTIONS) {
    if (live[i]?.next().done === true) live[i] = generator.connection();
    if (writer.length < 4 << 20) continue;
    written += writeSync(fd, writer.pending());
    writer.clear();
  }
  writeSync(fd, writer.pending());
  closeSync(fd);
  return generator.packets;
}
