import { FlowglassError } from '../errors.ts';
import {
  BUS_LINK_TYPES,
  MAX_BLOCK_BYTES,
  MAX_PACKET_BYTES,
  PCAP_HEADER_BYTES,
  PCAP_MODIFIED,
  PCAP_NANOSECONDS,
} from './format.ts';
import type { CaptureInterface } from './interface.ts';
import type { CaptureState, Decoder } from './state.ts';
import { TimeScale } from './time.ts';

/**
 * pcap records (draft-ietf-opsawg-pcap): 16-byte headers, 24 in Kuznetzov's modified format; seconds are unsigned, so
 * times reach 2106. Versions before 2.3 have the two lengths swapped, 2.3 may have (libpcap, sf-pcap.c).
 */
export class PcapDecoder implements Decoder {
  readonly #state: CaptureState;
  readonly #littleEndian: boolean;
  readonly #info: CaptureInterface;
  readonly #recordBytes: number;
  readonly #nanosPerTick: number;
  readonly #ticksPerSecond: number;
  readonly #swapped: boolean;
  readonly #maybeSwapped: boolean;
  readonly #maxCaptured: number;

  /** Reads the file header, which lies whole at `start`. Throws on a version or link type that nobody has defined. */
  constructor(state: CaptureState, magic: number, littleEndian: boolean, start: number, name: string) {
    const view = state.view;
    this.#state = state;
    this.#littleEndian = littleEndian;
    const major = view.getUint16(start + 4, littleEndian);
    const minor = view.getUint16(start + 6, littleEndian);
    // 543 is what some DG/UX tcpdump wrote for 2 (libpcap).
    if (major !== 2 && major !== 543) {
      throw new FlowglassError({
        code: 'capture-version',
        what: `pcap version ${major}.${minor} is not one that exists`,
        where: name,
        hint: 'the file is damaged or not a capture',
      });
    }
    this.#swapped = major === 543 || minor < 3;
    this.#maybeSwapped = major === 2 && minor === 3;
    const link = view.getUint32(start + 20, littleEndian);
    if ((link & 0x03ff0000) !== 0) {
      throw new FlowglassError({
        code: 'capture-link-type',
        what: `reserved bits of the link type are set (0x${link.toString(16)})`,
        where: name,
        hint: 'the file is damaged or made by a program this version does not know',
      });
    }
    const linkType = link & 0xffff;
    const nanoseconds = magic === PCAP_NANOSECONDS;
    this.#recordBytes = magic === PCAP_MODIFIED ? 24 : 16;
    this.#nanosPerTick = nanoseconds ? 1 : 1000;
    this.#ticksPerSecond = nanoseconds ? 1_000_000_000 : 1_000_000;
    this.#maxCaptured = BUS_LINK_TYPES.includes(linkType) ? MAX_BLOCK_BYTES - 24 : MAX_PACKET_BYTES;
    state.handlers.section?.({
      index: 0,
      at: 0,
      littleEndian,
      hardware: null,
      os: null,
      application: null,
      comments: [],
    });
    this.#info = {
      index: 0,
      section: 0,
      id: 0,
      linkType,
      snaplen: view.getUint32(start + 16, littleEndian),
      fcsBytes: link & 0x04000000 ? (link >>> 28) * 2 : 0,
      name: null,
      description: null,
      filter: null,
      os: null,
      hardware: null,
      speed: null,
      mac: null,
      scale: new TimeScale(nanoseconds ? 9 : 6),
      comments: [],
      packets: 0,
      capturedBytes: 0,
      received: null,
      dropped: null,
      osDropped: null,
    };
    state.interfaces.push(this.#info);
    state.handlers.interface?.(this.#info);
    state.packet.clearOptions();
    state.packet.interfaceIndex = 0;
    state.packet.timed = true;
  }

  static readonly headerBytes = PCAP_HEADER_BYTES;

  decode(start: number, end: number): number {
    const state = this.#state;
    const view = state.view;
    const packet = state.packet;
    const little = this.#littleEndian;
    const header = this.#recordBytes;
    let at = start;
    while (at + header <= end) {
      let captured = view.getUint32(at + 8, little);
      let original = view.getUint32(at + 12, little);
      if (this.#swapped || (this.#maybeSwapped && captured > original)) {
        const first = captured;
        captured = original;
        original = first;
      }
      if (captured > this.#maxCaptured) {
        state.stop(at, `a packet of ${captured} bytes cannot be`);
        return at;
      }
      if (at + header + captured > end) return at;
      let seconds = view.getUint32(at, little);
      let fraction = view.getUint32(at + 4, little);
      if (fraction >= this.#ticksPerSecond) {
        state.problem(at, 'the fraction of a second is more than a second; it was carried over', false);
        const carry = Math.floor(fraction / this.#ticksPerSecond);
        seconds += carry;
        fraction -= carry * this.#ticksPerSecond;
      }
      if (captured > original) state.problem(at, `${captured} bytes captured of a packet of ${original}`, false);
      packet.seconds = seconds;
      packet.nanos = fraction * this.#nanosPerTick;
      packet.captured = captured;
      packet.original = original;
      packet.offset = at + header;
      packet.at = state.base + at;
      state.deliver(this.#info);
      if (state.stopped || state.held) return at;
      at += header + captured;
    }
    return at;
  }
}
