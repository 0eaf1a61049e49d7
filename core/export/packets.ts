/** Packets of a capture into a pcap or pcapng file, read and written as streams. */
import {
  BLOCK_APPLE_PROCESS,
  BLOCK_CUSTOM,
  BLOCK_CUSTOM_NO_COPY,
  BLOCK_ENHANCED_PACKET,
  BLOCK_INTERFACE,
  BLOCK_NAMES,
  BLOCK_PACKET,
  BLOCK_SECRETS,
  BLOCK_SECTION,
  BLOCK_SIMPLE_PACKET,
  BLOCK_STATISTICS,
  PEN_WIRESHARK,
} from '../capture/format.ts';
import type { CaptureHandlers, CaptureInterface } from '../capture/interface.ts';
import { walkOptions } from '../capture/options.ts';
import type { Packet } from '../capture/packet.ts';
import { PCAP_SECONDS_MAX, pcapHeader, PcapRecord } from '../capture/pcap-writer.ts';
import { PcapngWriter, type ProcessTexts } from '../capture/pcapng-writer.ts';
import { readCapture, type ReadResult } from '../capture/read.ts';
import { toNanoseconds } from '../capture/time.ts';
import { FlowglassError, printable } from '../errors.ts';
import { BLOCK_FLOWGLASS } from '../session/blocks.ts';
import type { Output } from './output.ts';
import { type MakeSelection, nameOf } from './selection.ts';

/**
 * `as-recorded`: every block as it stands in the file, unknown ones too. `plain`: the blocks that every reader knows,
 * none of ours, no custom ones. `wireshark`: plain, with Wireshark's process blocks (PEN 32622).
 */
export type Preset = 'as-recorded' | 'plain' | 'wireshark';

export interface PacketExport {
  readonly path: string;
  /** For error texts. */
  readonly name: string;
  readonly select: MakeSelection;
  /** Nothing is left out by a filter or times. */
  readonly all: boolean;
  readonly signal?: AbortSignal | undefined;
  readonly progress?: ((bytes: number, total: number) => void) | undefined;
}

export interface PacketExportResult {
  readonly packets: number;
  /** Blocks of ours that do not fit what was selected and were left out. */
  readonly blocksLeftOut: number;
  readonly read: ReadResult;
}

/** What Wireshark is told of the process of a packet's option 8; null = nothing is known. */
export type ProcessOf = (pid: number, wallNs: bigint) => ProcessTexts | null;

const PACKET_BLOCKS: readonly number[] = [BLOCK_ENHANCED_PACKET, BLOCK_PACKET, BLOCK_SIMPLE_PACKET];
const PLAIN_BLOCKS: readonly number[] = [
  ...PACKET_BLOCKS,
  BLOCK_SECTION,
  BLOCK_INTERFACE,
  BLOCK_NAMES,
  BLOCK_STATISTICS,
  BLOCK_SECRETS,
];

/** Where a block's options begin, from its own beginning; -1 = it has none that we know of. */
function optionsAt(type: number, view: DataView, start: number, little: boolean): number {
  if (type === BLOCK_SECTION) return 24;
  if (type === BLOCK_INTERFACE) return 16;
  if (type === BLOCK_STATISTICS) return 20;
  if (type !== BLOCK_ENHANCED_PACKET && type !== BLOCK_PACKET) return -1;
  return 28 + ((view.getUint32(start + 20, little) + 3) & ~3);
}

function optionsFit(type: number, bytes: Uint8Array, start: number, end: number, little: boolean): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const at = optionsAt(type, view, start, little);
  return at < 0 || walkOptions(view, start + at, end - 4, little, () => undefined);
}

/**
 * A block with right lengths, a section of a length that is not told; with `cut`, options that overrun their block are
 * left out: other readers refuse the whole file for one.
 */
function repaired(type: number, block: Uint8Array, little: boolean, cut: boolean): Uint8Array {
  let copy = block.slice();
  let view = new DataView(copy.buffer);
  const at = optionsAt(type, view, 0, little);
  if (cut && at >= 0) {
    let kept = at;
    const fit = walkOptions(view, at, copy.length - 4, little, (_, value, length) => {
      kept = value + ((length + 3) & ~3);
    });
    if (!fit) {
      // opt_endofopt and the length.
      copy = new Uint8Array(kept + 8);
      copy.set(block.subarray(0, kept));
      view = new DataView(copy.buffer);
    }
  }
  view.setUint32(4, copy.length, little);
  view.setUint32(copy.length - 4, copy.length, little);
  if (type === BLOCK_SECTION) view.setBigInt64(16, -1n, little);
  return copy;
}

function read(job: PacketExport, handlers: CaptureHandlers): Promise<ReadResult> {
  return readCapture(job.path, handlers, {
    name: job.name,
    signal: job.signal,
    progress: ({ bytes, total }) => job.progress?.(bytes, total),
  });
}

/**
 * Writes pcapng: blocks are copied byte for byte, those of packets that are not selected left out. A block whose
 * lengths are wrong gets the right ones, a section's length is set to "not told". A pcap file is put into blocks.
 */
export async function exportPcapng(
  job: PacketExport,
  preset: Preset,
  output: Output,
  application: string,
  processOf: ProcessOf | null,
): Promise<PacketExportResult> {
  const selection = job.select();
  const writer = new PcapngWriter(64 << 10);
  let packets = 0;
  let blocksLeftOut = 0;
  let wanted = false;
  let blocks = false;
  const told = new Set<string>();
  const drain = (): void => {
    output.write(writer.pending());
    writer.clear();
  };
  const tellProcess = (packet: Packet): void => {
    if (packet.pid === 0 || processOf === null) return;
    const texts = processOf(packet.pid, toNanoseconds(packet.seconds, packet.nanos));
    if (texts === null) return;
    const key = `${texts.pid} ${texts.startNs ?? ''} ${texts.path ?? ''}`;
    if (told.has(key)) return;
    told.add(key);
    writer.process(texts);
    drain();
  };
  const keep = (type: number, bytes: Uint8Array, body: number, little: boolean): boolean => {
    if (PACKET_BLOCKS.includes(type)) return wanted;
    if (PLAIN_BLOCKS.includes(type)) return true;
    const custom = type === BLOCK_CUSTOM || type === BLOCK_CUSTOM_NO_COPY;
    if (preset === 'as-recorded') {
      // Our records tell of all flows, and of offsets in the file that was.
      const kept = job.all || type !== BLOCK_FLOWGLASS;
      if (!kept) blocksLeftOut++;
      return kept;
    }
    if (preset !== 'wireshark') return false;
    if (type === BLOCK_APPLE_PROCESS) return true;
    const view = new DataView(bytes.buffer, bytes.byteOffset + body, 4);
    return custom && view.getUint32(0, little) === PEN_WIRESHARK;
  };
  const result = await read(job, {
    ...selection.handlers,
    section: (section) => {
      selection.handlers.section?.(section);
      wanted = false;
    },
    interface: (info) => {
      selection.handlers.interface?.(info);
      if (blocks) return;
      // A pcap file: its header is the only interface there is.
      writer.section({ application });
      writer.interface({ linkType: info.linkType, snaplen: info.snaplen });
      drain();
    },
    packet: (packet) => {
      wanted = selection.wants(packet);
      if (!wanted) return;
      packets++;
      if (preset === 'wireshark') tellProcess(packet);
      if (blocks) return;
      const ns = toNanoseconds(packet.seconds, packet.nanos);
      const [high, low] = [Number((ns >> 32n) & 0xffffffffn), Number(ns & 0xffffffffn)];
      const { captured, length, bytes, offset } = packet;
      writer.packet(packet.interfaceIndex, high, low, captured, length, bytes, offset, 0, 0, 0, 0);
      if (writer.length > 32 << 10) drain();
    },
    block: (type, bytes, start, end, little, whole) => {
      if (type === BLOCK_SECTION) blocks = true;
      const kept = keep(type, bytes, start + 8, little);
      if (PACKET_BLOCKS.includes(type)) wanted = false;
      if (!kept) return;
      if (
        whole &&
        type !== BLOCK_SECTION &&
        (preset === 'as-recorded' || optionsFit(type, bytes, start, end, little))
      ) {
        output.write(bytes, start, end);
        return;
      }
      output.write(repaired(type, bytes.subarray(start, end), little, preset !== 'as-recorded'));
    },
  });
  drain();
  return { packets, blocksLeftOut, read: result };
}

/** What must be known before the first byte of a pcap file is written. */
interface Survey {
  /** Interfaces with packets that are selected. */
  readonly used: ReadonlySet<CaptureInterface>;
  readonly snaplen: number;
  readonly nanoseconds: boolean;
  /** The first time in the file: for packets before it that have none. */
  readonly first: { readonly seconds: number; readonly nanos: number };
}

async function survey(job: PacketExport): Promise<Survey> {
  const selection = job.select();
  const faces: CaptureInterface[] = [];
  const used = new Set<CaptureInterface>();
  let snaplen = 262_144;
  let nanoseconds = false;
  let first: Survey['first'] | null = null;
  await read(job, {
    ...selection.handlers,
    interface: (info) => {
      faces.push(info);
      selection.handlers.interface?.(info);
    },
    packet: (packet) => {
      if (packet.timed) first ??= { seconds: packet.seconds, nanos: packet.nanos };
      if (!selection.wants(packet)) return;
      const face = faces[packet.interfaceIndex];
      if (face !== undefined) used.add(face);
      if (packet.captured > snaplen) snaplen = packet.captured;
      if (packet.nanos % 1000 !== 0) nanoseconds = true;
      if (packet.seconds < 0 || packet.seconds > PCAP_SECONDS_MAX) throw noSuchTime(job, packet);
    },
  });
  // Without packets any link type of the file is true.
  if (used.size === 0 && faces[0] !== undefined) used.add(faces[0]);
  return { used, snaplen, nanoseconds, first: first ?? { seconds: 0, nanos: 0 } };
}

function noSuchTime(job: PacketExport, packet: Packet): FlowglassError {
  return new FlowglassError({
    code: 'time-range',
    what: `a packet ${packet.seconds} s after 1970, and pcap has times from 1970 to 2106 only`,
    where: `${job.name}, byte ${packet.at}`,
    hint: 'use --format pcapng, or leave it out with --from and --to',
  });
}

function linkTypeOf(job: PacketExport, used: ReadonlySet<CaptureInterface>): number {
  const byType = new Map<number, string[]>();
  for (const face of used) {
    const names = byType.get(face.linkType) ?? [];
    names.push(printable(nameOf(face)));
    byType.set(face.linkType, names);
  }
  if (byType.size > 1) {
    const groups = [...byType].map(([type, names]) => {
      const more = names.length > 4 ? ` and ${names.length - 4} more` : '';
      return `${names.slice(0, 4).join(', ')}${more} (link type ${type})`;
    });
    throw new FlowglassError({
      code: 'link-types',
      what: `a pcap file has one link type, these packets have ${byType.size}: ${groups.join('; ')}`,
      where: job.name,
      hint: 'choose with --interface NAME, or use --format pcapng',
    });
  }
  const [linkType] = byType.keys();
  if (linkType === undefined) {
    throw new FlowglassError({
      code: 'link-types',
      what: 'the file describes no interface',
      where: job.name,
      hint: 'there is nothing to write into a pcap file',
    });
  }
  return linkType;
}

/** Writes pcap: times in nanoseconds when one needs them, one link type. Reads the capture twice. */
export async function exportPcap(job: PacketExport, output: Output): Promise<PacketExportResult> {
  const { used, snaplen, nanoseconds, first } = await survey(job);
  output.write(pcapHeader(linkTypeOf(job, used), snaplen, nanoseconds));
  const record = new PcapRecord(nanoseconds);
  const selection = job.select();
  let packets = 0;
  let { seconds, nanos } = first;
  const result = await read(job, {
    ...selection.handlers,
    packet: (packet) => {
      // A packet without a time passed at the newest one before it.
      if (packet.timed) ({ seconds, nanos } = packet);
      if (!selection.wants(packet)) return;
      packets++;
      output.write(record.fill(seconds, nanos, packet.captured, packet.length));
      output.write(packet.bytes, packet.offset, packet.offset + packet.captured);
    },
  });
  return { packets, blocksLeftOut: 0, read: result };
}
