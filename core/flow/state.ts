/**
 * What a flow's state is, how it ended and what was measured of it: concluded on demand from its packets and the local
 * socket's history, so that it does not matter which of the two was heard of first.
 */
import {
  FLOW_FIN_HI,
  FLOW_FIN_LO,
  FLOW_RST_HI,
  FLOW_RST_LO,
  FLOW_SYN_HI,
  FLOW_SYN_LO,
  FLOW_SYNACK_HI,
  FLOW_SYNACK_LO,
} from '../abi/generated.ts';
import { COUNTERS, NONE } from './flows.ts';
import { FLAG_COUNTED, FLAG_ESTABLISHED, type FlowModel } from './model.ts';
import {
  type End,
  ENDS,
  PROTOCOL_ICMP,
  PROTOCOL_ICMPV6,
  PROTOCOL_TCP,
  type State,
  stateOfTcp,
  TCP_CLOSE,
  TCP_ESTABLISHED,
  TCP_LISTEN,
  TCP_SYN_SENT,
} from './names.ts';
import { socketOf } from './owners.ts';
import { clientOf } from './roles.ts';
import {
  SOCKET_CONNECTED,
  SOCKET_INFORMED,
  SOCKET_REFUSED,
  SOCKET_RETRANS_KNOWN,
  SOCKET_TIMED_OUT,
} from './sockets.ts';

/** A flow without connection is idle this long after its last packet. */
export const UDP_IDLE_NS = 60e9;
export const ICMP_IDLE_NS = 30e9;

const TCP_FIN_WAIT2 = 5;

/** Reused by `lifeOf`: read it before the next call. */
export interface Life {
  state: State;
  end: End;
  /** NaN while open */
  endedNs: number;
}

const life: Life = { state: 'new', end: null, endedNs: NaN };

function is(state: State, end: End = null, endedNs = NaN): Life {
  life.state = state;
  life.end = end;
  life.endedNs = endedNs;
  return life;
}

/** Where the flow stands at the model's `nowNs`. */
export function lifeOf(model: FlowModel, flow: number): Life {
  const { flows } = model;
  const protocol = flows.protocolOf(flow);
  if (protocol !== PROTOCOL_TCP) {
    const timeout = protocol === PROTOCOL_ICMP || protocol === PROTOCOL_ICMPV6 ? ICMP_IDLE_NS : UDP_IDLE_NS;
    const lastNs = flows.lastNs.data[flow]!;
    return model.nowNs - lastNs > timeout ? is('idle', null, lastNs) : is('active');
  }
  const told = flows.ended.data[flow]!;
  if (model.countsFromPackets) {
    if (told !== 0) return is('closed', ENDS[told] ?? null, flows.endedNs.data[flow]!);
    const state = flows.tcpState.data[flow]!;
    return is(state === 0 ? 'established' : stateOfTcp(state));
  }
  return connectionLife(model, flow);
}

function connectionLife(model: FlowModel, flow: number): Life {
  const { flows, sockets } = model;
  const flags = flows.flags.data[flow]!;
  const client = clientOf(model, flow);
  const [syn, synAck] = client === 0 ? [FLOW_SYN_LO, FLOW_SYNACK_HI] : [FLOW_SYN_HI, FLOW_SYNACK_LO];
  const serverReset = (flags & (client === 0 ? FLOW_RST_HI : FLOW_RST_LO)) !== 0;
  const reset = (flags & (FLOW_RST_HI | FLOW_RST_LO)) !== 0;
  const fins = ((flags & FLOW_FIN_LO) !== 0 ? 1 : 0) + ((flags & FLOW_FIN_HI) !== 0 ? 1 : 0);
  const packetEnd = flows.endedNs.data[flow]!;
  const lastNs = flows.lastNs.data[flow]!;

  const socket = localSocket(model, flow);
  const informed = socket >= 0 && (sockets.flags.data[socket]! & SOCKET_INFORMED) !== 0;
  let socketState = 0;
  let closedNs = NaN;
  let established = (flags & (synAck | FLAG_ESTABLISHED)) !== 0 || (flags & syn) === 0;
  let finAcknowledged = false;
  if (informed) {
    socketState = sockets.state.data[socket]!;
    for (const t of sockets.connection(socket, flows.firstNs.data[flow]!)) {
      socketState = sockets.transitionTo.data[t]!;
      if (socketState === TCP_ESTABLISHED) established = true;
      if (socketState === TCP_FIN_WAIT2) finAcknowledged = true;
      closedNs = socketState === TCP_CLOSE ? sockets.transitionNs.data[t]! : NaN;
    }
    // Its last transition may have been lost; what is closed now has closed whatever it was.
    if (sockets.state.data[socket] === TCP_CLOSE) socketState = TCP_CLOSE;
    if (Number.isNaN(closedNs) && socketState === TCP_CLOSE) closedNs = sockets.endedNs.data[socket]!;
  }
  const closed = informed && socketState === TCP_CLOSE;
  const at = Number.isNaN(packetEnd) ? (Number.isNaN(closedNs) ? lastNs : closedNs) : packetEnd;

  if ((flags & syn) !== 0 && serverReset && !established) return is('closed', 'refused', at);
  if (closed && !established && (sockets.flags.data[socket]! & SOCKET_REFUSED) !== 0)
    return is('closed', 'refused', at);
  if (reset && fins < 2) return is('closed', 'reset', at);
  const closedAt = Number.isNaN(closedNs) ? lastNs : closedNs;
  if (fins === 2) {
    const waits = informed && !closed && socketState !== 0 && model.lostStates === 0 && !reset;
    return waits ? is('closing') : is('closed', 'fin', closed ? closedAt : at);
  }
  if (closed) {
    if ((sockets.flags.data[socket]! & SOCKET_TIMED_OUT) !== 0 || !established)
      return is('closed', 'timeout', closedAt);
    return is('closed', finAcknowledged ? 'fin' : 'timeout', closedAt);
  }
  if (informed && socketState !== 0 && socketState !== TCP_LISTEN) return is(stateOfTcp(socketState));
  if (fins > 0) return is('closing');
  const counters = flows.counters.data;
  const clientPackets = counters[(flow * 2 + client) * COUNTERS]!;
  if ((flags & FLAG_ESTABLISHED) !== 0 || ((flags & synAck) !== 0 && clientPackets > 1)) return is('established');
  if ((flags & synAck) !== 0) return is('syn-received');
  if ((flags & syn) !== 0) return is('syn-sent');
  return is((flags & FLAG_COUNTED) !== 0 ? 'established' : 'new');
}

/** The socket whose history the flow shows: the client's, else the server's; -1 = none on this machine. */
export function localSocket(model: FlowModel, flow: number): number {
  const client = clientOf(model, flow);
  const socket = socketOf(model, flow, client);
  return socket >= 0 ? socket : socketOf(model, flow, 1 - client);
}

export interface Transition {
  readonly atNs: number;
  /** TCP_* of the kernel */
  readonly from: number;
  readonly to: number;
}

/**
 * Kernel states of the local socket while it belonged to the flow; null if no socket was seen. Each `from` is the
 * previous `to`: where a transition was lost, one that closes the gap is put at the time of the next.
 */
export function transitionsOf(model: FlowModel, flow: number): Transition[] | null {
  if (model.flows.protocolOf(flow) !== PROTOCOL_TCP) return null;
  const socket = localSocket(model, flow);
  const { sockets } = model;
  if (socket < 0 || (sockets.flags.data[socket]! & SOCKET_INFORMED) === 0) return null;
  const found: Transition[] = [];
  let state = 0;
  for (const t of sockets.connection(socket, model.flows.firstNs.data[flow]!)) {
    const atNs = sockets.transitionNs.data[t]!;
    const from = sockets.transitionFrom.data[t]!;
    const to = sockets.transitionTo.data[t]!;
    if (state !== 0 && state !== from) found.push({ atNs, from: state, to: from });
    found.push({ atNs, from, to });
    state = to;
  }
  return found;
}

/**
 * Time from SYN to established, in ns: what the connecting socket saw, else first SYN to the client's acknowledgement
 * of the SYN-ACK at the capture point; NaN when not established.
 */
export function connectNsOf(model: FlowModel, flow: number): number {
  const { flows, sockets } = model;
  const client = clientOf(model, flow);
  const socket = socketOf(model, flow, client);
  if (socket >= 0 && (sockets.flags.data[socket]! & SOCKET_CONNECTED) !== 0) {
    if (sockets.flow.data[socket] === flow && !Number.isNaN(sockets.connectNs.data[socket]!)) {
      return sockets.connectNs.data[socket]!;
    }
    let sentNs = NaN;
    for (const t of sockets.connection(socket, flows.firstNs.data[flow]!)) {
      const to = sockets.transitionTo.data[t]!;
      if (to === TCP_SYN_SENT) sentNs = sockets.transitionNs.data[t]!;
      if (to === TCP_ESTABLISHED && !Number.isNaN(sentNs)) return sockets.transitionNs.data[t]! - sentNs;
    }
  }
  const synSeen = (flows.flags.data[flow]! & (client === 0 ? FLOW_SYN_LO : FLOW_SYN_HI)) !== 0;
  const synNs = flows.synNs.data[flow]!;
  return flows.ackNs.data[flow]! - (Number.isNaN(synNs) && synSeen ? flows.firstNs.data[flow]! : synNs);
}

/** The histogram of round trips: the local sender's own, else the passive one; -1 = no samples. */
export function rttOf(model: FlowModel, flow: number): number {
  const client = clientOf(model, flow);
  for (const side of [client, 1 - client]) {
    const socket = socketOf(model, flow, side);
    if (socket >= 0 && model.sockets.rtt.data[socket]! >= 0) return model.sockets.rtt.data[socket]!;
  }
  return model.flows.rtt.data[flow]!;
}

/** The histogram of the server's answers; -1 = no samples. */
export function responseOf(model: FlowModel, flow: number): number {
  return model.flows.response.data[flow * 2 + 1 - clientOf(model, flow)] ?? NONE;
}

/** Segments that a side sent again: its socket's total_retrans; null when it has no socket here and nobody counted. */
export function retransmitsOf(model: FlowModel, flow: number, side: number): number | null {
  const { flows, sockets } = model;
  if (flows.protocolOf(flow) !== PROTOCOL_TCP) return null;
  const counted = flows.retransmits.data[flow * 2 + side]!;
  if (model.countsFromPackets) return counted;
  const socket = socketOf(model, flow, side);
  if (socket >= 0 && (sockets.flags.data[socket]! & (SOCKET_INFORMED | SOCKET_RETRANS_KNOWN)) !== 0) {
    return Math.max(sockets.retrans.data[socket]!, counted);
  }
  return counted > 0 ? counted : null;
}

/** RST segments of both directions; null where there are none to be had. */
export function resetsOf(model: FlowModel, flow: number): number | null {
  if (model.flows.protocolOf(flow) !== PROTOCOL_TCP) return null;
  return resetsBy(model, flow, 0) + resetsBy(model, flow, 1);
}

/** RST segments that a side of a TCP flow sent. */
export function resetsBy(model: FlowModel, flow: number, side: number): number {
  const { flags, resets } = model.flows;
  const seen = (flags.data[flow]! & (side === 0 ? FLOW_RST_LO : FLOW_RST_HI)) !== 0 ? 1 : 0;
  return Math.max(seen, resets.data[flow * 2 + side]!);
}

/** Segments with a zero window, both directions; null where there are none to be had. */
export function zeroWindowsOf(model: FlowModel, flow: number): number | null {
  const { flows } = model;
  if (flows.protocolOf(flow) !== PROTOCOL_TCP) return null;
  return flows.zeroWindows.data[flow * 2]! + flows.zeroWindows.data[flow * 2 + 1]!;
}
