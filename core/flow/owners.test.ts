import { describe, expect, it } from 'vitest';
import * as abi from '../abi/generated.ts';
import { feed, flowsFrame, frame, keyBytes, ms, opening, processRecord, socketsFrame } from './frames.testkit.ts';
import type { SocketRecord } from './frames.testkit.ts';
import { SOURCES } from './names.ts';
import { handedOn, ownerOfSide } from './owners.ts';
import { Reducer } from './reducer.ts';

const CLIENT: SocketRecord[] = [
  { kind: abi.SOCKET_CREATED, cookie: 5n, at: 9, pid: 30, source: abi.OWNER_CREATE, comm: 'curl' },
  {
    kind: abi.SOCKET_STATE,
    cookie: 5n,
    at: 10,
    oldState: 7,
    newState: 2,
    pid: 30,
    source: abi.OWNER_CONNECT,
    comm: 'curl',
  },
];
const LISTENER: SocketRecord = {
  kind: abi.SOCKET_STATE,
  cookie: 8n,
  at: 2,
  oldState: 7,
  newState: 10,
  pid: 50,
  source: abi.OWNER_LISTEN,
  local: ['0.0.0.0', 80],
};
const CHILD: SocketRecord[] = [
  {
    kind: abi.SOCKET_STATE,
    cookie: 6n,
    at: 11,
    oldState: 10,
    newState: 3,
    local: ['10.0.0.2', 80],
    remote: ['10.0.0.1', 40000],
  },
  {
    kind: abi.SOCKET_STATE,
    cookie: 6n,
    at: 12,
    oldState: 3,
    newState: 1,
    local: ['10.0.0.2', 80],
    remote: ['10.0.0.1', 40000],
  },
];
const FLOW = { epoch: 7, flags: abi.FLOW_SYN_LO | abi.FLOW_EGRESS_LO, first: 10.1, last: 30, lo: { packets: 4 } };
const use = (cookie: bigint, at: number, pid: number, source: number = abi.OWNER_SEND): SocketRecord => ({
  kind: abi.SOCKET_OWNER,
  cookie,
  at,
  pid,
  source,
});

function begin(...frames: ReturnType<typeof flowsFrame>[]): Reducer {
  const reducer = new Reducer();
  feed(reducer, ...opening(), ...frames);
  return reducer;
}

/** [pid, source] or the reason */
function owner(reducer: Reducer, side: number, flow = 0): unknown {
  const { model } = reducer;
  const found = ownerOfSide(model, flow, side);
  if (found.owner < 0) return found.reason;
  return [model.processes.pid.data[found.process], SOURCES[model.sockets.ownerSource.data[found.owner] ?? 0]];
}

const packetOwner = (reducer: Reducer, direction: number, at: number, epoch = 7, key = {}): number | null => {
  const bytes = keyBytes(key);
  const boot = ms(at);
  const view = new DataView(bytes.buffer);
  return (
    reducer.ownerOf(bytes, view, 0, epoch, direction, Number(boot >> 32n), Number(boot & 0xffffffffn))?.pid ?? null
  );
};

describe('the process of a flow', () => {
  it('is who connected, whether the cookie came from the packet or the socket first', () => {
    const flow = flowsFrame({ ...FLOW, cookies: [5n, 0n] });
    expect(owner(begin(flow, socketsFrame(...CLIENT)), 0)).toEqual([30, 'connect']);
    expect(owner(begin(socketsFrame(...CLIENT), flow), 0)).toEqual([30, 'connect']);
  });

  it('is never taken from a hook that runs in whoever happens to be there', () => {
    const states = CHILD.map((record) => ({ ...record, pid: 30, source: 0 }));
    const reducer = begin(socketsFrame(LISTENER, ...states), flowsFrame({ ...FLOW, cookies: [5n, 6n] }));
    expect(owner(reducer, 1)).toBe('not yet used');
  });

  it('of an accepted connection is nobody until it is used, with the listener as a hint; then its first user', () => {
    const reducer = begin(socketsFrame(LISTENER, ...CHILD), flowsFrame({ ...FLOW, cookies: [5n, 6n] }));
    expect(owner(reducer, 1)).toBe('not yet used');
    const { listener } = ownerOfSide(reducer.model, 0, 1);
    expect(reducer.model.processes.pid.data[listener]).toBe(50);
    expect(packetOwner(reducer, 1, 12)).toBeNull();
    feed(reducer, socketsFrame(use(6n, 40, 51, abi.OWNER_RECEIVE)));
    expect(owner(reducer, 1)).toEqual([51, 'receive']);
    expect(packetOwner(reducer, 1, 12)).toBe(51);
  });

  it('of a connection that was closed unused is who closed it', () => {
    const reducer = begin(
      socketsFrame(...CHILD, { ...use(6n, 40, 52, abi.OWNER_RELEASE), kind: abi.SOCKET_RELEASED }),
      flowsFrame({ ...FLOW, cookies: [5n, 6n] }),
    );
    expect(owner(reducer, 1)).toEqual([52, 'release']);
  });

  it('of a socket that was handed on is the first, and the history names both', () => {
    const reducer = begin(
      socketsFrame(...CLIENT, use(5n, 60, 31), use(5n, 70, 30)),
      flowsFrame({ ...FLOW, cookies: [5n, 0n], last: 90 }),
    );
    expect(owner(reducer, 0)).toEqual([30, 'connect']);
    const { sockets, processes } = reducer.model;
    const pids = handedOn(reducer.model, 0, 0).map((row) => processes.pid.data[sockets.ownerProcess.data[row] ?? 0]);
    expect(pids).toEqual([30, 31, 30]);
    expect(packetOwner(reducer, 0, 20)).toBe(30);
    expect(packetOwner(reducer, 0, 59)).toBeNull();
    expect(packetOwner(reducer, 0, 80)).toBe(30);
  });

  it('is what it was when it connected, whatever program it became later, also after a keyframe', () => {
    const exec = (comm: string) =>
      frame(abi.FRAME_PROCESSES, processRecord({ kind: abi.PROCESS_EXECED, pid: 30, comm, exe: `/bin/${comm}` }));
    const reducer = begin(exec('sh'), socketsFrame(...CLIENT), exec('cat'), socketsFrame(use(5n, 25, 30)), exec('ls'));
    feed(reducer, flowsFrame({ ...FLOW, cookies: [5n, 0n] }));
    const names = ({ model }: Reducer) => {
      const name = (row: number) => model.strings.text((model.processes.comm.data[row] ?? 0) - 1);
      return {
        owner: name(ownerOfSide(model, 0, 0).process),
        history: handedOn(model, 0, 0).map((row) => name(model.sockets.ownerProcess.data[row] ?? -1)),
        newest: name(model.processes.find(30, 5000, 0)),
      };
    };
    const wanted = { owner: 'sh', history: ['sh', 'cat'], newest: 'ls' };
    expect(names(reducer)).toEqual(wanted);
    expect(names(Reducer.restore(reducer.serialize()))).toEqual(wanted);
  });

  it('of UDP that changes hands as the flow begins is not guessed', () => {
    const key = { protocol: 17, loPort: 5000, hiPort: 53 };
    const flow = flowsFrame({ key, cookies: [5n, 0n], epoch: 5, first: 50, last: 50, lo: { packets: 1 } });
    const udp = (record: SocketRecord): SocketRecord => ({ ...record, protocol: 17 });
    const parent = udp(use(5n, 10, 30));
    expect(owner(begin(flow, socketsFrame(parent, udp(use(5n, 50.1, 31)))), 0)).toBe('ambiguous');
    expect(owner(begin(flow, socketsFrame(parent, udp(use(5n, 500, 31)))), 0)).toEqual([30, 'send']);
    const made = udp({ ...use(5n, 10, 30, abi.OWNER_CREATE), kind: abi.SOCKET_CREATED });
    expect(owner(begin(flow, socketsFrame(made, udp(use(5n, 50.1, 31)))), 0)).toEqual([31, 'send']);
  });

  it('of a socket that two processes held when we came is ambiguous until one uses it', () => {
    const held = (pid: number): SocketRecord => ({ ...use(5n, 1, pid, abi.OWNER_SNAPSHOT), kind: abi.SOCKET_SNAPSHOT });
    const reducer = begin(flowsFrame({ ...FLOW, cookies: [5n, 0n] }), socketsFrame(held(30), held(31)));
    expect(owner(reducer, 0)).toBe('ambiguous');
    feed(reducer, socketsFrame(use(5n, 20, 31)));
    expect(owner(reducer, 0)).toEqual([31, 'send']);
    expect(owner(begin(flowsFrame({ ...FLOW, cookies: [5n, 0n] }), socketsFrame(held(30))), 0)).toEqual([
      30,
      'snapshot',
    ]);
  });

  it('is told apart by start time when a pid is used again', () => {
    const reducer = begin(
      frame(abi.FRAME_PROCESSES, processRecord({ kind: 1, pid: 30, start: 1n, comm: 'old' })),
      frame(abi.FRAME_PROCESSES, processRecord({ kind: 1, pid: 30, start: 2n, comm: 'new' })),
      socketsFrame({ ...use(5n, 10, 30), processStart: 2n }),
      flowsFrame({ ...FLOW, cookies: [5n, 0n] }),
    );
    const { process } = ownerOfSide(reducer.model, 0, 0);
    expect(reducer.model.strings.text((reducer.model.processes.comm.data[process] ?? 0) - 1)).toBe('new');
  });

  it('is not inherited by the next connection on the same ports', () => {
    const reducer = begin(
      socketsFrame(...CLIENT),
      flowsFrame({ ...FLOW, cookies: [5n, 0n] }),
      flowsFrame({ ...FLOW, epoch: 8, slot: 2, first: 100, last: 110, cookies: [9n, 0n] }),
    );
    expect(owner(reducer, 0, 1)).toBe('pre-attach');
    feed(
      reducer,
      socketsFrame({ ...use(9n, 99, 77, abi.OWNER_CONNECT), kind: abi.SOCKET_STATE, oldState: 7, newState: 2 }),
    );
    expect(owner(reducer, 0, 1)).toEqual([77, 'connect']);
  });
});

describe('a flow without a cookie', () => {
  const key = { protocol: 17, loPort: 5000, hiPort: 53 };
  const inbound = flowsFrame({ key, flags: abi.FLOW_INGRESS_LO, first: 50, last: 60, lo: { packets: 2 } });
  const server = (cookie: bigint, local: [string, number], more: Partial<SocketRecord> = {}): SocketRecord => ({
    ...use(cookie, 10, 30, abi.OWNER_RECEIVE),
    protocol: 17,
    local,
    ...more,
  });

  it('joins the socket bound to its address, the more specific one first', () => {
    expect(owner(begin(inbound, socketsFrame(server(1n, ['0.0.0.0', 53]))), 1)).toEqual([30, 'receive']);
    const two = socketsFrame(server(1n, ['0.0.0.0', 53], { pid: 31 }), server(2n, ['10.0.0.2', 53]));
    expect(owner(begin(inbound, two), 1)).toEqual([30, 'receive']);
  });

  it('is not of a socket that has the port of its peer, nor of one that would have signed what left', () => {
    const any = socketsFrame(server(1n, ['0.0.0.0', 53]));
    const asked = { key: { protocol: 17, hiPort: 53 }, lo: { packets: 1 }, hi: { packets: 1 } };
    const out = flowsFrame({ ...asked, flags: abi.FLOW_EGRESS_LO | abi.FLOW_INGRESS_HI, cookies: [5n, 0n] });
    expect(owner(begin(any, out), 1)).toBe('remote');
    const forwarded = flowsFrame({ ...asked, flags: abi.FLOW_INGRESS_LO | abi.FLOW_EGRESS_HI });
    expect(owner(begin(any, forwarded), 1)).toBe('remote');
  });

  it('is ambiguous between two, and not of one that began later, ended before, or lives in another namespace', () => {
    const any: [string, number] = ['0.0.0.0', 53];
    expect(owner(begin(inbound, socketsFrame(server(1n, any), server(2n, any))), 1)).toBe('ambiguous');
    expect(owner(begin(inbound, socketsFrame(server(1n, any, { at: 100 }))), 1)).toBe('no socket');
    const ended = socketsFrame(server(1n, any), { kind: abi.SOCKET_RELEASED, cookie: 1n, protocol: 17, at: 20 });
    expect(owner(begin(inbound, ended), 1)).toBe('no socket');
    expect(owner(begin(inbound, socketsFrame(server(1n, any, { netns: 1 }))), 1)).toBe('no socket');
  });

  it('has a remote sender, and a remote receiver of what left', () => {
    expect(owner(begin(inbound), 0)).toBe('remote');
    const outbound = flowsFrame({ ...FLOW, cookies: [5n, 0n] });
    expect(owner(begin(outbound), 1)).toBe('remote');
  });

  it('that the kernel answered by itself has no process', () => {
    const flags = abi.FLOW_SYN_LO | abi.FLOW_INGRESS_LO | abi.FLOW_RST_HI | abi.FLOW_EGRESS_HI;
    expect(owner(begin(flowsFrame({ flags, lo: { packets: 1 }, hi: { packets: 1 } })), 1)).toBe('no socket');
    const echo = { protocol: 1, loPort: 7, hiPort: 7 };
    const replied = abi.FLOW_INGRESS_LO | abi.FLOW_EGRESS_HI;
    expect(owner(begin(flowsFrame({ key: echo, flags: replied, lo: { packets: 1 } })), 1)).toBe('kernel thread');
    const elsewhere = { flags: abi.FLOW_EGRESS_LO | abi.FLOW_ELSEWHERE_LO, cookies: [9n, 0n] as [bigint, bigint] };
    expect(owner(begin(flowsFrame(elsewhere)), 0)).toBe('other netns');
    const tunnel = flowsFrame({ key: { protocol: 17 }, flags: abi.FLOW_EGRESS_LO | abi.FLOW_KERNEL_LO });
    expect([owner(begin(tunnel), 0), owner(begin(tunnel), 1)]).toEqual(['kernel thread', 'remote']);
  });
});
