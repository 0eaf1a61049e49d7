/**
 * Whose flow is it: from the flow to its local sockets (by the cookie that the egress hook saw, else by namespace and
 * addresses), and from a socket to the process that used it. Only what hooks that can be trusted said is used; where
 * that does not decide, the answer is a reason and never a guess.
 */
import {
  FEATURE_ITERATORS,
  FLOW_EGRESS_HI,
  FLOW_EGRESS_LO,
  FLOW_ELSEWHERE_HI,
  FLOW_ELSEWHERE_LO,
  FLOW_INGRESS_HI,
  FLOW_INGRESS_LO,
  FLOW_KERNEL_HI,
  FLOW_KERNEL_LO,
  FLOW_RST_HI,
  FLOW_RST_LO,
  OWNER_CREATE,
  OWNER_RELEASE,
  OWNER_SNAPSHOT,
} from '../abi/generated.ts';
import { KEY_WORDS, TAIL_WORD } from './flows.ts';
import type { FlowModel } from './model.ts';
import { samePackets } from './paths.ts';
import type { OtherEnds } from './translations.ts';
import { PROTOCOL_ICMP, PROTOCOL_ICMPV6, PROTOCOL_TCP } from './names.ts';
import { SOCKET_ACCEPTED, SOCKET_AMBIGUOUS, SOCKET_BEFORE, SOCKET_INFORMED, SOCKET_KERNEL } from './sockets.ts';

export type UnknownReason =
  | 'remote'
  | 'not yet used'
  | 'kernel thread'
  | 'pre-attach'
  | 'other netns'
  | 'ambiguous'
  | 'lost'
  | 'no socket'
  | 'not recorded';

export const NO_SOCKET = -1;
export const AMBIGUOUS = -2;
/**
 * The hook that tells of a new sender fires when the call returns, after its packet was seen: a change of owner this
 * soon after a packet leaves open whose packet it was.
 */
const CHANGE_NS = 20e6;

/**
 * The socket of this machine at a side of the flow; NO_SOCKET, or AMBIGUOUS when several could be it. All that could be
 * are marked in `marks`, by row.
 */
export function socketOf(model: FlowModel, flow: number, side: number, marks: Uint8Array | null = null): number {
  const { flows, sockets } = model;
  const joined = flows.socket.data[flow * 2 + side]!;
  if (joined >= 0) return joined;
  if (sockets.rows.count === 0) return NO_SOCKET;
  const keys = flows.key.data;
  const local = sockets.addresses.find(keys, flows.addressWord(flow, side));
  const remote = sockets.addresses.find(keys, flows.addressWord(flow, 1 - side));
  const localPort = flows.portOf(flow, side);
  const remotePort = flows.portOf(flow, 1 - side);
  if (local >= 0 && remote >= 0) {
    const exact = candidate(model, flow, local, localPort, remote, remotePort, marks);
    if (exact !== NO_SOCKET) return exact;
  }
  if (model.interfaces.several) {
    const there = otherEnd(model, flow, side);
    if (there !== NO_SOCKET) return there;
  }
  const protocol = flows.protocolOf(flow);
  if (protocol === PROTOCOL_TCP || protocol === PROTOCOL_ICMP || protocol === PROTOCOL_ICMPV6) return NO_SOCKET;
  // What an unconnected socket receives: the more specific address first, as the kernel does.
  if (local > 0) {
    const bound = candidate(model, flow, local, localPort, 0, 0, marks);
    if (bound !== NO_SOCKET) return bound;
  }
  // A socket bound to any address is only one of ours where packets come in: the peer may use the same port. What left
  // without naming its socket was forwarded or made by the kernel.
  const flags = flows.flags.data[flow]!;
  const cameIn = (flags & (side === 0 ? FLOW_INGRESS_HI : FLOW_INGRESS_LO)) !== 0;
  const left = (flags & (side === 0 ? FLOW_EGRESS_LO : FLOW_EGRESS_HI)) !== 0;
  return cameIn && !left ? candidate(model, flow, 0, localPort, 0, 0, marks) : NO_SOCKET;
}

/**
 * The socket of a side whose packets were seen to leave it in another namespace that is watched: of the flow that is made of
 * the same packets there, with the same ends or those that a translation gives it.
 */
function otherEnd(model: FlowModel, flow: number, side: number): number {
  const { flows, translations } = model;
  const at = flow * KEY_WORDS;
  const same: OtherEnds = { keys: flows.key.data, at, flipped: false };
  // Whoever asks may have a key in hand.
  const inHand = flows.words.slice();
  let found = NO_SOCKET;
  for (const ends of [same, ...translations.others(flows.key.data, at, flows.firstNs.data[flow]!)]) {
    const there = socketThere(model, flow, ends.flipped ? 1 - side : side, ends);
    if (there !== NO_SOCKET) found = there;
  }
  flows.loadWords(inHand, 0);
  return found;
}

function socketThere(model: FlowModel, flow: number, side: number, { keys, at, flipped }: OtherEnds): number {
  const { flows, interfaces } = model;
  const own = interfaces.get(flows.ifaceOf(flow))?.netns;
  // An initial sequence number is the same everywhere; what tells datagrams apart is each helper's own.
  const epoch = flows.protocolOf(flow) === PROTOCOL_TCP ? flows.epoch.data[flow]! : 0;
  let found = NO_SOCKET;
  for (const { iface, netns } of interfaces.list) {
    if (netns === own) continue;
    flows.loadWords(keys, at);
    flows.words[TAIL_WORD] = ((flows.words[TAIL_WORD]! & 0xffff0000) | iface) >>> 0;
    flows.hash();
    const there = flows.lookup(epoch, flows.firstNs.data[flow]!);
    if (there < 0 || flows.socket.data[there * 2 + side]! < 0) continue;
    // The same addresses may be in use in namespaces that have nothing to do with each other.
    if (samePackets(model, flow, there, flipped)) found = flows.socket.data[there * 2 + side]!;
  }
  return found;
}

/** The one socket with these ends that lived while the flow did. */
function candidate(
  model: FlowModel,
  flow: number,
  local: number,
  localPort: number,
  remote: number,
  remotePort: number,
  marks: Uint8Array | null,
): number {
  const { flows, sockets } = model;
  const iface = flows.ifaceOf(flow);
  const netns = model.interfaces.get(iface)?.netns ?? model.netns;
  let found = NO_SOCKET;
  let socket = sockets.byTuple(flows.protocolOf(flow), netns, local, localPort, remote, remotePort);
  for (let steps = 0; socket >= 0 && steps < 64; steps++, socket = sockets.older.data[socket]!) {
    const before = (sockets.flags.data[socket]! & SOCKET_BEFORE) !== 0;
    if (!before && sockets.beganNs.data[socket]! > flows.lastNs.data[flow]!) continue;
    if (sockets.endedNs.data[socket]! < flows.firstNs.data[flow]!) continue;
    if (marks !== null) marks[socket] = 1;
    else if (found !== NO_SOCKET) return AMBIGUOUS;
    found = found === NO_SOCKET ? socket : AMBIGUOUS;
  }
  return found;
}

/** A row of `sockets.owners`, or why there is none. Reused by `ownerOfSide`: read it before the next call. */
export interface SideOwner {
  /** row of `sockets.owners`; -1 = unknown */
  owner: number;
  /** row of `processes` */
  process: number;
  reason: UnknownReason | null;
  /** process that listens where the flow arrived, while its own is "not yet used"; -1 = none */
  listener: number;
}

const result: SideOwner = { owner: -1, process: -1, reason: null, listener: -1 };

function known(model: FlowModel, owner: number): SideOwner {
  result.owner = owner;
  result.process = model.sockets.ownerProcess.data[owner]!;
  result.reason = null;
  result.listener = -1;
  return result;
}

function unknown(reason: UnknownReason, listener = -1): SideOwner {
  result.owner = -1;
  result.process = -1;
  result.reason = reason;
  result.listener = listener;
  return result;
}

/** Whether a source says that the process used the socket, not only made, held or closed it. */
const isUse = (source: number): boolean =>
  source !== OWNER_CREATE && source !== OWNER_SNAPSHOT && source !== OWNER_RELEASE;

/** The process at a side of the flow: who used the socket when the flow began, else who did first. */
export function ownerOfSide(model: FlowModel, flow: number, side: number): SideOwner {
  const { flows, sockets } = model;
  const socket = socketOf(model, flow, side);
  if (socket === AMBIGUOUS) return unknown('ambiguous');
  if (socket < 0) return unknown(reasonWithoutSocket(model, flow, side));
  const flags = sockets.flags.data[socket]!;
  if ((flags & SOCKET_AMBIGUOUS) !== 0) return unknown('ambiguous');
  const firstNs = flows.firstNs.data[flow]!;
  let inForce = -1;
  let later = -1;
  let weak = -1;
  for (let o = sockets.firstOwner.data[socket]!; o >= 0; o = sockets.ownerNext.data[o]!) {
    if (!isUse(sockets.ownerSource.data[o]!)) weak = o;
    else if (sockets.ownerNs.data[o]! <= firstNs) inForce = o;
    else if (later < 0) later = o;
  }
  if (flows.protocolOf(flow) !== PROTOCOL_TCP && inForce >= 0 && later >= 0) {
    if (sockets.ownerNs.data[later]! - firstNs < CHANGE_NS) return unknown('ambiguous');
  }
  const owner = inForce >= 0 ? inForce : later >= 0 ? later : weak;
  if (owner >= 0) return known(model, owner);
  if ((flags & SOCKET_KERNEL) !== 0) return unknown('kernel thread');
  if ((flags & SOCKET_ACCEPTED) !== 0) return unknown('not yet used', listenerOf(model, socket));
  if (model.lostStates > 0) return unknown('lost');
  const netns = sockets.netns.data[socket]!;
  const elsewhere = side === 0 ? FLOW_ELSEWHERE_LO : FLOW_ELSEWHERE_HI;
  if ((flags & SOCKET_INFORMED) === 0 && (flows.flags.data[flow]! & elsewhere) !== 0) return unknown('other netns');
  if (netns !== 0 && model.netns !== 0 && netns !== model.netns && !model.interfaces.watches(netns))
    return unknown('other netns');
  if ((flags & SOCKET_INFORMED) === 0 && model.snapshotDone && (model.features & FEATURE_ITERATORS) !== 0) {
    // Every socket of a process was told by the hooks or the snapshot: what is left are the kernel's own.
    return unknown('kernel thread');
  }
  return unknown('pre-attach');
}

/** Whether it is known for good who the flow's processes are: at both sides one that used the socket, or none of this machine. */
export function isSettled(model: FlowModel, flow: number): boolean {
  for (let side = 0; side < 2; side++) {
    const { owner, reason } = ownerOfSide(model, flow, side);
    if (owner < 0 ? reason !== 'remote' : !isUse(model.sockets.ownerSource.data[owner]!)) return false;
  }
  return true;
}

function listenerOf(model: FlowModel, socket: number): number {
  const { sockets } = model;
  const listener = sockets.listener.data[socket]!;
  if (listener < 0 || (sockets.flags.data[listener]! & SOCKET_AMBIGUOUS) !== 0) return -1;
  const owner = sockets.lastOwner.data[listener]!;
  return owner < 0 ? -1 : sockets.ownerProcess.data[owner]!;
}

function reasonWithoutSocket(model: FlowModel, flow: number, side: number): UnknownReason {
  if (model.countsFromPackets) return 'not recorded';
  const { flows } = model;
  const flags = flows.flags.data[flow]!;
  const egress = side === 0 ? FLOW_EGRESS_LO : FLOW_EGRESS_HI;
  const ingress = side === 0 ? FLOW_INGRESS_LO : FLOW_INGRESS_HI;
  const protocol = flows.protocolOf(flow);
  const isIcmp = protocol === PROTOCOL_ICMP || protocol === PROTOCOL_ICMPV6;
  if (model.interfaces.get(flows.ifaceOf(flow))?.loopback === true) return isIcmp ? 'kernel thread' : 'no socket';
  if ((flags & egress) !== 0) {
    // It left through this machine without a socket: answered or made by the kernel itself, or forwarded.
    if (isIcmp) return 'kernel thread';
    const reset = side === 0 ? FLOW_RST_LO : FLOW_RST_HI;
    if ((flags & reset) !== 0 && flows.counters.data[(flow * 2 + side) * 5 + 2] === 0) return 'no socket';
    return (flags & (side === 0 ? FLOW_KERNEL_LO : FLOW_KERNEL_HI)) !== 0 ? 'kernel thread' : 'remote';
  }
  if ((flags & ingress) !== 0) return 'remote';
  const otherIngress = side === 0 ? FLOW_INGRESS_HI : FLOW_INGRESS_LO;
  return (flags & otherIngress) !== 0 ? 'no socket' : 'remote';
}

/**
 * Rows of `sockets.owners` that say how the socket at a side was handed on while the flow lasted; empty when one process
 * had it all the time.
 */
export function handedOn(model: FlowModel, flow: number, side: number): number[] {
  const { flows, sockets } = model;
  const socket = socketOf(model, flow, side);
  if (socket < 0) return [];
  const tcp = flows.protocolOf(flow) === PROTOCOL_TCP;
  const firstNs = flows.firstNs.data[flow]!;
  const untilNs = tcp ? Infinity : flows.lastNs.data[flow]! + CHANGE_NS;
  const rows: number[] = [];
  for (let o = sockets.firstOwner.data[socket]!; o >= 0; o = sockets.ownerNext.data[o]!) {
    const atNs = sockets.ownerNs.data[o]!;
    if (atNs > untilNs) continue;
    // Only the last of those before the flow began matters.
    if (atNs <= firstNs) rows.length = 0;
    rows.push(o);
  }
  const process = sockets.ownerProcess.data;
  return rows.some((row) => process[row] !== process[rows[0]!]) ? rows : [];
}

/** Reused by `ownerOfPacket`: read it before the next call. */
export interface PacketOwner {
  pid: number;
  tid: number;
  /** Changes when the process becomes another program, and when its pid is used again. */
  identity: number;
}

const packetOwner: PacketOwner = { pid: 0, tid: 0, identity: 0 };

/**
 * The process of this machine that a packet of the flow with that key (40 bytes at `offset`) belongs to: who sent it
 * when the sender is local, else who was to receive it. `direction` as in the key, `atNs` as in the model's clock.
 * null when not known, also when the socket changed hands too near to that time.
 */
export function ownerOfPacket(
  model: FlowModel,
  key: Uint8Array,
  offset: number,
  epoch: number,
  direction: number,
  atNs: number,
): PacketOwner | null {
  const flow = model.find(key, offset, epoch, atNs);
  if (flow < 0) return null;
  const { sockets } = model;
  let socket = socketOf(model, flow, direction);
  if (socket === NO_SOCKET) socket = socketOf(model, flow, 1 - direction);
  if (socket < 0 || (sockets.flags.data[socket]! & SOCKET_AMBIGUOUS) !== 0) return null;
  let inForce = -1;
  let later = -1;
  for (let o = sockets.firstOwner.data[socket]!; o >= 0; o = sockets.ownerNext.data[o]!) {
    if (sockets.ownerNs.data[o]! <= atNs) inForce = o;
    else if (later < 0) later = o;
  }
  if (inForce >= 0 && later >= 0 && sockets.ownerNs.data[later]! - atNs < CHANGE_NS) {
    // A socket that was only made by another process is used by the one that follows.
    if (isUse(sockets.ownerSource.data[inForce]!)) return null;
    inForce = later;
  }
  const owner = inForce >= 0 ? inForce : later;
  if (owner < 0) return null;
  const process = sockets.ownerProcess.data[owner]!;
  packetOwner.pid = model.processes.pid.data[process]!;
  packetOwner.identity = process * 65536 + model.processes.execs.data[process]!;
  packetOwner.tid = sockets.ownerTid.data[owner]!;
  return packetOwner;
}
