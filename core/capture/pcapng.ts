import {
  BLOCK_APPLE_PROCESS,
  BLOCK_CUSTOM,
  BLOCK_CUSTOM_NO_COPY,
  BLOCK_ENHANCED_PACKET,
  BLOCK_INTERFACE,
  BLOCK_LOCAL_USE,
  BLOCK_NAMES,
  BLOCK_PACKET,
  BLOCK_SECRETS,
  BLOCK_SECTION,
  BLOCK_SIMPLE_PACKET,
  BLOCK_STATISTICS,
  BYTE_ORDER_MAGIC,
  INTERFACE_DESCRIPTION,
  INTERFACE_FCSLEN,
  INTERFACE_FILTER,
  INTERFACE_HARDWARE,
  INTERFACE_MAC,
  INTERFACE_NAME,
  INTERFACE_OS,
  INTERFACE_SPEED,
  INTERFACE_TSOFFSET,
  INTERFACE_TSRESOL,
  MAX_BLOCK_BYTES,
  OPTION_COMMENT,
  SECTION_APPLICATION,
  SECTION_HARDWARE,
  SECTION_OS,
  STATISTICS_ACCEPTED,
  STATISTICS_DELIVERED,
  STATISTICS_DROPPED,
  STATISTICS_OS_DROPPED,
  STATISTICS_RECEIVED,
} from './format.ts';
import type { CaptureInterface } from './interface.ts';
import { readText, walkOptions } from './options.ts';
import { readAppleProcess, readWiresharkProcess } from './process-block.ts';
import { type CaptureState, type Decoder, MAX_INTERFACES } from './state.ts';
import { TimeScale } from './time.ts';

const EPB_FIXED = 28;
const OPTION_OVERRUN = 'an option is longer than its block';

/**
 * pcapng blocks (draft-ietf-opsawg-pcapng). Every length is checked against the block, every block against the bytes
 * that are there; nothing is allocated for a length that is only claimed. A damaged block costs itself, the next is
 * found by its length.
 */
export class PcapngDecoder implements Decoder {
  readonly #state: CaptureState;
  #littleEndian: boolean;
  #section = -1;
  /** Index of the section's interface 0. */
  #first = 0;
  #appleProcesses = 0;

  constructor(state: CaptureState, littleEndian = true) {
    this.#state = state;
    this.#littleEndian = littleEndian;
  }

  /** Number of the section at hand, -1 before the first. */
  get section(): number {
    return this.#section;
  }

  /** Continues within a section whose header and interfaces are known. */
  resume(section: number, first: number): void {
    this.#section = section;
    this.#first = first;
  }

  decode(start: number, end: number): number {
    const state = this.#state;
    const view = state.view;
    let at = start;
    while (at + 8 <= end && !state.stopped) {
      const section = view.getUint32(at, true) === BLOCK_SECTION;
      if (section) {
        // The block type reads the same in both byte orders; the order follows the length.
        if (at + 12 > end) return at;
        if (view.getUint32(at + 8, true) === BYTE_ORDER_MAGIC) this.#littleEndian = true;
        else if (view.getUint32(at + 8, false) === BYTE_ORDER_MAGIC) this.#littleEndian = false;
        else {
          state.stop(at, 'a section without the byte-order magic');
          return at;
        }
      }
      const little = this.#littleEndian;
      const type = section ? BLOCK_SECTION : view.getUint32(at, little);
      const claimed = view.getUint32(at + 4, little);
      if (claimed < (section ? 28 : 12)) {
        state.stop(at, `a block of ${claimed} bytes cannot be`);
        return at;
      }
      const length = (claimed & 3) === 0 ? claimed : Math.ceil(claimed / 4) * 4;
      if (length > MAX_BLOCK_BYTES) {
        state.problem(at, `a block of ${claimed} bytes was not read`, true);
        if (type === BLOCK_ENHANCED_PACKET || type === BLOCK_PACKET || type === BLOCK_SIMPLE_PACKET) state.damaged++;
        state.skip = length;
        state.skippedAt = state.base + at;
        return at;
      }
      if (at + length > end) return at;
      if (length !== claimed) state.problem(at, `the block length ${claimed} is not a multiple of four`, false);
      const trailer = view.getUint32(at + length - 4, little);
      if (trailer !== claimed) {
        state.problem(at, `the block ends with length ${trailer}, it began with ${claimed}`, true);
      }
      const body = at + 8;
      const bodyEnd = at + length - 4;
      if (type === BLOCK_ENHANCED_PACKET) this.#enhancedPacket(at, body, bodyEnd);
      else this.#other(type, at, body, bodyEnd);
      if (state.held) return at;
      if (state.handlers.block !== undefined && !state.stopped) {
        state.handlers.block(type, state.bytes, at, at + length, little, length === claimed && trailer === claimed);
      }
      at += length;
    }
    return at;
  }

  #enhancedPacket(at: number, body: number, end: number): void {
    const state = this.#state;
    const view = state.view;
    const little = this.#littleEndian;
    if (end - body < 20) {
      state.damaged++;
      state.problem(at, 'a packet block too short for its own fields', true);
      return;
    }
    const info = state.interfaces[this.#first + view.getUint32(body, little)];
    if (info === undefined) {
      state.damaged++;
      state.problem(at, `a packet of interface ${view.getUint32(body, little)}, which is not described`, true);
      return;
    }
    const captured = view.getUint32(body + 12, little);
    const data = body + 20;
    if (captured > end - data) {
      state.damaged++;
      state.problem(at, `${captured} captured bytes in a block of ${end - body + 12}`, true);
      return;
    }
    const packet = state.packet;
    packet.timed = true;
    info.scale.convert(view.getUint32(body + 4, little), view.getUint32(body + 8, little), packet);
    packet.captured = captured;
    packet.original = view.getUint32(body + 16, little);
    this.#finish(info, at, data, end);
  }

  /** Common end of the blocks that carry options after the packet's bytes. */
  #finish(info: CaptureInterface, at: number, data: number, end: number): void {
    const state = this.#state;
    const packet = state.packet;
    if (packet.captured > packet.original) {
      state.problem(at, `${packet.captured} bytes captured of a packet of ${packet.original}`, false);
    }
    const options = data + ((packet.captured + 3) & ~3);
    if (options + 4 <= end) {
      if (!packet.readOptions(options, end, this.#littleEndian)) state.problem(at, OPTION_OVERRUN, true);
    } else packet.clearOptions();
    packet.interfaceIndex = info.index;
    packet.offset = data;
    packet.at = state.base + at;
    state.deliver(info);
  }

  #other(type: number, at: number, body: number, end: number): void {
    const state = this.#state;
    switch (type) {
      case BLOCK_SECTION:
        this.#sectionHeader(at, body, end);
        return;
      case BLOCK_INTERFACE:
        this.#interface(at, body, end);
        return;
      case BLOCK_PACKET:
        this.#oldPacket(at, body, end);
        return;
      case BLOCK_SIMPLE_PACKET:
        this.#simplePacket(at, body, end);
        return;
      case BLOCK_NAMES:
        if (state.handlers.names) this.#names(at, body, end);
        return;
      case BLOCK_STATISTICS:
        this.#statistics(at, body, end);
        return;
      case BLOCK_SECRETS:
        this.#secrets(at, body, end);
        return;
      case BLOCK_CUSTOM:
      case BLOCK_CUSTOM_NO_COPY: {
        const found = readWiresharkProcess(state.bytes, state.view, body, end, this.#littleEndian);
        if (found) state.handlers.process?.(found);
        else this.#unknown(type);
        return;
      }
      case BLOCK_APPLE_PROCESS: {
        const index = this.#appleProcesses++;
        const found = readAppleProcess(state.bytes, state.view, body, end, this.#littleEndian, index);
        if (found) state.handlers.process?.(found);
        else state.problem(at, 'a process block without a process id', true);
        return;
      }
      default:
        if (type >= BLOCK_LOCAL_USE) {
          state.handlers.local?.(type, state.bytes.subarray(body, end), state.base + at);
        }
        this.#unknown(type);
    }
  }

  #unknown(type: number): void {
    const counts = this.#state.unknownBlocks;
    // Bounded: a hostile file could use a new type in every block.
    if (counts.has(type) || counts.size < 256) counts.set(type, (counts.get(type) ?? 0) + 1);
  }

  #sectionHeader(at: number, body: number, end: number): void {
    const state = this.#state;
    const view = state.view;
    const little = this.#littleEndian;
    const major = view.getUint16(body + 4, little);
    const minor = view.getUint16(body + 6, little);
    // 1.2 was written by some tools and is the same format (draft, "Section Header Block").
    if (major !== 1 || (minor !== 0 && minor !== 2)) {
      state.stop(at, `pcapng version ${major}.${minor} is not one that exists`);
      return;
    }
    this.#section++;
    this.#first = state.interfaces.length;
    let hardware: string | null = null;
    let os: string | null = null;
    let application: string | null = null;
    const comments: string[] = [];
    const whole = walkOptions(view, body + 16, end, little, (code, value, length) => {
      if (code === SECTION_HARDWARE) hardware = readText(state.bytes, value, value + length);
      else if (code === SECTION_OS) os = readText(state.bytes, value, value + length);
      else if (code === SECTION_APPLICATION) application = readText(state.bytes, value, value + length);
      else if (code === OPTION_COMMENT) comments.push(readText(state.bytes, value, value + length));
    });
    if (!whole) state.problem(at, OPTION_OVERRUN, true);
    state.handlers.section?.({
      index: this.#section,
      at: state.base + at,
      littleEndian: little,
      hardware,
      os,
      application,
      comments,
    });
  }

  #interface(at: number, body: number, end: number): void {
    const state = this.#state;
    const view = state.view;
    const bytes = state.bytes;
    const little = this.#littleEndian;
    if (end - body < 8) {
      state.stop(at, 'an interface description too short for its own fields');
      return;
    }
    if (state.interfaces.length >= MAX_INTERFACES) {
      state.stop(at, `more than ${MAX_INTERFACES} interfaces`);
      return;
    }
    let resolution = 6;
    let offset = 0;
    const info = {
      index: state.interfaces.length,
      section: this.#section,
      id: state.interfaces.length - this.#first,
      linkType: view.getUint16(body, little),
      snaplen: view.getUint32(body + 4, little),
      fcsBytes: 0,
      name: null as string | null,
      description: null as string | null,
      filter: null as string | null,
      os: null as string | null,
      hardware: null as string | null,
      speed: null as bigint | null,
      mac: null as string | null,
      comments: [] as string[],
      packets: 0,
      capturedBytes: 0,
      received: null as number | null,
      dropped: null as number | null,
      osDropped: null as number | null,
    };
    const whole = walkOptions(view, body + 8, end, little, (code, value, length) => {
      if (code === INTERFACE_NAME) info.name = readText(bytes, value, value + length);
      else if (code === INTERFACE_DESCRIPTION) info.description = readText(bytes, value, value + length);
      else if (code === INTERFACE_OS) info.os = readText(bytes, value, value + length);
      else if (code === INTERFACE_HARDWARE) info.hardware = readText(bytes, value, value + length);
      else if (code === INTERFACE_FILTER && length > 1 && bytes[value] === 0) {
        info.filter = readText(bytes, value + 1, value + length);
      } else if (code === INTERFACE_TSRESOL && length >= 1) resolution = view.getUint8(value);
      else if (code === INTERFACE_FCSLEN && length >= 1) info.fcsBytes = view.getUint8(value);
      else if (code === INTERFACE_TSOFFSET && length === 8) offset = Number(view.getBigInt64(value, little));
      else if (code === INTERFACE_SPEED && length === 8) info.speed = view.getBigUint64(value, little);
      else if (code === INTERFACE_MAC && length === 6) {
        info.mac = Array.from(bytes.subarray(value, value + 6), (octet) => octet.toString(16).padStart(2, '0')).join(
          ':',
        );
      } else if (code === OPTION_COMMENT) info.comments.push(readText(bytes, value, value + length));
    });
    if (!whole) state.problem(at, OPTION_OVERRUN, true);
    const described: CaptureInterface = Object.assign(info, { scale: new TimeScale(resolution, offset) });
    state.interfaces.push(described);
    state.handlers.interface?.(described);
  }

  /** Obsolete Packet Block: u16 interface, u16 drops, then as an Enhanced Packet Block. */
  #oldPacket(at: number, body: number, end: number): void {
    const state = this.#state;
    const view = state.view;
    const little = this.#littleEndian;
    const info = end - body < 20 ? undefined : state.interfaces[this.#first + view.getUint16(body, little)];
    const captured = info === undefined ? 0 : view.getUint32(body + 12, little);
    if (info === undefined || captured > end - body - 20) {
      state.damaged++;
      state.problem(at, 'a packet block that does not fit its length or interface', true);
      return;
    }
    const packet = state.packet;
    packet.timed = true;
    info.scale.convert(view.getUint32(body + 4, little), view.getUint32(body + 8, little), packet);
    packet.captured = captured;
    packet.original = view.getUint32(body + 16, little);
    this.#finish(info, at, body + 20, end);
  }

  /** Simple Packet Block: interface 0, no time; captured = the least of original length, snaplen and room. */
  #simplePacket(at: number, body: number, end: number): void {
    const state = this.#state;
    const info = state.interfaces[this.#first];
    if (info === undefined || end - body < 4) {
      state.damaged++;
      state.problem(at, 'a simple packet block without an interface or a length', true);
      return;
    }
    const packet = state.packet;
    packet.original = state.view.getUint32(body, this.#littleEndian);
    packet.captured = Math.min(packet.original, end - body - 4, info.snaplen === 0 ? Infinity : info.snaplen);
    packet.timed = false;
    packet.seconds = 0;
    packet.nanos = 0;
    packet.clearOptions();
    packet.interfaceIndex = info.index;
    packet.offset = body + 4;
    packet.at = state.base + at;
    state.deliver(info);
  }

  #statistics(at: number, body: number, end: number): void {
    const state = this.#state;
    const view = state.view;
    const little = this.#littleEndian;
    const info = end - body < 12 ? undefined : state.interfaces[this.#first + view.getUint32(body, little)];
    if (info === undefined) {
      state.problem(at, 'statistics of an interface that is not described', true);
      return;
    }
    const counters: (number | null)[] = [null, null, null, null, null];
    const whole = walkOptions(view, body + 12, end, little, (code, value, length) => {
      if (code >= STATISTICS_RECEIVED && code <= STATISTICS_DELIVERED && length === 8) {
        counters[code - STATISTICS_RECEIVED] = Number(view.getBigUint64(value, little));
      }
    });
    if (!whole) state.problem(at, OPTION_OVERRUN, true);
    const counter = (code: number): number | null => counters[code - STATISTICS_RECEIVED] ?? null;
    info.received = counter(STATISTICS_RECEIVED) ?? info.received;
    info.dropped = counter(STATISTICS_DROPPED) ?? info.dropped;
    info.osDropped = counter(STATISTICS_OS_DROPPED) ?? info.osDropped;
    const time = { seconds: 0, nanos: 0 };
    info.scale.convert(view.getUint32(body + 4, little), view.getUint32(body + 8, little), time);
    state.handlers.statistics?.({
      interfaceIndex: info.index,
      seconds: time.seconds,
      nanos: time.nanos,
      received: counter(STATISTICS_RECEIVED),
      dropped: counter(STATISTICS_DROPPED),
      accepted: counter(STATISTICS_ACCEPTED),
      osDropped: counter(STATISTICS_OS_DROPPED),
      delivered: counter(STATISTICS_DELIVERED),
    });
  }

  #names(at: number, body: number, end: number): void {
    const state = this.#state;
    let here = body;
    while (here + 4 <= end) {
      const type = state.view.getUint16(here, this.#littleEndian);
      const length = state.view.getUint16(here + 2, this.#littleEndian);
      if (type === 0) return;
      const value = here + 4;
      if (value + length > end) {
        state.problem(at, 'a name record is longer than its block', true);
        return;
      }
      const addressBytes = type === 1 ? 4 : type === 2 ? 16 : 0;
      if (addressBytes > 0 && length > addressBytes) {
        const names: string[] = [];
        let from = value + addressBytes;
        for (let i = from; i < value + length; i++) {
          if (state.bytes[i] !== 0) continue;
          if (i > from) names.push(readText(state.bytes, from, i));
          from = i + 1;
        }
        if (from < value + length) names.push(readText(state.bytes, from, value + length));
        state.handlers.names?.(state.bytes.subarray(value, value + addressBytes), names);
      }
      here = value + ((length + 3) & ~3);
    }
  }

  #secrets(at: number, body: number, end: number): void {
    const state = this.#state;
    const length = end - body < 8 ? -1 : state.view.getUint32(body + 4, this.#littleEndian);
    if (length < 0 || length > end - body - 8) {
      state.problem(at, 'secrets longer than their block', true);
      return;
    }
    const type = state.view.getUint32(body, this.#littleEndian);
    state.handlers.secrets?.(type, state.bytes.subarray(body + 8, body + 8 + length));
  }
}

/** Bytes an Enhanced Packet Block adds to its packet, options and padding not counted. */
export const ENHANCED_PACKET_OVERHEAD = EPB_FIXED + 4;
