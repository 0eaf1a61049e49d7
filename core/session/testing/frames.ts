import {
  CLOCK,
  COUNTERS,
  EVENT,
  FRAME_CLOCK,
  FRAME_EVENTS,
  FRAME_HELLO,
  FRAME_INTERFACE,
  FRAME_PACKETS,
  FRAME_TOTALS,
  HELLO,
  INTERFACE,
  INTERFACE_ATTACHED,
  KEY,
  PACKET,
  PACKET_HI_TO_LO,
  PACKET_KEYED,
  PACKET_OUTBOUND,
  TOTALS,
  TOTALS_RECORD,
} from '../../abi/generated.ts';
import type { FrameSink } from '../../wire/frames.ts';

/** Frames as the helper sends them, made from the generated offsets, for tests and benches. */
export interface Frame {
  readonly type: number;
  readonly bytes: Uint8Array;
}

function frame(type: number, size: number, fill: (view: DataView, bytes: Uint8Array) => void): Frame {
  const bytes = new Uint8Array(size);
  fill(new DataView(bytes.buffer), bytes);
  return { type, bytes };
}

const text = (bytes: Uint8Array, at: number, value: string): void => bytes.set(new TextEncoder().encode(value), at);

export function helloFrame(): Frame {
  return frame(FRAME_HELLO, HELLO.size, (view, bytes) => {
    bytes.fill(0xaa, HELLO.token, HELLO.token + 32);
    for (let i = 0; i < 16; i++) bytes[HELLO.bootId + i] = i;
    view.setUint32(HELLO.cpus, 2, true);
    view.setUint32(HELLO.netns, 4026531840, true);
    text(bytes, HELLO.kernel, '6.18.0-test');
    text(bytes, HELLO.machine, 'x86_64');
    text(bytes, HELLO.hostname, 'laboratory');
  });
}

export function clockFrame(bootNs: bigint, realtimeNs: bigint, errorNs = 100n): Frame {
  return frame(FRAME_CLOCK, CLOCK.size, (view) => {
    view.setBigUint64(CLOCK.bootNs, bootNs, true);
    view.setBigUint64(CLOCK.monotonicNs, bootNs, true);
    view.setBigUint64(CLOCK.realtimeNs, realtimeNs, true);
    view.setBigUint64(CLOCK.errorNs, errorNs, true);
  });
}

export function interfaceFrame(iface: number, name: string, atNs: bigint, linkType = 1): Frame {
  return frame(FRAME_INTERFACE, INTERFACE.size, (view, bytes) => {
    view.setUint16(INTERFACE.iface, iface, true);
    view.setUint16(INTERFACE.state, INTERFACE_ATTACHED, true);
    view.setUint32(INTERFACE.ifindex, iface + 2, true);
    view.setUint32(INTERFACE.linkType, linkType, true);
    view.setBigUint64(INTERFACE.atNs, atNs, true);
    view.setBigUint64(INTERFACE.speedBps, 10_000_000_000n, true);
    text(bytes, INTERFACE.name, name);
    text(bytes, INTERFACE.driver, 'veth');
    bytes.set([2, 0, 0, 0, 0, iface + 1], INTERFACE.mac);
  });
}

export function totalsFrame(iface: number, atNs: bigint, frames: number, lostFrames: number): Frame {
  return frame(FRAME_TOTALS, TOTALS_RECORD.size, (view) => {
    view.setUint16(TOTALS_RECORD.iface, iface, true);
    view.setBigUint64(TOTALS_RECORD.atNs, atNs, true);
    const totals = TOTALS_RECORD.totals;
    view.setBigUint64(totals + TOTALS.direction + COUNTERS.frames, BigInt(frames), true);
    view.setBigUint64(totals + TOTALS.capturedFrames, BigInt(frames - lostFrames), true);
    view.setBigUint64(totals + TOTALS.lostFrames, BigInt(lostFrames), true);
  });
}

/** `count` events, one microsecond apart, the last at `atNs`. */
export function eventsFrame(atNs: bigint, count: number, seed = 1): Frame {
  return frame(FRAME_EVENTS, EVENT.size * count, (view) => {
    for (let i = 0; i < count; i++) {
      const at = i * EVENT.size;
      view.setUint16(at + EVENT.kind, 4, true);
      view.setBigUint64(at + EVENT.atNs, atNs - BigInt((count - 1 - i) * 1000), true);
      view.setUint32(at + EVENT.a, Math.imul(seed + i, 2654435761) >>> 0, true);
    }
  });
}

export interface TestPacket {
  readonly iface: number;
  readonly atNs: bigint;
  readonly data: Uint8Array;
  readonly original?: number;
  readonly outbound?: boolean;
  readonly wirePackets?: number;
  readonly epoch?: number;
}

export function packetsFrame(packets: readonly TestPacket[]): Frame {
  const size = packets.reduce((sum, packet) => sum + ((PACKET.size + packet.data.length + 7) & ~7), 0);
  return frame(FRAME_PACKETS, size, (view, bytes) => {
    let at = 0;
    for (const packet of packets) {
      view.setBigUint64(at + PACKET.atNs, packet.atNs, true);
      view.setUint32(at + PACKET.captured, packet.data.length, true);
      view.setUint32(at + PACKET.original, packet.original ?? packet.data.length, true);
      view.setUint32(at + PACKET.wirePackets, packet.wirePackets ?? 1, true);
      view.setUint32(at + PACKET.flags, PACKET_KEYED | (packet.outbound ? PACKET_OUTBOUND : PACKET_HI_TO_LO), true);
      view.setUint32(at + PACKET.epoch, packet.epoch ?? 1, true);
      view.setUint16(at + PACKET.key + KEY.iface, packet.iface, true);
      bytes.set(packet.data, at + PACKET.size);
      at += (PACKET.size + packet.data.length + 7) & ~7;
    }
  });
}

/** An Ethernet frame with IPv4 and UDP, checksums right, `size` payload bytes counting up from `seed`. */
export function udpFrame(seed: number, size: number, sourcePort = 40000, destinationPort = 9): Uint8Array {
  const bytes = new Uint8Array(42 + size);
  const view = new DataView(bytes.buffer);
  bytes.set([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0]);
  bytes.set([0x45, 0, 0, 0, seed & 0xff, (seed >> 8) & 0xff, 0x40, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2], 14);
  view.setUint16(16, 28 + size);
  view.setUint16(34, sourcePort);
  view.setUint16(36, destinationPort);
  view.setUint16(38, 8 + size);
  for (let i = 0; i < size; i++) bytes[42 + i] = (seed + i) & 0xff;
  const fold = (sum: number): number => {
    let folded = sum;
    while (folded > 0xffff) folded = (folded & 0xffff) + (folded >>> 16);
    return ~folded & 0xffff;
  };
  let sum = 0;
  for (let at = 14; at < 34; at += 2) sum += view.getUint16(at);
  view.setUint16(24, fold(sum));
  sum = 17 + 8 + size;
  for (let at = 26; at < 34; at += 2) sum += view.getUint16(at);
  for (let at = 34; at + 1 < bytes.length; at += 2) sum += view.getUint16(at);
  if (bytes.length % 2) sum += (bytes[bytes.length - 1] ?? 0) << 8;
  view.setUint16(40, fold(sum) || 0xffff);
  return bytes;
}

/** Gives a frame to a sink, at an offset that is not 0, as the reader of the socket does. */
export function give(sink: FrameSink, each: Frame): void {
  const buffer = new Uint8Array(each.bytes.length + 16);
  buffer.set(each.bytes, 8);
  sink(each.type, buffer, new DataView(buffer.buffer), 8, each.bytes.length);
}

/** A reducer whose state is a count and a hash of all frames in their order: any difference shows. */
export class HashReducer {
  frames = 0;
  hash = 0x811c9dc5;

  apply(type: number, bytes: Uint8Array, _view: DataView, offset: number, length: number): void {
    this.frames++;
    this.hash = Math.imul(this.hash ^ type, 16777619) >>> 0;
    for (let i = offset; i < offset + length; i++) {
      this.hash = Math.imul(this.hash ^ (bytes[i] ?? 0), 16777619) >>> 0;
    }
  }

  /** Padded, so that a keyframe has the size asked for. */
  serialize(size = 8): Uint8Array {
    const state = new Uint8Array(Math.max(8, size));
    const view = new DataView(state.buffer);
    view.setUint32(0, this.frames, true);
    view.setUint32(4, this.hash, true);
    for (let i = 8; i < state.length; i++) state[i] = (i * 7919) >>> 3;
    return state;
  }

  static restore(state: Uint8Array): HashReducer {
    const view = new DataView(state.buffer, state.byteOffset, state.byteLength);
    const reducer = new HashReducer();
    reducer.frames = view.getUint32(0, true);
    reducer.hash = view.getUint32(4, true);
    return reducer;
  }
}
