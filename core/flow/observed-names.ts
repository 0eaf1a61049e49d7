/**
 * Names that were heard of addresses: DNS answers with who asked, when, and how long they hold; multicast answers, the
 * hosts file and name records of a capture, which hold for everybody. Bounded: beyond the cap the oldest is forgotten.
 */
import { Table } from './columns.ts';
import { Index, mix } from './hash.ts';
import type { Reference } from './references.ts';
import type { SnapshotReader, SnapshotWriter } from './snapshot.ts';

const NAMES_MAX = 131_072;
const WORDS = 8;
/** Answers for one address to one asker that are looked through for the one in force. */
const CHAIN_MAX = 32;
/** A name is believed this long whatever its TTL: the connection that was asked for follows at once. */
const LEAST_NS = 10e9;

/** Who asked, where no address says it: anybody, or this machine by whichever of its addresses. */
export const EVERYBODY = new Uint32Array(4);
export const THIS_MACHINE = Uint32Array.of(0xffffffff, 0, 0, 0);

/** Where a name comes from. */
export const NAME_SOURCES = [null, 'sni', 'quic', 'http', 'dns', 'mdns', 'llmnr', 'hosts', 'file'] as const;
export type NameSource = Exclude<(typeof NAME_SOURCES)[number], null>;
export const SOURCE_SNI = 1;
export const SOURCE_QUIC = 2;
export const SOURCE_HTTP = 3;
export const SOURCE_DNS = 4;
export const SOURCE_MDNS = 5;
export const SOURCE_LLMNR = 6;
export const SOURCE_HOSTS = 7;
export const SOURCE_FILE = 8;

export class ObservedNames {
  /** How many were ever learnt; the row of the n-th is n modulo the cap. */
  learnt = 0;
  readonly #rows = new Table();
  /** asker, address */
  readonly #words = this.#rows.uint32(WORDS);
  /** string */
  readonly name = this.#rows.uint32();
  readonly source = this.#rows.uint8();
  readonly fromNs = this.#rows.float64();
  readonly untilNs = this.#rows.float64();
  /** Which one, counted from 0, was learnt before it for the same asker and address; −1 = none. */
  readonly #before = this.#rows.float64();
  /** Newest row of each asker and address. */
  readonly #index = new Index();
  readonly #key = new Uint32Array(WORDS);
  readonly #max: number;
  readonly #byAddress = new Map<number, number[]>();
  /** `learnt` when `#byAddress` was made */
  #listed = 0;

  constructor(max = NAMES_MAX) {
    this.#max = max;
  }

  get count(): number {
    return this.#rows.count;
  }

  /** Names that were forgotten because of the cap. */
  get evicted(): number {
    return this.learnt - this.#rows.count;
  }

  /**
   * `asker` and `address` are four words each, as flow keys hold them; `name` is a string's number. Times are ns of the
   * session; `ttlNs` may be Infinity.
   */
  learn(
    asker: Uint32Array,
    askerAt: number,
    address: Uint32Array,
    addressAt: number,
    name: number,
    source: number,
    atNs: number,
    ttlNs: number,
  ): void {
    const untilNs = ttlNs === Infinity ? Infinity : atNs + Math.max(ttlNs, LEAST_NS);
    const known = this.#find(asker, askerAt, address, addressAt);
    if (known >= 0 && this.name.data[known] === name && this.source.data[known] === source) {
      if (untilNs > this.untilNs.data[known]!) this.untilNs.data[known] = untilNs;
      if (atNs < this.fromNs.data[known]!) this.fromNs.data[known] = atNs;
      return;
    }
    const before = known < 0 ? -1 : this.#serialOf(known);
    const row = this.#take();
    this.#words.data.set(this.#key, row * WORDS);
    this.name.data[row] = name;
    this.source.data[row] = source;
    this.fromNs.data[row] = atNs;
    this.untilNs.data[row] = untilNs;
    this.#before.data[row] = before;
    // Taking a row may have moved entries: the place is looked for again.
    const probe = this.#probe();
    if (this.#index.at(probe) >= 0) this.#index.replace(probe, row);
    else if (this.#index.put(probe, row)) this.#rebuild();
  }

  /** The row of the name that `asker` had for `address` at that time, −1 = none. */
  lookup(asker: Uint32Array, askerAt: number, address: Uint32Array, addressAt: number, atNs: number): number {
    if (this.#rows.count === 0) return -1;
    let row = this.#find(asker, askerAt, address, addressAt);
    for (let steps = 0; row >= 0 && steps < CHAIN_MAX; steps++) {
      if (this.fromNs.data[row]! <= atNs && this.untilNs.data[row]! >= atNs) return row;
      row = this.#rowOf(this.#before.data[row]!);
    }
    return -1;
  }

  /** Rows of all names of an address, whoever asked and whenever; newest first. */
  allOf(address: Uint32Array, addressAt: number): number[] {
    if (this.#listed !== this.learnt) this.#list();
    const words = this.#words.data;
    const same = (row: number): boolean => {
      for (let i = 0; i < 4; i++) if (words[row * WORDS + 4 + i] !== address[addressAt + i]) return false;
      return true;
    };
    return (this.#byAddress.get(addressHash(address, addressAt)) ?? []).filter(same).reverse();
  }

  /** Rows by address, oldest first; made when asked for, and anew when names were learnt since. */
  #list(): void {
    this.#listed = this.learnt;
    this.#byAddress.clear();
    for (let serial = this.learnt - this.#rows.count; serial < this.learnt; serial++) {
      const row = serial % this.#max;
      const hash = addressHash(this.#words.data, row * WORDS + 4);
      const rows = this.#byAddress.get(hash);
      if (rows === undefined) this.#byAddress.set(hash, [row]);
      else rows.push(row);
    }
  }

  /** Calls `visit` with each distinct pair of address (word of `words` it begins at) and name, oldest first. */
  each(visit: (words: Uint32Array, at: number, name: number, source: number) => void): void {
    for (let serial = this.learnt - this.#rows.count; serial < this.learnt; serial++) {
      const row = serial % this.#max;
      visit(this.#words.data, row * WORDS + 4, this.name.data[row]!, this.source.data[row]!);
    }
  }

  /** For copies with pseudonyms: `address` changes four words in place, `name` gives another string. */
  edit(address: (words: Uint32Array, at: number) => void, name: (string: number) => number): void {
    for (let row = 0; row < this.#rows.count; row++) {
      address(this.#words.data, row * WORDS);
      address(this.#words.data, row * WORDS + 4);
      this.name.data[row] = name(this.name.data[row]!);
    }
    this.#listed = -1;
    this.#rebuild();
  }

  /** Columns that name strings. */
  get references(): Reference[] {
    return [{ rows: this.#rows, column: this.name, base: 0 }];
  }

  get bytes(): number {
    return this.#rows.bytes + this.#index.bytes;
  }

  save(out: SnapshotWriter): void {
    out.float64(this.learnt);
    this.#rows.save(out);
  }

  load(input: SnapshotReader): void {
    this.learnt = input.float64();
    this.#listed = -1;
    this.#rows.load(input);
    if (this.#rows.count > this.#max || !(this.learnt >= this.#rows.count)) input.fail('has more names than it may');
    this.#rebuild();
  }

  #serialOf(row: number): number {
    const newest = (this.learnt - 1) % this.#max;
    return this.learnt - 1 - ((newest - row + this.#max) % this.#max);
  }

  /** Row of the serial-th name, −1 when it was forgotten (or never was). */
  #rowOf(serial: number): number {
    return serial < 0 || serial < this.learnt - this.#rows.count ? -1 : serial % this.#max;
  }

  /** A row for a new name; the oldest one's when all are taken. */
  #take(): number {
    const row = this.learnt % this.#max;
    if (row < this.#rows.count) {
      const key = this.#key.slice();
      this.#key.set(this.#words.data.subarray(row * WORDS, (row + 1) * WORDS));
      const probe = this.#probe();
      if (this.#index.at(probe) === row) this.#index.remove(probe, (other) => hashOf(this.#words.data, other * WORDS));
      this.#key.set(key);
    } else this.#rows.append();
    this.learnt++;
    return row;
  }

  #find(asker: Uint32Array, askerAt: number, address: Uint32Array, addressAt: number): number {
    for (let i = 0; i < 4; i++) {
      this.#key[i] = asker[askerAt + i]!;
      this.#key[4 + i] = address[addressAt + i]!;
    }
    return this.#index.at(this.#probe());
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

  /** In the order in which they were learnt, so that the newest of each pair stands in the index. */
  #rebuild(): void {
    this.#index.reset(this.#rows.count);
    for (let serial = this.learnt - this.#rows.count; serial < this.learnt; serial++) {
      const row = serial % this.#max;
      this.#key.set(this.#words.data.subarray(row * WORDS, (row + 1) * WORDS));
      const probe = this.#probe();
      if (this.#index.at(probe) >= 0) this.#index.replace(probe, row);
      else this.#index.put(probe, row);
    }
  }
}

function hashOf(words: Uint32Array, at: number): number {
  let hash = 0;
  for (let i = 0; i < WORDS; i++) hash = mix(hash, words[at + i]!);
  return hash;
}

function addressHash(words: Uint32Array, at: number): number {
  let hash = 0;
  for (let i = 0; i < 4; i++) hash = mix(hash, words[at + i]!);
  return hash;
}
