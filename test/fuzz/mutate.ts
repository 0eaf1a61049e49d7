/** Changes to inputs: single bytes, numbers that matter, pieces moved, repeated, taken out, and joined with others. */

/** Numbers from 0 to `below` − 1, the same for the same seed (mulberry32). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let x = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    x ^= x + Math.imul(x ^ (x >>> 7), 61 | x);
    return Math.floor((((x ^ (x >>> 14)) >>> 0) / 2 ** 32) * limit);
  }

  of<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }
}

const BYTES = [0, 1, 2, 4, 0x0a, 0x0d, 0x10, 0x1f, 0x20, 0x22, 0x3f, 0x40, 0x7f, 0x80, 0xc0, 0xc1, 0xfe, 0xff];
const NUMBERS = [0, 1, 2, 3, 4, 7, 8, 12, 16, 20, 28, 32, 64, 127, 255, 256, 1500, 4096, 32767, 32768, 65534, 65535,
  65536, 1 << 20, 16 << 20, (16 << 20) + 1, 0x7fffffff, 0x80000000, 0xfffffffc, 0xffffffff]; // prettier-ignore

export const LONGEST = 64 << 10;

type Change = (bytes: Uint8Array, random: Random, other: Uint8Array) => Uint8Array;

function joined(...parts: Uint8Array[]): Uint8Array {
  const size = Math.min(
    LONGEST,
    parts.reduce((sum, part) => sum + part.length, 0),
  );
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    const taken = part.subarray(0, size - at);
    whole.set(taken, at);
    at += taken.length;
  }
  return whole;
}

/** A range of `bytes`, mostly short. */
function range(bytes: Uint8Array, random: Random): [number, number] {
  const from = random.below(bytes.length + 1);
  const most = Math.min(bytes.length - from, random.below(4) === 0 ? bytes.length : 64);
  return [from, from + random.below(most + 1)];
}

const CHANGES: readonly Change[] = [
  (bytes, random) => {
    const copy = bytes.slice();
    if (copy.length > 0) copy[random.below(copy.length)]! ^= 1 << random.below(8);
    return copy;
  },
  (bytes, random) => {
    const copy = bytes.slice();
    if (copy.length > 0) copy[random.below(copy.length)] = random.of(BYTES);
    return copy;
  },
  (bytes, random) => {
    const copy = bytes.slice();
    const view = new DataView(copy.buffer);
    const size = random.of([2, 4, 4]);
    if (copy.length < size) return copy;
    // Fields are mostly aligned in files, and rarely on the wire.
    let at = random.below(copy.length - size + 1);
    if (random.below(2) === 0) at -= at % size;
    const little = random.below(2) === 0;
    const value = random.below(3) === 0 ? copy.length - random.below(40) : random.of(NUMBERS);
    if (size === 2) view.setUint16(at, value & 0xffff, little);
    else view.setUint32(at, value >>> 0, little);
    return copy;
  },
  (bytes, random) => {
    const copy = bytes.slice();
    if (copy.length > 0) {
      const at = random.below(copy.length);
      copy[at] = copy[at]! + random.of([1, -1, 4, -4, 16, -16]);
    }
    return copy;
  },
  (bytes, random) => bytes.slice(0, random.below(bytes.length + 1)),
  (bytes, random) => {
    const [from, to] = range(bytes, random);
    return joined(bytes.subarray(0, from), bytes.subarray(to));
  },
  (bytes, random) => {
    const [from, to] = range(bytes, random);
    return joined(bytes.subarray(0, to), bytes.subarray(from));
  },
  (bytes, random, other) => {
    const [from, to] = range(other, random);
    const at = random.below(bytes.length + 1);
    return joined(bytes.subarray(0, at), other.subarray(from, to), bytes.subarray(at));
  },
  (bytes, random, other) => {
    const copy = bytes.slice();
    const [from, to] = range(other, random);
    const part = other.subarray(from, to);
    if (part.length <= copy.length) copy.set(part, random.below(copy.length - part.length + 1));
    return copy;
  },
  (bytes, random, other) =>
    joined(bytes.subarray(0, random.below(bytes.length + 1)), other.subarray(random.below(other.length + 1))),
];

/** One to eight changes, mostly few. */
export function mutate(bytes: Uint8Array, other: Uint8Array, random: Random): Uint8Array {
  let changed = bytes;
  for (let left = 1 + (random.below(2) === 0 ? 0 : random.below(8)); left > 0; left--) {
    changed = random.of(CHANGES)(changed, random, other);
  }
  return changed;
}

/** Where two inputs begin to differ. */
export function firstDifference(a: Uint8Array, b: Uint8Array): number {
  const shorter = Math.min(a.length, b.length);
  for (let at = 0; at < shorter; at++) if (a[at] !== b[at]) return at;
  return shorter;
}
