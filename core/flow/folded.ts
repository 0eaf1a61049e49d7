/**
 * What folded flows (fold.ts) came to: one row for each process name, peer, its port when it serves, protocol, and who
 * connected. With what the flows that are still here have, these are the totals of the session, exactly. Bounded: beyond
 * the cap the peers of a process are one row, and then everything is.
 */
import { Table } from './columns.ts';
import { COUNTERS, KEY_WORDS, TAIL_WORD } from './flows.ts';
import { Index, mix } from './hash.ts';
import type { Reference } from './references.ts';
import type { SnapshotReader, SnapshotWriter } from './snapshot.ts';

export const FOLDED_MAX = 65_536;
/** Rows that are left for processes whose peers found no room. */
const FOR_PROCESSES = 4096;
/** First word of the peer's address in `key`, and the one with its port. */
export const PEER_WORD = 4;
export const PORT_WORD = 8;

export class Folded {
  readonly rows = new Table();
  /** struct fg_key without this machine's end: peer as hi, its port when it serves; interface 0. All zero = several peers. */
  readonly key = this.rows.uint32(KEY_WORDS);
  /** string + 1: the local process's name; 0 = not known, or several */
  readonly process = this.rows.uint32();
  /** 1 = the peer connected */
  readonly inbound = this.rows.uint8();
  readonly flows = this.rows.float64();
  /** sent by this machine, received by it: COUNTERS each */
  readonly counters = this.rows.float64(2 * COUNTERS);
  readonly retransmits = this.rows.float64();
  readonly resets = this.rows.float64();
  readonly drops = this.rows.float64();
  /** How many flows were folded, those left aside that no packet was counted of or that others stood for. */
  total = 0;
  /** What flows had that another stands for: packets, bytes, payload, frames, frame bytes. */
  readonly duplicates = new Float64Array(COUNTERS);
  readonly #index = new Index();

  /** The row of these; `key` = KEY_WORDS words. */
  of(key: Uint32Array, process: number, inbound: number): number {
    const found = this.#find(key, process, inbound);
    if (found >= 0) return found;
    if (this.rows.count < FOLDED_MAX - FOR_PROCESSES) return this.#add(key, process, inbound);
    const named = this.#find(NO_PEER, process, 0);
    if (named >= 0) return named;
    if (this.rows.count < FOLDED_MAX - 1) return this.#add(NO_PEER, process, 0);
    const rest = this.#find(NO_PEER, 0, 0);
    return rest >= 0 ? rest : this.#add(NO_PEER, 0, 0);
  }

  get references(): Reference[] {
    return [{ rows: this.rows, column: this.process, base: 1 }];
  }

  get bytes(): number {
    return this.rows.bytes + this.#index.bytes;
  }

  /** Strings were numbered anew, or keys were changed. */
  rebuild(): void {
    this.#index.reset(this.rows.count);
    for (let row = 0; row < this.rows.count; row++)
      this.#index.insertNew(
        hashOf(this.key.data, row * KEY_WORDS, this.process.data[row]!, this.inbound.data[row]!),
        row,
      );
  }

  save(out: SnapshotWriter): void {
    out.float64(this.total);
    out.array(this.duplicates, COUNTERS);
    this.rows.save(out);
  }

  load(input: SnapshotReader): void {
    this.total = input.float64();
    input.array(this.duplicates, COUNTERS);
    this.rows.load(input);
    if (this.rows.count > FOLDED_MAX) input.fail('has more totals than it may');
    this.rebuild();
  }

  #add(key: Uint32Array, process: number, inbound: number): number {
    const row = this.rows.append();
    this.key.data.set(key, row * KEY_WORDS);
    this.process.data[row] = process;
    this.inbound.data[row] = inbound;
    if (this.#index.used * 2 + 2 > this.#index.slots.length) this.rebuild();
    else this.#index.insertNew(hashOf(key, 0, process, inbound), row);
    return row;
  }

  #find(key: Uint32Array, process: number, inbound: number): number {
    const index = this.#index;
    const keys = this.key.data;
    for (let probe = index.first(hashOf(key, 0, process, inbound)); ; probe = index.next(probe)) {
      const row = index.at(probe);
      if (row < 0) return -1;
      if (this.process.data[row] !== process || this.inbound.data[row] !== inbound) continue;
      let i = 0;
      while (i < KEY_WORDS && keys[row * KEY_WORDS + i] === key[i]) i++;
      if (i === KEY_WORDS) return row;
    }
  }
}

const NO_PEER = new Uint32Array(KEY_WORDS);

function hashOf(key: Uint32Array, at: number, process: number, inbound: number): number {
  let hash = mix(inbound, process);
  for (let i = PEER_WORD; i <= TAIL_WORD; i++) hash = mix(hash, key[at + i]!);
  return hash;
}
