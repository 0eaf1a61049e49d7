import type { Packet } from './packet.ts';

/** RFC 791: a datagram's identification is unique for at least this long. */
const LIFETIME_NS = 120e9;

/**
 * Remembers which flow the first fragment of a datagram belongs to, so that later fragments count there. Direct-mapped
 * with a fixed number of slots: a displaced entry makes its later fragments unparsed (`fragment`), nothing grows.
 */
export class FragmentTable {
  readonly #mask: number;
  /** Per slot: family, protocol, 2 bytes zero, id (4), source (16), destination (16) of the fragmented datagram. */
  readonly #keys: Uint8Array;
  /** Per slot: the flow: family, protocol, 2 ports (4), 2 bytes zero, source and destination (32). */
  readonly #flows: Uint8Array;
  readonly #atNs: Float64Array;
  readonly #used: Uint8Array;
  readonly #key = new Uint8Array(40);

  constructor(slots = 4096) {
    this.#mask = slots - 1;
    this.#keys = new Uint8Array(slots * 40);
    this.#flows = new Uint8Array(slots * 40);
    this.#atNs = new Float64Array(slots);
    this.#used = new Uint8Array(slots);
  }

  /** Slot of the datagram that `packet` (addresses and protocol of the IP header filled in) belongs to. */
  #slot(p: Packet, id: number): number {
    const key = this.#key;
    key[0] = p.family;
    key[1] = p.protocol;
    key[4] = id >>> 24;
    key[5] = id >>> 16;
    key[6] = id >>> 8;
    key[7] = id;
    key.set(p.addresses, 8);
    let hash = 0x811c9dc5;
    for (let i = 0; i < 40; i++) hash = Math.imul(hash ^ (key[i] ?? 0), 0x01000193);
    return (hash ^ (hash >>> 15)) & this.#mask;
  }

  /** Begins an entry for a first fragment; `settle` fills in the flow once it is known. */
  reserve(p: Packet, id: number, atNs: number): number {
    const slot = this.#slot(p, id);
    this.#keys.set(this.#key, slot * 40);
    this.#atNs[slot] = atNs;
    this.#used[slot] = 0;
    return slot;
  }

  settle(slot: number, p: Packet): void {
    const at = slot * 40;
    const flows = this.#flows;
    flows[at] = p.family;
    flows[at + 1] = p.protocol;
    flows[at + 2] = p.sourcePort >>> 8;
    flows[at + 3] = p.sourcePort;
    flows[at + 4] = p.destinationPort >>> 8;
    flows[at + 5] = p.destinationPort;
    flows.set(p.addresses, at + 8);
    this.#used[slot] = 1;
  }

  /** Gives a later fragment the flow of its first. False when that one was not seen. */
  find(p: Packet, id: number, atNs: number): boolean {
    const slot = this.#slot(p, id);
    if (this.#used[slot] !== 1 || Math.abs(atNs - (this.#atNs[slot] ?? 0)) > LIFETIME_NS) return false;
    const at = slot * 40;
    for (let i = 0; i < 40; i++) if (this.#keys[at + i] !== this.#key[i]) return false;
    const flows = this.#flows;
    p.family = flows[at] ?? 0;
    p.protocol = flows[at + 1] ?? 0;
    p.sourcePort = ((flows[at + 2] ?? 0) << 8) | (flows[at + 3] ?? 0);
    p.destinationPort = ((flows[at + 4] ?? 0) << 8) | (flows[at + 5] ?? 0);
    for (let i = 0; i < 32; i++) p.addresses[i] = flows[at + 8 + i] ?? 0;
    p.wideAddresses = 1;
    return true;
  }
}
