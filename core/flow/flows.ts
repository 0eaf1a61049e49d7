/**
 * The table of flows. A flow is one row of columns. Its row may change when others are folded (fold.ts); what stays its
 * identity in the session is `id`, the how-manieth flow it was, from 0: rows are in order of ids. Rows are found by the
 * 40-byte key of bpf/abi.h (struct fg_key, as ten little-endian words) and, among the flows that reuse a key one after
 * the other, by epoch. Directions: 0 = lo to hi, 1 = hi to lo; sides: 0 = lo, 1 = hi (the sender of that direction).
 */
import { KEY } from '../abi/generated.ts';
import { Table } from './columns.ts';
import { passOver, renumber } from './references.ts';
import { Index, mix } from './hash.ts';
import type { SnapshotReader, SnapshotWriter } from './snapshot.ts';

export const KEY_WORDS = KEY.size / 4;
export const PORTS_WORD = KEY.loPort / 4;
/** Word of the key that holds interface, protocol and family. */
export const TAIL_WORD = KEY.iface / 4;
/** Numbers per direction in `counters`: packets, bytes, payload, frames, frame bytes (struct fg_counters). */
export const COUNTERS = 5;
/** Flows of one key that are looked at before a further one is taken for new. */
const CHAIN_MAX = 64;
export const NONE = -1;

/** The hash of a key's ends and protocol, wherever it was seen. */
export function hashOfEnds(keys: Uint32Array, at: number): number {
  let hash = 0;
  for (let i = 0; i < TAIL_WORD; i++) hash = mix(hash, keys[at + i]!);
  return mix(hash, keys[at + TAIL_WORD]! >>> 16);
}

export function sameEnds(a: Uint32Array, atA: number, b: Uint32Array, atB: number): boolean {
  for (let i = 0; i < TAIL_WORD; i++) if (a[atA + i] !== b[atB + i]) return false;
  return a[atA + TAIL_WORD]! >>> 16 === b[atB + TAIL_WORD]! >>> 16;
}

export class FlowTable {
  readonly rows = new Table();
  readonly id = this.rows.float64();
  readonly key = this.rows.uint32(KEY_WORDS);
  readonly epoch = this.rows.uint32();
  /** The flow that had the key before; -1 = none. */
  readonly older = this.rows.int32();
  /** enum fg_flow_flags, and FLAG_* of model.ts above bit 16 */
  readonly flags = this.rows.uint32();
  /** side of the client + 1; 0 = not told */
  readonly client = this.rows.uint8();
  readonly roles = this.rows.uint8();
  /** TCP_* as told by setTcpState; 0 = never */
  readonly tcpState = this.rows.uint8();
  /** END_* as told by `end` */
  readonly ended = this.rows.uint8();
  readonly firstNs = this.rows.float64();
  readonly lastNs = this.rows.float64();
  readonly endedNs = this.rows.float64();
  /** two directions of COUNTERS */
  readonly counters = this.rows.float64(2 * COUNTERS);
  /** per sender */
  readonly zeroWindows = this.rows.uint32(2);
  /** counted from packets, per sender */
  readonly retransmits = this.rows.uint32(2);
  /** by sender */
  readonly resets = this.rows.uint32(2);
  /** local socket of each side; -1 = none seen */
  readonly socket = this.rows.int32(2);
  /** first SYN, NaN = not seen */
  readonly synNs = this.rows.float64();
  /** the client's acknowledgement of the SYN-ACK, NaN = not seen; less `synNs` it is the time the connection took */
  readonly ackNs = this.rows.float64();
  /** histograms: RTT from packets, and responses by direction of the answer; -1 = no samples */
  readonly rtt = this.rows.int32();
  readonly response = this.rows.int32(2);
  readonly samples = this.rows.int32();
  readonly throughput = this.rows.int32();
  /** first of the flow's drop reasons; -1 = none */
  readonly drops = this.rows.int32();
  /** name of each side, as the flow's own traffic told it: string + 1 */
  readonly name = this.rows.uint32(2);
  /** what its payload said: row of `applications`, -1 = nothing */
  readonly application = this.rows.int32();
  /** `version` of the model when anything of the flow last changed */
  readonly changed = this.rows.uint32();

  /** Flows that were ever begun: the id of the next. */
  begun = 0;
  /** The key in hand: loaded, then looked up or inserted. */
  readonly words = new Uint32Array(KEY_WORDS);
  #hash = 0;
  #probe = 0;
  readonly #index = new Index();

  /** Takes the key from bytes anywhere. */
  loadKey(bytes: Uint8Array, offset: number): void {
    const words = this.words;
    for (let i = 0; i < KEY_WORDS; i++) {
      const at = offset + i * 4;
      words[i] = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    }
    this.hash();
  }

  /** Takes the key from ten aligned words. */
  loadWords(from: Uint32Array, index: number): void {
    const words = this.words;
    for (let i = 0; i < KEY_WORDS; i++) words[i] = from[index + i]!;
    this.hash();
  }

  /** To be called after `words` was changed in place. */
  hash(): void {
    this.#hash = hashWords(this.words, 0);
  }

  /**
   * The flow of the loaded key with that epoch. Epoch 0 stands for the flow that was current at `atNs` (the newest
   * that had begun by then, else the oldest). -1 = there is none.
   */
  lookup(epoch: number, atNs: number): number {
    const newest = this.newest();
    if (newest < 0) return NONE;
    const epochs = this.epoch.data;
    const older = this.older.data;
    let flow = newest;
    if (epoch === 0) {
      for (let steps = 0; steps < CHAIN_MAX; steps++) {
        if (this.firstNs.data[flow]! <= atNs || older[flow]! < 0) break;
        flow = older[flow]!;
      }
      return flow;
    }
    for (let steps = 0; flow >= 0 && steps < CHAIN_MAX; steps++) {
      if (epochs[flow] === epoch) return flow;
      flow = older[flow]!;
    }
    return NONE;
  }

  /** The newest flow of the loaded key, -1 = none. */
  newest(): number {
    const index = this.#index;
    const words = this.words;
    const keys = this.key.data;
    let probe = index.first(this.#hash);
    for (;;) {
      const row = index.at(probe);
      if (row < 0) {
        this.#probe = probe;
        return NONE;
      }
      const at = row * KEY_WORDS;
      let i = 0;
      while (i < KEY_WORDS && keys[at + i] === words[i]) i++;
      if (i === KEY_WORDS) {
        this.#probe = probe;
        return row;
      }
      probe = index.next(probe);
    }
  }

  /** A new flow with the loaded key; among the flows of the key it takes its place by time. */
  insert(epoch: number, atNs: number): number {
    const newest = this.newest();
    const row = this.rows.append();
    this.id.data[row] = this.begun++;
    this.key.data.set(this.words, row * KEY_WORDS);
    this.epoch.data[row] = epoch;
    let younger = NONE;
    let previous = newest;
    for (let steps = 0; previous >= 0 && this.firstNs.data[previous]! > atNs && steps < CHAIN_MAX; steps++) {
      younger = previous;
      previous = this.older.data[previous]!;
    }
    this.older.data[row] = previous;
    this.firstNs.data[row] = atNs;
    this.lastNs.data[row] = atNs;
    this.endedNs.data[row] = NaN;
    this.synNs.data[row] = NaN;
    this.ackNs.data[row] = NaN;
    this.socket.data[row * 2] = NONE;
    this.socket.data[row * 2 + 1] = NONE;
    this.rtt.data[row] = NONE;
    this.response.data[row * 2] = NONE;
    this.response.data[row * 2 + 1] = NONE;
    this.samples.data[row] = NONE;
    this.throughput.data[row] = NONE;
    this.drops.data[row] = NONE;
    this.application.data[row] = NONE;
    if (younger >= 0) this.older.data[younger] = row;
    else if (newest >= 0) this.#index.replace(this.#probe, row);
    else if (this.#index.put(this.#probe, row)) this.#rebuild();
    return row;
  }

  /** The row of the flow with that id; -1 = it is not here (any more). */
  rowOf(id: number): number {
    const row = this.firstFrom(id);
    return row < this.rows.count && this.id.data[row] === id ? row : NONE;
  }

  /** The first row of a flow with that id or a later one; the count of rows when there is none. */
  firstFrom(id: number): number {
    const ids = this.id.data;
    let low = 0;
    let high = this.rows.count;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (ids[middle]! < id) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Takes out the flows for which `keep` is 0; see `Table.compact`. */
  compact(keep: Uint8Array): Int32Array {
    passOver(this.older.data, keep);
    const numbers = this.rows.compact(keep);
    renumber(this.older.data, this.rows.count, numbers);
    this.#rebuild();
    return numbers;
  }

  ifaceOf(flow: number): number {
    return this.key.data[flow * KEY_WORDS + TAIL_WORD]! & 0xffff;
  }
  /** Same addresses, ports and protocol, on whichever interfaces. */
  sameEnds(a: number, b: number): boolean {
    return sameEnds(this.key.data, a * KEY_WORDS, this.key.data, b * KEY_WORDS);
  }
  protocolOf(flow: number): number {
    return (this.key.data[flow * KEY_WORDS + TAIL_WORD]! >>> 16) & 0xff;
  }
  familyOf(flow: number): number {
    return this.key.data[flow * KEY_WORDS + TAIL_WORD]! >>> 24;
  }
  /** Host byte order. For ICMP the echo identifier. */
  portOf(flow: number, side: number): number {
    const ports = this.key.data[flow * KEY_WORDS + PORTS_WORD]!;
    return side === 0 ? ports & 0xffff : ports >>> 16;
  }
  /** First of the four words of a side's address in `key.data`. */
  addressWord(flow: number, side: number): number {
    return flow * KEY_WORDS + side * 4;
  }

  get bytes(): number {
    return this.rows.bytes + this.#index.bytes;
  }

  save(out: SnapshotWriter): void {
    out.float64(this.begun);
    this.rows.save(out);
  }

  load(input: SnapshotReader): void {
    this.begun = input.float64();
    this.rows.load(input);
    const older = this.older.data;
    const ids = this.id.data;
    const { count } = this.rows;
    for (let row = 1; row < count; row++) if (!(ids[row]! > ids[row - 1]!)) input.fail('has flows in disorder');
    if (count > 0 && !(ids[count - 1]! < this.begun)) input.fail('has more flows than were begun');
    for (let row = 0; row < this.rows.count; row++) {
      // A loop in a damaged file does no harm: walks along this column are bounded.
      if (older[row]! >= this.rows.count || older[row]! < NONE) input.fail('has a flow that follows none');
    }
    this.#rebuild();
  }

  #rebuild(): void {
    const count = this.rows.count;
    const replaced = new Uint8Array(count);
    for (let row = 0; row < count; row++) if (this.older.data[row]! >= 0) replaced[this.older.data[row]!] = 1;
    this.#index.reset(count);
    for (let row = 0; row < count; row++) {
      if (replaced[row] === 0) this.#index.insertNew(hashWords(this.key.data, row * KEY_WORDS), row);
    }
  }
}

function hashWords(words: Uint32Array, at: number): number {
  let hash = 0;
  for (let i = 0; i < KEY_WORDS; i++) hash = mix(hash, words[at + i]!);
  return hash;
}
