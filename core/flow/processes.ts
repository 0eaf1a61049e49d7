/**
 * Processes by identity: pid (of the thread group, initial pid namespace) and start time. An exited one is kept. One that
 * used a socket and then became another program has a row for each of them; the newest is found by the identity.
 */
import { Table } from './columns.ts';
import { Index, mix } from './hash.ts';
import type { SnapshotReader, SnapshotWriter } from './snapshot.ts';

export const PROCESS_UID_KNOWN = 1;
export const PROCESS_EXITED_FLAG = 2;
export const PROCESS_PARENT_KNOWN = 4;
export const PROCESS_ARGS_CUT_FLAG = 8;
export const PROCESS_EXE_RESOLVED_FLAG = 16;
/** A socket was used by it: what it runs now is what is shown for that socket, whatever its process runs later. */
export const PROCESS_OWNS = 32;

export class Processes {
  readonly rows = new Table();
  readonly pid = this.rows.uint32();
  /** start_boottime, halves of a u64 */
  readonly startLow = this.rows.uint32();
  readonly startHigh = this.rows.uint32();
  readonly parentPid = this.rows.uint32();
  readonly uid = this.rows.uint32();
  readonly netns = this.rows.uint32();
  readonly cgroupLow = this.rows.uint32();
  readonly cgroupHigh = this.rows.uint32();
  readonly exitCode = this.rows.int32();
  readonly exitedNs = this.rows.float64();
  readonly flags = this.rows.uint8();
  /** how often it became another program, modulo 2^16 */
  readonly execs = this.rows.uint16();
  /** numbers of interned strings + 1; 0 = not known */
  readonly comm = this.rows.uint32();
  readonly exe = this.rows.uint32();
  readonly file = this.rows.uint32();
  readonly args = this.rows.uint32();
  readonly #index = new Index();

  find(pid: number, startLow: number, startHigh: number): number {
    const probe = this.#probe(pid, startLow, startHigh);
    return this.#index.at(probe);
  }

  /** The process of that identity, made with nothing else known when it is new. */
  ensure(pid: number, startLow: number, startHigh: number): number {
    const probe = this.#probe(pid, startLow, startHigh);
    const found = this.#index.at(probe);
    if (found >= 0) return found;
    const row = this.rows.append();
    this.pid.data[row] = pid;
    this.startLow.data[row] = startLow;
    this.startHigh.data[row] = startHigh;
    if (this.#index.put(probe, row)) this.#rebuild();
    return row;
  }

  /** The row for what a process that owns sockets is about to become: nothing of its former program stays. */
  succeed(row: number): number {
    const { pid, startLow, startHigh, execs } = this;
    const probe = this.#probe(pid.data[row]!, startLow.data[row]!, startHigh.data[row]!);
    const next = this.rows.append();
    pid.data[next] = pid.data[row]!;
    startLow.data[next] = startLow.data[row]!;
    startHigh.data[next] = startHigh.data[row]!;
    execs.data[next] = execs.data[row]!;
    this.#index.replace(probe, next);
    return next;
  }

  /** Takes out those for which `keep` is 0; see `Table.compact`. */
  compact(keep: Uint8Array): Int32Array {
    const numbers = this.rows.compact(keep);
    this.#rebuild();
    return numbers;
  }

  get bytes(): number {
    return this.rows.bytes + this.#index.bytes;
  }

  save(out: SnapshotWriter): void {
    this.rows.save(out);
  }

  load(input: SnapshotReader, strings: number): void {
    this.rows.load(input);
    for (const column of [this.comm, this.exe, this.file, this.args]) {
      for (let i = 0; i < this.rows.count; i++)
        if (column.data[i]! > strings) input.fail('names a text that is not there');
    }
    this.#rebuild();
  }

  #rebuild(): void {
    this.#index.reset(this.rows.count);
    for (let row = 0; row < this.rows.count; row++) {
      const probe = this.#probe(this.pid.data[row]!, this.startLow.data[row]!, this.startHigh.data[row]!);
      if (this.#index.at(probe) >= 0) this.#index.replace(probe, row);
      else this.#index.put(probe, row);
    }
  }

  #probe(pid: number, startLow: number, startHigh: number): number {
    const index = this.#index;
    let probe = index.first(hashOf(pid, startLow, startHigh));
    for (;;) {
      const row = index.at(probe);
      if (row < 0) return probe;
      if (
        this.pid.data[row] === pid &&
        this.startLow.data[row] === startLow &&
        this.startHigh.data[row] === startHigh
      ) {
        return probe;
      }
      probe = index.next(probe);
    }
  }
}

const hashOf = (pid: number, low: number, high: number): number => mix(mix(mix(0, pid), low), high);
