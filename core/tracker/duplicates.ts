import type { Packet } from '../dissect/packet.ts';
import { mix } from '../flow/hash.ts';

/** Copies of one packet at two places of one machine are at most about this far apart. */
const WINDOW_NS = 1e6;
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
    // What routers change (TTL, checksum of IP) is left out; the transport checksum stands for the payload.
    const { addresses } = p;
    let first = mix(mix(p.ipId ^ (linkType << 16), p.protocol), (p.sourcePort << 16) | p.destinationPort);
    let second = mix(p.ipEnd - p.ipOffset, p.payloadLength);
    for (let i = 0; i < 32; i += 4) {
      first = mix(
        first,
        addresses[i]! | (addresses[i + 1]! << 8) | (addresses[i + 2]! << 16) | (addresses[i + 3]! << 24),
      );
      if (p.family === 4) i += 12;
    }
    if (p.tcp !== 0) {
      second = mix(mix(mix(second, p.sequence), p.acknowledgement), (p.window << 8) | p.flags);
      second = mix(second, p.tsval);
    }
    const from = p.transportOffset;
    const end = Math.min(p.ipEnd, p.capturedEnd, from + (p.tcp !== 0 ? 18 : 16));
    for (let i = p.tcp !== 0 ? from + 16 : from; i < end; i++) second = mix(second, bytes[i]!);
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
