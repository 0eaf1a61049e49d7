import {
  BLOCK_CUSTOM,
  BLOCK_ENHANCED_PACKET,
  BLOCK_INTERFACE,
  BLOCK_NAMES,
  BLOCK_SECTION,
  BLOCK_STATISTICS,
  BYTE_ORDER_MAGIC,
  INTERFACE_DESCRIPTION,
  INTERFACE_FILTER,
  INTERFACE_HARDWARE,
  INTERFACE_MAC,
  INTERFACE_NAME,
  INTERFACE_OS,
  INTERFACE_SPEED,
  INTERFACE_TSRESOL,
  OPTION_COMMENT,
  PACKET_DROPCOUNT,
  PACKET_FLAGS,
  PACKET_PROCESS_THREAD,
  PEN_WIRESHARK,
  PROCESS_COMMAND_LINE,
  PROCESS_NAME,
  PROCESS_PARENT,
  PROCESS_PATH,
  PROCESS_START,
  PROCESS_UID,
  PROCESS_USER,
  SECTION_APPLICATION,
  SECTION_HARDWARE,
  SECTION_OS,
  STATISTICS_ACCEPTED,
  STATISTICS_DELIVERED,
  STATISTICS_DROPPED,
  STATISTICS_END,
  STATISTICS_OS_DROPPED,
  STATISTICS_RECEIVED,
  STATISTICS_START,
  WIRESHARK_PROCESS_ENTRY,
} from './format.ts';

export interface SectionTexts {
  readonly hardware?: string | null;
  readonly os?: string | null;
  readonly application?: string | null;
  readonly comment?: string | null;
}

export interface InterfaceTexts {
  readonly linkType: number;
  /** 0 = no limit. */
  readonly snaplen: number;
  readonly name?: string | null;
  readonly description?: string | null;
  /** In the language of the tool that captured (the option says: a libpcap filter; tools show it as text). */
  readonly filter?: string | null;
  readonly os?: string | null;
  readonly hardware?: string | null;
  /** bit/s; 0 or null = not known. */
  readonly speed?: bigint | null;
  /** Six octets. */
  readonly mac?: Uint8Array | null;
}

export interface InterfaceCounters {
  readonly startNs?: bigint | null;
  readonly endNs?: bigint | null;
  readonly received?: number | null;
  readonly dropped?: number | null;
  readonly accepted?: number | null;
  readonly osDropped?: number | null;
  readonly delivered?: number | null;
}

/** A process for Wireshark 5 (PEN 32622, entry type 3). Absent values are not written. */
export interface ProcessTexts {
  readonly pid: number;
  readonly name?: string | null;
  readonly path?: string | null;
  readonly commandLine?: readonly string[] | null;
  readonly parentPid?: number | null;
  readonly uid?: number | null;
  readonly user?: string | null;
  /** Nanoseconds since the Epoch. */
  readonly startNs?: bigint | null;
}

const encoder = new TextEncoder();
const MAX_OPTION_BYTES = 65_532;

/**
 * Builds pcapng blocks (draft-ietf-opsawg-pcapng) in one large buffer that is reused for every flush: little-endian,
 * version 1.0, section length not given, times in nanoseconds. The caller writes `pending()` out and calls `clear()`.
 * Measured in prototypes: 661 MB/s with one write a flush, 322 MB/s with a stream write a packet.
 */
export class PcapngWriter {
  bytes: Uint8Array;
  view: DataView;
  /** Bytes of whole blocks in the buffer. */
  length = 0;
  #at = 0;
  #blockStart = 0;

  constructor(initialBytes = 1 << 20) {
    this.bytes = new Uint8Array(initialBytes);
    this.view = new DataView(this.bytes.buffer);
  }

  /** What is to be written; a view of the buffer, valid until the next block or `clear()`. */
  pending(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }

  clear(): void {
    this.length = 0;
    this.#at = 0;
  }

  #reserve(count: number): void {
    const wanted = this.#at + count;
    if (wanted <= this.bytes.length) return;
    const larger = new Uint8Array(Math.max(this.bytes.length * 2, wanted));
    larger.set(this.bytes.subarray(0, this.#at));
    this.bytes = larger;
    this.view = new DataView(larger.buffer);
  }

  #begin(type: number, room: number): void {
    this.#reserve(room + 16);
    this.#blockStart = this.#at;
    this.view.setUint32(this.#at, type, true);
    this.#at += 8;
  }

  #end(): void {
    this.#reserve(4);
    const length = this.#at - this.#blockStart + 4;
    this.view.setUint32(this.#blockStart + 4, length, true);
    this.view.setUint32(this.#at, length, true);
    this.#at += 4;
    this.length = this.#at;
  }

  #pad(): void {
    while (this.#at & 3) this.bytes[this.#at++] = 0;
  }

  #option(code: number, value: Uint8Array): void {
    const length = Math.min(value.length, MAX_OPTION_BYTES);
    this.#reserve(length + 8);
    this.view.setUint16(this.#at, code, true);
    this.view.setUint16(this.#at + 2, length, true);
    this.bytes.set(length === value.length ? value : value.subarray(0, length), this.#at + 4);
    this.#at += 4 + length;
    this.#pad();
  }

  /** Texts end at their first NUL for every reader; what would be empty is left out. */
  #text(code: number, text: string | null | undefined): void {
    if (text === null || text === undefined || text === '') return;
    let cut = encoder.encode(text);
    if (cut.length > MAX_OPTION_BYTES) {
      let end = MAX_OPTION_BYTES;
      while (end > 0 && ((cut[end] ?? 0) & 0xc0) === 0x80) end--;
      cut = cut.subarray(0, end);
    }
    this.#option(code, cut);
  }

  #number32(code: number, value: number | null | undefined): void {
    if (value === null || value === undefined) return;
    this.#reserve(8);
    this.view.setUint16(this.#at, code, true);
    this.view.setUint16(this.#at + 2, 4, true);
    this.view.setUint32(this.#at + 4, value, true);
    this.#at += 8;
  }

  #number64(code: number, value: bigint | number | null | undefined): void {
    if (value === null || value === undefined) return;
    this.#reserve(12);
    this.view.setUint16(this.#at, code, true);
    this.view.setUint16(this.#at + 2, 8, true);
    this.view.setBigUint64(this.#at + 4, BigInt(value), true);
    this.#at += 12;
  }

  /** A time as an option: high word first, whatever the byte order. */
  #timeOption(code: number, ns: bigint | null | undefined): void {
    if (ns === null || ns === undefined) return;
    this.#reserve(12);
    this.view.setUint16(this.#at, code, true);
    this.view.setUint16(this.#at + 2, 8, true);
    this.view.setUint32(this.#at + 4, Number(ns >> 32n), true);
    this.view.setUint32(this.#at + 8, Number(ns & 0xffffffffn), true);
    this.#at += 12;
  }

  #endOptions(): void {
    this.#reserve(8);
    this.view.setUint32(this.#at, 0, true);
    this.#at += 4;
  }

  section(texts: SectionTexts): void {
    this.#begin(BLOCK_SECTION, 64);
    this.view.setUint32(this.#at, BYTE_ORDER_MAGIC, true);
    this.view.setUint16(this.#at + 4, 1, true);
    this.view.setUint16(this.#at + 6, 0, true);
    this.view.setBigInt64(this.#at + 8, -1n, true);
    this.#at += 16;
    const before = this.#at;
    this.#text(OPTION_COMMENT, texts.comment);
    this.#text(SECTION_HARDWARE, texts.hardware);
    this.#text(SECTION_OS, texts.os);
    this.#text(SECTION_APPLICATION, texts.application);
    if (this.#at > before) this.#endOptions();
    this.#end();
  }

  interface(texts: InterfaceTexts): void {
    this.#begin(BLOCK_INTERFACE, 64);
    this.view.setUint16(this.#at, texts.linkType, true);
    this.view.setUint16(this.#at + 2, 0, true);
    this.view.setUint32(this.#at + 4, texts.snaplen, true);
    this.#at += 8;
    this.#text(INTERFACE_NAME, texts.name);
    this.#text(INTERFACE_DESCRIPTION, texts.description);
    if (texts.mac && texts.mac.length === 6) this.#option(INTERFACE_MAC, texts.mac);
    if (texts.speed) this.#number64(INTERFACE_SPEED, texts.speed);
    this.#option(INTERFACE_TSRESOL, Uint8Array.of(9));
    if (texts.filter) this.#text(INTERFACE_FILTER, `\0${texts.filter}`);
    this.#text(INTERFACE_OS, texts.os);
    this.#text(INTERFACE_HARDWARE, texts.hardware);
    this.#endOptions();
    this.#end();
  }

  /**
   * An Enhanced Packet Block. `high`, `low`: halves of the wall time in nanoseconds since the Epoch. `flags` 0, `pid`
   * and `tid` 0, `drops` 0, `comment` (UTF-8, below 64 KiB) null = the option is left out. The captured bytes are `source[from … from + captured)`.
   */
  packet(
    interfaceId: number,
    high: number,
    low: number,
    captured: number,
    original: number,
    source: Uint8Array,
    from: number,
    flags: number,
    pid: number,
    tid: number,
    drops: number,
    comment: Uint8Array | null = null,
  ): void {
    this.#reserve(captured + 76 + (comment === null ? 0 : comment.length + 8));
    const view = this.view;
    const start = this.#at;
    view.setUint32(start, BLOCK_ENHANCED_PACKET, true);
    view.setUint32(start + 8, interfaceId, true);
    view.setUint32(start + 12, high, true);
    view.setUint32(start + 16, low, true);
    view.setUint32(start + 20, captured, true);
    view.setUint32(start + 24, original, true);
    let at = start + 28;
    // A subarray costs an object; below this a loop is faster anyway.
    if (captured <= 64) for (let i = 0; i < captured; i++) this.bytes[at + i] = source[from + i] as number;
    else this.bytes.set(source.subarray(from, from + captured), at);
    at += captured;
    while (at & 3) this.bytes[at++] = 0;
    if (flags !== 0) {
      view.setUint32(at, PACKET_FLAGS | (4 << 16), true);
      view.setUint32(at + 4, flags, true);
      at += 8;
    }
    if (drops > 0) {
      view.setUint32(at, PACKET_DROPCOUNT | (8 << 16), true);
      view.setUint32(at + 4, drops >>> 0, true);
      view.setUint32(at + 8, Math.floor(drops / 4294967296), true);
      at += 12;
    }
    if (pid !== 0) {
      view.setUint32(at, PACKET_PROCESS_THREAD | (8 << 16), true);
      view.setUint32(at + 4, pid, true);
      view.setUint32(at + 8, tid, true);
      at += 12;
    }
    if (comment !== null) {
      view.setUint32(at, OPTION_COMMENT | (comment.length << 16), true);
      this.bytes.set(comment, at + 4);
      at += 4 + comment.length;
      while (at & 3) this.bytes[at++] = 0;
    }
    if (flags !== 0 || drops > 0 || pid !== 0 || comment !== null) {
      view.setUint32(at, 0, true);
      at += 4;
    }
    const length = at - start + 4;
    view.setUint32(start + 4, length, true);
    view.setUint32(at, length, true);
    this.#at = at + 4;
    this.length = this.#at;
  }

  /** A Name Resolution Block; addresses of 4 or 16 bytes, each with at least one name. */
  names(entries: readonly { readonly address: Uint8Array; readonly names: readonly string[] }[]): void {
    this.#begin(BLOCK_NAMES, 64);
    for (const entry of entries) {
      const usable = entry.names.map((name) => name.replaceAll('\0', '')).filter((name) => name !== '');
      if (usable.length === 0 || (entry.address.length !== 4 && entry.address.length !== 16)) continue;
      const text = encoder.encode(`${usable.join('\0')}\0`);
      const length = entry.address.length + text.length;
      if (length > MAX_OPTION_BYTES) continue;
      this.#reserve(length + 16);
      this.view.setUint16(this.#at, entry.address.length === 4 ? 1 : 2, true);
      this.view.setUint16(this.#at + 2, length, true);
      this.bytes.set(entry.address, this.#at + 4);
      this.bytes.set(text, this.#at + 4 + entry.address.length);
      this.#at += 4 + length;
      this.#pad();
    }
    this.#endOptions();
    this.#end();
  }

  /** An Interface Statistics Block; counters are since the capture began. */
  statistics(interfaceId: number, ns: bigint, counters: InterfaceCounters): void {
    this.#begin(BLOCK_STATISTICS, 128);
    this.view.setUint32(this.#at, interfaceId, true);
    this.view.setUint32(this.#at + 4, Number(ns >> 32n), true);
    this.view.setUint32(this.#at + 8, Number(ns & 0xffffffffn), true);
    this.#at += 12;
    this.#timeOption(STATISTICS_START, counters.startNs);
    this.#timeOption(STATISTICS_END, counters.endNs);
    this.#number64(STATISTICS_RECEIVED, counters.received);
    this.#number64(STATISTICS_DROPPED, counters.dropped);
    this.#number64(STATISTICS_ACCEPTED, counters.accepted);
    this.#number64(STATISTICS_OS_DROPPED, counters.osDropped);
    this.#number64(STATISTICS_DELIVERED, counters.delivered);
    this.#endOptions();
    this.#end();
  }

  /** Wireshark's process information; write it before the first packet of the process, in each file. */
  process(texts: ProcessTexts): void {
    this.#begin(BLOCK_CUSTOM, 64);
    this.view.setUint32(this.#at, PEN_WIRESHARK, true);
    this.view.setUint32(this.#at + 4, WIRESHARK_PROCESS_ENTRY, true);
    const lengthAt = this.#at + 8;
    this.view.setUint32(this.#at + 12, texts.pid, true);
    this.#at += 16;
    const before = this.#at;
    this.#text(PROCESS_NAME, texts.name);
    this.#text(PROCESS_PATH, texts.path);
    if (texts.commandLine && texts.commandLine.length > 0) {
      const words = encoder.encode(texts.commandLine.join('\0'));
      if (words.length > 0) this.#option(PROCESS_COMMAND_LINE, words);
    }
    this.#number32(PROCESS_PARENT, texts.parentPid);
    this.#number32(PROCESS_UID, texts.uid);
    this.#text(PROCESS_USER, texts.user);
    this.#number64(PROCESS_START, texts.startNs);
    if (this.#at > before) this.#endOptions();
    this.view.setUint32(lengthAt, this.#at - lengthAt - 4, true);
    this.#end();
  }

  /**
   * Begins a block whose body the caller fills in: returns the body's position in `bytes`, with `room` bytes
   * reserved. Ended by `endBlock(end of body)`, which pads to four.
   */
  beginBlock(type: number, room: number): number {
    this.#begin(type, room + 8);
    return this.#at;
  }

  endBlock(end: number): void {
    this.#at = end;
    this.#pad();
    this.#end();
  }

  /** Copies a whole block that was written before; returns where it lies in `bytes`. */
  raw(source: Uint8Array, from: number, length: number): number {
    this.#reserve(length);
    const at = this.#at;
    this.bytes.set(source.subarray(from, from + length), at);
    this.#at += length;
    this.length = this.#at;
    return at;
  }
}
