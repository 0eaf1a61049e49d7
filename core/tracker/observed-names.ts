import { Table } from '../flow/columns.ts';
import { Index, mix } from '../flow/hash.ts';

const NAMES_MAX = 65536;
const WORDS = 8;

/**
 * Names that DNS answers gave to addresses, by who asked: the same address has other names for other clients. An asker
 * of zeros stands for everybody (multicast DNS, name records of the file). Bounded: beyond NAMES_MAX pairs the oldest
 * is forgotten.
 */
export class ObservedNames {
  /** Pairs that were forgotten. */
  evicted = 0;
  readonly #rows = new Table();
  readonly #words = this.#rows.uint32(WORDS);
  readonly #name = this.#rows.uint32();
  readonly #index = new Index();
  readonly #key = new Uint32Array(WORDS);
  readonly #everybody = new Uint32Array(4);
  readonly #max: number;
  #oldest = 0;

  constructor(max = NAMES_MAX) {
    this.#max = max;
  }

  /** `asker` and `address` are four words each, as in flow keys; `name` is a number of an interned string. */
  learn(asker: Uint32Array, askerAt: number, address: Uint32Array, addressAt: number, name: number): void {
    const probe = this.#find(asker, askerAt, address, addressAt);
    const known = this.#index.at(probe);
    if (known >= 0) {
      this.#name.data[known] = name;
      return;
    }
    let row: number;
    if (this.#rows.count < this.#max) row = this.#rows.append();
    else {
      row = this.#oldest;
      this.#oldest = (this.#oldest + 1) % this.#max;
      this.evicted++;
      this.#index.remove(this.#probeOf(row), (other) => hashOf(this.#words.data, other * WORDS));
    }
    // The removal may have moved things: look for the free place again.
    this.#words.data.set(this.#key, row * WORDS);
    const free = this.#probe();
    this.#name.data[row] = name;
    if (this.#index.put(free, row)) {
      this.#index.reset(this.#rows.count);
      for (let r = 0; r < this.#rows.count; r++) this.#index.insertNew(hashOf(this.#words.data, r * WORDS), r);
    }
  }

  learnForAll(address: Uint32Array, addressAt: number, name: number): void {
    this.learn(this.#everybody, 0, address, addressAt, name);
  }

  /** The newest name of `address` for `asker`, else the one for everybody; −1 = none. */
  lookup(asker: Uint32Array, askerAt: number, address: Uint32Array, addressAt: number): number {
    let row = this.#index.at(this.#find(asker, askerAt, address, addressAt));
    if (row < 0) row = this.#index.at(this.#find(this.#everybody, 0, address, addressAt));
    return row < 0 ? -1 : this.#name.data[row]!;
  }

  get empty(): boolean {
    return this.#rows.count === 0;
  }

  #find(asker: Uint32Array, askerAt: number, address: Uint32Array, addressAt: number): number {
    for (let i = 0; i < 4; i++) {
      this.#key[i] = asker[askerAt + i]!;
      this.#key[4 + i] = address[addressAt + i]!;
    }
    return this.#probe();
  }

  #probe(): number {
    const index = this.#index;
    let probe = index.first(hashOf(this.#key, 0));
    for (;;) {
      const row = index.at(probe);
      if (row < 0) return probe;
      let i = 0;
      while (i < WORDS && this.#words.data[row * WORDS + i] === this.#key[i]) i++;
      if (i === WORDS) return probe;
      probe = index.next(probe);
    }
  }

  #probeOf(row: number): number {
    const key = this.#key.slice();
    this.#key.set(this.#words.data.subarray(row * WORDS, (row + 1) * WORDS));
    const probe = this.#probe();
    this.#key.set(key);
    return probe;
  }
}

function hashOf(words: Uint32Array, at: number): number {
  let hash = 0;
  for (let i = 0; i < WORDS; i++) hash = mix(hash, words[at + i]!);
  return hash;
}
