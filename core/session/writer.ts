import {
  CLOCK,
  FRAME_CLOCK,
  FRAME_HELLO,
  FRAME_INTERFACE,
  FRAME_PACKETS,
  FRAME_RESYNCED,
  FRAME_STATS,
  FRAME_TOTALS,
  HELLO,
  IFACE_NONE,
  INTERFACE,
  INTERFACE_ATTACHED,
  INTERFACE_FAILED,
  KEY,
  PACKET,
  PACKET_HI_TO_LO,
  PACKET_KEYED,
  PACKET_OUTBOUND,
  TOKEN_BYTES,
  TOTALS_RECORD,
} from '../abi/generated.ts';
import { FLAGS_INBOUND, FLAGS_OUTBOUND } from '../capture/format.ts';
import { errnoName, errnoText, FlowglassError } from '../errors.ts';
import { Anchors } from './anchors.ts';
import { SYSTEM_CALLS } from './file-sink.ts';
import { leftFree, nearlyFull, shortOfSpace } from './free-space.ts';
import { frameTime } from './frame-time.ts';
import { HeaderFacts } from './header.ts';
import { PacketHold } from './hold.ts';
import type { IndexEntry } from './index.ts';
import { Journal } from './journal.ts';
import type { Owner, SessionCounts, SessionResult, SessionWriterOptions } from './options.ts';
import { RecordedInterface } from './recorded-interface.ts';
import { numberedPath } from './numbered-path.ts';
import { noCounts, SessionFile } from './session-file.ts';

/** With the 200 ms that packets wait, everything is in the file within a second. */
const FLUSH_MS = 500;
const TICK_MS = 100;
const KEYFRAME_MS = 60_000;
const KEYFRAME_MIN_BYTES = 256 << 10;
const KEYFRAME_FACTOR = 4;
/** A frame is at most 1 MiB (docs/wire.md), and so is a packet record in it. */
const LONGEST_RECORD = 1 << 20;
/** How often free space is looked at. */
const SPACE_MS = 500;

/**
 * Records a session into a pcapng file (docs/session-format.md). Give it every frame of the helper, in order, right
 * after the reducer has applied it: packets are held, sorted and written as Enhanced Packet Blocks, all other frames
 * go into the journal. Writes are synchronous, one large one at least once a second; when one fails, the file is cut
 * back to its last whole block, `onError` is called once, and what comes after is counted as lost.
 */
export class SessionWriter {
  readonly #options: SessionWriterOptions;
  readonly #now: () => number;
  readonly #interfaces: RecordedInterface[] = [];
  readonly #byNumber: (RecordedInterface | undefined)[] = [];
  readonly #anchors = new Anchors();
  readonly #journal: Journal;
  readonly #hold: PacketHold;
  readonly #files: { path: string; bytes: number }[] = [];
  readonly #closed = noCounts();
  readonly #processes = new Map<number, number>();
  readonly #hello = new Uint8Array(HELLO.size);
  readonly #facts = new HeaderFacts();
  readonly #emit = (bytes: Uint8Array, view: DataView, offset: number): void => this.#writePacket(bytes, view, offset);
  /** Bytes kept of a packet. */
  readonly #longest: number;
  #file: SessionFile;
  #fileNumber = 1;
  #timer: ReturnType<typeof setInterval> | null = null;
  #error: FlowglassError | null = null;
  #finished = false;
  #firstNs = 0n;
  #started = false;
  #primed = false;
  #startedMs = 0;
  #flushedMs = 0;
  #keyframeMs = 0;
  #keyframeBytes = 0;
  #keyframeAt = 0;
  #changed = false;
  #anchorIndex = -1;
  #spaceMs = -Infinity;
  #wallOffsetNs = 0n;

  /** Creates the (first) file. Throws FlowglassError when it exists or cannot be created. */
  constructor(options: SessionWriterOptions) {
    this.#options = options;
    this.#longest = options.snaplen === 0 ? Infinity : options.snaplen;
    this.#now = options.now ?? (() => performance.now());
    if (options.path === '-' && this.#rotating) {
      throw new FlowglassError({
        code: 'usage',
        what: 'rotation needs files',
        where: 'standard output',
        hint: 'give -w a file name',
        exitCode: 2,
      });
    }
    this.#hold = new PacketHold(options.holdBytes ?? 4 << 20, LONGEST_RECORD);
    this.#journal = new Journal((raw, length, flags, fromNs, toNs) => {
      this.#begin();
      this.#file.journal(raw, length, flags, fromNs, toNs);
    });
    this.#file = this.#open();
    const now = this.#now();
    this.#startedMs = now;
    this.#flushedMs = now;
    this.#keyframeMs = now;
    if (options.timer !== false) {
      this.#timer = setInterval(() => this.tick(), TICK_MS);
      this.#timer.unref();
    }
  }

  get #rotating(): boolean {
    return Boolean(this.#options.rotateBytes || this.#options.rotateMs);
  }

  /** While true no packets are stored; the journal goes on. */
  paused = false;

  /** Begins another file now, so that all before it are whole; only with rotation. */
  rotate(): void {
    if (this.#finished || this.#error || !this.#rotating) return;
    this.#guard(() => {
      this.#hold.releaseArrived(Infinity, this.#emit);
      this.#rotate(this.#now());
    });
  }

  /** Deletes a file that is closed. */
  drop(path: string): void {
    const at = this.#files.findIndex((file) => file.path === path);
    if (at < 0 || at === this.#files.length - 1) return;
    this.#files.splice(at, 1);
    this.#guard(() => this.#remove(path));
  }

  /** Files of this recording that still exist, the one being written last. */
  get files(): string[] {
    return this.#files.map((file) => file.path);
  }

  /** What the recording holds so far, over all its files. */
  get counts(): SessionCounts {
    const sum = { ...this.#closed };
    if (!this.#finished) addCounts(sum, this.#file.counts);
    return sum;
  }

  get error(): FlowglassError | null {
    return this.#error;
  }

  /** Bytes of all files still there, those of the current one not yet flushed included. */
  get bytes(): number {
    const before = this.#files.reduce((sum, file) => sum + file.bytes, 0);
    return this.#finished ? before : before + this.#file.offset;
  }

  /** Writes everything given so far to the file, for a reader of the growing file; gives it the index. */
  sync(): readonly IndexEntry[] {
    if (!this.#finished && !this.#error)
      this.#guard(() => {
        this.#journal.flush();
        this.#begin();
        this.#file.flush(this.#journal.toNs);
      });
    return this.#file.index;
  }

  /** Tells of a frame from before the recording (HELLO, CLOCK, INTERFACE, TOTALS); it is not written. */
  prime(type: number, bytes: Uint8Array, view: DataView, offset: number): void {
    this.#primed = true;
    this.#observe(type, bytes, view, offset, true);
    this.#primed = false;
  }

  /** Takes one frame; see FrameSink in core/wire. The reducer must have applied it already. */
  frame(type: number, bytes: Uint8Array, view: DataView, offset: number, length: number): void {
    if (this.#finished) return;
    if (type === FRAME_PACKETS) {
      if (this.#options.packets !== false && !this.paused)
        this.#guard(() => this.#takePackets(bytes, view, offset, length));
      return;
    }
    this.#guard(() => {
      this.#observe(type, bytes, view, offset, false, length);
      if (this.#options.keyframeFirst && !this.#started) {
        // The keyframe that opens the file contains this frame.
        this.#journal.toNs = frameTime(type, view, offset, length);
        this.#begin();
        return;
      }
      const atNs = frameTime(type, view, offset, length);
      if (this.#firstNs === 0n) this.#firstNs = atNs;
      if (type !== FRAME_CLOCK && type !== FRAME_STATS) this.#changed = true;
      if (type === FRAME_HELLO) {
        // The token is a secret between engine and helper.
        this.#hello.set(bytes.subarray(offset, offset + HELLO.size));
        this.#hello.fill(0, HELLO.token, HELLO.token + TOKEN_BYTES);
        this.#journal.add(type, this.#hello, 0, HELLO.size, atNs);
      } else this.#journal.add(type, bytes, offset, length, atNs);
    });
  }

  #observe(type: number, bytes: Uint8Array, view: DataView, offset: number, before: boolean, length = 0): void {
    if (type === FRAME_CLOCK || type === FRAME_RESYNCED) {
      const bootNs = view.getBigUint64(offset + CLOCK.bootNs, true);
      const realtimeNs = view.getBigUint64(offset + CLOCK.realtimeNs, true);
      const errorNs = view.getBigUint64(offset + CLOCK.errorNs, true);
      if (type === FRAME_RESYNCED && this.#anchors.known) return;
      this.#facts.clock(view, offset);
      this.#anchors.add(bootNs, realtimeNs, Number(errorNs));
    } else if (type === FRAME_HELLO) {
      this.#facts.hello(bytes, view, offset);
      for (const recorded of this.#interfaces) recorded.settle();
    } else if (type === FRAME_INTERFACE) this.#interface(bytes, view, offset);
    else if (type === FRAME_TOTALS) {
      for (
        let at = offset;
        at + TOTALS_RECORD.size <= offset + (before ? TOTALS_RECORD.size : length);
        at += TOTALS_RECORD.size
      ) {
        this.#byNumber[view.getUint16(at + TOTALS_RECORD.iface, true)]?.totals(view, at, before);
      }
    }
  }

  #interface(bytes: Uint8Array, view: DataView, offset: number): void {
    const state = view.getUint16(offset + INTERFACE.state, true);
    const number = view.getUint16(offset + INTERFACE.iface, true);
    if (state === INTERFACE_FAILED || number === IFACE_NONE) return;
    const linkType = view.getUint32(offset + INTERFACE.linkType, true) & 0xffff;
    let recorded = this.#byNumber[number];
    // The same number with another link type is another interface.
    if (!recorded || (state === INTERFACE_ATTACHED && recorded.linkType !== linkType)) {
      recorded = new RecordedInterface(number);
      recorded.linkType = linkType;
      this.#byNumber[number] = recorded;
      this.#interfaces.push(recorded);
    }
    recorded.update(bytes, view, offset);
    if (this.#started && recorded.id < 0 && !this.#primed) this.#describe(recorded);
  }

  #describe(recorded: RecordedInterface): void {
    this.#file.describe(recorded, this.#texts(recorded), this.#journal.toNs);
  }

  #texts(recorded: RecordedInterface): ReturnType<RecordedInterface['description']> {
    const options = this.#options;
    const description = options.describe?.(recorded.iface) ?? null;
    return recorded.description(options.snaplen, options.filter ?? null, description, options.os ?? null);
  }

  // ---- packets ----

  #takePackets(bytes: Uint8Array, view: DataView, offset: number, length: number): void {
    const now = this.#now();
    const end = offset + length;
    for (let at = offset; at + PACKET.size <= end;) {
      const captured = view.getUint32(at + PACKET.captured, true);
      const size = (PACKET.size + captured + 7) & ~7;
      // The frame was checked when it came in; this keeps a caller's mistake from reading past it.
      if (captured > end - at - PACKET.size) break;
      if (this.#error) this.#countLost(view, at);
      else {
        const stored = PACKET.size + captured;
        while (!this.#hold.fits(stored)) this.#hold.releaseOldest(this.#emit);
        this.#hold.add(bytes, view, at, stored, now);
      }
      at += size;
    }
  }

  #countLost(view: DataView, at: number): void {
    const counts = this.#finished ? this.#closed : this.#file.counts;
    counts.lostFrames++;
    counts.lostPackets += view.getUint32(at + PACKET.wirePackets, true);
  }

  /** Writes the held packet at `offset`. About 0.6 µs with 256 bytes (test/bench/capture.bench.ts). */
  #writePacket(bytes: Uint8Array, view: DataView, offset: number): void {
    const recorded = this.#byNumber[view.getUint16(offset + PACKET.key + KEY.iface, true)];
    if (this.#error || !recorded) {
      this.#countLost(view, offset);
      return;
    }
    const options = this.#options;
    const wirePackets = view.getUint32(offset + PACKET.wirePackets, true);
    if (options.accepts && !options.accepts(bytes, view, offset)) {
      this.#file.counts.filtered += wirePackets;
      return;
    }
    this.#begin();
    if (recorded.id < 0) this.#describe(recorded);
    const atLow = view.getUint32(offset + PACKET.atNs, true);
    const atHigh = view.getUint32(offset + PACKET.atNs + 4, true);
    const flags = view.getUint32(offset + PACKET.flags, true);
    const anchors = this.#anchors;
    anchors.convert(atHigh, atLow);
    if (anchors.index !== this.#anchorIndex) {
      this.#anchorIndex = anchors.index;
      this.#file.endRun();
      this.#wallOffsetNs = anchors.offsetNs;
    }
    if (recorded.stamp(anchors, atHigh, atLow)) this.#file.counts.late++;
    let owner: Owner | null = null;
    if (options.ownerOf && flags & PACKET_KEYED) {
      const epoch = view.getUint32(offset + PACKET.epoch, true);
      const direction = flags & PACKET_HI_TO_LO ? 1 : 0;
      owner = options.ownerOf(bytes, view, offset + PACKET.key, epoch, direction, atHigh, atLow);
    }
    if (owner && options.processInfo) this.#describeProcess(owner, atHigh, atLow);
    this.#file.wallOffsetNs = this.#wallOffsetNs;
    this.#file.packet(
      recorded,
      atHigh,
      atLow,
      recorded.high,
      recorded.low,
      Math.min(view.getUint32(offset + PACKET.captured, true), this.#longest),
      view.getUint32(offset + PACKET.original, true),
      bytes,
      offset + PACKET.size,
      flags & PACKET_OUTBOUND ? FLAGS_OUTBOUND : FLAGS_INBOUND,
      owner ? owner.pid : 0,
      owner ? owner.tid : 0,
      wirePackets,
      owner && options.comment ? options.comment(owner) : null,
    );
  }

  /** Wireshark finds a process by pid, the newest block that started before the packet. */
  #describeProcess(owner: Owner, atHigh: number, atLow: number): void {
    const identity = owner.identity ?? 0;
    if (this.#processes.get(owner.pid) === identity) return;
    this.#processes.set(owner.pid, identity);
    const texts = this.#options.processInfo?.(owner, atHigh, atLow);
    if (texts) this.#file.process(texts);
  }

  // ---- time ----

  /** Releases packets, writes the journal, keyframes and the file as they fall due. The timer calls it. */
  tick(): void {
    if (this.#finished || this.#error) return;
    this.#guard(() => {
      const now = this.#now();
      this.#hold.releaseArrived(now - (this.#options.holdMs ?? 200), this.#emit);
      const flush = now - this.#flushedMs >= FLUSH_MS;
      const keyframe = this.#keyframeDue(now);
      if (flush && !this.#roomLeft(now)) return;
      if (flush || keyframe) this.#journal.flush();
      if (keyframe) this.#keyframe(now);
      if (flush) {
        this.#flushedMs = now;
        if (this.#started) this.#file.flush(this.#journal.toNs);
      }
      if (this.#rotationDue(now)) this.#rotate(now);
    });
  }

  /** False when the disk is nearly full: the file has then been closed in order, and says so. */
  #roomLeft(now: number): boolean {
    const { path } = this.#file.sink;
    if (path === '-' || now - this.#spaceMs < SPACE_MS) return true;
    this.#spaceMs = now;
    const { calls = SYSTEM_CALLS, makeRoom } = this.#options;
    const pending = (): number => this.#file.offset - this.#file.sink.size + this.#hold.bytes;
    let short = shortOfSpace(path, pending(), calls);
    while (short !== null && makeRoom?.() === true) short = shortOfSpace(path, pending(), calls);
    if (short === null) return true;
    this.#hold.releaseArrived(Infinity, this.#emit);
    this.#journal.flush();
    this.#finishFile();
    this.#tellClosed(now);
    this.#fail(nearlyFull('the recording was ended', path, `it is complete up to here and opens; ${leftFree(short)}: make room and record again`)); // prettier-ignore
    return false;
  }

  #tellClosed(now: number): void {
    const { path, size } = this.#file.sink;
    this.#options.onClosed?.(path, size, now - this.#startedMs);
  }

  /** Writes what has come so far, at once: from now on the file opens, whatever happens. */
  flush(): void {
    if (this.#finished || this.#error) return;
    this.#guard(() => {
      this.#journal.flush();
      this.#begin();
      this.#flushedMs = this.#now();
      this.#file.flush(this.#journal.toNs);
    });
  }

  #keyframeDue(now: number): boolean {
    if (!this.#changed) return false;
    const since = this.#journal.bytes - this.#keyframeAt;
    return (
      since >= Math.max(KEYFRAME_MIN_BYTES, KEYFRAME_FACTOR * this.#keyframeBytes) ||
      now - this.#keyframeMs >= KEYFRAME_MS
    );
  }

  /** Only with an empty journal: the state holds exactly the frames written before it. */
  #keyframe(now: number): void {
    this.#begin();
    const state = this.#options.serialize();
    this.#file.keyframe(state, this.#journal.toNs);
    this.#keyframeBytes = state.length;
    this.#keyframeAt = this.#journal.bytes;
    this.#keyframeMs = now;
    this.#changed = false;
  }

  #rotationDue(now: number): boolean {
    const { rotateBytes, rotateMs } = this.#options;
    if (!this.#started || !this.#file.filled) return false;
    return Boolean(
      (rotateBytes && this.#file.offset >= rotateBytes) || (rotateMs && now - this.#startedMs >= rotateMs),
    );
  }

  // ---- files ----

  #open(): SessionFile {
    const { path, force, calls } = this.#options;
    const name = this.#rotating ? numberedPath(path, this.#fileNumber) : path;
    const file = new SessionFile(name, force ?? false, calls);
    this.#files.push({ path: name, bytes: 0 });
    return file;
  }

  /** Writes what a file begins with, once per file. */
  #begin(): void {
    if (this.#started) return;
    this.#started = true;
    const { application, hardware, os, host, filter, snaplen, packets } = this.#options;
    const header = this.#facts.json({
      application,
      host,
      os,
      snaplen,
      packets: packets !== false,
      filter,
      file: this.#fileNumber,
    });
    const atNs = this.#journal.toNs;
    const described = this.#interfaces.map(
      (each) => [each, this.#texts(each)] as [RecordedInterface, ReturnType<RecordedInterface['description']>],
    );
    this.#file.begin({ hardware: hardware ?? null, os: os ?? null, application }, described, header, atNs);
    if (this.#fileNumber > 1 || this.#options.keyframeFirst) this.#keyframe(this.#now());
    this.#file.endPreamble();
  }

  #finishFile(): void {
    this.#begin();
    const endNs = this.#anchors.wallNs(this.#journal.toNs);
    const startNs = this.#firstNs === 0n ? null : this.#anchors.wallNs(this.#firstNs);
    this.#file.finish(this.#interfaces, this.#options.names?.() ?? [], startNs, endNs, this.#journal.toNs);
    const last = this.#files[this.#files.length - 1];
    if (last) last.bytes = this.#file.sink.size;
  }

  #rotate(now: number): void {
    this.#journal.flush();
    this.#finishFile();
    addCounts(this.#closed, this.#file.counts);
    this.#tellClosed(now);
    this.#fileNumber++;
    this.#startedMs = now;
    this.#processes.clear();
    this.#file = this.#open();
    this.#started = false;
    for (const recorded of this.#interfaces) recorded.id = -1;
    this.#begin();
    this.#file.flush(this.#journal.toNs);
    const ring = this.#options.ring;
    while (ring && this.#files.length > ring) {
      const oldest = this.#files.shift();
      if (oldest) this.#remove(oldest.path);
    }
  }

  #remove(path: string): void {
    try {
      (this.#options.calls ?? SYSTEM_CALLS).unlink(path);
    } catch (error) {
      if (errnoName(error) === 'ENOENT') return;
      throw new FlowglassError({
        code: 'write-failed',
        what: errnoText(error),
        where: path,
        hint: 'an old file of the ring could not be deleted',
        cause: error,
      });
    }
  }

  /** A failure of the file ends the writing, not the session; any other exception is a bug of ours. */
  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!(error instanceof FlowglassError)) throw error;
      this.#fail(error);
    }
  }

  #fail(error: FlowglassError): void {
    if (this.#error) return;
    this.#error = error;
    this.#hold.releaseArrived(Infinity, this.#emit);
    const last = this.#files[this.#files.length - 1];
    if (last) last.bytes = this.#file.sink.size;
    this.#options.onError?.(error);
  }

  /** Writes everything that waits, statistics and index, makes the file safe and closes it. */
  close(): SessionResult {
    if (!this.#finished) {
      if (this.#timer) clearInterval(this.#timer);
      if (!this.#error) {
        this.#guard(() => {
          this.#hold.releaseArrived(Infinity, this.#emit);
          this.#journal.flush();
          this.#finishFile();
        });
      }
      if (this.#error) {
        try {
          this.#file.sink.close();
        } catch {
          // The first failure has been told; a second one says nothing new.
        }
      }
      addCounts(this.#closed, this.#file.counts);
      this.#finished = true;
    }
    return {
      files: this.files,
      counts: this.counts,
      bytes: this.#files.reduce((sum, file) => sum + file.bytes, 0),
      error: this.#error,
    };
  }
}

/** Adds what another file counted. */
export function addCounts(sum: SessionCounts, more: Readonly<SessionCounts>): void {
  sum.packets += more.packets;
  sum.bytes += more.bytes;
  sum.wirePackets += more.wirePackets;
  sum.late += more.late;
  sum.filtered += more.filtered;
  sum.lostFrames += more.lostFrames;
  sum.lostPackets += more.lostPackets;
}
