/**
 * States of a capture that is not ours at moments of its time. What was read for one moment is gone on from for a later
 * one, so that playing costs what lies between; an earlier one begins at the file's beginning.
 */
import { CaptureCursor } from '../capture/cursor.ts';
import type { Packet } from '../capture/packet.ts';
import { readCapture } from '../capture/read.ts';
import type { SummarySource } from '../summary/source.ts';
import { ForeignCapture } from '../tracker/open-foreign.ts';

/** Packets that stand in the file so much later than they passed are still found by reading up to a moment, ns. */
const DISORDER_MAX_NS = 1e9;

export interface ForeignFile {
  readonly path: string;
  readonly endNs: number;
  /** By how much the file's times step back at most, ns. */
  readonly disorderNs: number;
  readonly truncated: boolean;
}

interface Reading {
  readonly capture: ForeignCapture;
  readonly cursor: CaptureCursor;
  /** Up to which moment packets are taken. */
  untilNs: number;
}

export class ForeignMoments {
  readonly #file: ForeignFile;
  #reading: Reading | null = null;

  constructor(file: ForeignFile) {
    this.#file = file;
  }

  /** The state at a moment, the same whichever way one came there. Calls must not overlap. */
  async at(targetNs: number): Promise<SummarySource> {
    const { endNs, disorderNs, truncated } = this.#file;
    if (disorderNs > DISORDER_MAX_NS) return this.#filtered(targetNs);
    if (this.#reading !== null && targetNs < this.#reading.untilNs) await this.close();
    const reading = (this.#reading ??= await this.#begin());
    reading.untilNs = targetNs;
    await reading.cursor.advance();
    if (targetNs < endNs) return reading.capture.source(truncated);
    await this.close(); // what is finished cannot be gone on from
    return reading.capture.finish(truncated);
  }

  async close(): Promise<void> {
    const reading = this.#reading;
    this.#reading = null;
    await reading?.cursor.close();
  }

  async #begin(): Promise<Reading> {
    const capture = new ForeignCapture();
    const hold = (packet: Packet): boolean => capture.isAfter(packet, reading.untilNs);
    const cursor = await CaptureCursor.open(this.#file.path, { ...capture.handlers, hold });
    const reading: Reading = { capture, cursor, untilNs: -Infinity };
    return reading;
  }

  /** Of a file that steps back (one recorded after the other): what lies at or before the moment, wherever it stands. */
  async #filtered(targetNs: number): Promise<SummarySource> {
    const { path, endNs, truncated } = this.#file;
    const capture = new ForeignCapture();
    const { handlers } = capture;
    await readCapture(path, {
      ...handlers,
      packet: (packet: Packet) => {
        if (!capture.isAfter(packet, targetNs)) handlers.packet?.(packet);
      },
    });
    return targetNs < endNs ? capture.source(truncated) : capture.finish(truncated);
  }
}
