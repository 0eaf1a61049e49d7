/**
 * Sockets by cookie: who owned them when, and the TCP states they went through. A cookie never names two sockets; it
 * may be heard of first from a packet and only later from the socket hooks, so rows begin with nothing but a cookie.
 */
import { OWNER_CREATE, OWNER_RELEASE, OWNER_SNAPSHOT } from '../abi/generated.ts';
import { Table, type Column } from './columns.ts';
import { Index, mix } from './hash.ts';
import { TCP_CLOSE, TCP_SYN_SENT } from './names.ts';
import { compactUnused, passOver, renumber } from './references.ts';
import type { SnapshotReader, SnapshotWriter } from './snapshot.ts';

/** The socket hooks spoke of it (not only a packet). */
export const SOCKET_INFORMED = 1;
export const SOCKET_KERNEL = 2;
/** It went CLOSE to SYN_SENT: the client. */
export const SOCKET_CONNECTED = 4;
/** It was born from a listener: the server. */
export const SOCKET_ACCEPTED = 8;
/** Several processes held it when we came, and none has used it since. */
export const SOCKET_AMBIGUOUS = 16;
/** It existed before we attached. */
export const SOCKET_BEFORE = 32;
/** The kernel gave up waiting (ETIMEDOUT). */
export const SOCKET_TIMED_OUT = 64;
export const SOCKET_RETRANS_KNOWN = 128;
export const SOCKET_UNREACHABLE = 256;
export const SOCKET_REFUSED = 512;

const NONE = -1;
/** Owner changes and transitions that one socket keeps; later ones replace the newest. */
const HISTORY_MAX = 256;

export class Sockets {
  readonly rows = new Table();
  readonly cookieLow = this.rows.uint32();
  readonly cookieHigh = this.rows.uint32();
  readonly flags = this.rows.uint16();
  readonly family = this.rows.uint8();
  readonly protocol = this.rows.uint8();
  readonly state = this.rows.uint8();
  readonly netns = this.rows.uint32();
  readonly uid = this.rows.uint32();
  /** numbers in `addresses`: 0 = any or not known */
  readonly local = this.rows.uint32();
  readonly remote = this.rows.uint32();
  /** local, remote */
  readonly ports = this.rows.uint16(2);
  /** when it was made or first heard of */
  readonly beganNs = this.rows.float64();
  /** NaN = not yet */
  readonly endedNs = this.rows.float64();
  readonly connectNs = this.rows.float64();
  readonly retrans = this.rows.uint32();
  readonly rtt = this.rows.int32();
  readonly samples = this.rows.int32();
  readonly firstOwner = this.rows.int32();
  readonly lastOwner = this.rows.int32();
  readonly firstTransition = this.rows.int32();
  readonly lastTransition = this.rows.int32();
  /** the newest flow that was joined by cookie */
  readonly flow = this.rows.int32();
  /** the listener it was born from, a hint */
  readonly listener = this.rows.int32();
  /** the socket that had the same addresses before */
  readonly older = this.rows.int32();

  readonly owners = new Table();
  readonly ownerNs = this.owners.float64();
  readonly ownerProcess = this.owners.uint32();
  readonly ownerTid = this.owners.uint32();
  readonly ownerSource = this.owners.uint8();
  readonly ownerNext = this.owners.int32();

  readonly transitions = new Table();
  readonly transitionNs = this.transitions.float64();
  readonly transitionFrom = this.transitions.uint8();
  readonly transitionTo = this.transitions.uint8();
  readonly transitionNext = this.transitions.int32();

  readonly #byCookie = new Index();
  readonly #byTuple = new Index();
  readonly addresses = new Addresses();

  find(low: number, high: number): number {
    return this.#byCookie.at(this.#probe(low, high));
  }

  /** The socket of that cookie, made when it is new. */
  ensure(low: number, high: number, atNs: number): number {
    const probe = this.#probe(low, high);
    const found = this.#byCookie.at(probe);
    if (found >= 0) return found;
    const row = this.rows.append();
    this.cookieLow.data[row] = low;
    this.cookieHigh.data[row] = high;
    this.beganNs.data[row] = atNs;
    this.endedNs.data[row] = NaN;
    this.connectNs.data[row] = NaN;
    for (const column of this.#pointers) column.data[row] = NONE;
    if (this.#byCookie.put(probe, row)) this.#rebuildCookies();
    return row;
  }

  /** Gives a socket its addresses (numbers of `addresses`) and ports, and makes it findable by them. */
  bind(socket: number, local: number, remote: number, localPort: number, remotePort: number): void {
    const known = this.local.data[socket] !== 0 || this.ports.data[socket * 2] !== 0;
    const same =
      this.local.data[socket] === local &&
      this.remote.data[socket] === remote &&
      this.ports.data[socket * 2] === localPort &&
      this.ports.data[socket * 2 + 1] === remotePort;
    if (same) return;
    if (known) this.#unlink(socket);
    this.local.data[socket] = local;
    this.remote.data[socket] = remote;
    this.ports.data[socket * 2] = localPort;
    this.ports.data[socket * 2 + 1] = remotePort;
    this.#link(socket);
  }

  /** The newest socket with exactly these ends (`older` gives the ones before), -1 = none. */
  byTuple(
    protocol: number,
    netns: number,
    local: number,
    localPort: number,
    remote: number,
    remotePort: number,
  ): number {
    return this.#byTuple.at(this.#tupleProbe(protocol, netns, local, localPort, remote, remotePort));
  }

  /**
   * What a hook that can be trusted said of the owner. The same process again only strengthens how it is known; a
   * closer or a holder found by the snapshot counts only while nobody else is known.
   */
  addOwner(socket: number, process: number, tid: number, source: number, atNs: number): void {
    const last = this.lastOwner.data[socket]!;
    const sources = this.ownerSource.data;
    if (last >= 0) {
      const weak =
        sources[last] === OWNER_CREATE || sources[last] === OWNER_SNAPSHOT || sources[last] === OWNER_RELEASE;
      if (source === OWNER_RELEASE) return;
      if (source === OWNER_SNAPSHOT) {
        if (sources[last] === OWNER_SNAPSHOT && this.ownerProcess.data[last] !== process) {
          this.flags.data[socket] = this.flags.data[socket]! | SOCKET_AMBIGUOUS;
        }
        return;
      }
      this.flags.data[socket] = this.flags.data[socket]! & ~SOCKET_AMBIGUOUS;
      if (this.ownerProcess.data[last] === process) {
        if (weak && source !== OWNER_CREATE) {
          sources[last] = source;
          this.ownerTid.data[last] = tid;
        }
        return;
      }
    }
    const row = this.#nextInHistory(socket, this.owners, this.firstOwner, this.lastOwner, this.ownerNext);
    this.ownerNs.data[row] = atNs;
    this.ownerProcess.data[row] = process;
    this.ownerTid.data[row] = tid;
    this.ownerSource.data[row] = source;
  }

  addTransition(socket: number, from: number, to: number, atNs: number): void {
    const last = this.lastTransition.data[socket]!;
    if (last >= 0 && this.transitionFrom.data[last] === from && this.transitionTo.data[last] === to) {
      // Told twice; a connect after a failed one has another transition in between.
      return;
    }
    const row = this.#nextInHistory(
      socket,
      this.transitions,
      this.firstTransition,
      this.lastTransition,
      this.transitionNext,
    );
    this.transitionNs.data[row] = atNs;
    this.transitionFrom.data[row] = from;
    this.transitionTo.data[row] = to;
  }

  /** The row for one more entry of a socket's history, linked at its end; a full history gives its newest again. */
  #nextInHistory(
    socket: number,
    rows: Table,
    first: Column<Int32Array>,
    last: Column<Int32Array>,
    next: Column<Int32Array>,
  ): number {
    const newest = last.data[socket]!;
    let count = 0;
    for (let row = first.data[socket]!; row >= 0; row = next.data[row]!) count++;
    if (count >= HISTORY_MAX) return newest;
    const row = rows.append();
    next.data[row] = NONE;
    if (newest >= 0) next.data[newest] = row;
    else first.data[socket] = row;
    last.data[socket] = row;
    return row;
  }

  /**
   * The transitions that belong to the connection which was open at `atNs`, in order of time: a socket may connect again
   * after it failed or was disconnected, each time from CLOSE to SYN_SENT.
   */
  connection(socket: number, atNs: number): number[] {
    const all: number[] = [];
    for (let t = this.firstTransition.data[socket]!; t >= 0; t = this.transitionNext.data[t]!) all.push(t);
    const at = this.transitionNs.data;
    all.sort((a, b) => at[a]! - at[b]! || a - b);
    let begin = 0;
    let end = all.length;
    for (let i = 1; i < all.length; i++) {
      const starts =
        this.transitionFrom.data[all[i]!] === TCP_CLOSE && this.transitionTo.data[all[i]!] === TCP_SYN_SENT;
      if (!starts) continue;
      if (at[all[i]!]! <= atNs) begin = i;
      else {
        end = i;
        break;
      }
    }
    return all.slice(begin, end);
  }

  /** Takes out the sockets for which `keep` is 0, with their histories; see `Table.compact`. */
  compact(keep: Uint8Array): Int32Array {
    const { owners, transitions } = this;
    const keptOwners = new Uint8Array(owners.count);
    const keptTransitions = new Uint8Array(transitions.count);
    for (let row = 0; row < this.rows.count; row++) {
      if (keep[row] === 0) continue;
      for (let o = this.firstOwner.data[row]!; o >= 0; o = this.ownerNext.data[o]!) keptOwners[o] = 1;
      for (let t = this.firstTransition.data[row]!; t >= 0; t = this.transitionNext.data[t]!) keptTransitions[t] = 1;
    }
    passOver(this.older.data, keep);
    const numbers = this.rows.compact(keep);
    const { count } = this.rows;
    for (const column of [this.older, this.listener]) renumber(column.data, count, numbers);
    const ownerNumbers = owners.compact(keptOwners);
    for (const column of [this.firstOwner, this.lastOwner]) renumber(column.data, count, ownerNumbers);
    renumber(this.ownerNext.data, owners.count, ownerNumbers);
    const transitionNumbers = transitions.compact(keptTransitions);
    for (const column of [this.firstTransition, this.lastTransition]) renumber(column.data, count, transitionNumbers);
    renumber(this.transitionNext.data, transitions.count, transitionNumbers);
    const addresses = [this.local, this.remote].map((column) => ({ rows: this.rows, column, base: 0 }) as const);
    compactUnused(this.addresses.count, addresses, (used) => this.addresses.compact(used));
    this.#rebuildCookies();
    this.#rebuildTuples();
    return numbers;
  }

  get bytes(): number {
    return (
      this.rows.bytes +
      this.owners.bytes +
      this.transitions.bytes +
      this.#byCookie.bytes +
      this.#byTuple.bytes +
      this.addresses.bytes
    );
  }

  save(out: SnapshotWriter): void {
    this.addresses.save(out);
    this.rows.save(out);
    this.owners.save(out);
    this.transitions.save(out);
  }

  load(input: SnapshotReader): void {
    this.addresses.load(input);
    this.rows.load(input);
    this.owners.load(input);
    this.transitions.load(input);
    const check = (data: Int32Array, row: number, below: number): void => {
      if (data[row]! < NONE || data[row]! >= below) input.fail('has a socket that points nowhere');
    };
    for (let row = 0; row < this.rows.count; row++) {
      for (const column of [this.firstOwner, this.lastOwner]) check(column.data, row, this.owners.count);
      for (const column of [this.firstTransition, this.lastTransition]) check(column.data, row, this.transitions.count);
      for (const column of [this.listener, this.older]) check(column.data, row, this.rows.count);
      if (this.local.data[row]! >= this.addresses.count || this.remote.data[row]! >= this.addresses.count) {
        input.fail('has a socket without its address');
      }
    }
    // Lists were appended to, so a link always points forward: no loop can be built from a damaged file.
    for (const [table, next] of [
      [this.owners, this.ownerNext],
      [this.transitions, this.transitionNext],
    ] as const) {
      for (let row = 0; row < table.count; row++) {
        if (next.data[row]! !== NONE && (next.data[row]! <= row || next.data[row]! >= table.count)) {
          input.fail('has a list without an end');
        }
      }
    }
    this.#rebuildCookies();
    this.#rebuildTuples();
  }

  get #pointers() {
    return [
      this.rtt,
      this.samples,
      this.firstOwner,
      this.lastOwner,
      this.firstTransition,
      this.lastTransition,
      this.flow,
      this.listener,
      this.older,
    ];
  }

  #probe(low: number, high: number): number {
    const index = this.#byCookie;
    let probe = index.first(mix(mix(0, low), high));
    for (;;) {
      const row = index.at(probe);
      if (row < 0 || (this.cookieLow.data[row] === low && this.cookieHigh.data[row] === high)) return probe;
      probe = index.next(probe);
    }
  }

  #tupleHash(row: number): number {
    const ports = this.ports.data;
    return tupleHash(
      this.protocol.data[row]!,
      this.netns.data[row]!,
      this.local.data[row]!,
      ports[row * 2]!,
      this.remote.data[row]!,
      ports[row * 2 + 1]!,
    );
  }

  #tupleProbe(protocol: number, netns: number, local: number, localPort: number, remote: number, remotePort: number) {
    const index = this.#byTuple;
    const ports = this.ports.data;
    let probe = index.first(tupleHash(protocol, netns, local, localPort, remote, remotePort));
    for (;;) {
      const row = index.at(probe);
      if (
        row < 0 ||
        (this.local.data[row] === local &&
          this.remote.data[row] === remote &&
          ports[row * 2] === localPort &&
          ports[row * 2 + 1] === remotePort &&
          this.netns.data[row] === netns &&
          this.protocol.data[row] === protocol)
      ) {
        return probe;
      }
      probe = index.next(probe);
    }
  }

  #probeOf(row: number): number {
    return this.#tupleProbe(
      this.protocol.data[row]!,
      this.netns.data[row]!,
      this.local.data[row]!,
      this.ports.data[row * 2]!,
      this.remote.data[row]!,
      this.ports.data[row * 2 + 1]!,
    );
  }

  #link(socket: number): void {
    const probe = this.#probeOf(socket);
    const newest = this.#byTuple.at(probe);
    this.older.data[socket] = newest;
    if (newest >= 0) this.#byTuple.replace(probe, socket);
    else if (this.#byTuple.put(probe, socket)) this.#rebuildTuples();
  }

  #unlink(socket: number): void {
    const probe = this.#probeOf(socket);
    let row = this.#byTuple.at(probe);
    if (row < 0) return;
    if (row === socket) {
      const older = this.older.data[socket]!;
      if (older >= 0) this.#byTuple.replace(probe, older);
      else this.#byTuple.remove(probe, (other) => this.#tupleHash(other));
    } else {
      // Bounded by the number of rows: a loop in a damaged file must end.
      for (let steps = this.rows.count; row >= 0 && this.older.data[row] !== socket && steps > 0; steps--) {
        row = this.older.data[row]!;
      }
      if (row >= 0 && this.older.data[row] === socket) this.older.data[row] = this.older.data[socket]!;
    }
    this.older.data[socket] = NONE;
  }

  #rebuildCookies(): void {
    this.#byCookie.reset(this.rows.count);
    for (let row = 0; row < this.rows.count; row++) {
      this.#byCookie.insertNew(mix(mix(0, this.cookieLow.data[row]!), this.cookieHigh.data[row]!), row);
    }
  }

  #rebuildTuples(): void {
    const replaced = new Uint8Array(this.rows.count);
    for (let row = 0; row < this.rows.count; row++) {
      if (this.older.data[row]! >= 0) replaced[this.older.data[row]!] = 1;
    }
    this.#byTuple.reset(this.rows.count);
    for (let row = 0; row < this.rows.count; row++) {
      const bound = this.local.data[row] !== 0 || this.ports.data[row * 2] !== 0;
      if (bound && replaced[row] === 0) this.#byTuple.insertNew(this.#tupleHash(row), row);
    }
  }
}

function tupleHash(
  protocol: number,
  netns: number,
  local: number,
  localPort: number,
  remote: number,
  remotePort: number,
) {
  return mix(mix(mix(mix(mix(0, local), remote), (localPort << 16) | remotePort), netns), protocol);
}

/** Interned addresses: four words each; number 0 is all zeros (any address, of either family). */
export class Addresses {
  readonly #rows = new Table();
  readonly #words = this.#rows.uint32(4);
  readonly #index = new Index();

  constructor() {
    this.#rows.append();
    this.#index.insertNew(this.#hash(this.#words.data, 0), 0);
  }

  /** The number of an address, made when it is new. */
  intern(words: Uint32Array, at: number): number {
    const probe = this.#probe(words, at);
    const found = this.#index.at(probe);
    if (found >= 0) return found;
    const row = this.#rows.append();
    for (let i = 0; i < 4; i++) this.#words.data[row * 4 + i] = words[at + i]!;
    if (this.#index.put(probe, row)) this.#rebuild();
    return row;
  }

  /** -1 = never interned. */
  find(words: Uint32Array, at: number): number {
    return this.#index.at(this.#probe(words, at));
  }

  /** Lets `change` replace the addresses (four words each) in place; nobody may look for one before a `load`. */
  edit(change: (words: Uint32Array, count: number) => void): void {
    change(this.#words.data, this.#rows.count);
  }

  get count(): number {
    return this.#rows.count;
  }
  get bytes(): number {
    return this.#rows.bytes + this.#index.bytes;
  }
  /** Takes out those for which `keep` is 0, but never number 0; see `Table.compact`. */
  compact(keep: Uint8Array): Int32Array {
    keep[0] = 1;
    const numbers = this.#rows.compact(keep);
    this.#rebuild();
    return numbers;
  }
  save(out: SnapshotWriter): void {
    this.#rows.save(out);
  }
  load(input: SnapshotReader): void {
    this.#rows.load(input);
    if (this.#rows.count === 0) input.fail('has no addresses');
    this.#rebuild();
  }

  #rebuild(): void {
    this.#index.reset(this.#rows.count);
    for (let row = 0; row < this.#rows.count; row++) this.#index.insertNew(this.#hash(this.#words.data, row * 4), row);
  }

  #hash(words: Uint32Array, at: number): number {
    return mix(mix(mix(mix(0, words[at]!), words[at + 1]!), words[at + 2]!), words[at + 3]!);
  }

  #probe(words: Uint32Array, at: number): number {
    const index = this.#index;
    const data = this.#words.data;
    let probe = index.first(this.#hash(words, at));
    for (;;) {
      const row = index.at(probe);
      if (row < 0) return probe;
      const from = row * 4;
      if (
        data[from] === words[at] &&
        data[from + 1] === words[at + 1] &&
        data[from + 2] === words[at + 2] &&
        data[from + 3] === words[at + 3]
      ) {
        return probe;
      }
      probe = index.next(probe);
    }
  }
}
