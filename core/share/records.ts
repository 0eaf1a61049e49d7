/** Our own blocks of a recording, with pseudonyms: header, journal, keyframes, counts, index (docs/session-format.md). */
import type { PcapngWriter } from '../capture/pcapng-writer.ts';
import { Reducer } from '../flow/reducer.ts';
import {
  COUNTS,
  ENTRY_INTERFACE,
  ENTRY_PACKETS,
  KIND_COUNTS,
  KIND_HEADER,
  KIND_JOURNAL,
  KIND_KEYFRAME,
  MAX_PAYLOAD_BYTES,
  writeBlock,
} from '../session/blocks.ts';
import type { SessionHeader } from '../session/header.ts';
import { SessionIndex, type IndexEntry } from '../session/index.ts';
import { frameTime } from '../session/frame-time.ts';
import { Journal } from '../session/journal.ts';
import type { Session } from '../session/reader.ts';
import { FrameCleaner, kernelVersion } from './frames.ts';
import type { Pseudonyms } from './pseudonyms.ts';
import { cleanState } from './state.ts';

const REDUCERS = { fresh: () => new Reducer(), restore: (state: Uint8Array) => Reducer.restore(state) };

/** Where blocks are written, and where in the file the next one will lie. */
export interface BlockSink {
  readonly writer: PcapngWriter;
  readonly offset: number;
  /** Writes out what is gathered, when it is much. */
  drain(): void;
}

export class RecordsCopy {
  readonly #session: Session;
  readonly #names: Pseudonyms;
  readonly #sink: BlockSink;
  readonly #index = new SessionIndex();
  readonly #frames: FrameCleaner;
  readonly #interfaces: readonly IndexEntry[];
  readonly #runs: readonly IndexEntry[];
  #sequence = 0;
  #interface = 0;
  #run = 0;

  constructor(session: Session, names: Pseudonyms, sink: BlockSink) {
    this.#session = session;
    this.#names = names;
    this.#sink = sink;
    this.#frames = new FrameCleaner(names);
    this.#interfaces = session.index.filter(({ kind }) => kind === ENTRY_INTERFACE);
    this.#runs = session.index.filter(({ kind }) => kind === ENTRY_PACKETS);
  }

  /** Frames of kinds that may not leave. */
  get leftOut(): number {
    return this.#frames.leftOut;
  }

  /** To be called before the block of an interface. */
  interface(): void {
    const { fromNs, toNs } = this.#interfaces[this.#interface++] ?? { fromNs: 0n, toNs: 0n };
    this.#index.add(ENTRY_INTERFACE, fromNs, toNs, this.#sink.offset);
  }

  /** To be called before the block of a packet that lay at `at` in the original. */
  packet(at: number): void {
    const run = this.#runs[this.#run];
    if (run?.offset !== at) return;
    this.#run++;
    this.#index.add(ENTRY_PACKETS, run.fromNs, run.toNs, this.#sink.offset, run.count, run.wallOffsetNs);
  }

  /** The header: known fields only; a filter and a host are names. */
  header(): void {
    const { header, fromNs } = this.#session;
    this.#block(KIND_HEADER, fromNs, new TextEncoder().encode(JSON.stringify(cleanHeader(header, this.#names))), false);
  }

  /** Journal and keyframes, which need no place among the packets. */
  async journal(signal?: AbortSignal): Promise<void> {
    const session = this.#session;
    const keyframes = session.index.filter(({ kind }) => kind === KIND_KEYFRAME);
    const first = session.index.find(({ kind }) => kind === KIND_KEYFRAME || kind === KIND_JOURNAL);
    const opening = first?.kind === KIND_KEYFRAME ? first : null;
    const journal = new Journal((raw, length, flags, fromNs, toNs) => {
      this.#index.add(KIND_JOURNAL, fromNs, toNs, this.#sink.offset);
      const info = { kind: KIND_JOURNAL, flags, fromNs, toNs, sequence: this.#sequence++ };
      writeBlock(this.#sink.writer, info, raw, true, 0, length);
      this.#sink.drain();
    });
    let { reducer, cursor } = { reducer: new Reducer(), cursor: session.cursor() };
    if (opening !== null) {
      const replayed = await session.replay(REDUCERS, opening.toNs, { fromStart: true });
      reducer = cleanState(replayed.reducer, this.#names);
      cursor = replayed.cursor;
      journal.toNs = opening.toNs;
      this.#keyframe(reducer.serialize(), opening.toNs);
      keyframes.shift();
    }
    const replays = keyframes.length > 0;
    await cursor.advance(
      null,
      (type, bytes, _view, offset, length) => {
        while (keyframes[0] !== undefined && cursor.atNs > keyframes[0].toNs) {
          journal.flush();
          this.#keyframe(reducer.serialize(), journal.toNs);
          keyframes.shift();
        }
        const clean = this.#frames.clean(type, bytes.slice(offset, offset + length));
        if (clean === null) return;
        const view = new DataView(clean.buffer, clean.byteOffset, clean.byteLength);
        journal.add(type, clean, 0, clean.length, frameTime(type, view, 0, clean.length));
        if (replays) reducer.apply(type, clean, view, 0, clean.length);
      },
      signal,
    );
    journal.flush();
  }

  /** Counts and index; `bytes`: what is captured of packets now. */
  end(bytes: number): void {
    const { captured, toNs } = this.#session;
    const payload = new Uint8Array(COUNTS.size);
    const view = new DataView(payload.buffer);
    const set = (at: number, value: number): void => view.setBigUint64(at, BigInt(value), true);
    set(COUNTS.packets, captured.packets);
    set(COUNTS.bytes, bytes);
    set(COUNTS.wirePackets, captured.wirePackets);
    set(COUNTS.late, captured.late);
    set(COUNTS.filtered, captured.filtered);
    set(COUNTS.lostFrames, captured.lostFrames);
    set(COUNTS.lostPackets, captured.lostPackets);
    this.#block(KIND_COUNTS, toNs, payload, false);
    this.#index.write(this.#sink.writer, this.#sink.offset, () => this.#sequence++, toNs);
  }

  #block(kind: number, atNs: bigint, payload: Uint8Array, compress: boolean): void {
    this.#index.add(kind, atNs, atNs, this.#sink.offset);
    writeBlock(this.#sink.writer, { kind, fromNs: atNs, toNs: atNs, sequence: this.#sequence++ }, payload, compress);
  }

  #keyframe(state: Uint8Array, atNs: bigint): void {
    const parts = Math.max(1, Math.ceil(state.length / MAX_PAYLOAD_BYTES));
    this.#index.add(KIND_KEYFRAME, atNs, atNs, this.#sink.offset, parts);
    for (let part = 0; part < parts; part++) {
      const start = part * MAX_PAYLOAD_BYTES;
      const info = { kind: KIND_KEYFRAME, fromNs: atNs, toNs: atNs, sequence: this.#sequence++, part, parts };
      writeBlock(this.#sink.writer, info, state, true, start, Math.min(state.length, start + MAX_PAYLOAD_BYTES));
      this.#sink.drain();
    }
  }
}

function cleanHeader(header: SessionHeader, names: Pseudonyms): object {
  const { anchor } = header;
  const bootId = header.bootId === null ? null : names.identity(Buffer.from(header.bootId.replaceAll('-', ''), 'hex'));
  return {
    format: 'flowglass-session',
    version: header.version,
    abi: header.abi,
    application: ownApplication(header.application),
    host: header.host === null ? null : names.unicode('host', header.host),
    os: header.os === null ? null : plainSystem(header.os),
    bootId: bootId && Buffer.from(bootId).toString('hex'),
    kernel: header.kernel === null ? null : kernelVersion(header.kernel),
    machine: header.machine,
    netns: header.netns,
    features: header.features,
    anchor: anchor && {
      bootNs: String(anchor.bootNs),
      monotonicNs: String(anchor.monotonicNs),
      realtimeNs: String(anchor.realtimeNs),
      errorNs: String(anchor.errorNs),
    },
    snaplen: header.snaplen,
    packets: header.packets,
    file: header.file,
  };
}

/** Only what we wrote ourselves is known to say nothing else. */
export const ownApplication = (text: string | null): string =>
  text !== null && /^Flowglass \d+\.\d+\.\d+$/i.test(text) ? text : 'Flowglass';

/** `Linux 6.18.0`, without a builder's words. */
export const plainSystem = (text: string): string => `Linux ${kernelVersion(text.replace(/^\w+ /, ''))}`.trim();
