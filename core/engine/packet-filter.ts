import { PACKET, PACKET_KEYED } from '../abi/generated.ts';
import type { Predicate } from '../filter/filter.ts';
import type { FlowModel } from '../flow/model.ts';

/**
 * The exact filter for packets that are about to be written: a packet matches when its flow does, at that moment. One
 * that belongs to no flow (ARP, say) matches no filter.
 */
export function acceptsPacket(
  model: FlowModel,
  matches: Predicate,
): (bytes: Uint8Array, view: DataView, offset: number) => boolean {
  return (bytes, view, offset) => {
    if ((view.getUint32(offset + PACKET.flags, true) & PACKET_KEYED) === 0) return false;
    const low = view.getUint32(offset + PACKET.atNs, true);
    const high = view.getUint32(offset + PACKET.atNs + 4, true);
    const epoch = view.getUint32(offset + PACKET.epoch, true);
    const flow = model.find(bytes, offset + PACKET.key, epoch, model.clock.relative(low, high));
    return flow >= 0 && matches(flow);
  };
}
