/**
 * Which side of a flow is the client: who sent the SYN, else whose local socket connected (or was accepted), else the
 * other side of the lower well-known port, else who sent the first packet.
 */
import { FLOW_FIRST_HI, FLOW_SYN_HI, FLOW_SYN_LO, FLOW_SYNACK_HI, FLOW_SYNACK_LO } from '../abi/generated.ts';
import type { FlowModel } from './model.ts';
import {
  PROTOCOL_ICMP,
  PROTOCOL_ICMPV6,
  ROLES_CONNECT,
  ROLES_FIRST_PACKET,
  ROLES_PORT,
  ROLES_SYN,
  ROLES_UNKNOWN,
} from './names.ts';
import { SOCKET_ACCEPTED, SOCKET_CONNECTED } from './sockets.ts';

const WELL_KNOWN = 1024;

/** Side of the client, 0 or 1. */
export function clientOf(model: FlowModel, flow: number): number {
  return decide(model, flow) >> 3;
}

/** ROLES_*: how the client was decided. */
export function rolesOf(model: FlowModel, flow: number): number {
  return decide(model, flow) & 7;
}

/** side << 3 | roles */
function decide(model: FlowModel, flow: number): number {
  const { flows, sockets } = model;
  const told = flows.roles.data[flow]!;
  if (told === ROLES_SYN) return ((flows.client.data[flow]! - 1) << 3) | ROLES_SYN;
  const flags = flows.flags.data[flow]!;
  const first = (flags & FLOW_FIRST_HI) !== 0 ? 1 : 0;
  const lo = (flags & (FLOW_SYN_LO | FLOW_SYNACK_HI)) !== 0;
  const hi = (flags & (FLOW_SYN_HI | FLOW_SYNACK_LO)) !== 0;
  if (lo !== hi) return ((hi ? 1 : 0) << 3) | ROLES_SYN;
  if (lo && hi) return (first << 3) | ROLES_SYN;
  for (let side = 0; side < 2; side++) {
    const socket = flows.socket.data[flow * 2 + side]!;
    if (socket < 0) continue;
    const socketFlags = sockets.flags.data[socket]!;
    if ((socketFlags & SOCKET_CONNECTED) !== 0) return (side << 3) | ROLES_CONNECT;
    if ((socketFlags & SOCKET_ACCEPTED) !== 0) return ((1 - side) << 3) | ROLES_CONNECT;
  }
  if (told !== ROLES_UNKNOWN) return ((flows.client.data[flow]! - 1) << 3) | told;
  const protocol = flows.protocolOf(flow);
  if (protocol !== PROTOCOL_ICMP && protocol !== PROTOCOL_ICMPV6) {
    const loPort = flows.portOf(flow, 0);
    const hiPort = flows.portOf(flow, 1);
    if (loPort !== hiPort && Math.min(loPort, hiPort) < WELL_KNOWN && Math.min(loPort, hiPort) > 0) {
      return ((loPort < hiPort ? 1 : 0) << 3) | ROLES_PORT;
    }
  }
  return (first << 3) | ROLES_FIRST_PACKET;
}
