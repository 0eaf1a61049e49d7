/**
 * PROCESSES frames into the model, and the paths of control groups. The kernel gives a control group as a number; the
 * recorder, which can look it up, tells the path in a frame of our own that is kept in the journal like the helper's.
 */
import {
  PROCESS,
  PROCESS_ARGS_CUT,
  PROCESS_EXE_RESOLVED,
  PROCESS_EXECED,
  PROCESS_EXITED,
  PROCESS_FORKED,
} from '../abi/generated.ts';
import type { FlowModel } from './model.ts';
import { terminated } from './numbers.ts';
import {
  PROCESS_ARGS_CUT_FLAG,
  PROCESS_EXE_RESOLVED_FLAG,
  PROCESS_EXITED_FLAG,
  PROCESS_OWNS,
  PROCESS_PARENT_KNOWN,
  PROCESS_UID_KNOWN,
} from './processes.ts';

/** A frame that the engine makes: u64 control group, then its path (no NUL). */
export const FRAME_CGROUP = 64;
/** Another: u64 control group, then what a runtime knows of its container, texts joined by NUL. */
export const FRAME_CONTAINER = 66;
export const CGROUP = { size: 8, id: 0, path: 8 } as const;

/** The payload of a FRAME_CGROUP or FRAME_CONTAINER. */
export function cgroupFrame(id: bigint, what: string): Uint8Array {
  const text = new TextEncoder().encode(what);
  const payload = new Uint8Array(CGROUP.size + text.length);
  new DataView(payload.buffer).setBigUint64(CGROUP.id, id, true);
  payload.set(text, CGROUP.path);
  return payload;
}

export class ProcessRecords {
  readonly #model: FlowModel;
  readonly #unnamed: bigint[] = [];

  constructor(model: FlowModel) {
    this.#model = model;
  }

  apply(bytes: Uint8Array, view: DataView, offset: number, length: number): void {
    let at = offset;
    const end = offset + length;
    while (at + PROCESS.size <= end) {
      const size = view.getUint32(at + PROCESS.recordLength, true);
      if (size < PROCESS.size || at + size > end) return;
      this.#record(bytes, view, at, size);
      at += size;
    }
  }

  nameCgroup(bytes: Uint8Array, view: DataView, offset: number, length: number): void {
    const low = view.getUint32(offset, true);
    const high = view.getUint32(offset + 4, true);
    const path = this.#model.strings.intern(bytes, offset + CGROUP.path, length - CGROUP.size);
    this.#model.cgroups.name(low, high, path);
  }

  describeContainer(bytes: Uint8Array, view: DataView, offset: number, length: number): void {
    const details = this.#model.strings.intern(bytes, offset + CGROUP.path, length - CGROUP.size);
    this.#model.cgroups.describe(view.getUint32(offset, true), view.getUint32(offset + 4, true), details);
  }

  takeUnnamedCgroups(): bigint[] {
    return this.#unnamed.splice(0);
  }

  #record(bytes: Uint8Array, view: DataView, at: number, size: number): void {
    const model = this.#model;
    const { processes, strings } = model;
    const u32 = (field: number): number => view.getUint32(at + field, true);
    const kind = view.getUint16(at + PROCESS.kind, true);
    const flags = view.getUint16(at + PROCESS.flags, true);
    const exeLength = view.getUint16(at + PROCESS.exeLength, true);
    const fileLength = view.getUint16(at + PROCESS.fileLength, true);
    const argsLength = view.getUint16(at + PROCESS.argsLength, true);
    if (PROCESS.size + exeLength + fileLength + argsLength > size) return;
    const atNs = model.clock.relative(u32(PROCESS.atNs), u32(PROCESS.atNs + 4));
    if (atNs > model.nowNs) model.nowNs = atNs;
    let row = processes.ensure(u32(PROCESS.pid), u32(PROCESS.startNs), u32(PROCESS.startNs + 4));
    if (kind === PROCESS_EXECED && (processes.flags.data[row]! & PROCESS_OWNS) !== 0) row = processes.succeed(row);
    let known = processes.flags.data[row]!;

    if (u32(PROCESS.parentPid) !== 0) {
      processes.parentPid.data[row] = u32(PROCESS.parentPid);
      known |= PROCESS_PARENT_KNOWN;
    }
    if (kind === PROCESS_FORKED) this.#inherit(row, u32(PROCESS.parentPid), view, at);
    processes.uid.data[row] = u32(PROCESS.uid);
    known |= PROCESS_UID_KNOWN;
    if (u32(PROCESS.netns) !== 0) processes.netns.data[row] = u32(PROCESS.netns);
    const cgroupLow = u32(PROCESS.cgroupId);
    const cgroupHigh = u32(PROCESS.cgroupId + 4);
    if ((cgroupLow | cgroupHigh) !== 0) {
      processes.cgroupLow.data[row] = cgroupLow;
      processes.cgroupHigh.data[row] = cgroupHigh;
      if (model.cgroups.ensure(cgroupLow, cgroupHigh)) {
        this.#unnamed.push((BigInt(cgroupHigh) << 32n) | BigInt(cgroupLow));
      }
    }

    if (kind === PROCESS_EXECED) {
      // Another program: nothing of the former one stays.
      processes.execs.data[row] = processes.execs.data[row]! + 1;
      processes.exe.data[row] = processes.file.data[row] = processes.args.data[row] = 0;
      known &= ~(PROCESS_EXE_RESOLVED_FLAG | PROCESS_ARGS_CUT_FLAG);
    }
    const comm = terminated(bytes, at + PROCESS.comm, 16);
    if (comm > 0) processes.comm.data[row] = strings.intern(bytes, at + PROCESS.comm, comm) + 1;
    let text = at + PROCESS.size;
    const resolved = (flags & PROCESS_EXE_RESOLVED) !== 0;
    if (exeLength > 0 && (resolved || (known & PROCESS_EXE_RESOLVED_FLAG) === 0)) {
      processes.exe.data[row] = strings.intern(bytes, text, exeLength) + 1;
      if (resolved) known |= PROCESS_EXE_RESOLVED_FLAG;
    }
    text += exeLength;
    if (fileLength > 0) processes.file.data[row] = strings.intern(bytes, text, fileLength) + 1;
    text += fileLength;
    if (argsLength > 0) {
      processes.args.data[row] = strings.intern(bytes, text, argsLength) + 1;
      if ((flags & PROCESS_ARGS_CUT) !== 0) known |= PROCESS_ARGS_CUT_FLAG;
    }
    if (kind === PROCESS_EXITED) {
      known |= PROCESS_EXITED_FLAG;
      processes.exitedNs.data[row] = atNs;
      processes.exitCode.data[row] = view.getInt32(at + PROCESS.exitCode, true);
    }
    processes.flags.data[row] = known;
  }

  /** A forked process runs its parent's program until it says otherwise. */
  #inherit(row: number, parentPid: number, view: DataView, at: number): void {
    const { processes } = this.#model;
    const start = at + PROCESS.parentStartNs;
    const parent = processes.find(parentPid, view.getUint32(start, true), view.getUint32(start + 4, true));
    if (parent < 0 || processes.exe.data[row] !== 0) return;
    for (const column of [processes.exe, processes.file, processes.args, processes.comm]) {
      if (column.data[row] === 0) column.data[row] = column.data[parent]!;
    }
    const inherited = PROCESS_EXE_RESOLVED_FLAG | PROCESS_ARGS_CUT_FLAG;
    processes.flags.data[row] = processes.flags.data[row]! | (processes.flags.data[parent]! & inherited);
  }
}
