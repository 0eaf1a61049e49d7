import type { Packet } from '../dissect/packet.ts';

/** Copies of one packet at two places of one machine are at most about this far apart. */
const WINDOW_NS = 1e6;
/** Payload bytes that take part in the comparison. */
const PAYLOAD_BYTES = 32;

/**
 * Finds packets that a capture holds twice because it was made at several places ("any", a bond and its members, a
 * bridge and its ports): same addresses, IP id, transport header and length within a millisecond on another interface or
 * in another direction, under the same link type (elsewhere it is another journey: a broadcast looped back). Real
 * retransmissions differ in IP id or timestamps, or come later, or on the same interface. Direct-mapped, of fixed size.
 */
export class Duplicates {
  readonly #mask: number;
  readonly #first: Int32Array;
  readonly #second: Int32Array;
  readonly #where: Int32Array;
  readonly #atNs: Float64Array;

  constructor(slots = 8192) {
    this.#mask = slots - 1;
    this.#first = new Int32Array(slots);
    this.#second = new Int32Array(slots);
    this.#where = new Int32Array(slots);
    this.#atNs = new Float64Array(slots).fill(-Infinity);
  }

  /** Another section begins: what follows was captured by somebody else. */
  forget(): void {
    this.#atNs.fill(-Infinity);
  }

  /** True when the packet is a copy of one seen elsewhere. `place` names the interface and direction. */
  seen(p: Packet, bytes: Uint8Array, linkType: number, place: number, atNs: number): boolean {
    let first = (p.ipId << 8) ^ p.protocol ^ (linkType << 24);
    let second = (p.ipEnd - p.ipOffset) | 0;
    for (let i = 0; i < 32; i++) first = Math.imul(first ^ p.addresses[i]!, 0x01000193);
    // The transport header and the payload's beginning; what routers change (TTL, checksums of IP) is left out.
    const from = p.transportOffset;
    const end = Math.min(p.ipEnd, p.capturedEnd, p.payloadOffset + PAYLOAD_BYTES);
    for (let i = from; i < end; i++) {
      const byte = bytes[i]!;
      first = Math.imul(first ^ byte, 0x01000193);
      second = Math.imul(second, 31) + byte;
      second ^= second >>> 17;
    }
    first ^= first >>> 15;
    second |= 0;
    const slot = first & this.#mask;
    const same = this.#first[slot] === first && this.#second[slot] === second;
    if (same && Math.abs(atNs - this.#atNs[slot]!) <= WINDOW_NS && this.#where[slot] !== place) return true;
    this.#first[slot] = first;
    this.#second[slot] = second;
    this.#where[slot] = place;
    this.#atNs[slot] = atNs;
    return false;
  }
}
