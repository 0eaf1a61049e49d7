/**
 * Trouble beyond retransmissions, by the side whose segments it is about: what local sockets say (retransmission timeouts,
 * segments that arrived beyond a hole, duplicate acknowledgements), or, where packets are followed, classes of segments.
 */
import { FEATURE_RETRANSMIT, FEATURE_TCP_PROBE } from '../abi/generated.ts';
import type { FlowModel } from './model.ts';
import { PROTOCOL_TCP } from './names.ts';
import { socketOf } from './owners.ts';
import { Sides } from './sides.ts';
import type { SnapshotReader, SnapshotWriter } from './snapshot.ts';
import { SOCKET_INFORMED } from './sockets.ts';

/** Classes of segments in captures, as Wireshark names them (docs/trouble.md). */
export const SEGMENT_CLASSES = [
  'fastRetransmits',
  'spuriousRetransmits',
  'keepAlives',
  'keepAliveAnswers',
  'zeroWindowProbes',
  'windowFull',
  'windowUpdates',
  'lostBefore',
  'acknowledgedUnseen',
] as const;
export type SegmentClass = (typeof SEGMENT_CLASSES)[number];

export class TcpTrouble {
  readonly #sides = new Sides();
  readonly timeouts = this.#sides.rows.uint32();
  readonly outOfOrder = this.#sides.rows.uint32();
  readonly duplicateAcks = this.#sides.rows.uint32();
  /** By place in SEGMENT_CLASSES */
  readonly #classes = this.#sides.rows.uint32(SEGMENT_CLASSES.length);

  addTimeout(flow: number, side: number): void {
    const row = this.#ensure(flow, side);
    this.timeouts.data[row] = this.timeouts.data[row]! + 1;
  }

  addDuplicateAck(flow: number, side: number): void {
    const row = this.#ensure(flow, side);
    this.duplicateAcks.data[row] = this.duplicateAcks.data[row]! + 1;
  }

  addOutOfOrder(flow: number, side: number): void {
    const row = this.#ensure(flow, side);
    this.outOfOrder.data[row] = this.outOfOrder.data[row]! + 1;
  }

  /** Counts a segment; `which` = its class's place in SEGMENT_CLASSES. */
  addClass(flow: number, side: number, which: number): void {
    const at = this.#ensure(flow, side) * SEGMENT_CLASSES.length + which;
    this.#classes.data[at] = this.#classes.data[at]! + 1;
  }

  classOf(flow: number, side: number, which: number): number {
    const row = this.#sides.find(flow, side);
    return row < 0 ? 0 : this.#classes.data[row * SEGMENT_CLASSES.length + which]!;
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

  /** Flows were taken out (`Table.compact`). */
  fold(numbers: Int32Array): void {
    this.#sides.fold(numbers);
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

/** Segments of a side that arrived beyond a hole (in captures: after later ones); null when the receiving socket is not here. */
export function outOfOrderOf(model: FlowModel, flow: number, side: number): number | null {
  return told(model, flow, side, 1 - side, FEATURE_TCP_PROBE, model.tcpTrouble.outOfOrder.data);
}

/** Duplicate acknowledgements that a side sent; null when the receiving socket is not here. */
export function duplicateAcksOf(model: FlowModel, flow: number, side: number): number | null {
  return told(model, flow, side, 1 - side, FEATURE_TCP_PROBE, model.tcpTrouble.duplicateAcks.data);
}

/** Segments of a class that a side sent; null where no packets are followed. */
export function segmentsOf(model: FlowModel, flow: number, side: number, which: SegmentClass): number | null {
  if (!model.countsFromPackets || model.flows.protocolOf(flow) !== PROTOCOL_TCP) return null;
  return model.tcpTrouble.classOf(flow, side, SEGMENT_CLASSES.indexOf(which));
}

/** `witness` = the side whose socket would have told. */
function told(model: FlowModel, flow: number, side: number, witness: number, feature: number, counts: Uint32Array) {
  if (model.flows.protocolOf(flow) !== PROTOCOL_TCP) return null;
  const row = model.tcpTrouble.find(flow, side);
  const count = row < 0 ? 0 : counts[row]!;
  if (count > 0) return count;
  // Packets show everything but what a timer did.
  if (model.countsFromPackets) return counts === model.tcpTrouble.timeouts.data ? null : 0;
  const socket = socketOf(model, flow, witness);
  const informed = socket >= 0 && (model.sockets.flags.data[socket]! & SOCKET_INFORMED) !== 0;
  return informed && (model.features & feature) !== 0 ? 0 : null;
}
