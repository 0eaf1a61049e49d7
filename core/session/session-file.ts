import { BLOCK_ENHANCED_PACKET } from '../capture/format.ts';
import { type InterfaceTexts, PcapngWriter, type ProcessTexts, type SectionTexts } from '../capture/pcapng-writer.ts';
import { FlowglassError } from '../errors.ts';
import {
  BODY_HEADER_BYTES,
  COUNTS,
  ENTRY_INTERFACE,
  ENTRY_PACKETS,
  KIND_COUNTS,
  KIND_HEADER,
  KIND_JOURNAL,
  KIND_KEYFRAME,
  MAX_PAYLOAD_BYTES,
  writeBlock,
} from './blocks.ts';
import { type FileCalls, FileSink } from './file-sink.ts';
import { type IndexEntry, SessionIndex } from './index.ts';
import type { SessionCounts } from './options.ts';
import type { RecordedInterface } from './recorded-interface.ts';

/** The buffer is written out when it holds this much, or by time. */
const WRITE_BYTES = 1 << 20;

export const noCounts = (): SessionCounts => ({
  packets: 0,
  bytes: 0,
  wirePackets: 0,
  late: 0,
  filtered: 0,
  lostFrames: 0,
  lostPackets: 0,
});

/** Payload of a KIND_COUNTS block. */
export function countsPayload(counts: Readonly<SessionCounts>): Uint8Array {
  const payload = new Uint8Array(COUNTS.size);
  const view = new DataView(payload.buffer);
  const set = (at: number, value: number): void => view.setBigUint64(at, BigInt(value), true);
  set(COUNTS.packets, counts.packets);
  set(COUNTS.bytes, counts.bytes);
  set(COUNTS.wirePackets, counts.wirePackets);
  set(COUNTS.late, counts.late);
  set(COUNTS.filtered, counts.filtered);
  set(COUNTS.lostFrames, counts.lostFrames);
  set(COUNTS.lostPackets, counts.lostPackets);
  return payload;
}

/** One file of a recording: blocks go into a buffer, the buffer to the file in one write a flush. */
export class SessionFile {
  readonly sink: FileSink;
  readonly counts = noCounts();
  /** Bytes beyond what opens the file. */
  started = false;
  readonly #out = new PcapngWriter(WRITE_BYTES + (WRITE_BYTES >> 2));
  readonly #index = new SessionIndex();
  #sequence = 0;
  #interfaces = 0;
  #countsWritten = '';
  #preambleBytes = 0;
  /** Wall time minus boot time of the packets that follow; `endRun` before it changes. */
  wallOffsetNs = 0n;
  /** The run of packet blocks since the last flush. */
  #runOffset = 0;
  #runCount = 0;
  #runFirstNs = 0n;
  #runWallOffsetNs = 0n;
  #lastHigh = 0;
  #lastLow = 0;
  /** Wire packets of each packet block that is in the buffer. */
  #wire = new Uint32Array(4096);
  #wireCount = 0;

  constructor(path: string, force: boolean, calls?: FileCalls) {
    this.sink = calls ? new FileSink(path, force, calls) : new FileSink(path, force);
  }

  /** Size of the file when all that is in the buffer is written. */
  get offset(): number {
    return this.sink.size + this.#out.length;
  }

  /** Where things are in the file, up to the last flush and what is in the buffer. */
  get index(): IndexEntry[] {
    return this.#index.entries;
  }

  /** Whether anything stands in the file besides what every file begins with. */
  get filled(): boolean {
    return this.offset > this.#preambleBytes;
  }

  get described(): number {
    return this.#interfaces;
  }

  /** Section, interfaces, header: what stands at the beginning. */
  begin(
    section: SectionTexts,
    interfaces: Iterable<[RecordedInterface, InterfaceTexts]>,
    header: object,
    atNs: bigint,
  ): void {
    this.#out.section(section);
    for (const [recorded, texts] of interfaces) this.describe(recorded, texts, atNs);
    this.#index.add(KIND_HEADER, atNs, atNs, this.offset);
    const json = new TextEncoder().encode(JSON.stringify(header));
    writeBlock(this.#out, { kind: KIND_HEADER, fromNs: atNs, toNs: atNs, sequence: this.#sequence++ }, json, false);
    this.started = true;
  }

  /** To be called when what every file begins with is complete, the keyframe included. */
  endPreamble(): void {
    this.#preambleBytes = this.offset;
  }

  describe(recorded: RecordedInterface, texts: InterfaceTexts, atNs: bigint): void {
    this.#index.add(ENTRY_INTERFACE, atNs, atNs, this.offset);
    this.#out.interface(texts);
    recorded.id = this.#interfaces++;
  }

  process(texts: ProcessTexts): void {
    this.#out.process(texts);
  }

  packet(
    recorded: RecordedInterface,
    atHigh: number,
    atLow: number,
    high: number,
    low: number,
    captured: number,
    original: number,
    source: Uint8Array,
    from: number,
    flags: number,
    pid: number,
    tid: number,
    wirePackets: number,
    comment: Uint8Array | null,
  ): void {
    if (this.#runCount === 0) {
      this.#runOffset = this.offset;
      this.#runWallOffsetNs = this.wallOffsetNs;
      this.#runFirstNs = (BigInt(atHigh) << 32n) | BigInt(atLow);
    }
    this.#runCount++;
    this.#lastHigh = atHigh;
    this.#lastLow = atLow;
    this.#out.packet(recorded.id, high, low, captured, original, source, from, flags, pid, tid, recorded.drops, comment); // prettier-ignore
    recorded.drops = 0;
    recorded.delivered++;
    this.counts.packets++;
    this.counts.bytes += captured;
    this.counts.wirePackets += wirePackets;
    if (this.#wireCount === this.#wire.length) {
      const larger = new Uint32Array(this.#wire.length * 2);
      larger.set(this.#wire);
      this.#wire = larger;
    }
    this.#wire[this.#wireCount++] = wirePackets;
    if (this.#out.length >= WRITE_BYTES) this.flush();
  }

  journal(raw: Uint8Array, length: number, flags: number, fromNs: bigint, toNs: bigint): void {
    this.#index.add(KIND_JOURNAL, fromNs, toNs, this.offset);
    const info = { kind: KIND_JOURNAL, flags, fromNs, toNs, sequence: this.#sequence++ };
    writeBlock(this.#out, info, raw, true, 0, length);
    if (this.#out.length >= WRITE_BYTES) this.flush();
  }

  /** Writes a serialised state in parts of one block each. */
  keyframe(state: Uint8Array, atNs: bigint): void {
    const parts = Math.max(1, Math.ceil(state.length / MAX_PAYLOAD_BYTES));
    this.#index.add(KIND_KEYFRAME, atNs, atNs, this.offset, parts);
    for (let part = 0; part < parts; part++) {
      const start = part * MAX_PAYLOAD_BYTES;
      const info = { kind: KIND_KEYFRAME, fromNs: atNs, toNs: atNs, sequence: this.#sequence++, part, parts };
      writeBlock(this.#out, info, state, true, start, Math.min(state.length, start + MAX_PAYLOAD_BYTES));
    }
    if (this.#out.length >= WRITE_BYTES) this.flush();
  }

  #writeCounts(atNs: bigint): void {
    const counts = this.counts;
    const key = Object.values(counts).join();
    if (key === this.#countsWritten) return;
    this.#countsWritten = key;
    const payload = countsPayload(counts);
    this.#index.add(KIND_COUNTS, atNs, atNs, this.offset);
    writeBlock(this.#out, { kind: KIND_COUNTS, fromNs: atNs, toNs: atNs, sequence: this.#sequence++ }, payload, false);
  }

  /** Within one run of the index all packets have the same distance between boot and wall time. */
  endRun(): void {
    if (this.#runCount === 0) return;
    const lastNs = (BigInt(this.#lastHigh) << 32n) | BigInt(this.#lastLow);
    // A late packet at the end must not hide the others.
    const toNs = lastNs > this.#runFirstNs ? lastNs : this.#runFirstNs;
    this.#index.add(ENTRY_PACKETS, this.#runFirstNs, toNs, this.#runOffset, this.#runCount, this.#runWallOffsetNs);
    this.#runCount = 0;
  }

  /** Writes all whole blocks to the file. Throws what the sink throws, after setting the counts to what is kept. */
  flush(atNs = (BigInt(this.#lastHigh) << 32n) | BigInt(this.#lastLow)): void {
    this.endRun();
    this.#writeCounts(atNs);
    const pending = this.#out.pending();
    if (pending.length === 0) return;
    const before = this.sink.size;
    try {
      this.sink.write(pending);
    } catch (error) {
      if (error instanceof FlowglassError) this.#discount(pending, this.sink.size - before);
      throw error;
    } finally {
      this.#out.clear();
      this.#wireCount = 0;
    }
  }

  /** Takes back what was counted for packet blocks that did not get into the file. */
  #discount(pending: Uint8Array, kept: number): void {
    const view = new DataView(pending.buffer, pending.byteOffset, pending.byteLength);
    let packet = 0;
    for (let at = 0; at < pending.length; at += view.getUint32(at + 4, true)) {
      if (view.getUint32(at, true) !== BLOCK_ENHANCED_PACKET) continue;
      const wire = this.#wire[packet++] ?? 0;
      if (at < kept) continue;
      this.counts.packets--;
      this.counts.bytes -= view.getUint32(at + 20, true);
      this.counts.wirePackets -= wire;
      this.counts.lostFrames++;
      this.counts.lostPackets += wire;
    }
  }

  /** Statistics of each interface, names, index; then the file is made safe and closed. */
  finish(
    interfaces: Iterable<RecordedInterface>,
    names: readonly { readonly address: Uint8Array; readonly names: readonly string[] }[],
    startNs: bigint | null,
    endNs: bigint,
    atNs: bigint,
  ): void {
    if (names.length > 0) this.#out.names(names);
    for (const recorded of interfaces) {
      if (recorded.id >= 0) this.#out.statistics(recorded.id, endNs, recorded.counters(startNs, endNs));
    }
    this.endRun();
    this.#writeCounts(atNs);
    this.#index.write(this.#out, this.offset, () => this.#sequence++, atNs);
    this.flush(atNs);
    this.sink.close();
  }
}

/** Longest body of a block of ours, for readers. */
export const MAX_BODY_BYTES = BODY_HEADER_BYTES + MAX_PAYLOAD_BYTES + 4;
