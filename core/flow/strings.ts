/**
 * Interned byte strings. Names, paths and arguments come from the kernel and from the wire as bytes that need not be
 * UTF-8: they are kept as they came, once each, and decoded at the edges only.
 */
import { Table } from './columns.ts';
import { Index, mix } from './hash.ts';
import { SnapshotReader, SnapshotWriter } from './snapshot.ts';

const decoder = new TextDecoder();
const encoder = new TextEncoder();

export class Strings {
  readonly #rows = new Table();
  readonly #start = this.#rows.uint32();
  readonly #length = this.#rows.uint32();
  readonly #hash = this.#rows.uint32();
  readonly #bytes = new Table();
  readonly #data = this.#bytes.uint8();
  readonly #index = new Index();

  /** The number of the string `bytes[from, from + length)`; the same bytes always have the same number. */
  intern(bytes: Uint8Array, from = 0, length = bytes.length - from): number {
    let hash = length;
    for (let i = 0; i < length; i++) hash = mix(hash, bytes[from + i]!);
    hash >>>= 0;
    const index = this.#index;
    let probe = index.first(hash);
    for (;;) {
      const id = index.at(probe);
      if (id < 0) break;
      if (this.#hash.data[id] === hash && this.#same(id, bytes, from, length)) return id;
      probe = index.next(probe);
    }
    const id = this.#rows.append();
    const start = this.#bytes.append(length);
    this.#data.data.set(bytes.subarray(from, from + length), start);
    this.#start.data[id] = start;
    this.#length.data[id] = length;
    this.#hash.data[id] = hash;
    this.#insert(id, probe);
    return id;
  }

  internText(text: string): number {
    return this.intern(encoder.encode(text));
  }

  /** A view of the bytes, valid until the next `intern`. */
  bytesOf(id: number): Uint8Array {
    const start = this.#start.data[id]!;
    return this.#data.data.subarray(start, start + this.#length.data[id]!);
  }

  /** The text, with U+FFFD for what is not UTF-8. */
  text(id: number): string {
    return decoder.decode(this.bytesOf(id));
  }

  get count(): number {
    return this.#rows.count;
  }

  get bytes(): number {
    return this.#rows.bytes + this.#bytes.bytes + this.#index.bytes;
  }

  save(out: SnapshotWriter): void {
    this.#rows.save(out);
    this.#bytes.save(out);
  }

  load(input: SnapshotReader): void {
    this.#rows.load(input);
    this.#bytes.load(input);
    const total = this.#bytes.count;
    for (let id = 0; id < this.#rows.count; id++) {
      if (this.#start.data[id]! + this.#length.data[id]! > total) input.fail('names a text beyond its end');
    }
    this.#rebuild();
  }

  /** Takes out those for which `keep` is 0; see `Table.compact`. */
  compact(keep: Uint8Array): Int32Array {
    const bytes = this.#data.data;
    let to = 0;
    // Strings lie one after the other in the order of their numbers.
    for (let id = 0; id < this.#rows.count; id++) {
      if (keep[id] === 0) continue;
      const from = this.#start.data[id]!;
      const length = this.#length.data[id]!;
      bytes.copyWithin(to, from, from + length);
      this.#start.data[id] = to;
      to += length;
    }
    bytes.fill(0, to, this.#bytes.count);
    this.#bytes.count = to;
    const numbers = this.#rows.compact(keep);
    this.#rebuild();
    return numbers;
  }

  /** Takes over all of `other`: numbers given out before are forgotten. */
  become(other: Strings): void {
    const out = new SnapshotWriter();
    other.save(out);
    this.load(new SnapshotReader(out.finish()));
  }

  #insert(id: number, probe: number): void {
    if (this.#index.put(probe, id)) this.#rebuild();
  }

  #rebuild(): void {
    this.#index.reset(this.#rows.count);
    for (let id = 0; id < this.#rows.count; id++) this.#index.insertNew(this.#hash.data[id]!, id);
  }

  #same(id: number, bytes: Uint8Array, from: number, length: number): boolean {
    if (this.#length.data[id] !== length) return false;
    const data = this.#data.data;
    const start = this.#start.data[id]!;
    for (let i = 0; i < length; i++) if (data[start + i] !== bytes[from + i]) return false;
    return true;
  }
}
