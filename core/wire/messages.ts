import {
  CLOCK,
  GAP,
  HELLO,
  INTERFACE,
  LOG,
  NAME_BYTES,
  STATS,
  STREAMS,
  STREAM_STATS,
  TOKEN_BYTES,
} from '../abi/generated.ts';

/** The rare frames as objects. The frequent ones (flows, events, packets) are read in place by the reducer. */

const decoder = new TextDecoder();

/** Text of at most `size` bytes up to the first NUL. */
export function readText(bytes: Uint8Array, at: number, size: number): string {
  const field = bytes.subarray(at, at + size);
  const end = field.indexOf(0);
  return decoder.decode(end < 0 ? field : field.subarray(0, end));
}

/** struct fg_hello. */
export interface Hello {
  readonly magic: number;
  readonly abiVersion: number;
  readonly token: Uint8Array;
  /** FEATURE_* bits: what loaded and attached. */
  readonly features: number;
  readonly cpus: number;
  readonly slotsPerCpu: number;
  /** Inode of the network namespace it serves. */
  readonly netns: number;
  /** Lower-case hex with dashes, as in /proc/sys/kernel/random/boot_id. */
  readonly bootId: string;
  readonly kernel: string;
  readonly machine: string;
  readonly hostname: string;
  readonly pid: number;
}

export function readHello(bytes: Uint8Array, view: DataView, at: number): Hello {
  const hex = Array.from(bytes.subarray(at + HELLO.bootId, at + HELLO.bootId + 16), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('');
  return {
    magic: view.getUint32(at + HELLO.magic, true),
    abiVersion: view.getUint32(at + HELLO.abiVersion, true),
    token: bytes.slice(at + HELLO.token, at + HELLO.token + TOKEN_BYTES),
    features: view.getUint32(at + HELLO.features, true),
    cpus: view.getUint32(at + HELLO.cpus, true),
    slotsPerCpu: view.getUint32(at + HELLO.slotsPerCpu, true),
    netns: view.getUint32(at + HELLO.netns, true),
    bootId: hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'),
    kernel: readText(bytes, at + HELLO.kernel, 64),
    machine: readText(bytes, at + HELLO.machine, 16),
    hostname: readText(bytes, at + HELLO.hostname, 64),
    pid: view.getUint32(at + HELLO.pid, true),
  };
}

/** struct fg_clock: three clocks read within errorNs of each other. */
export interface ClockReading {
  readonly bootNs: bigint;
  readonly monotonicNs: bigint;
  readonly realtimeNs: bigint;
  readonly errorNs: bigint;
}

export function readClock(view: DataView, at: number): ClockReading {
  return {
    bootNs: view.getBigUint64(at + CLOCK.bootNs, true),
    monotonicNs: view.getBigUint64(at + CLOCK.monotonicNs, true),
    realtimeNs: view.getBigUint64(at + CLOCK.realtimeNs, true),
    errorNs: view.getBigUint64(at + CLOCK.errorNs, true),
  };
}

/** struct fg_interface: the answer to an attach, and later news of the interface. */
export interface InterfaceReport {
  readonly iface: number;
  /** INTERFACE_* */
  readonly state: number;
  readonly ifindex: number;
  /** ARPHRD_* */
  readonly arphrd: number;
  /** LINKTYPE_* */
  readonly linkType: number;
  /** RUNG_* in use. */
  readonly ingress: number;
  readonly egress: number;
  readonly mtu: number;
  readonly up: boolean;
  readonly atNs: bigint;
  readonly name: string;
  readonly driver: string;
  /** errno when the state is INTERFACE_FAILED. */
  readonly error: number;
  /** One sentence: why this rung, or why it failed. */
  readonly reason: string;
  /** ifindex of the bridge or bond it is a port of, and of the device below it or its veth peer; 0 = none. */
  readonly master: number;
  readonly link: number;
}

export function readInterface(bytes: Uint8Array, view: DataView, at: number): InterfaceReport {
  return {
    iface: view.getUint16(at + INTERFACE.iface, true),
    state: view.getUint16(at + INTERFACE.state, true),
    ifindex: view.getUint32(at + INTERFACE.ifindex, true),
    arphrd: view.getUint32(at + INTERFACE.arphrd, true),
    linkType: view.getUint32(at + INTERFACE.linkType, true),
    ingress: view.getUint32(at + INTERFACE.ingress, true),
    egress: view.getUint32(at + INTERFACE.egress, true),
    mtu: view.getUint32(at + INTERFACE.mtu, true),
    up: view.getUint32(at + INTERFACE.up, true) !== 0,
    atNs: view.getBigUint64(at + INTERFACE.atNs, true),
    name: readText(bytes, at + INTERFACE.name, NAME_BYTES),
    driver: readText(bytes, at + INTERFACE.driver, 32),
    error: view.getInt32(at + INTERFACE.error, true),
    reason: readText(bytes, at + INTERFACE.reason, 160),
    master: view.getUint32(at + INTERFACE.master, true),
    link: view.getUint32(at + INTERFACE.link, true),
  };
}

/** struct fg_stream_stats, records: generated = delivered + queued + lostRing + lostQueue + lostSocket. */
export interface StreamStats {
  readonly generated: number;
  readonly delivered: number;
  readonly queued: number;
  readonly lostRing: number;
  readonly lostQueue: number;
  readonly lostSocket: number;
}

/** struct fg_stats, by stream in the order of enum fg_stream. */
export interface HelperStats {
  readonly sequence: number;
  readonly atNs: bigint;
  readonly streams: readonly StreamStats[];
  readonly cpuNs: number;
  readonly residentBytes: number;
  readonly displaced: number;
  readonly wakeups: number;
  /** END_* (BYE only). */
  readonly endReason: number;
  readonly lostPeeks: number;
}

export function readStats(view: DataView, at: number): HelperStats {
  const number = (offset: number): number => Number(view.getBigUint64(offset, true));
  const streams = Array.from({ length: STREAMS }, (_, index): StreamStats => {
    const base = at + STATS.stream + index * STREAM_STATS.size;
    return {
      generated: number(base + STREAM_STATS.generated),
      delivered: number(base + STREAM_STATS.delivered),
      queued: number(base + STREAM_STATS.queued),
      lostRing: number(base + STREAM_STATS.lostRing),
      lostQueue: number(base + STREAM_STATS.lostQueue),
      lostSocket: number(base + STREAM_STATS.lostSocket),
    };
  });
  return {
    sequence: number(at + STATS.sequence),
    atNs: view.getBigUint64(at + STATS.atNs, true),
    streams,
    cpuNs: number(at + STATS.cpuNs),
    residentBytes: number(at + STATS.residentBytes),
    displaced: number(at + STATS.displaced),
    wakeups: number(at + STATS.wakeups),
    endReason: view.getUint32(at + STATS.endReason, true),
    lostPeeks: view.getUint32(at + STATS.lostPeeks, true),
  };
}

/** struct fg_log: level LOG_* and text. */
export interface LogLine {
  readonly level: number;
  readonly text: string;
}

export function readLog(bytes: Uint8Array, view: DataView, at: number): LogLine {
  const length = view.getUint32(at + LOG.length, true);
  return { level: view.getUint32(at + LOG.level, true), text: readText(bytes, at + LOG.size, length) };
}

/** struct fg_gap: records of a stream that were lost between two times. */
export interface Gap {
  readonly stream: number;
  readonly fromNs: bigint;
  readonly toNs: bigint;
  readonly records: number;
}

export function readGap(view: DataView, at: number): Gap {
  return {
    stream: view.getUint32(at + GAP.stream, true),
    fromNs: view.getBigUint64(at + GAP.fromNs, true),
    toNs: view.getBigUint64(at + GAP.toNs, true),
    records: Number(view.getBigUint64(at + GAP.records, true)),
  };
}
