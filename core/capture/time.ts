/**
 * Ticks of a capture file to seconds and nanoseconds, exactly. A double holds only about 200 ns at today's epoch, so
 * a time is two integers: whole seconds (may be negative through if_tsoffset) and nanoseconds 0…999 999 999.
 *
 * pcapng if_tsresol: bit 7 clear = 10^-n s, set = 2^-n s, n up to 127; absent = 10^-6.
 */
export class TimeScale {
  /** The option's octet. */
  readonly resolution: number;
  /** Seconds to add (if_tsoffset). */
  readonly offset: number;
  readonly #divisor: number;
  readonly #quotient48: number;
  readonly #remainder48: number;
  readonly #nanosPerTick: number;
  readonly #shift: bigint;
  readonly #bigDivisor: bigint;

  constructor(resolution = 6, offset = 0) {
    this.resolution = resolution & 0xff;
    this.offset = offset;
    this.#shift = BigInt(this.resolution & 0x7f);
    this.#bigDivisor = 10n ** this.#shift;
    const decimal = this.resolution <= 9;
    this.#divisor = decimal ? 10 ** this.resolution : 0;
    this.#quotient48 = decimal ? Math.floor(2 ** 48 / this.#divisor) : 0;
    this.#remainder48 = decimal ? 2 ** 48 % this.#divisor : 0;
    this.#nanosPerTick = decimal ? 10 ** (9 - this.resolution) : 0;
  }

  /** Number of decimal digits of a second that the file keeps, for display: 6, 9, or the exponent. */
  get digits(): number {
    const exponent = this.resolution & 0x7f;
    return this.resolution & 0x80 ? Math.min(9, Math.ceil(exponent * 0.30103)) : Math.min(9, exponent);
  }

  /**
   * Converts the two halves of a time stamp into `out`. Resolutions 10^0 to 10^-9 take the arithmetic path: with
   * high = a·2^16 + b, ticks = a·2^48 + b·2^32 + low, and every product stays below 2^53.
   */
  convert(high: number, low: number, out: { seconds: number; nanos: number }): void {
    if (this.#divisor !== 0) {
      const a = high >>> 16;
      const rest = a * this.#remainder48 + (high & 0xffff) * 4294967296 + low;
      const whole = Math.floor(rest / this.#divisor);
      out.seconds = a * this.#quotient48 + whole + this.offset;
      out.nanos = (rest - whole * this.#divisor) * this.#nanosPerTick;
      return;
    }
    const ticks = (BigInt(high) << 32n) | BigInt(low);
    let ns: bigint;
    if (this.resolution & 0x80) ns = (ticks * 1_000_000_000n) >> this.#shift;
    else ns = (ticks * 1_000_000_000n) / this.#bigDivisor;
    out.seconds = Number(ns / 1_000_000_000n) + this.offset;
    out.nanos = Number(ns % 1_000_000_000n);
  }
}

/** Nanoseconds since the Epoch as one integer. */
export function toNanoseconds(seconds: number, nanos: number): bigint {
  return BigInt(seconds) * 1_000_000_000n + BigInt(nanos);
}
