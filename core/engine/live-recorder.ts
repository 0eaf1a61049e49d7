/**
 * What is written of a live source: a recording that somebody asked for, and what just happened, kept. Both take every
 * frame; packets are copied for the one that wants more of them.
 */
import {
  FRAME_CLOCK,
  FRAME_HELLO,
  FRAME_INTERFACE,
  IFACE_NONE,
  INTERFACE,
  INTERFACE_DETACHED,
  INTERFACE_FAILED,
  INTERFACE_GONE,
} from '../abi/generated.ts';
import type { RecordingState } from '../contract/recording.ts';
import type { FlowglassError } from '../errors.ts';
import { modelFields } from '../filter/adapter.ts';
import { FlightRecording, type FlightOptions } from '../flight-recorder/flight-recording.ts';
import { NOTE_PAUSED, NOTE_RESUMED, sendNote } from '../flow/note-records.ts';
import { ownerOfPacket } from '../flow/owners.ts';
import type { Reducer } from '../flow/reducer.ts';
import type { RecordingTexts, SessionResult, SessionWriterOptions } from '../session/options.ts';
import { SessionWriter } from '../session/writer.ts';
import type { FrameSink } from '../wire/frames.ts';
import { fileNames } from './file-names.ts';
import { flowTexts } from './flow-texts.ts';

/** Bytes that the flight recorder keeps of a packet. */
const KEPT_SNAPLEN = 256;

export interface RecordedSource {
  readonly reducer: Reducer;
  readonly texts: RecordingTexts;
  /** Takes frames of the engine's own making, for all that is made of frames. */
  readonly sink: FrameSink;
  /** Has packets copied, or not: so many bytes of each, 0 = all. */
  readonly capture: (on: boolean, snaplen: number) => void;
  /** How long the last copies are on their way, ms. */
  readonly settleMs: number;
}

/** What the flight recorder needs beside the source. */
export type KeepWish = Pick<FlightOptions, 'prefix' | 'limits' | 'newPath' | 'afterMs' | 'onFired' | 'onSaved' | 'onSamples' | 'onError'> & { /** Nothing more is kept. */ readonly onEnd: (error: FlowglassError) => void }; // prettier-ignore

interface Recorder {
  readonly writer: SessionWriter;
  readonly path: string;
  readonly sinceNs: number;
  readonly snaplen: number;
  readonly packets: boolean;
}

export class LiveRecorder {
  flight: FlightRecording | null = null;
  readonly #source: RecordedSource;
  readonly #primers: { type: number; iface: number; bytes: Uint8Array }[] = [];
  #recorder: Recorder | null = null;

  constructor(source: RecordedSource) {
    this.#source = source;
  }

  get recording(): RecordingState | null {
    if (this.#recorder === null) return null;
    const { writer, path, sinceNs } = this.#recorder;
    return { path, sinceNs, bytes: writer.bytes, paused: writer.paused };
  }

  /** The file of the recording with all that came so far; null without one. */
  synced(): string | null {
    this.#recorder?.writer.sync();
    return this.#recorder?.writer.files.at(-1) ?? null;
  }

  readonly frame: FrameSink = (type, bytes, view, offset, length) => {
    this.#recorder?.writer.frame(type, bytes, view, offset, length);
    this.flight?.ring.frame(type, bytes, view, offset, length);
    this.#remember(type, bytes, view, offset, length);
  };

  /** Starts a session file with everything known so far. Throws FlowglassError when it cannot be made. */
  start(path: string, snaplen: number, packets: boolean, onError: (error: FlowglassError) => void): void {
    const writer = new SessionWriter({ ...this.#writerOptions(snaplen), path, packets, onError });
    this.#prime(writer);
    this.#recorder = { writer, path, sinceNs: this.#source.reducer.model.nowNs, snaplen, packets };
    this.#capture();
  }

  /** Stores no packets, or stores them again; flows go on, and the pause stands in the file as a gap. */
  pause(paused: boolean): void {
    const writer = this.#recorder?.writer;
    if (writer === undefined || writer.paused === paused) return;
    writer.paused = paused;
    this.#capture();
    const { clock, nowNs } = this.#source.reducer.model;
    const kind = paused ? NOTE_PAUSED : NOTE_RESUMED;
    sendNote(this.#source.sink, { kind, bootNs: clock.bootNs(nowNs), text: '' });
  }

  async stop(): Promise<SessionResult | null> {
    const recorder = this.#recorder;
    if (recorder === null) return null;
    this.pause(false);
    this.#capture(null);
    // What the kernel had copied by now is still on its way.
    await new Promise((resolve) => setTimeout(resolve, this.#source.settleMs));
    if (this.#recorder === recorder) this.#recorder = null;
    return recorder.writer.close();
  }

  /** Keeps what happens from now on. Throws FlowglassError when the ring cannot be made. */
  keep({ onEnd, ...wish }: KeepWish): FlightRecording {
    const { reducer, sink } = this.#source;
    const { model } = reducer;
    const flight = new FlightRecording({
      ...wish,
      writer: { ...this.#writerOptions(KEPT_SNAPLEN), onError: onEnd },
      sink,
      model,
      fields: modelFields(model),
      texts: flowTexts(model),
    });
    this.#prime(flight.ring);
    this.flight = flight;
    this.#capture();
    return flight;
  }

  /** Keeps nothing more; what a trigger began is closed. Throws FlowglassError. */
  async keepNothing(): Promise<void> {
    const { flight } = this;
    this.flight = null;
    this.#capture();
    await flight?.close();
  }

  /** Closes the recording; the flight recorder is closed by whoever began it. */
  close(): void {
    this.#recorder?.writer.close();
    this.#recorder = null;
  }

  #writerOptions(snaplen: number): Omit<SessionWriterOptions, 'path'> {
    const { reducer, texts } = this.#source;
    const { model } = reducer;
    return {
      ...texts,
      snaplen,
      keyframeFirst: true,
      names: () => fileNames(model),
      serialize: () => reducer.serialize(),
      ownerOf: (bytes, _view, offset, epoch, direction, atHigh, atLow) =>
        ownerOfPacket(model, bytes, offset, epoch, direction, model.clock.relative(atLow, atHigh)),
    };
  }

  /** Tells the helper how much of each packet somebody wants. */
  #capture(recorder: Recorder | null = this.#recorder): void {
    const wanted: number[] = this.flight === null ? [] : [KEPT_SNAPLEN];
    if (recorder?.packets === true && !recorder.writer.paused) wanted.push(recorder.snaplen);
    const longest = wanted.includes(0) ? 0 : Math.max(0, ...wanted);
    this.#source.capture(wanted.length > 0, longest);
  }

  #prime(file: { prime(type: number, bytes: Uint8Array, view: DataView, offset: number): void }): void {
    for (const { type, bytes } of this.#primers)
      file.prime(type, bytes, new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0);
  }

  /** Keeps what a file that begins later has to know: the host, the first clock, and the interfaces that are there. */
  #remember(type: number, bytes: Uint8Array, view: DataView, offset: number, length: number): void {
    const primers = this.#primers;
    if (type === FRAME_INTERFACE) {
      const number = view.getUint16(offset + INTERFACE.iface, true);
      const state = view.getUint16(offset + INTERFACE.state, true);
      const at = primers.findIndex((primer) => primer.type === FRAME_INTERFACE && primer.iface === number);
      if (at >= 0) primers.splice(at, 1);
      if (state === INTERFACE_GONE || state === INTERFACE_FAILED || state === INTERFACE_DETACHED) return;
      primers.push({ type, iface: number, bytes: bytes.slice(offset, offset + length) });
    } else if (type === FRAME_HELLO || (type === FRAME_CLOCK && !primers.some((primer) => primer.type === FRAME_CLOCK)))
      primers.push({ type, iface: IFACE_NONE, bytes: bytes.slice(offset, offset + length) });
  }
}
