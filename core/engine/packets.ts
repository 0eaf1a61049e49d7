/** Packets of one flow in a capture file: found by reading it once, remembered, and decoded one at a time. */
import { indexIn, type Needle } from '../contract/find.ts';
import type { PacketAnswer, PacketRow, StreamAnswer } from '../contract/answers.ts';
import { Dissector } from '../dissect/dissector.ts';
import {
  IPPROTO_TCP,
  IPPROTO_UDP,
  TCP_ACK,
  TCP_FIN,
  TCP_RST,
  TCP_SYN,
  type Packet as Dissected,
} from '../dissect/packet.ts';
import { StreamAssembler } from '../dissect/stream.ts';
import { dissectTree } from '../dissect/tree.ts';
import type { FlowModel } from '../flow/model.ts';
import { clientOf } from '../flow/roles.ts';

/** Packets of one flow that are listed at most; the rest are said to be there. */
export const LISTED_MAX = 50_000;

/** One packet as the file has it; the bytes are valid during the call only. */
export interface StoredPacket {
  /** Names the packet in its file. */
  readonly at: number;
  readonly atNs: number;
  readonly linkType: number;
  readonly interfaceName: string;
  readonly bytes: Uint8Array;
  readonly offset: number;
  readonly captured: number;
  readonly original: number;
  /** epb_flags direction: 1 in, 2 out, 0 not told. */
  readonly direction: number;
}

/** Reads the packets between two session times, in file order; false from `visit` stops. */
export type PacketReader = (fromNs: number, toNs: number, visit: (packet: StoredPacket) => boolean) => Promise<void>;

export class FlowPackets {
  readonly read: PacketReader;
  readonly readAt: (at: number, visit: (packet: StoredPacket) => void) => Promise<void>;
  private readonly clock: (atNs: number) => string;
  private listed: { flow: number; key: string; rows: PacketRow[] } | null = null;

  constructor(read: PacketReader, readAt: FlowPackets['readAt'], clock: (atNs: number) => string) {
    this.read = read;
    this.readAt = readAt;
    this.clock = clock;
  }

  async list(
    model: FlowModel,
    flow: number,
    from: number,
    count: number,
  ): Promise<{ total: number; rows: PacketRow[] }> {
    const { flows } = model;
    const toNs = flows.lastNs.data[flow]! + 1e9;
    const key = `${flow} ${flows.firstNs.data[flow]} ${Math.floor(toNs / 1e9)}`;
    if (this.listed?.key !== key) {
      const rows: PacketRow[] = [];
      const match = new FlowMatch(model, flow);
      const relative = { base: [0, 0] as [number, number], seen: [false, false] as [boolean, boolean] };
      await this.read(flows.firstNs.data[flow]! - 1e6, toNs, (packet) => {
        const fromClient = match.test(packet);
        if (fromClient !== null) rows.push(rowOf(packet, match.packet, fromClient, this.clock, relative));
        return rows.length < LISTED_MAX;
      });
      this.listed = { flow, key, rows };
    }
    return { total: this.listed.rows.length, rows: this.listed.rows.slice(from, from + count) };
  }

  /** Places in the list of the packets that have these bytes in them, headers included; `most` at most. */
  async find(model: FlowModel, flow: number, needle: Needle, most: number): Promise<number[]> {
    const { flows } = model;
    const match = new FlowMatch(model, flow);
    const found: number[] = [];
    let place = 0;
    await this.read(flows.firstNs.data[flow]! - 1e6, flows.lastNs.data[flow]! + 1e9, (packet) => {
      if (match.test(packet) === null) return true;
      const end = packet.offset + packet.captured;
      if (indexIn(packet.bytes, needle, packet.offset, end) >= 0) found.push(place);
      return ++place < LISTED_MAX && found.length < most;
    });
    return found;
  }

  /** Visits the packets in [from, to), of one flow or (null) of all; false from `visit` stops. */
  async each(
    model: FlowModel,
    flow: number | null,
    fromNs: number,
    toNs: number,
    visit: (packet: StoredPacket) => boolean,
  ): Promise<void> {
    const match = flow === null ? null : new FlowMatch(model, flow);
    await this.read(fromNs, toNs, (packet) => {
      const outside = packet.atNs < fromNs || packet.atNs >= toNs || (match !== null && match.test(packet) === null);
      return outside || visit(packet);
    });
  }

  /** What both sides said, from what is stored of it. */
  async stream(model: FlowModel, flow: number): Promise<StreamAnswer> {
    const { flows } = model;
    const ordered = flows.protocolOf(flow) === IPPROTO_TCP;
    const assembler = new StreamAssembler(ordered);
    const match = new FlowMatch(model, flow);
    const p = match.packet;
    await this.read(flows.firstNs.data[flow]! - 1e6, flows.lastNs.data[flow]! + 1e9, (packet) => {
      const fromClient = match.test(packet);
      if (fromClient === null || (ordered && p.tcp === 0)) return true;
      const side = fromClient ? 0 : 1;
      if (ordered && (p.flags & TCP_SYN) !== 0) assembler.begin(side, p.sequence);
      // Data on a SYN comes after the number that the SYN itself takes (RFC 9293, 3.4).
      const sequence = p.sequence + ((p.flags & TCP_SYN) !== 0 ? 1 : 0);
      const end = Math.min(p.payloadOffset + p.payloadLength, packet.offset + packet.captured);
      const data = packet.bytes.subarray(p.payloadOffset, Math.max(p.payloadOffset, end));
      return assembler.add(side, sequence, p.payloadLength, data, packet.atNs, packet.at);
    });
    const pieces = assembler.pieces().map(({ side, atNs, packet, data, missing, cut }) => ({
      fromClient: side === 0,
      time: this.clock(atNs),
      packet,
      data: Buffer.from(data).toString('base64'),
      missing,
      cut,
    }));
    return { ordered, pieces, truncated: assembler.truncated };
  }

  async one(at: number): Promise<PacketAnswer | null> {
    let answer: PacketAnswer | null = null;
    const listed = this.listed?.rows.find((row) => row.packet === at);
    await this.readAt(at, (packet) => {
      const bytes = packet.bytes.slice(packet.offset, packet.offset + packet.captured);
      const dissector = new Dissector();
      dissector.dissect(packet.linkType, bytes, 0, bytes.length, packet.original, 0);
      const relative = { base: [0, 0] as [number, number], seen: [true, true] as [boolean, boolean] };
      answer = {
        ...(listed ?? rowOf(packet, dissector.packet, packet.direction !== 1, this.clock, relative)),
        interface: packet.interfaceName,
        layers: dissectTree(packet.linkType, bytes, packet.original).map(
          ({ label, summary, offset, length, fields }) => ({
            label,
            summary,
            offset,
            length,
            fields: fields.map((field) => ({ ...field })),
          }),
        ),
        data: Buffer.from(bytes).toString('base64'),
      };
    });
    return answer;
  }
}

/** Tells whether a packet belongs to a flow, and from which side it is. */
class FlowMatch {
  readonly packet: Dissected;
  private readonly dissector = new Dissector();
  private readonly lo = new Uint8Array(16);
  private readonly hi = new Uint8Array(16);
  private readonly ports: [number, number];
  private readonly protocol: number;
  private readonly client: number;
  private readonly name: string;

  constructor(model: FlowModel, flow: number) {
    const { flows } = model;
    this.packet = this.dissector.packet;
    for (let i = 0; i < 16; i++) {
      this.lo[i] = flows.key.data[flows.addressWord(flow, 0) + (i >> 2)]! >>> ((i & 3) * 8);
      this.hi[i] = flows.key.data[flows.addressWord(flow, 1) + (i >> 2)]! >>> ((i & 3) * 8);
    }
    this.ports = [flows.portOf(flow, 0), flows.portOf(flow, 1)];
    this.protocol = flows.protocolOf(flow);
    this.client = clientOf(model, flow);
    this.name = model.interfaces.get(flows.ifaceOf(flow))?.name ?? '';
  }

  /** True = from the client, false = from the server, null = of another flow. */
  test(stored: StoredPacket): boolean | null {
    if (this.name !== '' && stored.interfaceName !== '' && stored.interfaceName !== this.name) return null;
    const p = this.packet;
    this.dissector.dissect(stored.linkType, stored.bytes, stored.offset, stored.captured, stored.original, stored.atNs);
    if (p.unparsed >= 0 || p.protocol !== this.protocol) return null;
    const forward =
      this.is(this.lo, 0) &&
      this.is(this.hi, 16) &&
      p.sourcePort === this.ports[0] &&
      p.destinationPort === this.ports[1];
    const backward =
      this.is(this.hi, 0) &&
      this.is(this.lo, 16) &&
      p.sourcePort === this.ports[1] &&
      p.destinationPort === this.ports[0];
    if (!forward && !backward) return null;
    return (forward ? 0 : 1) === this.client;
  }

  private is(address: Uint8Array, at: number): boolean {
    for (let i = 0; i < 16; i++) if (this.packet.addresses[at + i] !== address[i]) return false;
    return true;
  }
}

/** Sequence numbers are shown relative to the first of their side, as readers of captures expect. */
function rowOf(
  stored: StoredPacket,
  p: Dissected,
  fromClient: boolean,
  clock: (atNs: number) => string,
  relative: { base: [number, number]; seen: [boolean, boolean] },
): PacketRow {
  const side = fromClient ? 0 : 1;
  const row = {
    packet: stored.at,
    atNs: stored.atNs,
    time: clock(stored.atNs),
    outbound: stored.direction === 0 ? null : stored.direction === 2,
    fromClient,
    bytes: stored.original,
    captured: stored.captured,
  };
  if (p.icmpError) return { ...row, kind: 'ICMP error', info: `type ${p.icmpType}, code ${p.icmpCode}` };
  if (p.protocol === IPPROTO_TCP && p.tcp) {
    if (!relative.seen[side]) {
      relative.seen[side] = true;
      relative.base[side] = p.sequence;
    }
    const seq = ((p.sequence - relative.base[side]) >>> 0).toLocaleString('en-US');
    const other = 1 - side;
    const ack = relative.seen[other]
      ? ((p.acknowledgement - relative.base[other as 0 | 1]!) >>> 0).toLocaleString('en-US')
      : String(p.acknowledgement >>> 0);
    const payload = p.payloadLength > 0 ? `, ${p.payloadLength.toLocaleString('en-US')} B` : '';
    const acks = p.flags & TCP_ACK ? `, ack ${ack}` : '';
    return {
      ...row,
      kind: tcpKind(p),
      info: `seq ${seq}${payload}${acks}, window ${p.window}${p.sackBlocks > 0 ? ', SACK' : ''}`,
    };
  }
  if (p.icmpType >= 0)
    return { ...row, kind: 'ICMP', info: `type ${p.icmpType}, code ${p.icmpCode}, sequence ${p.echoSequence}` };
  if (p.protocol === IPPROTO_UDP)
    return { ...row, kind: 'Datagram', info: `${p.payloadLength.toLocaleString('en-US')} B of payload` };
  return { ...row, kind: `Protocol ${p.protocol}`, info: `${p.payloadLength} B of payload` };
}

function tcpKind(p: Dissected): string {
  if (p.flags & TCP_RST) return 'Reset';
  if (p.flags & TCP_SYN) return p.flags & TCP_ACK ? 'SYN, ACK' : 'SYN';
  if (p.flags & TCP_FIN) return 'FIN';
  return p.payloadLength > 0 ? 'Data' : 'Ack';
}
