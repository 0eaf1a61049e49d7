import { describe, expect, it } from 'vitest';
import * as abi from '../abi/generated.ts';
import type { Captured } from '../summary/source.ts';
import { sessionSummary } from '../summary/session.ts';
import { summaryFlows } from '../summary/summary.ts';
import { COUNTERS } from './flows.ts';
import {
  clockRecord,
  eventsFrame,
  feed,
  flowsFrame,
  type Frame,
  frame,
  interfaceRecord,
  opening,
  processRecord,
  socketsFrame,
} from './frames.testkit.ts';
import { Reducer } from './reducer.ts';
import type { FlowModel } from './model.ts';

const LIMIT = 400;
const SYN = abi.FLOW_SYN_LO | abi.FLOW_SYNACK_HI;
const FINS = abi.FLOW_FIN_LO | abi.FLOW_FIN_HI;

/** One short connection of a process of its own, as the helper tells it; `n` counts them, one each 100 ms. */
function connection(n: number): Frame[] {
  const at = 1000 + n * 100;
  const cookie = BigInt(n + 1) * 2n;
  const port = 1024 + (n % 60_000);
  const key = { lo: '10.0.0.1', loPort: port, hi: `10.0.${1 + (n % 3)}.2`, hiPort: 80 };
  const pid = 1000 + n;
  const socket = { cookie, pid, processStart: BigInt(n + 7), comm: `job${n % 5}`, local: [key.lo, port] as [string, number], remote: [key.hi, 80] as [string, number] }; // prettier-ignore
  return [
    frame(
      abi.FRAME_PROCESSES,
      processRecord({ kind: abi.PROCESS_EXECED, pid, start: BigInt(n + 7), comm: `job${n % 5}`, args: `run ${n}\0` }),
    ),
    socketsFrame(
      { ...socket, kind: abi.SOCKET_STATE, source: abi.OWNER_CONNECT, oldState: 7, newState: 2, at },
      { ...socket, kind: abi.SOCKET_STATE, oldState: 2, newState: 1, at: at + 1 },
    ),
    eventsFrame(
      ...[1, 2, 3, 4].map((ms) => ({
        kind: abi.EVENT_RESPONSE,
        at: at + ms,
        key,
        epoch: n + 1,
        hiToLo: true,
        valueNs: ms * 1e6,
      })),
      { kind: abi.EVENT_SOCKET_RTT, at: at + 3, key: null, cookie, valueNs: 250_000 },
      { kind: abi.EVENT_DROP, a: 3, b: 1, at: at + 3, key, epoch: n + 1, cookie },
    ),
    flowsFrame({
      slot: n % 1000,
      generation: 1 + Math.floor(n / 1000),
      key,
      epoch: n + 1,
      flags: SYN | FINS | abi.FLOW_EGRESS_LO | abi.FLOW_INGRESS_HI,
      cookies: [cookie, 0n],
      first: at,
      last: at + 5,
      lo: { packets: 5, bytes: 400 },
      hi: { packets: 4, bytes: 900 + n },
    }),
    socketsFrame({ ...socket, kind: abi.SOCKET_DESTROYED, oldState: 1, newState: 7, at: at + 6 }),
    frame(abi.FRAME_PROCESSES, processRecord({ kind: abi.PROCESS_EXITED, pid, start: BigInt(n + 7) })),
  ];
}

function churn(from: number, to: number, ...reducers: Reducer[]): void {
  for (let n = from; n < to; n++) {
    const frames = connection(n);
    if (n % 10 === 9) frames.push(frame(abi.FRAME_CLOCK, clockRecord(1000 + n * 100 + 50)));
    for (const reducer of reducers) feed(reducer, ...frames);
  }
}

/** Packets and bytes of flows and folded totals, by name of the process and by peer. */
function totals(model: FlowModel): Map<string, number> {
  const sums = new Map<string, number>();
  const add = (what: string, n: number): void => void sums.set(what, (sums.get(what) ?? 0) + n);
  const { flows, folded, sockets, processes, strings } = model;
  const name = (string: number): string => (string === 0 ? '?' : strings.text(string - 1));
  for (let flow = 0; flow < flows.rows.count; flow++) {
    const owner = sockets.lastOwner.data[flows.socket.data[flow * 2]!]!;
    const process = name(processes.comm.data[sockets.ownerProcess.data[owner]!]!);
    const at = flow * 2 * COUNTERS;
    for (const of of [process, `peer ${flows.key.data[flows.addressWord(flow, 1)]}`, 'all']) {
      add(`${of} packets`, flows.counters.data[at]! + flows.counters.data[at + COUNTERS]!);
      add(`${of} sent`, flows.counters.data[at + 1]!);
      add(`${of} received`, flows.counters.data[at + COUNTERS + 1]!);
      add(`${of} flows`, 1);
    }
    add('drops', model.dropCount.data[flows.drops.data[flow]!]!);
  }
  for (let row = 0; row < folded.rows.count; row++) {
    const at = row * 2 * COUNTERS;
    for (const of of [name(folded.process.data[row]!), `peer ${folded.key.data[row * 10 + 4]}`, 'all']) {
      add(`${of} packets`, folded.counters.data[at]! + folded.counters.data[at + COUNTERS]!);
      add(`${of} sent`, folded.counters.data[at + 1]!);
      add(`${of} received`, folded.counters.data[at + COUNTERS + 1]!);
      add(`${of} flows`, folded.flows.data[row]!);
    }
    add('drops', folded.drops.data[row]!);
  }
  return sums;
}

const noCapture: Captured = { packets: 0, bytes: 0, wirePackets: 0 };
const summaryOf = (model: FlowModel) => ({
  model, startedNs: 0n, durationNs: 0n, host: null, application: null, captured: noCapture, late: 0, truncated: false,
}); // prettier-ignore

describe('folding of flows that ended', () => {
  it('keeps memory flat and every total exact while connections come and go', () => {
    const reducer = new Reducer(LIMIT);
    const all = new Reducer(Infinity);
    feed(reducer, ...opening());
    feed(all, ...opening());
    churn(0, 1500, reducer, all);
    // 60 s of connections linger, 600 of them: more than the limit, so what folds is what lingered long enough.
    const early = reducer.model.bytes;
    expect(reducer.model.flows.rows.count).toBeLessThanOrEqual(700);
    expect(reducer.model.foldings).toBeGreaterThan(3);
    churn(1500, 4500, reducer, all);
    const { model } = reducer;
    expect(model.flows.rows.count).toBeLessThanOrEqual(700);
    expect(model.sockets.rows.count).toBeLessThanOrEqual(1500);
    expect(model.processes.rows.count).toBeLessThanOrEqual(1500);
    expect(model.bytes).toBeLessThan(early * 1.1);
    expect(all.model.bytes).toBeGreaterThan(early * 2);
    expect(model.folded.total + model.flows.rows.count).toBe(4500);
    expect(model.folded.rows.count).toBe(15);
    expect(totals(model)).toEqual(totals(all.model));
    expect(summaryFlows(summaryOf(all.model))).toHaveLength(4500);
    expect(sessionSummary(summaryOf(model)).folded).toBe(model.folded.total);
  });

  it('folds alike from a keyframe on, and leaves the ids of the rest', () => {
    const straight = new Reducer(LIMIT);
    feed(straight, ...opening());
    churn(0, 1210, straight);
    const { flows } = straight.model;
    const restored = Reducer.restore(straight.serialize(), LIMIT);
    expect(flows.id.data[0]).toBe(1210 - flows.rows.count);
    expect(flows.rowOf(1209)).toBe(flows.rows.count - 1);
    expect(flows.rowOf(0)).toBe(-1);
    churn(1210, 2000, straight, restored);
    expect(Buffer.from(restored.serialize()).equals(Buffer.from(straight.serialize()))).toBe(true);
    expect(restored.model.strings.count).toBe(straight.model.strings.count);
  });

  it('shows what is left as if nothing had been folded', () => {
    const reducer = new Reducer(LIMIT);
    const all = new Reducer(Infinity);
    for (const each of [reducer, all]) feed(each, ...opening());
    churn(0, 1000, reducer, all);
    const { model } = reducer;
    for (let flow = 0; flow < model.flows.rows.count; flow += 7) {
      const same = all.model.flows.rowOf(model.flows.id.data[flow]!);
      const text = (of: FlowModel, row: number): string => {
        const socket = of.flows.socket.data[row * 2]!;
        const process = of.sockets.ownerProcess.data[of.sockets.lastOwner.data[socket]!]!;
        return [
          of.processes.pid.data[process],
          of.strings.text(of.processes.args.data[process]! - 1),
          of.histograms.read(of.flows.response.data[row * 2 + 1]!)?.p50Ns,
          of.histograms.read(of.sockets.rtt.data[socket]!)?.maxNs,
          of.samples.length(of.flows.samples.data[row]!),
          of.sockets.connection(socket, of.flows.firstNs.data[row]!).length,
        ].join(' ');
      };
      expect(text(model, flow)).toBe(text(all.model, same));
    }
  });

  it('keeps what is open however old it is, and counts late packets of what was folded', () => {
    const reducer = new Reducer(LIMIT);
    feed(reducer, ...opening(), frame(abi.FRAME_INTERFACE, interfaceRecord()));
    const open = { slot: 5000, key: { loPort: 99, hiPort: 22 }, epoch: 4_000_000_000, flags: SYN, first: 500 };
    feed(reducer, flowsFrame({ ...open, lo: { packets: 3, bytes: 300 }, hi: { packets: 3, bytes: 300 } }));
    feed(reducer, socketsFrame({ kind: abi.SOCKET_STATE, cookie: 1n, at: 500, oldState: 2, newState: 1, local: ['10.0.0.1', 99], remote: ['10.0.0.2', 22] })); // prettier-ignore
    const dns = { slot: 5001, key: { loPort: 99, hiPort: 53, protocol: 17 }, first: 600 };
    feed(reducer, flowsFrame({ ...dns, lo: { packets: 1, bytes: 70 } }));
    churn(0, 1500, reducer);
    const { model } = reducer;
    expect(model.flows.rowOf(0)).toBe(0);
    expect(model.flows.rowOf(1)).toBe(-1);
    const before = totals(model).get('all packets')!;
    // The kernel's slot of a connection that was folded: a late FIN, then the slot is taken by another flow.
    const n = 600;
    const key = { loPort: 1024 + n, hi: `10.0.${1 + (n % 3)}.2`, hiPort: 80 };
    expect(model.flows.rowOf(n + 2)).toBe(-1);
    feed(
      reducer,
      flowsFrame({ slot: n, generation: 1, final: true, key, epoch: n + 1, flags: SYN | FINS, first: 1000 + n * 100, last: 160_000, lo: { packets: 6, bytes: 460 }, hi: { packets: 4, bytes: 900 + n } }), // prettier-ignore
    );
    expect(totals(model).get('all packets')).toBe(before + 1);
    const rows = model.flows.rows.count;
    // A datagram of a silent conversation: it is here again, and counted once.
    feed(reducer, flowsFrame({ ...dns, last: 160_000, lo: { packets: 2, bytes: 140 } }));
    expect(model.flows.rows.count).toBe(rows + 1);
    expect(model.flows.counters.data[rows * 2 * COUNTERS]).toBe(1);
    expect(totals(model).get('all packets')).toBe(before + 2);
  });
});
