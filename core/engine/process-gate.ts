/**
 * Lets through only what a recording has a reason to hold: processes that used a socket of what is watched, and their
 * ancestors. The helper tells of every process of the machine, since it cannot know whose traffic will come; keeping
 * all of them, command lines included, would put into a file that is meant to be sent to others what has nothing to do
 * with it. Live and recorded see the same frames, so both stay the same state.
 */
import {
  FRAME_PROCESSES,
  FRAME_SOCKETS,
  PROCESS,
  PROCESS_EXECED,
  PROCESS_EXITED,
  SOCKET_EVENT,
} from '../abi/generated.ts';
import type { FrameSink } from '../wire/frames.ts';

/** What is kept of one process: what was last told. */
const RECORDS_MAX = 6;
/** Processes that ended without having been asked for, kept for socket events that come late. */
const ENDED_MAX = 4096;
const ANCESTORS_MAX = 32;

interface Held {
  records: Uint8Array[];
  parent: string;
}

const TWO_32 = 4294967296;
const identity = (pid: number, low: number, high: number): string => `${pid} ${high * TWO_32 + low}`;

/** Wraps a sink; give the result every frame instead. */
export function gateProcesses(sink: FrameSink): FrameSink {
  const held = new Map<string, Held>();
  const wanted = new Set<string>();
  const ended: string[] = [];

  const pass = (record: Uint8Array): void =>
    sink(FRAME_PROCESSES, record, new DataView(record.buffer, record.byteOffset, record.byteLength), 0, record.length);

  /** Lets a process and its ancestors through, outermost first. */
  function want(id: string): void {
    const line: string[] = [];
    for (let at = id; !wanted.has(at) && line.length < ANCESTORS_MAX;) {
      wanted.add(at);
      line.push(at);
      const parent = held.get(at)?.parent;
      if (parent === undefined) break;
      at = parent;
    }
    for (const each of line.reverse()) {
      for (const record of held.get(each)?.records ?? []) pass(record);
      held.delete(each);
    }
  }

  function process(bytes: Uint8Array, view: DataView, offset: number, length: number): void {
    const id = identity(
      view.getUint32(offset + PROCESS.pid, true),
      view.getUint32(offset + PROCESS.startNs, true),
      view.getUint32(offset + PROCESS.startNs + 4, true),
    );
    const kind = view.getUint16(offset + PROCESS.kind, true);
    const parent = identity(
      view.getUint32(offset + PROCESS.parentPid, true),
      view.getUint32(offset + PROCESS.parentStartNs, true),
      view.getUint32(offset + PROCESS.parentStartNs + 4, true),
    );
    const record = bytes.slice(offset, offset + length);
    if (wanted.has(id)) {
      if (kind !== PROCESS_EXITED) want(parent);
      pass(record);
      return;
    }
    let entry = held.get(id);
    if (!entry) held.set(id, (entry = { records: [], parent }));
    if (kind !== PROCESS_EXITED) entry.parent = parent;
    // What another program was before it became this one is of no use to anybody.
    if (kind === PROCESS_EXECED) entry.records.length = 0;
    if (entry.records.length >= RECORDS_MAX) entry.records.shift();
    entry.records.push(record);
    if (kind !== PROCESS_EXITED) return;
    ended.push(id);
    if (ended.length > ENDED_MAX) held.delete(ended.shift() as string);
  }

  return (type, bytes, view, offset, length) => {
    if (type === FRAME_PROCESSES) {
      for (let at = 0; at + PROCESS.size <= length;) {
        const size = view.getUint32(offset + at + PROCESS.recordLength, true);
        if (size < PROCESS.size || at + size > length) break;
        process(bytes, view, offset + at, size);
        at += size;
      }
      return;
    }
    if (type === FRAME_SOCKETS) {
      for (let at = offset; at + SOCKET_EVENT.size <= offset + length; at += SOCKET_EVENT.size) {
        const pid = view.getUint32(at + SOCKET_EVENT.pid, true);
        if (pid === 0) continue;
        want(
          identity(
            pid,
            view.getUint32(at + SOCKET_EVENT.processStartNs, true),
            view.getUint32(at + SOCKET_EVENT.processStartNs + 4, true),
          ),
        );
      }
    }
    sink(type, bytes, view, offset, length);
  };
}
