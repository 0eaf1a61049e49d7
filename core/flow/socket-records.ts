/** SOCKETS frames into the model: owners, TCP states and last counters of sockets. */
import {
  OWNER_CONNECT,
  SOCKET_CREATED,
  SOCKET_DESTROYED,
  SOCKET_EVENT,
  SOCKET_KERNEL_THREAD,
  SOCKET_RELEASED,
  SOCKET_SNAPSHOT,
  SOCKET_STATE,
} from '../abi/generated.ts';
import type { FlowModel } from './model.ts';
import { PROTOCOL_TCP, TCP_CLOSE, TCP_LISTEN, TCP_SYN_RECV, TCP_SYN_SENT } from './names.ts';
import { PROCESS_OWNS } from './processes.ts';
import {
  SOCKET_ACCEPTED,
  SOCKET_BEFORE,
  SOCKET_CONNECTED,
  SOCKET_INFORMED,
  SOCKET_KERNEL,
  SOCKET_RETRANS_KNOWN,
} from './sockets.ts';

const E = SOCKET_EVENT;

export function applySockets(model: FlowModel, bytes: Uint8Array, words: Uint32Array, at: number, count: number): void {
  for (let i = 0; i < count; i++, at += E.size) applySocket(model, bytes, words, at);
}

/** One record at byte `at` (a multiple of 4) of `bytes` and `words`, which span the same memory. */
function applySocket(model: FlowModel, bytes: Uint8Array, words: Uint32Array, at: number): void {
  const { sockets, clock } = model;
  const w = at >>> 2;
  const kind = bytes[at + E.kind]!;
  const atNs = clock.relative(words[w + E.atNs / 4]!, words[w + E.atNs / 4 + 1]!);
  if (atNs > model.nowNs) model.nowNs = atNs;
  const cookieLow = words[w + E.cookie / 4]!;
  const cookieHigh = words[w + E.cookie / 4 + 1]!;
  if ((cookieLow | cookieHigh) === 0) return;
  const socket = sockets.ensure(cookieLow, cookieHigh, atNs);
  let flags = sockets.flags.data[socket]!;
  const firstNews = (flags & SOCKET_INFORMED) === 0;
  flags |= SOCKET_INFORMED;

  const createdLow = words[w + E.createdNs / 4]!;
  const createdHigh = words[w + E.createdNs / 4 + 1]!;
  const beganNs = (createdLow | createdHigh) === 0 ? atNs : clock.relative(createdLow, createdHigh);
  if (beganNs < sockets.beganNs.data[socket]!) sockets.beganNs.data[socket] = beganNs;
  if (kind === SOCKET_SNAPSHOT && firstNews) flags |= SOCKET_BEFORE;

  const netns = words[w + E.netns / 4]!;
  const protocol = bytes[at + E.protocol]!;
  const family = bytes[at + E.family]!;
  if (firstNews) {
    sockets.protocol.data[socket] = protocol;
    sockets.netns.data[socket] = netns;
  }
  const ports = words[w + E.localPort / 4]!;
  const localPort = ports & 0xffff;
  const remotePort = ports >>> 16;
  if (family !== 0) sockets.family.data[socket] = family;
  // The kernel clears the addresses of a socket that is closed: what was known stays.
  if (localPort !== 0 && kind !== SOCKET_DESTROYED && kind !== SOCKET_RELEASED) {
    const local = sockets.addresses.intern(words, w + E.localAddress / 4);
    const remote = sockets.addresses.intern(words, w + E.remoteAddress / 4);
    const closing = kind === SOCKET_STATE && bytes[at + E.newState] === TCP_CLOSE;
    const bound = sockets.ports.data[socket * 2] !== 0;
    if (!closing || !bound) sockets.bind(socket, local, remote, localPort, remotePort);
  }
  const uid = words[w + E.uid / 4]!;
  sockets.uid.data[socket] = uid;

  const eventFlags = bytes[at + E.flags]!;
  if ((eventFlags & SOCKET_KERNEL_THREAD) !== 0) flags |= SOCKET_KERNEL;

  const retrans = words[w + E.totalRetrans / 4]!;
  if (retrans > sockets.retrans.data[socket]!) sockets.retrans.data[socket] = retrans;
  if (retrans > 0 || kind === SOCKET_DESTROYED) flags |= SOCKET_RETRANS_KNOWN;

  const newState = bytes[at + E.newState]!;
  if (protocol === PROTOCOL_TCP && newState !== 0) {
    if (kind === SOCKET_STATE) {
      const oldState = bytes[at + E.oldState]!;
      if (oldState !== newState) sockets.addTransition(socket, oldState, newState, atNs);
      if (newState === TCP_SYN_SENT) {
        flags |= SOCKET_CONNECTED;
        sockets.endedNs.data[socket] = NaN;
      }
      const born = oldState === TCP_LISTEN || oldState === TCP_SYN_RECV;
      if (born && newState !== TCP_CLOSE && (flags & SOCKET_CONNECTED) === 0) {
        if ((flags & SOCKET_ACCEPTED) === 0) findListener(model, socket, words, w);
        flags |= SOCKET_ACCEPTED;
      }
      if (newState === TCP_CLOSE) sockets.endedNs.data[socket] = atNs;
    }
    if (kind !== SOCKET_RELEASED) sockets.state.data[socket] = newState;
  }
  if (kind === SOCKET_DESTROYED || (kind === SOCKET_RELEASED && protocol !== PROTOCOL_TCP)) {
    if (Number.isNaN(sockets.endedNs.data[socket]!)) sockets.endedNs.data[socket] = atNs;
  }
  if (kind === SOCKET_DESTROYED && sockets.state.data[socket] !== 0 && sockets.state.data[socket] !== TCP_CLOSE) {
    sockets.state.data[socket] = TCP_CLOSE;
  }
  sockets.flags.data[socket] = flags;

  const source = bytes[at + E.source]!;
  const pid = words[w + E.pid / 4]!;
  if (source !== 0 && pid !== 0) {
    const start = w + E.processStartNs / 4;
    const process = model.processes.ensure(pid, words[start]!, words[start + 1]!);
    nameProcess(model, process, bytes, at + E.comm);
    model.processes.flags.data[process] = model.processes.flags.data[process]! | PROCESS_OWNS;
    sockets.addOwner(socket, process, words[w + E.tid / 4]!, source, kind === SOCKET_CREATED ? beganNs : atNs);
    // UDP connects without a change of state.
    if (source === OWNER_CONNECT && protocol === PROTOCOL_TCP) {
      sockets.flags.data[socket] = sockets.flags.data[socket]! | SOCKET_CONNECTED;
    }
  }
  const flow = sockets.flow.data[socket]!;
  if (flow >= 0) model.flows.changed.data[flow] = model.version;
}

/** A process that is known from its socket only gets the leader's comm. */
function nameProcess(model: FlowModel, process: number, bytes: Uint8Array, comm: number): void {
  if (model.processes.comm.data[process] !== 0) return;
  let length = 0;
  while (length < 16 && bytes[comm + length] !== 0) length++;
  if (length > 0) model.processes.comm.data[process] = model.strings.intern(bytes, comm, length) + 1;
}

/** The one listener that a new connection can come from: its own address first, then any. */
function findListener(model: FlowModel, child: number, words: Uint32Array, w: number): void {
  const { sockets } = model;
  const netns = words[w + E.netns / 4]!;
  const port = words[w + E.localPort / 4]! & 0xffff;
  const local = sockets.addresses.find(words, w + E.localAddress / 4);
  for (const address of local > 0 ? [local, 0] : [0]) {
    let found = -1;
    let socket = sockets.byTuple(PROTOCOL_TCP, netns, address, port, 0, 0);
    for (let steps = 0; socket >= 0 && steps < 64; steps++, socket = sockets.older.data[socket]!) {
      if (sockets.state.data[socket] !== TCP_LISTEN || socket === child) continue;
      if (found >= 0) return; // SO_REUSEPORT: several
      found = socket;
    }
    if (found >= 0) {
      sockets.listener.data[child] = found;
      return;
    }
  }
}
