/** Opens a capture that is not ours: flows, latency and names are rebuilt from its packets. */
import { damageOf } from '../capture/damage.ts';
import type { CaptureHandlers, CaptureInterface, CaptureSection } from '../capture/interface.ts';
import type { Packet as CapturePacket } from '../capture/packet.ts';
import { readCapture, type ReadOptions, type ReadResult } from '../capture/read.ts';
import { TOTALS_LOST_PACKETS } from '../flow/interfaces.ts';
import { FlowModel } from '../flow/model.ts';
import { EVERYBODY, SOURCE_FILE } from '../flow/observed-names.ts';
import type { SummarySource } from '../summary/source.ts';
import { CaptureOwners, FOREIGN_BOOT_NS } from './capture-owners.ts';
import { Tracker, type TrackerOptions } from './tracker.ts';

/** Flow keys hold 16 bits of interface; further ones (some writers describe one before each packet) share the last. */
const INTERFACES_MAX = 65535;

/** Takes what a capture reader delivers and builds the model; for captures that come from anywhere. */
export class ForeignCapture {
  readonly model = new FlowModel();
  readonly tracker: Tracker;
  readonly #owners: CaptureOwners;
  readonly #interfaces: CaptureInterface[] = [];
  #application: string | null = null;
  #originSeconds = 0;
  #originNanos = 0;
  #timed = false;
  /** A time was not a whole number of microseconds. */
  #fine = false;
  /** By how much a packet stood later in the file than one that passed after it, at most, ns. */
  disorderNs = 0;
  #firstNs = Infinity;
  #lastNs = -Infinity;
  #packets = 0;
  #capturedBytes = 0;
  /** By interface: packets that epb_dropcount says were lost. */
  readonly #dropCounts = new Map<number, number>();
  readonly #nameWords = new Uint32Array(4);

  constructor(options: TrackerOptions = {}) {
    this.tracker = new Tracker(this.model, options);
    this.#owners = new CaptureOwners(this.model);
  }

  /** Give these to the reader. */
  readonly handlers: CaptureHandlers = {
    section: (section) => this.#section(section),
    interface: (info) => this.#interface(info),
    packet: (packet) => this.#packet(packet),
    names: (address, names) => this.#names(address, names),
    process: (process) => this.#owners.add(process),
  };

  /** Did the packet pass after that moment, ns from the first time in the file? */
  isAfter(packet: CapturePacket, atNs: number): boolean {
    return packet.timed && this.#timed && this.#relative(packet) > atNs;
  }

  /** The capture is read: what the summary is made from. `truncated`: it was cut or damaged. */
  finish(truncated: boolean): SummarySource {
    this.tracker.finish();
    for (const info of this.#interfaces) {
      const said = (info.dropped ?? 0) + (info.osDropped ?? 0);
      const lost = Math.max(said, this.#dropCounts.get(info.index) ?? 0);
      if (lost > 0) this.model.interfaces.addTotal(Math.min(info.index, INTERFACES_MAX), TOTALS_LOST_PACKETS, lost);
    }
    return this.source(truncated);
  }

  /** What a summary is made from while the capture is still coming in. */
  source(truncated: boolean): SummarySource {
    this.tracker.flush();
    const spans = this.#timed && this.#lastNs >= this.#firstNs;
    return {
      model: this.model,
      startedNs: spans ? this.model.clock.wallNs(this.#firstNs) : null,
      durationNs: spans ? this.model.clock.wallNs(this.#lastNs)! - this.model.clock.wallNs(this.#firstNs)! : 0n,
      host: null,
      application: this.#application,
      captured: { packets: this.#packets, bytes: this.#capturedBytes, wirePackets: this.#packets },
      late: 0,
      truncated,
    };
  }

  #section(section: CaptureSection): void {
    this.#application ??= section.application;
    this.tracker.section();
  }

  #interface(info: CaptureInterface): void {
    this.#interfaces.push(info);
    if (info.index > INTERFACES_MAX) return;
    const known = this.model.interfaces.ensure(info.index);
    known.name = info.name ?? '';
    known.linkType = info.linkType;
    known.speedBps = info.speed === null ? 0 : Number(info.speed);
  }

  #packet(packet: CapturePacket): void {
    const iface = Math.min(packet.interfaceIndex, INTERFACES_MAX);
    const atNs = this.#time(packet);
    this.#packets++;
    this.#capturedBytes += packet.captured;
    const { tracker } = this;
    const linkType = this.#interfaces[packet.interfaceIndex]?.linkType ?? -1;
    const direction = packet.flags & 3;
    tracker.packet(iface, linkType, packet.bytes, packet.offset, packet.captured, packet.length, atNs, direction);
    if (packet.dropCount > 0) {
      this.#dropCounts.set(
        packet.interfaceIndex,
        (this.#dropCounts.get(packet.interfaceIndex) ?? 0) + packet.dropCount,
      );
    }
    if (packet.namesProcess && tracker.flow >= 0) this.#owners.note(packet, tracker.flow, tracker.side, atNs);
  }

  /** Nanoseconds from the first time in the file; a packet without one (Simple Packet Block) passed at the newest. */
  #time(packet: CapturePacket): number {
    if (!packet.timed) return this.model.nowNs;
    if (!this.#timed) {
      this.#timed = true;
      this.#originSeconds = packet.seconds;
      this.#originNanos = packet.nanos;
      const originNs = BigInt(packet.seconds) * 1_000_000_000n + BigInt(packet.nanos);
      this.#owners.originNs = originNs;
      this.model.clock.anchor(FOREIGN_BOOT_NS, originNs, 0);
      this.model.clock.granularityNs = 1000;
    }
    if (!this.#fine && packet.nanos % 1000 !== 0) {
      this.#fine = true;
      this.model.clock.granularityNs = 1;
    }
    const atNs = this.#relative(packet);
    if (atNs < this.#firstNs) this.#firstNs = atNs;
    if (atNs > this.#lastNs) this.#lastNs = atNs;
    else if (this.#lastNs - atNs > this.disorderNs) this.disorderNs = this.#lastNs - atNs;
    return atNs;
  }

  #relative(packet: CapturePacket): number {
    return (packet.seconds - this.#originSeconds) * 1e9 + (packet.nanos - this.#originNanos);
  }

  #names(address: Uint8Array, names: readonly string[]): void {
    const name = names[0];
    if (name === undefined || name === '') return;
    const words = this.#nameWords.fill(0);
    for (let i = 0; i < address.length && i < 16; i++) {
      words[i >> 2] = (words[i >> 2]! | (address[i]! << ((i & 3) * 8))) >>> 0;
    }
    const string = this.model.strings.internText(name);
    this.model.names.learn(EVERYBODY, 0, words, 0, string, SOURCE_FILE, -Infinity, Infinity);
  }
}

export interface OpenForeignOptions extends ReadOptions, TrackerOptions {}

/** What the summary is made from, and what the reader said of the file (problems with their offsets). */
export interface OpenedForeign {
  readonly source: SummarySource;
  readonly result: ReadResult;
  readonly capture: ForeignCapture;
}

/**
 * Reads the capture at `path` (`-`: standard input), whatever its format and compression. Throws FlowglassError when it
 * cannot be opened or is no capture; a cut or damaged one gives what was whole, with `source.truncated`.
 */
export async function openForeign(path: string, options: OpenForeignOptions = {}): Promise<OpenedForeign> {
  const capture = new ForeignCapture(options);
  const result = await readCapture(path, capture.handlers, options);
  return { source: { ...capture.finish(result.truncated), damage: damageOf(result) }, result, capture };
}
