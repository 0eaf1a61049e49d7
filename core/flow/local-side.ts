/** Which end of a flow is this machine's, and whose it is there. */
import { FLOW_EGRESS_HI, FLOW_EGRESS_LO } from '../abi/generated.ts';
import type { FlowModel } from './model.ts';
import { ownerOfSide, type UnknownReason } from './owners.ts';
import { clientOf } from './roles.ts';

/** Reused by `localSide`: read it before the next call. */
export interface LocalSide {
  /** 0 lo, 1 hi */
  side: number;
  inbound: boolean;
  /** row of `processes` of this end and of the other one when it is here too; -1 = not known */
  process: number;
  peerProcess: number;
  /** why `process` is not known */
  unknown: UnknownReason | null;
}

const result: LocalSide = { side: 0, inbound: false, process: -1, peerProcess: -1, unknown: null };

/** The client's where its process is known, else the server's; else the one that sent from here. */
export function localSide(model: FlowModel, flow: number): LocalSide {
  const client = clientOf(model, flow);
  const clientOwner = ownerOfSide(model, flow, client);
  const [clientProcess, clientReason] = [clientOwner.process, clientOwner.reason];
  const serverOwner = ownerOfSide(model, flow, 1 - client);
  const [serverProcess, serverReason] = [serverOwner.process, serverOwner.reason];
  const flags = model.flows.flags.data[flow]!;
  let side: number;
  if (clientProcess >= 0) side = client;
  else if (serverProcess >= 0) side = 1 - client;
  else if ((flags & FLOW_EGRESS_LO) !== 0) side = 0;
  else if ((flags & FLOW_EGRESS_HI) !== 0) side = 1;
  else side = clientReason === 'remote' ? 1 - client : client;
  const isClient = side === client;
  result.side = side;
  result.inbound = !isClient;
  result.process = isClient ? clientProcess : serverProcess;
  result.peerProcess = isClient ? serverProcess : clientProcess;
  result.unknown = result.process >= 0 ? null : isClient ? clientReason : serverReason;
  return result;
}
