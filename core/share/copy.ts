/**
 * The copy of a capture that may be given away: written block by block by us, nothing is copied as it stands. Packets as
 * `PacketCleaner` leaves them, texts as pseudonyms or not at all, no comment, no secret, no block of a kind unknown.
 */
import {
  BLOCK_ENHANCED_PACKET,
  BLOCK_INTERFACE,
  BLOCK_NAMES,
  BLOCK_PACKET,
  BLOCK_SECTION,
  BLOCK_SIMPLE_PACKET,
  BLOCK_STATISTICS,
} from '../capture/format.ts';
import type { CaptureHandlers, CaptureInterface, CaptureProcess } from '../capture/interface.ts';
import type { Packet } from '../capture/packet.ts';
import { PcapngWriter, type ProcessTexts } from '../capture/pcapng-writer.ts';
import { readCapture, type ReadResult } from '../capture/read.ts';
import { toNanoseconds } from '../capture/time.ts';
import { FlowglassError } from '../errors.ts';
import { BLOCK_FLOWGLASS, KIND_HEADER, readBlock } from '../session/blocks.ts';
import type { Session } from '../session/reader.ts';
import { CLEANED_LINK_TYPES, PacketCleaner } from './packet.ts';
import type { Pseudonyms } from './pseudonyms.ts';
import { ownApplication, plainSystem, RecordsCopy } from './records.ts';

const WRITE_BYTES = 256 << 10;
/** epb_flags: direction and kind of address; the rest speaks of bytes that are cut off. */
const FLAGS_KEPT = 0x1f;
const UINT64_MAX = 0xffff_ffff_ffff_ffffn;
/** Blocks that are written anew. */
const REWRITTEN: readonly number[] = [
  BLOCK_SECTION,
  BLOCK_INTERFACE,
  BLOCK_ENHANCED_PACKET,
  BLOCK_PACKET,
  BLOCK_SIMPLE_PACKET,
  BLOCK_NAMES,
  BLOCK_STATISTICS,
];

/** Which packets are taken; asked once for each, in file order. */
export interface Choice {
  readonly handlers: Pick<CaptureHandlers, 'section' | 'interface' | 'names' | 'process'>;
  wants(packet: Packet): boolean;
}

export interface CopyJob {
  readonly path: string;
  readonly name: string;
  readonly selection: Choice;
  /** The same file as a recording of ours whose records go with it; null = only packets do. */
  readonly session: Session | null;
  readonly processOf: ((pid: number, wallNs: bigint) => ProcessTexts | null) | null;
  readonly names: Pseudonyms;
  /** The first time in the file, for packets before it that have none; null while that is being found out. */
  readonly firstNs: bigint | null;
  readonly write: (bytes: Uint8Array) => void;
  readonly signal?: AbortSignal | undefined;
  readonly progress?: ((bytes: number, total: number) => void) | undefined;
}

/** What stays behind, counted. */
export interface Removed {
  /** Captured bytes of packets that were cut off. */
  payloadBytes: number;
  /** Packets of formats of which nothing can be kept. */
  emptied: number;
  comments: number;
  /** Blocks other than ours, secrets (keys of TLS sessions) among them. */
  blocks: number;
  /** Records of ours of kinds that may not leave. */
  records: number;
}

export interface CopyResult {
  readonly packets: number;
  readonly bytes: number;
  readonly firstNs: bigint | null;
  readonly removed: Readonly<Removed>;
  readonly read: ReadResult;
}

/** Makes the copy. Throws FlowglassError, and the signal's reason when aborted. */
export async function copyCapture(job: CopyJob): Promise<CopyResult> {
  const copy = new Copy(job);
  const { selection } = job;
  const read = await readCapture(
    job.path,
    {
      ...selection.handlers,
      section: (section) => {
        selection.handlers.section?.(section);
        copy.removed.comments += section.comments.length;
        copy.section(section);
      },
      interface: (info) => {
        selection.handlers.interface?.(info);
        copy.interface(info);
      },
      packet: (packet) => {
        copy.time(packet);
        if (selection.wants(packet)) copy.packet(packet);
      },
      statistics: (statistics) => copy.statistics(statistics),
      names: (address, texts) => {
        selection.handlers.names?.(address, texts);
        copy.nameOf(address, texts);
      },
      process: (process) => {
        selection.handlers.process?.(process);
        copy.process(process);
      },
      block: (type) => copy.block(type),
      local: (type, body) => copy.local(type, body),
    },
    { name: job.name, signal: job.signal, progress: ({ bytes, total }) => job.progress?.(bytes, total) },
  );
  await copy.finish();
  return { packets: copy.packets, bytes: copy.offset, firstNs: copy.firstNs, removed: copy.removed, read };
}

class Copy {
  packets = 0;
  readonly removed: Removed = { payloadBytes: 0, emptied: 0, comments: 0, blocks: 0, records: 0 };
  readonly writer = new PcapngWriter(WRITE_BYTES * 2);
  readonly #job: CopyJob;
  readonly #cleaner: PacketCleaner;
  readonly #records: RecordsCopy | null;
  readonly #faces: CaptureInterface[] = [];
  readonly #told = new Set<string>();
  #written = 0;
  #capturedBytes = 0;
  #sections = 0;
  #headed = false;
  firstNs: bigint | null = null;
  #newestNs: bigint;
  #blocks = 0;

  constructor(job: CopyJob) {
    this.#job = job;
    this.#newestNs = job.firstNs ?? 0n;
    this.#cleaner = new PacketCleaner(job.names.addresses);
    this.#records = job.session === null ? null : new RecordsCopy(job.session, job.names, this);
  }

  get offset(): number {
    return this.#written + this.writer.length;
  }

  drain(): void {
    if (this.writer.length >= WRITE_BYTES) this.#flush();
  }

  #flush(): void {
    this.#written += this.writer.length;
    this.#job.write(this.writer.pending());
    this.writer.clear();
  }

  section({
    application,
    os,
    hardware,
  }: {
    application: string | null;
    os: string | null;
    hardware: string | null;
  }): void {
    this.#sections++;
    const ours = this.#job.session !== null;
    this.writer.section({
      application: ownApplication(application),
      os: ours && os !== null ? plainSystem(os) : null,
      hardware: ours && hardware !== null && /^[a-z0-9_]{1,12}$/i.test(hardware) ? hardware : null,
    });
  }

  interface(info: CaptureInterface): void {
    const { names } = this.#job;
    if (this.#sections === 0) this.section({ application: null, os: null, hardware: null }); // a pcap file
    this.#faces[info.index] = info;
    this.removed.comments += info.comments.length;
    this.#records?.interface();
    const text = (kind: 'interface' | 'container', value: string | null): string | null =>
      value === null || value === '' ? null : names.unicode(kind, value);
    this.writer.interface({
      linkType: info.linkType,
      snaplen: info.snaplen,
      name: text('interface', info.name),
      description: text('container', info.description),
      speed: info.speed,
      mac: info.mac === null ? null : this.#mac(info.mac),
    });
  }

  #mac(text: string): Uint8Array | null {
    const bytes = Uint8Array.from(text.split(':'), (part) => Number.parseInt(part, 16));
    if (bytes.length !== 6) return null;
    this.#job.names.addresses.mac(bytes, 0);
    return bytes;
  }

  /** A packet without a time passed at the newest one before it. */
  time(packet: Packet): void {
    if (!packet.timed) return;
    const ns = toNanoseconds(packet.seconds, packet.nanos);
    if (ns >= 0n && ns <= UINT64_MAX) {
      this.firstNs ??= ns;
      this.#newestNs = ns;
      return;
    }
    throw new FlowglassError({
      code: 'time-range',
      what: `a packet ${packet.seconds} s after 1970, which nanoseconds of 64 bits cannot say`,
      where: `${this.#job.name}, byte ${packet.at}`,
      hint: 'leave it out with --from and --to',
    });
  }

  packet(packet: Packet): void {
    const face = this.#faces[packet.interfaceIndex];
    if (face === undefined) return;
    this.packets++;
    this.removed.comments += packet.hasComments ? packet.comments().length : 0;
    const ns = this.#newestNs;
    if (packet.processCount > 0) this.#tell(packet.pid, ns);
    const { linkType } = face;
    const { bytes, offset, captured, length } = packet;
    const kept = this.#cleaner.clean(linkType, bytes, offset, captured, length);
    if (!CLEANED_LINK_TYPES.has(linkType)) this.removed.emptied++;
    this.removed.payloadBytes += captured - kept;
    this.#capturedBytes += kept;
    this.#records?.packet(packet.at);
    this.writer.packet(
      face.id,
      Number(ns >> 32n),
      Number(ns & 0xffffffffn),
      kept,
      Math.max(length, captured),
      this.#cleaner.bytes,
      0,
      packet.flags & FLAGS_KEPT,
      packet.processCount > 0 ? packet.pid : 0,
      packet.processCount > 0 ? packet.tid : 0,
      Math.max(0, packet.dropCount),
    );
    this.drain();
  }

  #tell(pid: number, ns: bigint): void {
    const texts = pid === 0 ? null : (this.#job.processOf?.(pid, ns) ?? null);
    if (texts === null) return;
    const key = `${texts.pid} ${texts.startNs ?? ''} ${texts.path ?? ''}`;
    if (this.#told.has(key)) return;
    this.#told.add(key);
    this.writer.process(this.#clean(texts));
  }

  process(process: CaptureProcess): void {
    // Packets refer to Apple's by its place among the blocks, in options that are not written.
    if (process.source === 'apple') return;
    this.writer.process(this.#clean(process));
    this.#blocks--; // a Custom Block that is written anew
  }

  #clean(texts: ProcessTexts): ProcessTexts {
    const { names } = this.#job;
    const name = (kind: 'process' | 'path' | 'user', value: string | null | undefined): string | null =>
      value === null || value === undefined ? null : names.unicode(kind, value);
    const words = texts.commandLine;
    return {
      pid: texts.pid,
      name: name('process', texts.name),
      path: name('path', texts.path),
      commandLine: words && words.length > 0 ? names.unicode('arguments', words.join('\0')).split('\0') : null,
      parentPid: texts.parentPid ?? null,
      uid: texts.uid === null || texts.uid === undefined ? null : names.uid(texts.uid),
      user: name('user', texts.user),
      startNs: texts.startNs ?? null,
    };
  }

  statistics(told: {
    interfaceIndex: number;
    seconds: number;
    nanos: number;
    received: number | null;
    dropped: number | null;
    accepted: number | null;
    osDropped: number | null;
    delivered: number | null;
  }): void {
    // prettier-ignore
    const face = this.#faces[told.interfaceIndex];
    const ns = toNanoseconds(told.seconds, told.nanos);
    if (face !== undefined && ns >= 0n && ns <= UINT64_MAX) this.writer.statistics(face.id, ns, told);
  }

  nameOf(address: Uint8Array, texts: readonly string[]): void {
    const { names } = this.#job;
    const copy = address.slice();
    if (copy.length === 4) names.addresses.v4(copy, 0);
    else if (copy.length === 16) names.addresses.v6(copy, 0);
    else return;
    this.writer.names([{ address: copy, names: texts.map((text) => names.unicode('name', text)) }]);
  }

  block(type: number): void {
    if (type !== BLOCK_FLOWGLASS && !REWRITTEN.includes(type)) this.#blocks++;
    if (type === BLOCK_FLOWGLASS && this.#job.session === null) this.removed.records++;
  }

  local(type: number, body: Uint8Array): void {
    if (type !== BLOCK_FLOWGLASS || this.#headed || this.#records === null) return;
    try {
      if (readBlock(body)?.kind !== KIND_HEADER) return;
    } catch (error) {
      if (error instanceof RangeError) return; // damaged
      throw error;
    }
    this.#headed = true;
    this.#records.header();
  }

  async finish(): Promise<void> {
    if (this.#records !== null) {
      await this.#records.journal(this.#job.signal);
      this.#records.end(this.#capturedBytes);
      this.removed.records += this.#records.leftOut;
    }
    this.removed.blocks = this.#blocks;
    this.#flush();
  }
}
