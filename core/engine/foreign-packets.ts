import type { CaptureInterface } from '../capture/interface.ts';
import type { Packet } from '../capture/packet.ts';
import { readCapture } from '../capture/read.ts';
import { toNanoseconds } from '../capture/time.ts';
import { FlowPackets, type StoredPacket } from './packets.ts';

/** A packet's session time, ns since the first time in the file. */
export const relativeTo = (packet: Packet, originNs: bigint): number =>
  Number(toNanoseconds(packet.seconds, packet.nanos) - originNs);

/** The packets of a capture that is not ours, read from its file whenever they are asked for. */
export function foreignPackets(path: string, originNs: () => bigint, clock: (atNs: number) => string): FlowPackets {
  const read = async (visit: (packet: StoredPacket) => boolean): Promise<void> => {
    const faces: CaptureInterface[] = [];
    const origin = originNs();
    await readCapture(path, (parser) => ({
      interface: (info) => void faces.push(info),
      packet: (packet) => {
        const face = faces[packet.interfaceIndex];
        const stored = {
          at: packet.at,
          atNs: packet.timed ? relativeTo(packet, origin) : 0,
          linkType: face?.linkType ?? -1,
          interfaceName: face?.name ?? '',
          bytes: packet.bytes,
          offset: packet.offset,
          captured: packet.captured,
          original: packet.length,
          direction: packet.flags & 3,
        };
        if (!visit(stored)) parser.cancel();
      },
    }));
  };
  return new FlowPackets(
    (fromNs, toNs, visit) => read((packet) => packet.atNs < fromNs || packet.atNs > toNs || visit(packet)),
    (at, visit) =>
      read((packet) => {
        if (packet.at !== at) return true;
        visit(packet);
        return false;
      }),
    clock,
  );
}
