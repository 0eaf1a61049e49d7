import { describe, expect, it } from 'vitest';
import * as abi from '../abi/generated.ts';
import { modelFields } from '../filter/adapter.ts';
import { parse } from '../filter/filter.ts';
import { clockRecord, feed, flowsFrame, frame, keyBytes, opening, processRecord, socketsFrame } from '../flow/frames.testkit.ts'; // prettier-ignore
import { Reducer } from '../flow/reducer.ts';
import { surroundingsOf } from './knowledge.ts';
import { Verdicts } from './verdicts.ts';

const COOKIE = 77n;

/** A connection that leaves with the socket COOKIE, which `pid` connected; at ms. */
function flow(at: number, epoch = 9): ReturnType<typeof flowsFrame> {
  const flags = abi.FLOW_EGRESS_LO | abi.FLOW_INGRESS_HI | abi.FLOW_SYN_LO;
  return flowsFrame({ first: 1, last: at, epoch, flags, cookies: [COOKIE, 0n], lo: { packets: at }, hi: { packets: at } }); // prettier-ignore
}

function begin(text: string): { reducer: Reducer; verdicts: Verdicts; told: [number, number, boolean][] } {
  const reducer = new Reducer();
  feed(reducer, ...opening(), frame(abi.FRAME_RESYNCED, clockRecord()));
  const { model } = reducer;
  const parsed = parse(text);
  if (!parsed.ok) throw new Error(parsed.problem.message);
  const told: [number, number, boolean][] = [];
  const verdicts = Verdicts.of(
    model,
    parsed.ast,
    modelFields(model, surroundingsOf(model)),
    (iface, key, epoch, unwanted) => {
      // prettier-ignore
      expect(key).toEqual(keyBytes({}));
      told.push([iface, epoch, unwanted]);
    },
  );
  if (verdicts === null) throw new Error('the filter asks nothing of processes');
  return { reducer, verdicts, told };
}

const connected = (pid: number): ReturnType<typeof socketsFrame> =>
  socketsFrame({ kind: abi.SOCKET_STATE, source: abi.OWNER_CONNECT, cookie: COOKIE, pid, comm: `p${pid}`, local: ['10.0.0.1', 40000], remote: ['10.0.0.2', 80], newState: 2, at: 1 }); // prettier-ignore

describe('verdicts', () => {
  it('are given once a flow is a second old and its owner known, once, and taken back when more is learnt of the process', () => {
    const { reducer, verdicts, told } = begin('process.exe == "/bin/wanted" && rtt.p99 > 1s');
    feed(reducer, connected(5), flow(500));
    verdicts.tick();
    expect(told).toEqual([]);
    feed(reducer, flow(1500), frame(abi.FRAME_CLOCK, clockRecord(1500)));
    verdicts.tick();
    verdicts.tick();
    expect(told).toEqual([[0, 9, true]]);
    const resolved = processRecord({ kind: abi.PROCESS_SNAPSHOT, pid: 5, exe: '/bin/wanted', flags: abi.PROCESS_EXE_RESOLVED }); // prettier-ignore
    feed(reducer, frame(abi.FRAME_PROCESSES, resolved), flow(2000), frame(abi.FRAME_CLOCK, clockRecord(2000)));
    verdicts.tick();
    expect(told).toEqual([[0, 9, true], [0, 9, false]]); // prettier-ignore
  });

  it('are not given while the owner is not known, nor without an epoch, nor of flows that match', () => {
    for (const [text, epoch, ...before] of [
      ['process.pid == 6', 9],
      ['process.pid == 6', 0, connected(5)],
      ['process.pid == 5', 9, connected(5)],
      ['process.pid == 6 || rtt.p99 > 1s', 9, connected(5)],
    ] as const) {
      const { reducer, verdicts, told } = begin(text);
      const only = socketsFrame({ kind: abi.SOCKET_CREATED, source: abi.OWNER_CREATE, cookie: COOKIE, pid: 5, local: ['10.0.0.1', 40000], remote: ['10.0.0.2', 80] }); // prettier-ignore
      feed(reducer, only, ...before, flow(3000, epoch), frame(abi.FRAME_CLOCK, clockRecord(3000)));
      verdicts.tick();
      expect([text, epoch, told]).toEqual([text, epoch, []]);
    }
  });
});
