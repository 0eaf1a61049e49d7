/**
 * Connections whose addresses a network namespace of this machine translates (NAT): which flow outside is which one inside.
 * Keys are those of flows without the interface: ten words but the last one's lower half (flows.ts). The *outer* key is
 * what packets have after the translation, the *inner* one what the initiator sends; of several one after the other the
 * inner one is the first.
 */
import { TRANSLATION } from '../abi/generated.ts';
import { Table, type Column } from './columns.ts';
import { hashOfEnds, KEY_WORDS, PORTS_WORD, sameEnds, TAIL_WORD } from './flows.ts';
import { Index } from './hash.ts';
import type { SnapshotReader, SnapshotWriter } from './snapshot.ts';

/** Beyond it the older half is forgotten. */
const ROWS_MAX = 1 << 17;
/** A translation is read after the first packet that it is of, on a busy machine by seconds; ports come back later than that. */
const LATE_NS = 10e9;

/** Newest row of each key in a column. */
class Newest {
  readonly #column: Column<Uint32Array>;
  readonly #index = new Index();

  constructor(column: Column<Uint32Array>) {
    this.#column = column;
  }

  /** -1 = none */
  of(keys: Uint32Array, at: number): number {
    return this.#index.at(this.#probe(keys, at));
  }

  /** Takes row `row` of `count`. */
  take(row: number, count: number): void {
    const index = this.#index;
    const probe = this.#probe(this.#column.data, row * KEY_WORDS);
    if (index.at(probe) >= 0) index.replace(probe, row);
    else if (index.put(probe, row)) this.rebuild(count);
  }

  rebuild(count: number): void {
    this.#index.reset(count);
    for (let row = count - 1; row >= 0; row--) {
      const at = row * KEY_WORDS;
      if (this.of(this.#column.data, at) < 0) this.#index.insertNew(hashOfEnds(this.#column.data, at), row);
    }
  }

  get bytes(): number {
    return this.#index.bytes;
  }

  #probe(keys: Uint32Array, at: number): number {
    const index = this.#index;
    let probe = index.first(hashOfEnds(keys, at));
    while (index.at(probe) >= 0 && !sameEnds(this.#column.data, index.at(probe) * KEY_WORDS, keys, at))
      probe = index.next(probe);
    return probe;
  }
}

/** The ends of a flow elsewhere: ten words of a key from `at` on. */
export interface OtherEnds {
  readonly keys: Uint32Array;
  readonly at: number;
  /** Whether its lo is hi there. */
  readonly flipped: boolean;
}

export class Translations {
  readonly rows = new Table();
  readonly outer = this.rows.uint32(KEY_WORDS);
  readonly inner = this.rows.uint32(KEY_WORDS);
  /** 1 = the initiator is hi in one of the keys and lo in the other. */
  readonly flipped = this.rows.uint8();
  /** When it was read, ns since the clock's origin */
  readonly atNs = this.rows.float64();
  /** Raised when rows are others than they were. */
  generation = 0;
  readonly #rowsMax: number;
  readonly #byOuter = new Newest(this.outer);
  readonly #byInner = new Newest(this.inner);
  readonly #outer = new Uint32Array(KEY_WORDS);
  readonly #inner = new Uint32Array(KEY_WORDS);

  constructor(rowsMax = ROWS_MAX) {
    this.#rowsMax = rowsMax;
  }

  /** Takes one struct fg_translation; what is known already is not taken again. */
  apply(view: DataView, offset: number, atNs: number): void {
    const family = view.getUint8(offset + TRANSLATION.family);
    const protocol = view.getUint8(offset + TRANSLATION.protocol);
    const read = (words: Uint32Array, at: (typeof ENDS)[number]): boolean => readKey(words, view, offset, at, family, protocol); // prettier-ignore
    let flipped = read(this.#inner, ENDS[0]) !== read(this.#outer, ENDS[1]);
    if (sameEnds(this.#inner, 0, this.#outer, 0)) return;
    // What comes here may have been translated before.
    const before = this.#byOuter.of(this.#inner, 0);
    if (before >= 0 && atNs - this.atNs.data[before]! >= -LATE_NS) {
      flipped = flipped !== (this.flipped.data[before] === 1);
      this.#inner.set(this.inner.data.subarray(before * KEY_WORDS, (before + 1) * KEY_WORDS));
    }
    const known = this.#byOuter.of(this.#outer, 0);
    if (known >= 0 && sameEnds(this.inner.data, known * KEY_WORDS, this.#inner, 0)) return;
    this.#add(flipped, atNs);
  }

  /** The row by which a flow with that key, first seen then, is another one inside; −1 = none. */
  of(keys: Uint32Array, at: number, firstNs: number): number {
    const row = this.rows.count === 0 ? -1 : this.#byOuter.of(keys, at);
    return row >= 0 && this.atNs.data[row]! <= firstNs + LATE_NS ? row : -1;
  }

  /** What a flow with that key, first seen then, is on the other side of a translation. */
  others(keys: Uint32Array, at: number, firstNs: number): OtherEnds[] {
    const others: OtherEnds[] = [];
    const add = (row: number, column: Column<Uint32Array>): void => {
      if (row >= 0) others.push({ keys: column.data, at: row * KEY_WORDS, flipped: this.flipped.data[row] === 1 });
    };
    if (this.rows.count === 0) return others;
    add(this.of(keys, at, firstNs), this.inner);
    const outside = this.#byInner.of(keys, at);
    if (outside >= 0 && this.atNs.data[outside]! <= firstNs + LATE_NS) add(outside, this.outer);
    return others;
  }

  get bytes(): number {
    return this.rows.bytes + this.#byOuter.bytes + this.#byInner.bytes;
  }
  save(out: SnapshotWriter): void {
    this.rows.save(out);
  }
  load(input: SnapshotReader): void {
    this.rows.load(input);
    this.#rebuild();
  }

  #add(flipped: boolean, atNs: number): void {
    if (this.rows.count >= this.#rowsMax) this.#forget();
    const row = this.rows.append();
    this.outer.data.set(this.#outer, row * KEY_WORDS);
    this.inner.data.set(this.#inner, row * KEY_WORDS);
    this.flipped.data[row] = Number(flipped);
    this.atNs.data[row] = atNs;
    this.#byOuter.take(row, row + 1);
    this.#byInner.take(row, row + 1);
  }

  #forget(): void {
    this.rows.compact(new Uint8Array(this.rows.count).fill(1, this.rows.count >> 1));
    this.#rebuild();
    this.generation++;
  }

  #rebuild(): void {
    this.#byOuter.rebuild(this.rows.count);
    this.#byInner.rebuild(this.rows.count);
  }
}

/** Where the two pairs of ends stand in a record. */
const ENDS = [
  { source: TRANSLATION.source, target: TRANSLATION.target, sourcePort: TRANSLATION.sourcePort, targetPort: TRANSLATION.targetPort }, // prettier-ignore
  { source: TRANSLATION.newSource, target: TRANSLATION.newTarget, sourcePort: TRANSLATION.newSourcePort, targetPort: TRANSLATION.newTargetPort }, // prettier-ignore
] as const;

/** Fills a key as the kernel programs do (bpf/key.h): the lower address is lo, then the lower port. True = the source is hi. */
function readKey(
  words: Uint32Array,
  view: DataView,
  offset: number,
  ends: (typeof ENDS)[number],
  family: number,
  protocol: number,
): boolean {
  const [source, target] = [offset + ends.source, offset + ends.target];
  const [sourcePort, targetPort] = [view.getUint16(offset + ends.sourcePort, true), view.getUint16(offset + ends.targetPort, true)]; // prettier-ignore
  let order = 0;
  for (let i = 0; i < 16 && order === 0; i++) order = view.getUint8(source + i) - view.getUint8(target + i);
  const swapped = order > 0 || (order === 0 && sourcePort > targetPort);
  for (let i = 0; i < 4; i++) {
    words[i] = view.getUint32((swapped ? target : source) + i * 4, true);
    words[i + 4] = view.getUint32((swapped ? source : target) + i * 4, true);
  }
  const [lo, hi] = swapped ? [targetPort, sourcePort] : [sourcePort, targetPort];
  words[PORTS_WORD] = ((hi << 16) | lo) >>> 0;
  words[TAIL_WORD] = ((family << 24) | (protocol << 16)) >>> 0;
  return swapped;
}
