import { describe, expect, it } from 'vitest';
import { FRAME_CLOCK, FRAME_PROCESSES, FRAME_SOCKETS, PROCESS, PROCESS_EXECED, PROCESS_EXITED, PROCESS_SNAPSHOT, SOCKET_CREATED } from '../abi/generated.ts'; // prettier-ignore
import { clockRecord, frame, processRecord, socketRecord, type Frame } from '../flow/frames.testkit.ts';
import { gateProcesses } from './process-gate.ts';

/** Runs frames through the gate; what came out, processes by pid. */
function through(...frames: Frame[]): (number | string)[] {
  const out: (number | string)[] = [];
  const sink = gateProcesses((type, _bytes, view, offset) => {
    if (type === FRAME_PROCESSES) out.push(view.getUint32(offset + PROCESS.pid, true));
    else out.push(type === FRAME_SOCKETS ? 'sockets' : 'other');
  });
  for (const { type, payload } of frames)
    sink(type, payload, new DataView(payload.buffer, payload.byteOffset, payload.byteLength), 0, payload.length);
  return out;
}

const process = (pid: number, parentPid = 1, kind = PROCESS_SNAPSHOT): Frame => frame(FRAME_PROCESSES, processRecord({ kind, pid, start: BigInt(pid * 10), parent: parentPid, parentStart: BigInt(parentPid * 10) })); // prettier-ignore
const socket = (pid: number): Frame => frame(FRAME_SOCKETS, socketRecord({ kind: SOCKET_CREATED, pid, processStart: BigInt(pid * 10), cookie: BigInt(pid) })); // prettier-ignore

describe('the gate for processes', () => {
  it('holds back processes that used no socket that is watched', () => {
    expect(through(process(7), process(8), frame(FRAME_CLOCK, clockRecord()))).toEqual(['other']);
  });

  it('lets a process through when its first socket is told of, ancestors first', () => {
    expect(through(process(2), process(3, 2), process(4, 3), process(9), socket(4))).toEqual([2, 3, 4, 'sockets']);
  });

  it('lets everything through that is told of a process later on', () => {
    expect(through(process(4), socket(4), process(4, 1, PROCESS_EXECED), process(4, 1, PROCESS_EXITED))).toEqual([4, 'sockets', 4, 4]); // prettier-ignore
  });

  it('lets a process through that is told of only after its socket', () => {
    expect(through(socket(5), process(2), process(5, 2))).toEqual(['sockets', 2, 5]);
  });

  it('forgets what a process was before it executed another program', () => {
    expect(through(process(4), process(4, 1, PROCESS_EXECED), socket(4))).toEqual([4, 'sockets']);
  });

  it('tells of one that ended before its socket was told of', () => {
    expect(through(process(4), process(4, 1, PROCESS_EXITED), socket(4))).toEqual([4, 4, 'sockets']);
  });

  it('takes apart frames of several records', () => {
    const both = frame(FRAME_PROCESSES, processRecord({ kind: PROCESS_SNAPSHOT, pid: 3, start: 30n }), processRecord({ kind: PROCESS_SNAPSHOT, pid: 4, start: 40n })); // prettier-ignore
    expect(through(both, socket(4))).toEqual([4, 'sockets']);
  });
});
