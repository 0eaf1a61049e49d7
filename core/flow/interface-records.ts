/** INTERFACE and TOTALS frames into the model. */
import {
  COUNTERS,
  INTERFACE,
  RUNG_CLSACT,
  RUNG_TCX,
  RUNG_XDP_GENERIC,
  RUNG_XDP_NATIVE,
  TOTALS,
  TOTALS_RECORD,
  UNPARSED_REASONS,
} from '../abi/generated.ts';
import {
  type Rung,
  TOTALS_CAPTURED_FRAMES,
  TOTALS_CAPTURED_PACKETS,
  TOTALS_EGRESS,
  TOTALS_FILTERED,
  TOTALS_FLOW_LOST,
  TOTALS_INGRESS,
  TOTALS_LOST_FRAMES,
  TOTALS_LOST_PACKETS,
  TOTALS_QUEUE_LOST_FRAMES,
  TOTALS_QUEUE_LOST_PACKETS,
  TOTALS_UNPARSED,
} from './interfaces.ts';
import type { FlowModel } from './model.ts';
import { terminated, uint64 } from './numbers.ts';

const ARPHRD_LOOPBACK = 772;
const decoder = new TextDecoder();

/** News of an interface; a failed attach leaves an interface without rungs. */
export function applyInterface(model: FlowModel, bytes: Uint8Array, view: DataView, at: number, length: number): void {
  const u32 = (field: number): number => view.getUint32(at + field, true);
  const text = (field: number, max: number): string =>
    decoder.decode(bytes.subarray(at + field, at + field + terminated(bytes, at + field, max)));
  const known = model.interfaces.ensure(view.getUint16(at + INTERFACE.iface, true));
  known.name = text(INTERFACE.name, 16);
  known.index = u32(INTERFACE.ifindex);
  known.linkType = u32(INTERFACE.linkType);
  // Sessions from before it was told had one namespace.
  known.netns = u32(INTERFACE.netns) || model.netns || null;
  const ingress = rung(u32(INTERFACE.ingress));
  const egress = rung(u32(INTERFACE.egress));
  // News of a link or a detach need not repeat where the programs sat: what was in use stays known.
  if (ingress !== null || egress !== null) {
    known.ingress = ingress;
    known.egress = egress;
  }
  known.loopback = u32(INTERFACE.arphrd) === ARPHRD_LOOPBACK;
  known.state = view.getUint16(at + INTERFACE.state, true);
  known.up = u32(INTERFACE.up) !== 0;
  known.mtu = u32(INTERFACE.mtu);
  known.speedBps = uint64(view, at + INTERFACE.speedBps);
  known.driver = text(INTERFACE.driver, 32);
  known.reason = text(INTERFACE.reason, 160);
  // Sessions from before these two were told end with the reason.
  const told = length >= INTERFACE.size;
  known.master = told ? u32(INTERFACE.master) : 0;
  known.link = told ? u32(INTERFACE.link) : 0;
}

function rung(value: number): Rung | null {
  switch (value) {
    case RUNG_XDP_NATIVE:
      return 'xdp-native';
    case RUNG_XDP_GENERIC:
      return 'xdp-generic';
    case RUNG_TCX:
      return 'tcx';
    case RUNG_CLSACT:
      return 'clsact';
    default:
      return null;
  }
}

/** One TOTALS record: cumulative counters of an interface. */
export function applyTotals(model: FlowModel, view: DataView, at: number): void {
  const iface = view.getUint16(at + TOTALS_RECORD.iface, true);
  const totals = at + TOTALS_RECORD.totals;
  const set = (field: number, from: number): void => model.interfaces.setTotal(iface, field, uint64(view, from));
  for (const [field, direction] of [
    [TOTALS_INGRESS, 0],
    [TOTALS_EGRESS, 1],
  ] as const) {
    const counters = totals + TOTALS.direction + direction * COUNTERS.size;
    set(field, counters + COUNTERS.packets);
    set(field + 1, counters + COUNTERS.bytes);
    set(field + 2, counters + COUNTERS.frames);
    set(field + 3, counters + COUNTERS.frameBytes);
  }
  for (let reason = 0; reason < UNPARSED_REASONS; reason++) {
    set(TOTALS_UNPARSED + reason, totals + TOTALS.unparsed + reason * 8);
  }
  set(TOTALS_FLOW_LOST, totals + TOTALS.flowLostPackets);
  set(TOTALS_CAPTURED_FRAMES, totals + TOTALS.capturedFrames);
  set(TOTALS_CAPTURED_PACKETS, totals + TOTALS.capturedPackets);
  set(TOTALS_LOST_FRAMES, totals + TOTALS.lostFrames);
  set(TOTALS_LOST_PACKETS, totals + TOTALS.lostPackets);
  set(TOTALS_FILTERED, totals + TOTALS.filteredPackets);
  set(TOTALS_QUEUE_LOST_FRAMES, at + TOTALS_RECORD.queueLostFrames);
  set(TOTALS_QUEUE_LOST_PACKETS, at + TOTALS_RECORD.queueLostPackets);
  const atNs = model.clock.relative(
    view.getUint32(at + TOTALS_RECORD.atNs, true),
    view.getUint32(at + TOTALS_RECORD.atNs + 4, true),
  );
  if (atNs > model.nowNs) model.nowNs = atNs;
}
