import { describe, expect, it } from 'vitest';
import * as abi from '../abi/generated.ts';
import {
  clockRecord,
  eventsFrame,
  feed,
  flowsFrame,
  frame,
  helloRecord,
  interfaceRecord,
  opening,
  socketsFrame,
} from './frames.testkit.ts';
import { COUNTERS } from './flows.ts';
import { Reducer } from './reducer.ts';
import { clientOf, rolesOf } from './roles.ts';
import { ROLES } from './names.ts';
import { localWhere } from './where.ts';
import { connectNsOf, lifeOf, resetsOf, responseOf, retransmitsOf, rttOf, transitionsOf } from './state.ts';

const SYN = 2;
const SYN_ACK = 18;
const FIN_ACK = 17;
const RST = 4;

function begin(): Reducer {
  const reducer = new Reducer();
  feed(reducer, ...opening());
  return reducer;
}

const packets = (reducer: Reducer, flow: number, direction: number): number =>
  reducer.model.flows.counters.data[(flow * 2 + direction) * COUNTERS] ?? NaN;

describe('FLOWS records', () => {
  it('add only what is new within a generation, and never subtract', () => {
    const reducer = begin();
    const at = (n: number, extra = {}) => flowsFrame({ lo: { packets: n, bytes: n * 100 }, ...extra });
    feed(reducer, at(5), at(9), at(7), at(9));
    expect(packets(reducer, 0, 0)).toBe(9);
    feed(reducer, at(12, { final: true }), at(12, { final: true }), at(11));
    expect(packets(reducer, 0, 0)).toBe(12);
    expect(reducer.model.flows.counters.data[1]).toBe(1200);
  });

  it('of several CPUs and generations are summed into one flow', () => {
    const reducer = begin();
    feed(
      reducer,
      flowsFrame(
        { cpu: 0, lo: { packets: 3 } },
        { cpu: 1, lo: { packets: 4 }, hi: { packets: 2 } },
        { cpu: 0, generation: 2, lo: { packets: 10 } },
      ),
    );
    expect(reducer.model.flows.rows.count).toBe(1);
    expect(packets(reducer, 0, 0)).toBe(17);
    expect(packets(reducer, 0, 1)).toBe(2);
  });

  it('of a displaced generation count in full when its final record comes after the next one began', () => {
    const reducer = begin();
    const other = { loPort: 1, hiPort: 2 };
    feed(
      reducer,
      flowsFrame({ lo: { packets: 3 } }),
      flowsFrame({ generation: 2, key: other, lo: { packets: 1 } }),
      flowsFrame({ generation: 1, final: true, lo: { packets: 8 } }),
    );
    expect(packets(reducer, 0, 0)).toBe(8);
    expect(packets(reducer, 1, 0)).toBe(1);
  });

  it('begin from zero with a new helper, and keep what was counted', () => {
    const reducer = begin();
    feed(reducer, flowsFrame({ lo: { packets: 5 } }), frame(abi.FRAME_HELLO, helloRecord()));
    feed(reducer, flowsFrame({ lo: { packets: 2 } }));
    expect(packets(reducer, 0, 0)).toBe(7);
  });

  it('with another SYN on the same ports begin a flow that inherits nothing', () => {
    const reducer = begin();
    feed(
      reducer,
      flowsFrame({ epoch: 1, flags: abi.FLOW_SYN_LO, cookies: [7n, 0n], lo: { packets: 5 }, first: 1, last: 20 }),
      flowsFrame({ slot: 2, epoch: 2, flags: abi.FLOW_SYN_LO, lo: { packets: 3 }, first: 100, last: 120 }),
      flowsFrame({ slot: 3, epoch: 0, lo: { packets: 1 }, first: 10, last: 11 }),
      flowsFrame({ slot: 4, epoch: 0, lo: { packets: 1 }, first: 110, last: 111 }),
    );
    const { flows } = reducer.model;
    expect(flows.rows.count).toBe(2);
    expect(packets(reducer, 0, 0)).toBe(6);
    expect(packets(reducer, 1, 0)).toBe(4);
    expect(flows.socket.data[2]).toBe(-1);
  });

  it('put a connection that was there before the SYN of the next one apart, in either order', () => {
    for (const turned of [false, true]) {
      const reducer = begin();
      const records = [
        { slot: 1, epoch: 0, lo: { packets: 5 }, first: 1, last: 20 },
        { slot: 2, epoch: 9, flags: abi.FLOW_SYN_LO, lo: { packets: 3 }, first: 100, last: 120 },
      ];
      if (turned) records.reverse();
      feed(reducer, flowsFrame(...records));
      expect(reducer.model.flows.rows.count).toBe(2);
      feed(reducer, flowsFrame({ slot: 3, epoch: 0, lo: { packets: 1 }, first: 110 }));
      const late = reducer.model.flows.epoch.data[0] === 9 ? 0 : 1;
      expect(packets(reducer, late, 0)).toBe(4);
    }
  });

  it('of UDP join both ends of one flow on loopback and part two sockets on the same ports', () => {
    const reducer = begin();
    const key = { protocol: 17, loPort: 5000, hiPort: 53 };
    feed(
      reducer,
      flowsFrame(
        { slot: 1, key, epoch: 11, cookies: [11n, 0n], lo: { packets: 1 }, first: 1 },
        { slot: 2, key, epoch: 22, cookies: [0n, 22n], hi: { packets: 1 }, first: 2 },
        { slot: 3, key, epoch: 33, cookies: [33n, 0n], lo: { packets: 1 }, first: 90 },
      ),
    );
    expect(reducer.model.flows.rows.count).toBe(2);
    expect(packets(reducer, 0, 1)).toBe(1);
    expect(packets(reducer, 1, 0)).toBe(1);
  });

  it('are read the same from an odd place in memory', () => {
    const reducer = begin();
    const { type, payload } = flowsFrame({ lo: { packets: 5 } });
    const moved = new Uint8Array(payload.length + 3);
    moved.set(payload, 3);
    reducer.apply(type, moved, new DataView(moved.buffer), 3, payload.length);
    expect(packets(reducer, 0, 0)).toBe(5);
  });
});

describe('client and server', () => {
  const decided = (reducer: Reducer) => [clientOf(reducer.model, 0), ROLES[rolesOf(reducer.model, 0)]];

  it('are told by the SYN, else the SYN-ACK', () => {
    const one = begin();
    feed(one, flowsFrame({ flags: abi.FLOW_SYN_HI, hi: { packets: 1 } }));
    expect(decided(one)).toEqual([1, 'syn']);
    const two = begin();
    feed(two, flowsFrame({ flags: abi.FLOW_SYNACK_LO, hi: { packets: 1 } }));
    expect(decided(two)).toEqual([1, 'syn']);
  });

  it('are told by connect() where the SYN was not seen', () => {
    const reducer = begin();
    feed(reducer, flowsFrame({ cookies: [0n, 5n], hi: { packets: 1 } }));
    feed(reducer, socketsFrame({ kind: abi.SOCKET_STATE, cookie: 5n, oldState: 7, newState: 2, pid: 3, source: 2 }));
    expect(decided(reducer)).toEqual([1, 'connect']);
  });

  it('are told by the lower well-known port, else by the first packet', () => {
    const one = begin();
    feed(one, flowsFrame({ key: { loPort: 80, hiPort: 50000 }, lo: { packets: 1 } }));
    expect(decided(one)).toEqual([1, 'port']);
    const two = begin();
    feed(two, flowsFrame({ key: { loPort: 5432, hiPort: 6000 }, flags: abi.FLOW_FIRST_HI, hi: { packets: 1 } }));
    expect(decided(two)).toEqual([1, 'first-packet']);
  });

  it('take the first packet from the CPU that saw it, whichever record comes first', () => {
    for (const order of [
      [0, 1],
      [1, 0],
    ]) {
      const reducer = begin();
      const records = [
        { cpu: 0, key: { loPort: 5000, hiPort: 6000 }, first: 1, lo: { packets: 1 } },
        { cpu: 1, key: { loPort: 5000, hiPort: 6000 }, first: 2, flags: abi.FLOW_FIRST_HI, hi: { packets: 1 } },
      ];
      for (const i of order) feed(reducer, flowsFrame(records[i] ?? {}));
      expect(decided(reducer)).toEqual([0, 'first-packet']);
    }
  });
});

describe('a connection', () => {
  const tcp = (a: number, at: number, hiToLo = false) => ({ kind: abi.EVENT_TCP_FLAGS, a, at, hiToLo, epoch: 7 });

  it('is timed from the first SYN to the acknowledgement, with events before its first record', () => {
    const reducer = begin();
    feed(
      reducer,
      eventsFrame(tcp(SYN, 10), tcp(SYN, 20), tcp(SYN_ACK, 30, true), {
        kind: abi.EVENT_HANDSHAKE_ACK,
        at: 31,
        epoch: 7,
        valueNs: 1e6,
      }),
    );
    feed(reducer, flowsFrame({ epoch: 7, flags: abi.FLOW_SYN_LO | abi.FLOW_SYNACK_HI, first: 10, lo: { packets: 3 } }));
    expect(reducer.model.flows.rows.count).toBe(1);
    expect(connectNsOf(reducer.model, 0)).toBe(21e6);
    expect(lifeOf(reducer.model, 0).state).toBe('established');
  });

  it('takes the connect time of its own socket when there is one, whichever comes first', () => {
    for (const socketFirst of [true, false]) {
      const reducer = begin();
      const socket = [
        socketsFrame(
          { kind: abi.SOCKET_STATE, cookie: 5n, at: 10, oldState: 7, newState: 2, pid: 3, source: 2 },
          { kind: abi.SOCKET_STATE, cookie: 5n, at: 14, oldState: 2, newState: 1 },
        ),
      ];
      const flow = [
        flowsFrame({ epoch: 7, flags: abi.FLOW_SYN_LO, cookies: [5n, 0n], first: 10.1, lo: { packets: 3 } }),
      ];
      feed(reducer, ...(socketFirst ? [...socket, ...flow] : [...flow, ...socket]));
      expect(connectNsOf(reducer.model, 0)).toBe(4e6);
      feed(reducer, eventsFrame({ kind: abi.EVENT_CONNECT, cookie: 5n, key: null, at: 14, valueNs: 3_900_000 }));
      expect(connectNsOf(reducer.model, 0)).toBe(3.9e6);
      expect(lifeOf(reducer.model, 0).state).toBe('established');
    }
  });

  it('refused ends at the RST that answers its SYN', () => {
    const reducer = begin();
    feed(reducer, eventsFrame(tcp(SYN, 10), tcp(RST | 16, 11, true)));
    feed(
      reducer,
      flowsFrame({ epoch: 7, flags: abi.FLOW_SYN_LO | abi.FLOW_RST_HI, first: 10, last: 11, lo: { packets: 1 } }),
    );
    expect(lifeOf(reducer.model, 0)).toEqual({ state: 'closed', end: 'refused', endedNs: 11e6 });
    expect(resetsOf(reducer.model, 0)).toBe(1);
    expect(connectNsOf(reducer.model, 0)).toBeNaN();
  });

  it('reset after it was established ends with reset', () => {
    const reducer = begin();
    feed(reducer, eventsFrame(tcp(SYN, 10), tcp(SYN_ACK, 11, true), tcp(RST, 20)));
    feed(reducer, flowsFrame({ epoch: 7, flags: 1 | 8 | abi.FLOW_RST_LO, first: 10, last: 20, lo: { packets: 3 } }));
    expect(lifeOf(reducer.model, 0)).toEqual({ state: 'closed', end: 'reset', endedNs: 20e6 });
  });

  it('closed from both sides ends with fin when its socket is closed', () => {
    const reducer = begin();
    const state = (at: number, oldState: number, newState: number) =>
      socketsFrame({ kind: abi.SOCKET_STATE, cookie: 5n, at, oldState, newState });
    feed(reducer, state(10, 7, 2), state(11, 2, 1), state(20, 1, 4), eventsFrame(tcp(FIN_ACK, 20)));
    const record = { epoch: 7, cookies: [5n, 0n] as [bigint, bigint], first: 10, lo: { packets: 9 } };
    feed(reducer, flowsFrame({ ...record, flags: 1 | 8 | 16, last: 20 }));
    expect(lifeOf(reducer.model, 0).state).toBe('closing');
    feed(reducer, eventsFrame(tcp(FIN_ACK, 25, true)), flowsFrame({ ...record, flags: 1 | 8 | 16 | 32, last: 25 }));
    expect(lifeOf(reducer.model, 0)).toEqual({ state: 'closing', end: null, endedNs: NaN });
    feed(reducer, state(21, 4, 5), state(25, 5, 7));
    expect(lifeOf(reducer.model, 0)).toEqual({ state: 'closed', end: 'fin', endedNs: 25e6 });
    const states = transitionsOf(reducer.model, 0) ?? [];
    expect(states.map(({ from, to }) => [from, to])).toEqual([
      [7, 2],
      [2, 1],
      [1, 4],
      [4, 5],
      [5, 7],
    ]);
  });

  it('between two others is closed after the second FIN', () => {
    const reducer = begin();
    feed(reducer, eventsFrame(tcp(FIN_ACK, 20), tcp(FIN_ACK, 25, true)));
    feed(reducer, flowsFrame({ epoch: 7, flags: 1 | 8 | 16 | 32, first: 10, last: 26, lo: { packets: 5 } }));
    expect(lifeOf(reducer.model, 0)).toEqual({ state: 'closed', end: 'fin', endedNs: 25e6 });
    expect(transitionsOf(reducer.model, 0)).toBeNull();
    expect(retransmitsOf(reducer.model, 0, 0)).toBeNull();
  });

  it('whose SYN nobody answers ends with timeout', () => {
    const reducer = begin();
    feed(
      reducer,
      socketsFrame(
        { kind: abi.SOCKET_STATE, cookie: 5n, at: 10, oldState: 7, newState: 2, pid: 3, source: 2 },
        { kind: abi.SOCKET_STATE, cookie: 5n, at: 900, oldState: 2, newState: 7 },
      ),
      eventsFrame({ kind: abi.EVENT_SOCKET_ERROR, cookie: 5n, key: null, a: 110, at: 900 }),
      flowsFrame({ epoch: 7, flags: abi.FLOW_SYN_LO, cookies: [5n, 0n], first: 10, last: 600, lo: { packets: 4 } }),
    );
    expect(lifeOf(reducer.model, 0)).toEqual({ state: 'closed', end: 'timeout', endedNs: 900e6 });
  });

  it('of a socket that connects again has only its own states', () => {
    const reducer = begin();
    const state = (at: number, oldState: number, newState: number) =>
      socketsFrame({ kind: abi.SOCKET_STATE, cookie: 5n, at, oldState, newState });
    feed(reducer, state(10, 7, 2), state(11, 2, 7), state(50, 7, 2), state(51, 2, 1));
    feed(
      reducer,
      flowsFrame(
        { epoch: 7, slot: 1, flags: 1 | 128, cookies: [5n, 0n], first: 10.1, last: 11, lo: { packets: 1 } },
        { epoch: 8, slot: 2, flags: 1 | 8, cookies: [5n, 0n], first: 50.1, last: 52, lo: { packets: 2 } },
      ),
    );
    expect(transitionsOf(reducer.model, 0)?.map(({ to }) => to)).toEqual([2, 7]);
    expect(transitionsOf(reducer.model, 1)?.map(({ to }) => to)).toEqual([2, 1]);
    expect(lifeOf(reducer.model, 0).end).toBe('refused');
    expect(lifeOf(reducer.model, 1).state).toBe('established');
  });

  it('shows states that follow one another even where a transition was lost', () => {
    const reducer = begin();
    const state = (at: number, oldState: number, newState: number) =>
      socketsFrame({ kind: abi.SOCKET_STATE, cookie: 5n, at, oldState, newState });
    feed(
      reducer,
      flowsFrame({ cookies: [5n, 0n], lo: { packets: 1 } }),
      state(10, 7, 2),
      state(30, 5, 7),
      state(11, 2, 1),
    );
    const states = transitionsOf(reducer.model, 0) ?? [];
    for (let i = 1; i < states.length; i++) expect(states[i]?.from).toBe(states[i - 1]?.to);
    expect(states.length).toBe(4);
  });

  it('counts retransmits as its sockets do, client and server apart', () => {
    const reducer = begin();
    feed(
      reducer,
      flowsFrame({ epoch: 7, flags: abi.FLOW_SYN_LO, cookies: [5n, 6n], lo: { packets: 1 } }),
      eventsFrame({ kind: abi.EVENT_RETRANSMIT, cookie: 5n, key: null, a: 1 }),
      eventsFrame({ kind: abi.EVENT_RETRANSMIT, cookie: 5n, key: null, a: 2 }),
      socketsFrame({ kind: abi.SOCKET_DESTROYED, cookie: 6n, totalRetrans: 4 }),
    );
    expect(retransmitsOf(reducer.model, 0, 0)).toBe(2);
    expect(retransmitsOf(reducer.model, 0, 1)).toBe(4);
  });
});

describe('latency', () => {
  it('takes round trips from the local socket once there are any, passive ones only as far as they leave the host', () => {
    const reducer = begin();
    const passive = (valueNs: number, a: number) => ({ kind: abi.EVENT_PACKET_RTT, valueNs, a, epoch: 7 });
    feed(reducer, eventsFrame(passive(5e6, 1), passive(7e6, 0)));
    expect(reducer.model.histograms.read(rttOf(reducer.model, 0))).toMatchObject({ n: 1, minNs: 5e6, maxNs: 5e6 });
    feed(reducer, eventsFrame({ kind: abi.EVENT_SOCKET_RTT, cookie: 5n, key: null, valueNs: 3e6, a: 3000 }));
    feed(reducer, flowsFrame({ epoch: 7, cookies: [5n, 0n], flags: abi.FLOW_SYN_LO, lo: { packets: 1 } }));
    expect(reducer.model.histograms.read(rttOf(reducer.model, 0))).toMatchObject({ n: 1, minNs: 3e6 });
  });

  it('takes round trips of either direction of a forwarded connection', () => {
    const reducer = begin();
    feed(reducer, flowsFrame({ epoch: 7, flags: abi.FLOW_SYN_LO, lo: { packets: 1 } }));
    const passive = (valueNs: number, a: number) => ({ kind: abi.EVENT_PACKET_RTT, valueNs, a, epoch: 7 });
    feed(reducer, eventsFrame(passive(5e6, 1), passive(7e6, 0)));
    expect(reducer.model.histograms.read(rttOf(reducer.model, 0))?.n).toBe(2);
  });

  it('takes as responses only the answers of the server, also when roles are learnt later', () => {
    const reducer = begin();
    const key = { loPort: 5000, hiPort: 6000 };
    const response = (valueNs: number, hiToLo: boolean) => ({ kind: abi.EVENT_RESPONSE, valueNs, hiToLo, key });
    feed(reducer, eventsFrame(response(9e6, true), response(500e6, false), response(8e6, true)));
    feed(reducer, flowsFrame({ key, flags: abi.FLOW_SYN_LO, lo: { packets: 1 } }));
    expect(reducer.model.histograms.read(responseOf(reducer.model, 0))).toMatchObject({ n: 2, minNs: 8e6, maxNs: 9e6 });
  });

  it('keeps how long the exchanges of each local end lay in the kernel and in the application, and its state is saved', () => {
    const reducer = begin();
    const exchange = (valueNs: number, a: number, hiToLo = true) => ({
      kind: abi.EVENT_READ_DELAY,
      valueNs,
      a,
      hiToLo,
    });
    feed(reducer, eventsFrame(exchange(5e6, 2e6), exchange(7e6, 4e6), exchange(9e6, 0))); // the last one closed instead
    for (const { model } of [reducer, Reducer.restore(reducer.serialize())]) {
      const read = (row: number) => model.histograms.read(row);
      expect(read(model.localTimes.queueOf(0, 1))).toMatchObject({ n: 3, minNs: 5e6, maxNs: 9e6 });
      expect(read(model.localTimes.applicationOf(0, 1))).toMatchObject({ n: 2, minNs: 2e6, maxNs: 4e6 });
      expect([model.localTimes.queueOf(0, 0), model.localTimes.applicationOf(0, 0)]).toEqual([-1, -1]);
      expect(localWhere(model, 0, 0)).toEqual({ queue: -1, application: -1, unknown: 'remote' });
    }
    const many = begin();
    for (let i = 0; i < 500; i++) {
      feed(many, eventsFrame({ ...exchange(i + 1, i + 2), key: { loPort: i + 1, hiPort: 80 } }));
    }
    const { model } = many;
    for (let flow = 0; flow < 500; flow++)
      expect(model.histograms.read(model.localTimes.queueOf(flow, 1))?.minNs).toBe(flow + 1);
  });

  it('keeps the newest samples with their times', () => {
    const reducer = begin();
    for (let i = 0; i < 3000; i++) {
      feed(reducer, eventsFrame({ kind: abi.EVENT_PACKET_RTT, valueNs: i, a: 1, at: i + 1 }));
    }
    const { model } = reducer;
    const seen: number[] = [];
    model.samples.each(model.flows.samples.data[0] ?? -1, (_at, value) => seen.push(value));
    expect(seen.length).toBe(1024);
    expect(seen[0]).toBe(3000 - 1024);
    expect(seen[1023]).toBe(2999);
  });
});

describe('drops', () => {
  it('find their flow by address where the interface is not known, also when it begins later', () => {
    const reducer = begin();
    feed(
      reducer,
      eventsFrame({ kind: abi.EVENT_DROP, a: 3, b: 2, key: { iface: abi.IFACE_NONE } }),
      flowsFrame({ lo: { packets: 2 } }),
      eventsFrame({ kind: abi.EVENT_DROP, a: 3, b: 1, key: { iface: abi.IFACE_NONE } }),
    );
    const { model } = reducer;
    const drop = model.flows.drops.data[0] ?? -1;
    expect(model.dropReason.data[drop]).toBe(3);
    expect(model.dropCount.data[drop]).toBe(3);
    expect(model.flows.rows.count).toBe(1);
  });

  it.each([98, 99])('find it in their own network namespace, where another one uses the same addresses (%i)', (own) => {
    const reducer = begin();
    feed(reducer, frame(abi.FRAME_INTERFACE, interfaceRecord(1, 'veth0', false, 98)));
    const drop = { kind: abi.EVENT_DROP, a: 3, b: 2, epoch: own, key: { iface: abi.IFACE_NONE } };
    feed(reducer, eventsFrame(drop), flowsFrame({ lo: { packets: 2 } }, { key: { iface: 1 }, lo: { packets: 2 }, slot: 2 })); // prettier-ignore
    feed(reducer, eventsFrame(drop));
    const { flows, interfaces, dropCount } = reducer.model;
    const counts = [0, 1].map((flow) => [interfaces.get(flows.ifaceOf(flow))?.netns, dropCount.data[flows.drops.data[flow] ?? -1]]); // prettier-ignore
    expect(counts).toEqual([[99, own === 99 ? 4 : undefined], [98, own === 98 ? 4 : undefined]]); // prettier-ignore
  });

  it('that never find one are bounded', () => {
    const reducer = begin();
    for (let i = 0; i < 10; i++) {
      const events = Array.from({ length: 700 }, (_, n) => ({
        kind: abi.EVENT_DROP,
        a: 3,
        b: 1,
        key: { iface: abi.IFACE_NONE, loPort: i * 700 + n },
      }));
      feed(reducer, eventsFrame(...events));
    }
    expect(reducer.serialize().length).toBeLessThan(4096 * 80 + 20_000);
  });
});

describe('time', () => {
  it('makes a UDP flow idle by the clock of the session alone', () => {
    const reducer = begin();
    feed(reducer, flowsFrame({ key: { protocol: 17 }, lo: { packets: 1 }, first: 5 }));
    expect(lifeOf(reducer.model, 0).state).toBe('active');
    feed(reducer, frame(abi.FRAME_CLOCK, clockRecord(61_000)));
    expect(lifeOf(reducer.model, 0)).toEqual({ state: 'idle', end: null, endedNs: 5e6 });
  });

  it('labels by the anchor in force: a step of the wall clock changes later labels only', () => {
    const reducer = begin();
    const { clock } = reducer.model;
    const before = clock.wallNs(1e6);
    feed(reducer, frame(abi.FRAME_CLOCK, clockRecord(1000)), frame(abi.FRAME_CLOCK, clockRecord(2000, 1_000_000_000n)));
    expect(clock.anchors).toBe(2);
    expect(clock.wallNs(1e6)).toBe(before);
    expect(clock.wallNs(1999e6)).toBe((before ?? 0n) + 1_998_000_000n);
    expect(clock.wallNs(2001e6)).toBe(1_001_000_000n);
  });
});

describe('totals', () => {
  it('are the newest of each interface, summed over helpers', () => {
    const reducer = begin();
    feed(reducer, frame(abi.FRAME_INTERFACE, interfaceRecord(1, 'veth1')));
    const totals = (iface: number, packets: number): Uint8Array => {
      const bytes = new Uint8Array(abi.TOTALS_RECORD.size);
      const view = new DataView(bytes.buffer);
      view.setUint16(abi.TOTALS_RECORD.iface, iface, true);
      view.setBigUint64(abi.TOTALS_RECORD.atNs, 1_000_000_000_000n, true);
      view.setBigUint64(abi.TOTALS_RECORD.totals, BigInt(packets), true);
      return bytes;
    };
    const say = (iface: number, packets: number) => frame(abi.FRAME_TOTALS, totals(iface, packets));
    feed(reducer, say(0, 5), say(1, 7), say(0, 9), say(0, 8));
    expect(reducer.model.interfaces.sum(0)).toBe(16);
    feed(reducer, frame(abi.FRAME_HELLO, helloRecord()), say(0, 2));
    expect(reducer.model.interfaces.sum(0)).toBe(18);
  });
});
