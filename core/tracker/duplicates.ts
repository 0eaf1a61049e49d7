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
  /** Per slot of 16 bytes: a hash of the packet, the place, and the time, over one buffer. */
  readonly #seen: Int32Array;
  readonly #atNs: Float64Array;

  constructor(slots = 8192) {
    this.#mask = slots - 1;
    const buffer = new ArrayBuffer(slots * 16);
    this.#seen = new Int32Array(buffer);
    this.#atNs = new Float64Array(buffer);
    this.forget();
  }

  /** Another section begins: what follows was captured by somebody else. */
  forget(): void {
    for (let slot = 0; slot <= this.#mask; slot++) this.#atNs[slot * 2 + 1] = -Infinity;
  }

  /**
   * True when the packet is a copy of one seen elsewhere. `sender` is a hash of the flow, its sender and the link type;
   * `place` names the interface and direction.
   */
  seen(sender: number, p: Packet, bytes: Uint8Array, place: number, atNs: number): boolean {
    // What routers change (TTL, checksum of IP) is left out; the transport checksum stands for the payload.
    const first = sender ^ Math.imul(p.ipId, 0x9e3779b1);
    let second = Math.imul(((p.ipEnd - p.ipOffset) << 16) ^ p.payloadLength, 0x85ebca6b);
    const from = p.transportOffset;
    const tcp = p.tcp !== 0;
    if (tcp) {
      // Products side by side: as one chain of mix() they would wait for each other.
      second ^= Math.imul(p.sequence, 0xc2b2ae35) ^ Math.imul(p.acknowledgement, 0x27d4eb2f);
      second = mix(second, Math.imul((p.window << 8) | p.flags, 0x165667b1) ^ p.tsval);
    }
    const end = Math.min(p.ipEnd, p.capturedEnd, from + (tcp ? 18 : 16));
    for (let i = tcp ? from + 16 : from; i < end; i++) second = mix(second, bytes[i]!);
    const slot = (first ^ (first >>> 16)) & this.#mask;
    const packet = first ^ second;
    const seen = this.#seen;
    const times = this.#atNs;
    const at = slot * 4;
    if (seen[at] === packet && seen[at + 1] !== place && Math.abs(atNs - times[slot * 2 + 1]!) <= WINDOW_NS)
      return true;
    seen[at] = packet;
    seen[at + 1] = place;
    times[slot * 2 + 1] = atNs;
    return false;
  }
}
