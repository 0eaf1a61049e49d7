/**
 * What local sockets say of trouble beyond retransmissions, by the side whose segments it is about: retransmission timeouts,
 * segments that arrived beyond a hole, duplicate acknowledgements.
 */
import { FEATURE_RETRANSMIT, FEATURE_TCP_PROBE } from '../abi/generated.ts';
import type { FlowModel } from './model.ts';
import { PROTOCOL_TCP } from './names.ts';
import { socketOf } from './owners.ts';
import { Sides } from './sides.ts';
import type { SnapshotReader, SnapshotWriter } from './snapshot.ts';
import { SOCKET_INFORMED } from './sockets.ts';

export class TcpTrouble {
  readonly #sides = new Sides();
  readonly timeouts = this.#sides.rows.uint32();
  readonly outOfOrder = this.#sides.rows.uint32();
  readonly duplicateAcks = this.#sides.rows.uint32();

  addTimeout(flow: number, side: number): void {
    const row = this.#ensure(flow, side);
    this.timeouts.data[row] = this.timeouts.data[row]! + 1;
  }

  addDuplicateAck(flow: number, side: number): void {
    const row = this.#ensure(flow, side);
    this.duplicateAcks.data[row] = this.duplicateAcks.data[row]! + 1;
  }

  /** `count` = all so far of the connection. */
  setOutOfOrder(flow: number, side: number, count: number): void {
    const row = this.#ensure(flow, side);
    this.outOfOrder.data[row] = Math.max(this.outOfOrder.data[row]!, count);
  }

  /** The row of a side; -1 = it had no such trouble. */
  find(flow: number, side: number): number {
    return this.#sides.find(flow, side);
  }

  get bytes(): number {
    return this.#sides.bytes;
  }

  save(out: SnapshotWriter): void {
    this.#sides.save(out);
  }

  load(input: SnapshotReader): void {
    this.#sides.load(input);
  }

  check(flows: number, fail: () => void): void {
    this.#sides.check(flows, fail);
  }

  #ensure(flow: number, side: number): number {
    const row = this.#sides.find(flow, side);
    return row >= 0 ? row : this.#sides.append(flow, side);
  }
}

/** Retransmissions of a side that its timer caused; null when its socket is not here. */
export function timeoutsOf(model: FlowModel, flow: number, side: number): number | null {
  return told(model, flow, side, side, FEATURE_RETRANSMIT, model.tcpTrouble.timeouts.data);
}

/** Segments of a side that arrived beyond a hole; null when the receiving socket is not here. */
export function outOfOrderOf(model: FlowModel, flow: number, side: number): number | null {
  return told(model, flow, side, 1 - side, FEATURE_TCP_PROBE, model.tcpTrouble.outOfOrder.data);
}

/** Duplicate acknowledgements that a side sent; null when the receiving socket is not here. */
export function duplicateAcksOf(model: FlowModel, flow: number, side: number): number | null {
  return told(model, flow, side, 1 - side, FEATURE_TCP_PROBE, model.tcpTrouble.duplicateAcks.data);
}

/** `witness` = the side whose socket would have told. */
function told(model: FlowModel, flow: number, side: number, witness: number, feature: number, counts: Uint32Array) {
  if (model.flows.protocolOf(flow) !== PROTOCOL_TCP || model.countsFromPackets) return null;
  const row = model.tcpTrouble.find(flow, side);
  const count = row < 0 ? 0 : counts[row]!;
  if (count > 0) return count;
  const socket = socketOf(model, flow, witness);
  const informed = socket >= 0 && (model.sockets.flags.data[socket]! & SOCKET_INFORMED) !== 0;
  return informed && (model.features & feature) !== 0 ? 0 : null;
}
