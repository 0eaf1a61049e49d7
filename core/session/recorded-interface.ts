import { COUNTERS, INTERFACE, TOTALS, TOTALS_RECORD } from '../abi/generated.ts';
import type { Anchors } from './anchors.ts';
import type { InterfaceCounters, InterfaceTexts } from '../capture/pcapng-writer.ts';

const decoder = new TextDecoder();

function text(bytes: Uint8Array, from: number, size: number): string {
  let end = from;
  while (end < from + size && bytes[end] !== 0) end++;
  return decoder.decode(bytes.subarray(from, end));
}

const number64 = (view: DataView, at: number): number => Number(view.getBigUint64(at, true));

/** One interface of a recording, by the number the engine gave it. */
export class RecordedInterface {
  readonly iface: number;
  linkType = 1;
  name = '';
  /** Number in the file, -1 = not described yet. */
  id = -1;
  /** Wall time for the packet at hand, after `stamp`. */
  high = 0;
  low = 0;
  /** Lost since the packet before, for epb_dropcount. */
  drops = 0;
  delivered = 0;
  /** Wall time of the newest packet written, how often the clock had been set back by then, and its boot time. */
  #lastHigh = 0;
  #lastLow = 0;
  #lastSteps = 0;
  #lastAtHigh = 0;
  #lastAtLow = 0;
  #speed = 0n;
  #mac: Uint8Array | null = null;
  #driver = '';
  #received = 0;
  #lost = 0;
  #accepted = 0;
  #counted = false;
  /** Received, lost and accepted of helpers that ended. */
  #before = [0, 0, 0];

  constructor(iface: number) {
    this.iface = iface;
  }

  /** Takes a struct fg_interface. */
  update(bytes: Uint8Array, view: DataView, offset: number): void {
    this.linkType = view.getUint32(offset + INTERFACE.linkType, true) & 0xffff;
    this.name = text(bytes, offset + INTERFACE.name, INTERFACE.driver - INTERFACE.name);
    this.#driver = text(bytes, offset + INTERFACE.driver, INTERFACE.mac - INTERFACE.driver);
    this.#speed = view.getBigUint64(offset + INTERFACE.speedBps, true);
    const mac = bytes.slice(offset + INTERFACE.mac, offset + INTERFACE.mac + 6);
    this.#mac = mac.some((octet) => octet !== 0) ? mac : null;
  }

  /** A new helper begins to count from zero. */
  settle(): void {
    const [received = 0, lost = 0, accepted = 0] = this.#before;
    this.#before = [received + this.#received, lost + this.#lost, accepted + this.#accepted];
    this.#received = this.#lost = this.#accepted = 0;
  }

  /** Takes a struct fg_totals_record; `baseline` = losses until now are not this recording's. */
  totals(view: DataView, offset: number, baseline: boolean): void {
    const totals = offset + TOTALS_RECORD.totals;
    const direction = totals + TOTALS.direction;
    this.#received =
      number64(view, direction + COUNTERS.frames) + number64(view, direction + COUNTERS.size + COUNTERS.frames);
    const lost = number64(view, totals + TOTALS.lostFrames) + number64(view, offset + TOTALS_RECORD.queueLostFrames);
    this.#accepted = number64(view, totals + TOTALS.capturedFrames) + number64(view, totals + TOTALS.lostFrames);
    if (this.#counted || !baseline) this.drops += Math.max(0, lost - this.#lost);
    this.#lost = lost;
    this.#counted = true;
  }

  /**
   * Sets `high`, `low` for a packet of this boot time, for which `anchors.convert` was called: never less than before,
   * unless the clock was set back. True when the packet is late: it keeps its own time.
   */
  stamp(anchors: Anchors, atHigh: number, atLow: number): boolean {
    this.high = anchors.high;
    this.low = anchors.low;
    if (atHigh < this.#lastAtHigh || (atHigh === this.#lastAtHigh && atLow < this.#lastAtLow)) return true;
    this.#lastAtHigh = atHigh;
    this.#lastAtLow = atLow;
    const back = this.high < this.#lastHigh || (this.high === this.#lastHigh && this.low < this.#lastLow);
    if (back && anchors.steps === this.#lastSteps) {
      // The clock is being slewed: hold the time instead of going back by microseconds.
      this.high = this.#lastHigh;
      this.low = this.#lastLow;
      return false;
    }
    this.#lastHigh = this.high;
    this.#lastLow = this.low;
    this.#lastSteps = anchors.steps;
    return false;
  }

  description(snaplen: number, filter: string | null, description: string | null, os: string | null): InterfaceTexts {
    return {
      linkType: this.linkType,
      snaplen,
      name: this.name,
      description,
      filter,
      speed: this.#speed,
      mac: this.#mac,
      hardware: this.#driver === '' ? null : this.#driver,
      os,
    };
  }

  /** Counters for the Interface Statistics Block, in frames as the hook saw them. */
  counters(startNs: bigint | null, endNs: bigint): InterfaceCounters {
    const [received = 0, lost = 0, accepted = 0] = this.#before;
    return {
      startNs,
      endNs,
      received: this.#counted ? received + this.#received : null,
      dropped: this.#counted ? lost + this.#lost : null,
      accepted: this.#counted && accepted + this.#accepted > 0 ? accepted + this.#accepted : null,
      delivered: this.delivered,
    };
  }
}
