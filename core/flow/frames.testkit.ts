/** Frames as the helper would send them, for tests: payload bytes built with the generated offsets. */
import * as abi from '../abi/generated.ts';
import type { Reducer } from './reducer.ts';

export interface Key {
  lo?: string;
  hi?: string;
  loPort?: number;
  hiPort?: number;
  iface?: number;
  protocol?: number;
}

export interface Counters {
  packets?: number;
  bytes?: number;
  payload?: number;
  frames?: number;
  frameBytes?: number;
}

export const BOOT = 1_000_000_000_000n;
export const WALL = 1_795_608_000_000_000_000n; // 2026-11-25T12:00:00Z

/** Boot ns of a time `ms` after the origin. */
export const ms = (value: number): bigint => BOOT + BigInt(Math.round(value * 1e6));

export class Bytes {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  constructor(size: number) {
    this.bytes = new Uint8Array(size);
    this.view = new DataView(this.bytes.buffer);
  }
  u8(at: number, value: number): this {
    this.view.setUint8(at, value);
    return this;
  }
  u16(at: number, value: number): this {
    this.view.setUint16(at, value, true);
    return this;
  }
  u32(at: number, value: number): this {
    this.view.setUint32(at, value, true);
    return this;
  }
  i32(at: number, value: number): this {
    this.view.setInt32(at, value, true);
    return this;
  }
  u64(at: number, value: bigint | number): this {
    this.view.setBigUint64(at, BigInt(value), true);
    return this;
  }
  raw(at: number, value: Uint8Array): this {
    this.bytes.set(value, at);
    return this;
  }
  text(at: number, value: string): this {
    return this.raw(at, new TextEncoder().encode(value));
  }
}

export function address(text: string): Uint8Array {
  const bytes = new Uint8Array(16);
  if (!text.includes(':')) {
    bytes.set(text.split('.').map(Number));
    return bytes;
  }
  const [head = '', tail] = text.split('::');
  const groups = (part: string): number[] => (part === '' ? [] : part.split(':').map((group) => parseInt(group, 16)));
  const first = groups(head);
  const last = tail === undefined ? [] : groups(tail);
  const all = [...first, ...new Array<number>(8 - first.length - last.length).fill(0), ...last];
  all.forEach((group, i) => bytes.set([group >> 8, group & 255], i * 2));
  return bytes;
}

export function putKey(into: Bytes, at: number, key: Key): void {
  const lo = key.lo ?? '10.0.0.1';
  into
    .raw(at + abi.KEY.loAddress, address(lo))
    .raw(at + abi.KEY.hiAddress, address(key.hi ?? '10.0.0.2'))
    .u16(at + abi.KEY.loPort, key.loPort ?? 40000)
    .u16(at + abi.KEY.hiPort, key.hiPort ?? 80)
    .u16(at + abi.KEY.iface, key.iface ?? 0)
    .u8(at + abi.KEY.protocol, key.protocol ?? 6)
    .u8(at + abi.KEY.family, lo.includes(':') ? 6 : 4);
}

export function keyBytes(key: Key): Uint8Array {
  const into = new Bytes(abi.KEY.size);
  putKey(into, 0, key);
  return into.bytes;
}

export interface FlowRecord {
  cpu?: number;
  slot?: number;
  generation?: number;
  final?: boolean;
  key?: Key;
  epoch?: number;
  flags?: number;
  cookies?: [bigint, bigint];
  first?: number;
  last?: number;
  lo?: Counters;
  hi?: Counters;
  zeroWindows?: [number, number];
}

export function flowRecord(record: FlowRecord): Uint8Array {
  const into = new Bytes(abi.FLOW_RECORD.size);
  into
    .u16(abi.FLOW_RECORD.cpu, record.cpu ?? 0)
    .u16(abi.FLOW_RECORD.recordFlags, record.final === true ? abi.RECORD_FINAL : 0)
    .u32(abi.FLOW_RECORD.slot, record.slot ?? 1)
    .u32(abi.FLOW_RECORD.generation, record.generation ?? 1);
  const flow = abi.FLOW_RECORD.flow;
  putKey(into, flow + abi.FLOW.key, record.key ?? {});
  into
    .u32(flow + abi.FLOW.epoch, record.epoch ?? 0)
    .u32(flow + abi.FLOW.flags, record.flags ?? 0)
    .u64(flow + abi.FLOW.cookie, record.cookies?.[0] ?? 0n)
    .u64(flow + abi.FLOW.cookie + 8, record.cookies?.[1] ?? 0n)
    .u64(flow + abi.FLOW.firstNs, ms(record.first ?? 1))
    .u64(flow + abi.FLOW.lastNs, ms(record.last ?? record.first ?? 1))
    .u32(flow + abi.FLOW.zeroWindows, record.zeroWindows?.[0] ?? 0)
    .u32(flow + abi.FLOW.zeroWindows + 4, record.zeroWindows?.[1] ?? 0);
  [record.lo ?? {}, record.hi ?? {}].forEach((counters, direction) => {
    const at = flow + abi.FLOW.direction + direction * abi.COUNTERS.size;
    into
      .u64(at + abi.COUNTERS.packets, counters.packets ?? 0)
      .u64(at + abi.COUNTERS.bytes, counters.bytes ?? 0)
      .u64(at + abi.COUNTERS.payload, counters.payload ?? 0)
      .u64(at + abi.COUNTERS.frames, counters.frames ?? counters.packets ?? 0)
      .u64(at + abi.COUNTERS.frameBytes, counters.frameBytes ?? counters.bytes ?? 0);
  });
  return into.bytes;
}

export interface EventRecord {
  kind: number;
  flags?: number;
  a?: number;
  b?: number;
  at?: number;
  cookie?: bigint;
  valueNs?: number;
  epoch?: number;
  key?: Key | null;
  hiToLo?: boolean;
}

export function eventRecord(event: EventRecord): Uint8Array {
  const into = new Bytes(abi.EVENT.size);
  const keyed = event.key !== null;
  const flags = (event.flags ?? 0) | (keyed ? abi.EVENT_KEYED : 0) | (event.hiToLo === true ? abi.EVENT_HI_TO_LO : 0);
  into
    .u16(abi.EVENT.kind, event.kind)
    .u16(abi.EVENT.flags, flags)
    .u32(abi.EVENT.a, event.a ?? 0)
    .u64(abi.EVENT.atNs, ms(event.at ?? 1))
    .u64(abi.EVENT.cookie, event.cookie ?? 0n)
    .u64(abi.EVENT.value, event.valueNs ?? 0)
    .u32(abi.EVENT.b, event.b ?? 0)
    .u32(abi.EVENT.epoch, event.epoch ?? 0);
  if (keyed) putKey(into, abi.EVENT.key, event.key ?? {});
  return into.bytes;
}

export interface SocketRecord {
  kind: number;
  cookie: bigint;
  at?: number;
  source?: number;
  pid?: number;
  tid?: number;
  processStart?: bigint;
  comm?: string;
  uid?: number;
  netns?: number;
  protocol?: number;
  family?: number;
  oldState?: number;
  newState?: number;
  flags?: number;
  local?: [string, number];
  remote?: [string, number];
  created?: number;
  totalRetrans?: number;
}

export function socketRecord(socket: SocketRecord): Uint8Array {
  const E = abi.SOCKET_EVENT;
  const into = new Bytes(E.size);
  into
    .u8(E.kind, socket.kind)
    .u8(E.family, socket.family ?? 4)
    .u8(E.protocol, socket.protocol ?? 6)
    .u8(E.source, socket.source ?? 0)
    .u8(E.oldState, socket.oldState ?? 0)
    .u8(E.newState, socket.newState ?? 0)
    .u16(E.flags, socket.flags ?? 0)
    .u64(E.atNs, ms(socket.at ?? 1))
    .u64(E.cookie, socket.cookie)
    .u64(E.createdNs, socket.created === undefined ? 0n : ms(socket.created))
    .u64(E.processStartNs, socket.processStart ?? 5_000n)
    .u32(E.pid, socket.pid ?? 0)
    .u32(E.tid, socket.tid ?? socket.pid ?? 0)
    .u32(E.uid, socket.uid ?? 0)
    .u32(E.netns, socket.netns ?? 99)
    .u32(E.totalRetrans, socket.totalRetrans ?? 0)
    .raw(E.localAddress, address(socket.local?.[0] ?? '0.0.0.0'))
    .raw(E.remoteAddress, address(socket.remote?.[0] ?? '0.0.0.0'))
    .u16(E.localPort, socket.local?.[1] ?? 0)
    .u16(E.remotePort, socket.remote?.[1] ?? 0)
    .text(E.comm, (socket.comm ?? '').slice(0, 16));
  return into.bytes;
}

export interface ProcessRecord {
  kind: number;
  pid: number;
  start?: bigint;
  parent?: number;
  parentStart?: bigint;
  uid?: number;
  comm?: string;
  exe?: string;
  file?: string;
  args?: string | Uint8Array;
  cgroup?: bigint;
  flags?: number;
}

export function processRecord(process: ProcessRecord): Uint8Array {
  const P = abi.PROCESS;
  const encoder = new TextEncoder();
  const exe = encoder.encode(process.exe ?? '');
  const file = encoder.encode(process.file ?? '');
  const args = typeof process.args === 'string' ? encoder.encode(process.args) : (process.args ?? new Uint8Array(0));
  const size = (P.size + exe.length + file.length + args.length + 7) & ~7;
  return new Bytes(size)
    .u16(P.kind, process.kind)
    .u16(P.flags, process.flags ?? 0)
    .u32(P.recordLength, size)
    .u64(P.atNs, ms(1))
    .u64(P.startNs, process.start ?? 5_000n)
    .u64(P.parentStartNs, process.parentStart ?? 5_000n)
    .u64(P.cgroupId, process.cgroup ?? 0n)
    .u32(P.pid, process.pid)
    .u32(P.parentPid, process.parent ?? 1)
    .u32(P.uid, process.uid ?? 1000)
    .u16(P.exeLength, exe.length)
    .u16(P.fileLength, file.length)
    .u16(P.argsLength, args.length)
    .text(P.comm, (process.comm ?? '').slice(0, 15))
    .raw(P.size, exe)
    .raw(P.size + exe.length, file)
    .raw(P.size + exe.length + file.length, args).bytes;
}

export function clockRecord(at = 0, wallNs: bigint = WALL + BigInt(at) * 1_000_000n): Uint8Array {
  return new Bytes(abi.CLOCK.size)
    .u64(abi.CLOCK.bootNs, ms(at))
    .u64(abi.CLOCK.realtimeNs, wallNs)
    .u64(abi.CLOCK.errorNs, 50n).bytes;
}

export function helloRecord(features = 0x7fff): Uint8Array {
  return new Bytes(abi.HELLO.size)
    .u32(abi.HELLO.magic, abi.MAGIC)
    .u32(abi.HELLO.features, features)
    .u32(abi.HELLO.netns, 99).bytes;
}

export function interfaceRecord(iface = 0, name = 'veth0', loopback = false, netns = 0): Uint8Array {
  const I = abi.INTERFACE;
  return new Bytes(I.size)
    .u16(I.iface, iface)
    .u16(I.state, abi.INTERFACE_ATTACHED)
    .u32(I.ifindex, 5 + iface)
    .u32(I.arphrd, loopback ? 772 : 1)
    .u32(I.linkType, 1)
    .u32(I.ingress, abi.RUNG_TCX)
    .u32(I.egress, abi.RUNG_TCX)
    .u32(I.netns, netns)
    .text(I.name, name).bytes;
}

export function join(parts: Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

export interface Frame {
  type: number;
  payload: Uint8Array;
}

export const frame = (type: number, ...records: Uint8Array[]): Frame => ({ type, payload: join(records) });

export function feed(reducer: Reducer, ...frames: Frame[]): void {
  for (const { type, payload } of frames) {
    reducer.apply(type, payload, new DataView(payload.buffer), payload.byteOffset, payload.length);
  }
}

/** HELLO, CLOCK and one interface: how every session begins. */
export const opening = (): Frame[] => [
  frame(abi.FRAME_HELLO, helloRecord()),
  frame(abi.FRAME_CLOCK, clockRecord()),
  frame(abi.FRAME_INTERFACE, interfaceRecord()),
];

export const flowsFrame = (...records: FlowRecord[]): Frame => frame(abi.FRAME_FLOWS, ...records.map(flowRecord));
export const eventsFrame = (...records: EventRecord[]): Frame => frame(abi.FRAME_EVENTS, ...records.map(eventRecord));
export const socketsFrame = (...records: SocketRecord[]): Frame =>
  frame(abi.FRAME_SOCKETS, ...records.map(socketRecord));
