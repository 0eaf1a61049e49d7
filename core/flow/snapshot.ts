/**
 * The binary form of a reducer's state (a keyframe): a run of numbers and typed columns, each padded to 8 bytes, in
 * the order in which the owners of the columns write them. Little-endian, as everything of ours.
 */
import type { NumberArray } from './columns.ts';
import { FlowglassError } from '../errors.ts';

const MAGIC = 0x53464746; // "FGFS"
/** Raised with every change of what is saved; a keyframe of another version is not used, the journal is. */
export const SNAPSHOT_VERSION = 10;

/** Code of the error for a keyframe of another version of Flowglass: nothing is wrong with the file. */
export const KEYFRAME_VERSION = 'KEYFRAME_VERSION';

const align8 = (length: number): number => (length + 7) & ~7;

export class SnapshotWriter {
  #bytes = new Uint8Array(65536);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  constructor() {
    this.uint32(MAGIC);
    this.uint32(SNAPSHOT_VERSION);
  }

  uint32(value: number): void {
    this.#reserve(8);
    this.#view.setUint32(this.#length, value, true);
    this.#length += 8;
  }

  float64(value: number): void {
    this.#reserve(8);
    this.#view.setFloat64(this.#length, value, true);
    this.#length += 8;
  }

  uint64(value: bigint): void {
    this.#reserve(8);
    this.#view.setBigInt64(this.#length, value, true);
    this.#length += 8;
  }

  /** The first `length` numbers of `data`. */
  array(data: NumberArray, length: number): void {
    const bytes = length * data.BYTES_PER_ELEMENT;
    this.#reserve(align8(bytes));
    this.#bytes.set(new Uint8Array(data.buffer, data.byteOffset, bytes), this.#length);
    this.#length += align8(bytes);
  }

  /** UTF-8 with its length. */
  text(value: string): void {
    const bytes = new TextEncoder().encode(value);
    this.uint32(bytes.length);
    this.array(bytes, bytes.length);
  }

  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    let capacity = this.#bytes.length;
    while (capacity < this.#length + more) capacity *= 2;
    const next = new Uint8Array(capacity);
    next.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = next;
    this.#view = new DataView(next.buffer);
  }
}

export class SnapshotReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  /** @throws FlowglassError when the bytes are no snapshot of this version */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (this.uint32() !== MAGIC) throw damaged('does not begin like one');
    if (this.uint32() !== SNAPSHOT_VERSION) throw damaged('is of another version', KEYFRAME_VERSION);
  }

  uint32(): number {
    this.expect(8);
    const value = this.#view.getUint32(this.#at, true);
    this.#at += 8;
    return value;
  }

  float64(): number {
    this.expect(8);
    const value = this.#view.getFloat64(this.#at, true);
    this.#at += 8;
    return value;
  }

  uint64(): bigint {
    this.expect(8);
    const value = this.#view.getBigInt64(this.#at, true);
    this.#at += 8;
    return value;
  }

  array(into: NumberArray, length: number): void {
    const bytes = length * into.BYTES_PER_ELEMENT;
    this.expect(bytes);
    new Uint8Array(into.buffer, into.byteOffset, bytes).set(this.#bytes.subarray(this.#at, this.#at + bytes));
    this.#at += align8(bytes);
  }

  text(): string {
    const length = this.uint32();
    this.expect(length);
    const text = new TextDecoder().decode(this.#bytes.subarray(this.#at, this.#at + length));
    this.#at += align8(length);
    return text;
  }

  /** @throws FlowglassError unless at least `bytes` are left */
  expect(bytes: number): void {
    if (this.#at + bytes > this.#bytes.length) throw damaged('ends too early');
  }

  /** @throws FlowglassError: for what the owner of a column finds impossible */
  fail(why: string): never {
    throw damaged(why);
  }
}

const damaged = (why: string, code = 'KEYFRAME_DAMAGED'): FlowglassError =>
  new FlowglassError({
    code,
    what: `keyframe ${why}`,
    where: 'in the session file',
    hint: 'the state is rebuilt from the records before it',
    exitCode: 1,
  });
