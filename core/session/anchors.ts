const TWO_32 = 4294967296;
/** Readings that differ by less than this and their errors are the same anchor (jitter); as in the flow model. */
const SAME_ANCHOR_NS = 1000;
/** The kernel slews a clock by at most 500 ppm, adjtime(3) included; twice that, and it was set. */
const SLEW_NS_A_SECOND = 1_000_000;
const KEPT = 64;

interface Anchor {
  readonly bootNs: bigint;
  readonly errorNs: number;
  readonly offsetNs: bigint;
  readonly bootHigh: number;
  readonly bootLow: number;
  readonly offsetHigh: number;
  readonly offsetLow: number;
  /** How often the wall clock has been set back until then. */
  readonly steps: number;
  readonly index: number;
}

/**
 * Wall time of a boot time by the anchor in force at that moment: the newest CLOCK reading before it. Works on halves
 * of 64-bit numbers, so that a packet costs no BigInt.
 */
export class Anchors {
  readonly #anchors: Anchor[] = [];
  /** Result of `convert`. */
  high = 0;
  low = 0;
  /** Times the wall clock was set back before the moment of the last `convert`. */
  steps = 0;
  /** Names the anchor used by the last `convert`. */
  index = -1;

  get known(): boolean {
    return this.#anchors.length > 0;
  }

  /** Takes a CLOCK reading. */
  add(bootNs: bigint, realtimeNs: bigint, errorNs: number): void {
    const last = this.#anchors[this.#anchors.length - 1];
    const offset = realtimeNs - bootNs;
    let steps = 0;
    if (last) {
      if (bootNs < last.bootNs) return;
      const change = Number(offset - last.offsetNs);
      const noise = SAME_ANCHOR_NS + errorNs + last.errorNs;
      if (Math.abs(change) <= noise) return;
      const elapsed = Number(bootNs - last.bootNs) / 1e9;
      steps = last.steps + (change < -(noise + SLEW_NS_A_SECOND * (1 + elapsed)) ? 1 : 0);
    }
    const unsigned = BigInt.asUintN(64, offset);
    this.#anchors.push({
      bootNs,
      errorNs,
      offsetNs: offset,
      bootHigh: Number(bootNs >> 32n),
      bootLow: Number(bootNs & 0xffffffffn),
      offsetHigh: Number(unsigned >> 32n),
      offsetLow: Number(unsigned & 0xffffffffn),
      steps,
      index: (last?.index ?? -1) + 1,
    });
    if (this.#anchors.length > KEPT) this.#anchors.shift();
  }

  /** Sets `high`, `low` to the wall time in nanoseconds since the Epoch; boot time itself while no anchor is known. */
  convert(bootHigh: number, bootLow: number): void {
    const anchors = this.#anchors;
    let i = anchors.length - 1;
    while (i > 0) {
      const anchor = anchors[i] as Anchor;
      if (bootHigh > anchor.bootHigh || (bootHigh === anchor.bootHigh && bootLow >= anchor.bootLow)) break;
      i--;
    }
    const anchor = anchors[i];
    if (!anchor) {
      this.high = bootHigh;
      this.low = bootLow;
      this.steps = 0;
      this.index = -1;
      return;
    }
    const low = bootLow + anchor.offsetLow;
    this.low = low >>> 0;
    this.high = (bootHigh + anchor.offsetHigh + (low >= TWO_32 ? 1 : 0)) >>> 0;
    this.steps = anchor.steps;
    this.index = anchor.index;
  }

  /** Wall time minus boot time by the anchor that the last `convert` used; 0n while none is known. */
  get offsetNs(): bigint {
    const first = this.#anchors[0];
    return first ? (this.#anchors[this.index - first.index]?.offsetNs ?? 0n) : 0n;
  }

  /** Wall time as one number; for the few places that are not packets. */
  wallNs(bootNs: bigint): bigint {
    this.convert(Number(bootNs >> 32n), Number(bootNs & 0xffffffffn));
    return (BigInt(this.high) << 32n) | BigInt(this.low);
  }
}
