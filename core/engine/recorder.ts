import { constants, fchownSync, openSync } from 'node:fs';
import { arch, hostname, release, type as systemType } from 'node:os';
import {
  FRAME_INTERFACE,
  FRAME_PACKETS,
  FRAME_PROCESSES,
  STREAM_EVENTS,
  STREAM_PACKETS,
  STREAM_STATE,
  WANT_ACCEPT_TRACING,
  WANT_NO_ARGS,
} from '../abi/generated.ts';
import { FlowglassError } from '../errors.ts';
import { modelFields } from '../filter/adapter.ts';
import { compile, encodeRules, toKernelRules, type Expression } from '../filter/filter.ts';
import { ownerOfPacket } from '../flow/owners.ts';
import { FlightRecording } from '../flight-recorder/flight-recording.ts';
import { numberedPaths, ringFolder } from '../flight-recorder/paths.ts';
import type { RingLimits } from '../flight-recorder/ring.ts';
import type { Trigger } from '../flight-recorder/trigger.ts';
import type { Fired } from '../flight-recorder/trigger-watch.ts';
import { samplesOnly } from '../flight-recorder/window.ts';
import { FRAME_NOTE, NOTE_PAUSED, NOTE_RESUMED, noteFrame } from '../flow/note-records.ts';
import { Reducer } from '../flow/reducer.ts';
import { startHelper, type Helper, type HelperEnd } from '../helper/helper.ts';
import { SYSTEM_CALLS } from '../session/file-sink.ts';
import type { SessionCounts, SessionResult } from '../session/options.ts';
import type { Joined } from '../session/join.ts';
import { noCounts } from '../session/session-file.ts';
import { addCounts, SessionWriter } from '../session/writer.ts';
import type { NetworkInterface } from '../system/interfaces.ts';
import type { NetworkNamespace } from '../system/netns.ts';
import type { FrameSink } from '../wire/frames.ts';
import type { InterfaceReport, LogLine } from '../wire/messages.ts';
import { CgroupNames } from './cgroup-paths.ts';
import { flowTexts } from './flow-texts.ts';
import { InterfaceWatch } from './interface-watch.ts';
import { acceptsPacket } from './packet-filter.ts';
import { inspectPeeks } from '../names/peeks.ts';
import { gateProcesses } from './process-gate.ts';
import { fileNames } from './file-names.ts';
import { processTexts } from './process-texts.ts';

/** What is recorded, and into what. */
export interface RecorderOptions {
  /** Name and version, for the file's section header. */
  readonly application: string;
  readonly interfaces: readonly NetworkInterface[];
  /** Namespace of the interfaces; null = ours. */
  readonly namespace: NetworkNamespace | null;
  /** For if_description: the namespace or container as the user named it. */
  readonly namespaceName?: string | null;
  readonly path: string;
  readonly force: boolean;
  /** Bytes kept of a packet, 0 = all. */
  readonly snaplen: number;
  /** False = flows and events only. */
  readonly packets: boolean;
  readonly filter: { readonly text: string; readonly ast: Expression } | null;
  /** RUNG_* wanted for each direction. */
  readonly ingress?: number;
  readonly egress?: number;
  readonly rotateBytes?: number;
  readonly rotateMs?: number;
  readonly ring?: number;
  readonly wiresharkProcessInfo?: boolean;
  readonly acceptTracing?: boolean;
  /** Keep command lines. */
  readonly commandLines?: boolean;
  /** Everything was asked for: interfaces that appear later are watched too, one that cannot be attached is left out. */
  readonly all?: boolean;
  readonly onLog?: (line: LogLine) => void;
  /** Keep only the newest instead, and write it into numbered files when asked or when a trigger fires. */
  readonly keep?: KeepOptions;
}

/** What is kept, and what has it written. */
export interface KeepOptions {
  readonly limits: RingLimits;
  readonly triggers: readonly Trigger[];
  /** How long a recording goes on after its trigger. */
  readonly afterMs: number;
  readonly onFired: (fired: Fired, path: string | null) => void;
  readonly onSaved: (saved: Joined) => void;
  /** A file could not be written; keeping goes on. */
  readonly onError: (error: unknown) => void;
}

/** What a recording came to. */
export interface RecordingEnd {
  readonly files: readonly string[];
  readonly bytes: number;
  readonly counts: Readonly<SessionCounts>;
  /** Records that did not get from the kernel to the file, by stream; null when the helper did not live to say. */
  readonly lost: { readonly events: number; readonly packets: number } | null;
  /** Why it ended before it was asked to; null when it was. */
  readonly error: FlowglassError | null;
}

/** The options for a namespace's helper when it takes everything there is to know. */
const INTERVAL_MS = 100;
/** How often control groups are asked for their paths. */
const NAMING_MS = 200;

/** A recording that runs: programs are attached and counting. */
export class Recording {
  readonly interfaces: readonly InterfaceReport[];
  /** Settles when the file is closed, asked for or not. Never rejects. */
  readonly ended: Promise<RecordingEnd>;
  readonly #stop: () => void;
  readonly #pause: (paused: boolean) => void;
  readonly #flight: FlightRecording | null;
  /** Of a boot time, ns since the Epoch; null before the first clock reading. */
  readonly wallNs: (bootNs: bigint) => bigint | null;
  #paused = false;

  constructor(
    interfaces: readonly InterfaceReport[],
    ended: Promise<RecordingEnd>,
    stop: () => void,
    pause: (paused: boolean) => void,
    flight: FlightRecording | null,
    wallNs: (bootNs: bigint) => bigint | null,
  ) {
    this.interfaces = interfaces;
    this.ended = ended;
    this.#stop = stop;
    this.#pause = pause;
    this.#flight = flight;
    this.wallNs = wallNs;
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** Stores no packets, or stores them again; flows are counted on, and the pause stands in the file as a gap. */
  set paused(paused: boolean) {
    if (paused === this.#paused) return;
    this.#paused = paused;
    this.#pause(paused);
  }

  /** Writes what is kept into a file; only with `keep`. Throws FlowglassError. */
  async save(): Promise<Joined | null> {
    return (await this.#flight?.save()) ?? null;
  }

  /** Takes the last read-out and closes the file. */
  stop(): Promise<RecordingEnd> {
    this.#stop();
    return this.ended;
  }
}

/** Copies of the frames from before the file was there. */
interface EarlyFrame {
  readonly type: number;
  readonly bytes: Uint8Array;
}

/**
 * Starts a recording: one helper, attached to all the interfaces, its frames through the reducer into the session
 * writer. The file is made only when everything is attached, so that a failure leaves nothing behind and harms nothing.
 */
export async function startRecording(options: RecorderOptions): Promise<Recording> {
  const reducer = new Reducer();
  const early: EarlyFrame[] = [];
  let writer: Output | null = null;
  let cgroups: CgroupNames | null = null;
  const onFrame: FrameSink = (type, bytes, view, offset, length) => {
    if (writer === null) {
      early.push({ type, bytes: bytes.slice(offset, offset + length) });
      return;
    }
    if (type !== FRAME_PACKETS) reducer.apply(type, bytes, view, offset, length);
    writer.frame(type, bytes, view, offset, length);
    // At once: a filter may ask for it before the packets of a new process are written.
    if (type === FRAME_PROCESSES) cgroups?.name(reducer, onFrame);
  };
  const { interfaces: asked, all = false, ingress, egress, onLog, filter } = options;
  const watch = new InterfaceWatch({
    interfaces: asked,
    all,
    onFrame,
    ...(ingress === undefined ? {} : { ingress }),
    ...(egress === undefined ? {} : { egress }),
    ...(onLog === undefined ? {} : { onLog }),
    ...(filter === null || !options.packets ? {} : { onNumber: (to) => prefilter(to, filter.ast, watch) }),
  });
  const helper = await startHelper({
    hello: { intervalMs: INTERVAL_MS, flags: helloFlags(options) },
    onFrame: inspectPeeks(
      gateProcesses((type, bytes, view, offset, length) => {
        onFrame(type, bytes, view, offset, length);
        if (type === FRAME_INTERFACE) watch.frame(bytes, view, offset);
      }),
    ),
    onPresent: (report) => watch.present(report),
    ...(options.namespace === null ? {} : { netnsPath: options.namespace.path }),
    ...(onLog === undefined ? {} : { onLog }),
  });
  try {
    // Before anything is attached: from the first packet on, what is counted is also copied.
    if (options.packets) helper.capture(true, options.snaplen);
    const interfaces = await watch.start(helper);
    const settle = new Settle();
    const recorded = writerOptions(options, reducer, (error) => settle.fail(error));
    const kept = options.keep === undefined ? null : keptOutput(options, options.keep, recorded, reducer, onFrame);
    writer = kept?.output ?? new SessionWriter(recorded);
    for (const { type, bytes } of early.splice(0)) {
      onFrame(type, bytes, new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0, bytes.length);
    }
    writer.flush();
    cgroups = new CgroupNames();
    const naming = setInterval(() => cgroups?.name(reducer, onFrame), NAMING_MS);
    const ended = finish(helper, writer, settle, () => {
      clearInterval(naming);
      cgroups?.name(reducer, onFrame);
    });
    await Promise.race([helper.snapshot, settle.begun]);
    const pause = (paused: boolean): void => {
      if (options.packets) helper.capture(!paused, options.snaplen);
      const { clock, nowNs } = reducer.model;
      const kind = paused ? NOTE_PAUSED : NOTE_RESUMED;
      const bytes = noteFrame({ kind, bootNs: clock.bootNs(nowNs), text: '' });
      onFrame(FRAME_NOTE, bytes, new DataView(bytes.buffer), 0, bytes.length);
    };
    return new Recording(
      interfaces,
      ended,
      () => settle.stop(),
      pause,
      kept?.flight ?? null,
      (bootNs) => {
        const { clock } = reducer.model;
        return clock.wallNs(clock.relativeOf(bootNs));
      },
    );
  } catch (error) {
    const end = await helper.stop();
    throw end.error ?? error;
  }
}

/** Where frames go: a session file, or the ring. */
interface Output {
  frame: FrameSink;
  flush(): void;
  close(): SessionResult | Promise<SessionResult>;
}

/** The ring beside the files that are written from it, in a hidden folder. */
function keptOutput(
  options: RecorderOptions,
  keep: KeepOptions,
  {
    path,
    rotateBytes: _bytes,
    rotateMs: _ms,
    ring: _ring,
    ...recorded
  }: ConstructorParameters<typeof SessionWriter>[0],
  reducer: Reducer,
  sink: FrameSink,
): { output: Output; flight: FlightRecording } {
  const { model } = reducer;
  const flight = new FlightRecording({
    folder: ringFolder(path),
    limits: keep.limits,
    writer: recorded,
    sink,
    model,
    fields: modelFields(model),
    texts: flowTexts(model),
    newPath: numberedPaths(path, options.force),
    force: options.force,
    calls: recorded.calls ?? SYSTEM_CALLS,
    afterMs: keep.afterMs,
    onFired: keep.onFired,
    onSaved: keep.onSaved,
    onError: keep.onError,
  });
  const watch = flight.setTriggers(keep.triggers);
  if (watch !== null) model.observer = samplesOnly(watch.samples);
  const close = async (): Promise<SessionResult> => {
    let error = flight.ring.error;
    try {
      await flight.close();
    } catch (failure) {
      if (!(failure instanceof FlowglassError)) throw failure;
      error ??= failure;
    }
    const counts = noCounts();
    for (const saved of flight.saved) addCounts(counts, saved.counts);
    const { saved } = flight;
    return { files: saved.map((each) => each.path), bytes: saved.reduce((sum, { bytes }) => sum + bytes, 0), counts, error }; // prettier-ignore
  };
  return { output: { frame: flight.ring.frame, flush: () => flight.ring.flush(), close }, flight };
}

function helloFlags(options: RecorderOptions): number {
  return (
    (options.acceptTracing === true ? WANT_ACCEPT_TRACING : 0) | (options.commandLines === false ? WANT_NO_ARGS : 0)
  );
}

/** Limits packet copies to what the filter may match, by the numbers that interfaces have now. */
function prefilter(helper: Helper, filter: Expression, watch: InterfaceWatch): void {
  helper.filter(encodeRules(toKernelRules(filter), (name) => watch.numbersOf(name)));
}

function writerOptions(
  options: RecorderOptions,
  reducer: Reducer,
  onError: (error: FlowglassError) => void,
): ConstructorParameters<typeof SessionWriter>[0] {
  const { model } = reducer;
  const matches = options.filter === null ? null : compile(options.filter.ast, modelFields(model));
  return {
    application: options.application,
    os: `${systemType()} ${release()}`,
    hardware: arch(),
    host: hostname(),
    path: options.path,
    force: options.force,
    snaplen: options.snaplen,
    packets: options.packets,
    filter: options.filter?.text ?? null,
    rotateBytes: options.rotateBytes ?? null,
    rotateMs: options.rotateMs ?? null,
    ring: options.ring ?? null,
    describe: () => options.namespaceName ?? null,
    serialize: () => reducer.serialize(),
    names: () => fileNames(model),
    ownerOf: (bytes, _view, offset, epoch, direction, atHigh, atLow) =>
      ownerOfPacket(model, bytes, offset, epoch, direction, model.clock.relative(atLow, atHigh)),
    ...(matches === null ? {} : { accepts: acceptsPacket(model, matches) }),
    ...(options.wiresharkProcessInfo === true ? { processInfo: processTexts(model) } : {}),
    onError,
    calls: { ...SYSTEM_CALLS, open: openForUser },
  };
}

/** Under sudo the recording belongs to who called it, so that they can open it without. */
function openForUser(path: string, flags: number, mode: number): number {
  const fd = openSync(path, flags, mode);
  const [uid, gid] = [Number(process.env['SUDO_UID']), Number(process.env['SUDO_GID'])];
  const created = (flags & constants.O_CREAT) !== 0;
  if (created && process.geteuid?.() === 0 && Number.isInteger(uid) && Number.isInteger(gid)) {
    try {
      fchownSync(fd, uid, gid);
    } catch {
      // a file system without owners (vfat, a share): it is readable by whoever mounted it
    }
  }
  return fd;
}

/** Why and when the recording ends. */
class Settle {
  error: FlowglassError | null = null;
  readonly begun: Promise<void>;
  #begin!: () => void;

  constructor() {
    this.begun = new Promise((resolve) => (this.#begin = resolve));
  }

  stop(): void {
    this.#begin();
  }

  fail(error: FlowglassError): void {
    this.error ??= error;
    this.#begin();
  }
}

/** Waits for a reason to end, ends the helper in order, and closes the file whatever happened. */
async function finish(helper: Helper, writer: Output, settle: Settle, beforeClose: () => void): Promise<RecordingEnd> {
  const early: HelperEnd | null = await Promise.race([helper.ended, settle.begun.then(() => null)]);
  const end = early ?? (await helper.stop());
  beforeClose();
  const result = await writer.close();
  const error = settle.error ?? result.error ?? end.error;
  const { files, bytes, counts } = result;
  return { files, bytes, counts, lost: lostRecords(end, counts), error: error ?? unexpected(early) };
}

function lostRecords({ stats }: HelperEnd, counts: Readonly<SessionCounts>): RecordingEnd['lost'] {
  if (stats === null) return null;
  const lost = (stream: number): number => {
    const { lostRing = 0, lostQueue = 0, lostSocket = 0 } = stats.streams[stream] ?? {};
    return lostRing + lostQueue + lostSocket;
  };
  return { events: lost(STREAM_EVENTS) + lost(STREAM_STATE), packets: lost(STREAM_PACKETS) + counts.lostFrames };
}

/** A helper that said good-bye without being asked: nothing of ours went wrong, but the recording is shorter. */
function unexpected(early: HelperEnd | null): FlowglassError | null {
  if (early === null) return null;
  return new FlowglassError({
    code: 'helper-ended',
    what: 'the capture helper ended by itself',
    where: 'flowglass-helper',
    hint: 'what was recorded until then is kept; record again',
  });
}
