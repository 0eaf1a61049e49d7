import { PCAP_HEADER_BYTES, PCAP_MICROSECONDS, PCAP_NANOSECONDS } from './format.ts';

const RECORD_BYTES = 16;
const VERSION_MAJOR = 2;
const VERSION_MINOR = 4;

/** Times a pcap record can hold: unsigned 32-bit seconds. */
export const PCAP_SECONDS_MAX = 0xffffffff;

/** The 24 bytes that a pcap file begins with (draft-ietf-opsawg-pcap), little-endian. */
export function pcapHeader(linkType: number, snaplen: number, nanoseconds: boolean): Uint8Array {
  const view = new DataView(new ArrayBuffer(PCAP_HEADER_BYTES));
  view.setUint32(0, nanoseconds ? PCAP_NANOSECONDS : PCAP_MICROSECONDS, true);
  view.setUint16(4, VERSION_MAJOR, true);
  view.setUint16(6, VERSION_MINOR, true);
  view.setUint32(16, snaplen, true);
  view.setUint32(20, linkType, true);
  return new Uint8Array(view.buffer);
}

/** Builds record headers in one buffer that is used again. */
export class PcapRecord {
  readonly bytes = new Uint8Array(RECORD_BYTES);
  readonly #view = new DataView(this.bytes.buffer);
  readonly #nanosPerTick: number;

  constructor(nanoseconds: boolean) {
    this.#nanosPerTick = nanoseconds ? 1 : 1000;
  }

  /** `seconds` 0 to PCAP_SECONDS_MAX. */
  fill(seconds: number, nanos: number, captured: number, original: number): Uint8Array {
    const view = this.#view;
    view.setUint32(0, seconds, true);
    view.setUint32(4, Math.floor(nanos / this.#nanosPerTick), true);
    view.setUint32(8, captured, true);
    view.setUint32(12, original, true);
    return this.bytes;
  }
}
