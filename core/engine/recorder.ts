import { constants, fchownSync, openSync } from 'node:fs';
import { arch, hostname, release, type as systemType } from 'node:os';
import {
  FRAME_PACKETS,
  FRAME_PROCESSES,
  STREAM_EVENTS,
  STREAM_PACKETS,
  STREAM_STATE,
  WANT_ACCEPT_TRACING,
  WANT_NO_ARGS,
} from '../abi/generated.ts';
import type { AlertService } from '../alerts/alert-service.ts';
import { FlowglassError } from '../errors.ts';
import { modelFields } from '../filter/adapter.ts';
import { compile, encodeRules, toKernelRules, type Expression } from '../filter/filter.ts';
import { inNamespace } from '../filter/loosen.ts';
import { ownerOfPacket } from '../flow/owners.ts';
import { NOTE_PAUSED, NOTE_RESUMED, NOTE_TRIGGERED, sendNote } from '../flow/note-records.ts';
import type { FlightRecording } from '../flight-recorder/flight-recording.ts';
import { Reducer } from '../flow/reducer.ts';
import { SampleListeners } from '../flight-recorder/sample-listeners.ts';
import type { FlowModel } from '../flow/model.ts';
import { liveSummary, type SummarySource } from '../summary/source.ts';
import { alertSource } from './alert-source.ts';
import type { HelperEnd } from '../helper/helper.ts';
import { SYSTEM_CALLS } from '../session/file-sink.ts';
import type { SessionCounts, SessionWriterOptions } from '../session/options.ts';
import type { Joined } from '../session/join.ts';
import { SessionWriter } from '../session/writer.ts';
import type { Capturing } from '../remote/lasting-helper.ts';
import type { RemoteStart } from '../remote/remote-host.ts';
import type { FrameSink } from '../wire/frames.ts';
import type { InterfaceReport, LogLine } from '../wire/messages.ts';
import { CaptureGroup, type CaptureSource } from './capture-group.ts';
import { CgroupNames } from './cgroup-paths.ts';
import { surroundingsOf, type Knowledge } from './knowledge.ts';
import { tellHosts } from './hosts-names.ts';
import type { InterfaceWatch } from './interface-watch.ts';
import { acceptsPacket } from './packet-filter.ts';
import { keptOutput, type KeepOptions, type Output, type Watching } from './kept-output.ts';
import { inspectPeeks } from '../names/peeks.ts';
import { gateProcesses } from './process-gate.ts';
import { fileNames } from './file-names.ts';
import { processComments, processTexts } from './process-texts.ts';
import { Verdicts } from './verdicts.ts';

/** What is recorded, and into what. */
export interface RecorderOptions {
  /** Name and version, for the file's section header. */
  readonly application: string;
  readonly sources: readonly CaptureSource[];
  /** The host that they are on; left out = this one. */
  readonly remote?: RemoteStart;
  readonly path: string;
  readonly force: boolean;
  /** Bytes kept of a packet, 0 = all. */
  readonly snaplen: number;
  /** False = flows and events only. */
  readonly packets: boolean;
  readonly filter: { readonly text: string; readonly ast: Expression } | null;
  /** What the filter may ask for beside the recording itself. */
  readonly knowledge?: Knowledge;
  /** RUNG_* wanted for each direction. */
  readonly ingress?: number;
  readonly egress?: number;
  readonly rotateBytes?: number;
  readonly rotateMs?: number;
  readonly ring?: number;
  readonly wiresharkProcessInfo?: boolean;
  /** Say on each packet whose it is, for readers that show no process. */
  readonly processComments?: boolean;
  readonly acceptTracing?: boolean;
  /** Keep command lines. */
  readonly commandLines?: boolean;
  readonly onLog?: (line: LogLine) => void;
  /** Keep only the newest instead, and write it into numbered files when asked or when a trigger fires. */
  readonly keep?: KeepOptions;
  /** Looks at it until it ends; its owner closes it. */
  readonly alerts?: AlertService;
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
/** How often alerts are asked. */
const ALERTS_MS = 250;

/** What a running recording is made of. */
interface RecordingParts {
  readonly interfaces: readonly InterfaceReport[];
  readonly ended: Promise<RecordingEnd>;
  readonly stop: () => void;
  readonly pause: (paused: boolean) => void;
  /** null without `keep`. */
  readonly flight: FlightRecording | null;
  readonly wallNs: (bootNs: bigint) => bigint | null;
}

/** A recording that runs: programs are attached and counting. */
export class Recording {
  readonly interfaces: readonly InterfaceReport[];
  /** Settles when the file is closed, asked for or not. Never rejects. */
  readonly ended: Promise<RecordingEnd>;
  /** Of a boot time, ns since the Epoch; null before the first clock reading. */
  readonly wallNs: (bootNs: bigint) => bigint | null;
  readonly #parts: RecordingParts;
  #paused = false;

  constructor(parts: RecordingParts) {
    this.interfaces = parts.interfaces;
    this.ended = parts.ended;
    this.wallNs = parts.wallNs;
    this.#parts = parts;
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** Stores no packets, or stores them again; flows are counted on, and the pause stands in the file as a gap. */
  set paused(paused: boolean) {
    if (paused === this.#paused) return;
    this.#paused = paused;
    this.#parts.pause(paused);
  }

  /** Writes what is kept into a file; only with `keep`. Throws FlowglassError. */
  async save(): Promise<Joined | null> {
    return (await this.#parts.flight?.save()) ?? null;
  }

  /** Takes the last read-out and closes the file. */
  stop(): Promise<RecordingEnd> {
    this.#parts.stop();
    return this.ended;
  }
}

/** Copies of the frames from before the file was there. */
interface EarlyFrame {
  readonly type: number;
  readonly bytes: Uint8Array;
}

/**
 * Starts a recording: a helper for each namespace, attached to all the interfaces, their frames through the reducer into
 * the session writer. The file is made only when everything is attached, so that a failure leaves nothing behind and harms nothing.
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
  const { sources, ingress, egress, onLog = () => undefined, filter } = options;
  const group = await CaptureGroup.start({
    sources,
    ...(options.remote === undefined ? {} : { remote: options.remote }),
    hello: { intervalMs: INTERVAL_MS, flags: helloFlags(options) },
    onFrame: inspectPeeks(gateProcesses(onFrame)),
    onLog,
    ...(ingress === undefined ? {} : { ingress }),
    ...(egress === undefined ? {} : { egress }),
    ...(filter === null || !options.packets ? {} : { onNumber: (to, watch) => prefilter(to, filter.ast, watch) }),
  });
  try {
    // Before anything is attached: from the first packet on, what is counted is also copied.
    if (options.packets) group.capture(true, options.snaplen);
    const interfaces = await group.attach();
    const settle = new Settle();
    const recorded = writerOptions(options, reducer, group, (error) => settle.fail(error));
    const surroundings = surroundingsOf(reducer.model, options.knowledge);
    const samples = new SampleListeners();
    const kept = options.keep === undefined ? null : keptOutput(options.keep, recorded, reducer, onFrame, { surroundings, samples }); // prettier-ignore
    writer = kept?.output ?? new SessionWriter(recorded);
    for (const { type, bytes } of early.splice(0)) {
      onFrame(type, bytes, new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0, bytes.length);
    }
    writer.flush();
    // Only this machine's hosts and control groups have names here.
    if (options.remote === undefined) tellHosts(onFrame);
    cgroups = options.remote === undefined ? new CgroupNames() : null;
    const judged = verdictsOf(options, reducer, group);
    const naming = setInterval(() => {
      cgroups?.name(reducer, onFrame);
      judged?.tick();
    }, NAMING_MS);
    const ended = finish(group, writer, settle, () => {
      clearInterval(naming);
      cgroups?.name(reducer, onFrame);
    });
    await Promise.race([group.snapshot, settle.begun]);
    if (options.alerts !== undefined) watchForAlerts(options.alerts, { model: reducer.model, surroundings, samples, application: options.application, sink: onFrame }, ended); // prettier-ignore
    return new Recording({
      interfaces,
      ended,
      stop: () => settle.stop(),
      pause: (paused) => {
        if (options.packets) group.capture(!paused, options.snaplen);
        const { clock, nowNs } = reducer.model;
        sendNote(onFrame, { kind: paused ? NOTE_PAUSED : NOTE_RESUMED, bootNs: clock.bootNs(nowNs), text: '' });
      },
      flight: kept?.flight ?? null,
      wallNs: (bootNs) => reducer.model.clock.wallNs(reducer.model.clock.relativeOf(bootNs)),
    });
  } catch (error) {
    const end = await group.stop();
    throw end.error ?? error;
  }
}

/** Alerts look at the model until the recording ends. */
function watchForAlerts(
  alerts: AlertService,
  { model, surroundings, samples, application, sink }: Watching & { readonly model: FlowModel; readonly application: string; readonly sink: FrameSink }, // prettier-ignore
  ended: Promise<unknown>,
): void {
  const summary = (): SummarySource => liveSummary(model, application);
  alerts.watch(alertSource(summary, surroundings), {
    onSamples: (window) => samples.setFor(model, 'alerts', window),
    onMark: (text, atNs) => sendNote(sink, { kind: NOTE_TRIGGERED, bootNs: model.clock.bootNs(atNs), text }),
  });
  const looking = setInterval(() => alerts.look(), ALERTS_MS);
  void ended.then(() => clearInterval(looking));
}

function helloFlags(options: RecorderOptions): number {
  return (
    (options.acceptTracing === true ? WANT_ACCEPT_TRACING : 0) | (options.commandLines === false ? WANT_NO_ARGS : 0)
  );
}

/** Limits packet copies to what the filter may match, by the numbers that interfaces have now. */
function prefilter(helper: Capturing, filter: Expression, watch: InterfaceWatch): void {
  const rules = toKernelRules(inNamespace(filter, helper.hello.netns));
  helper.filter(encodeRules(rules, (name) => watch.numbersOf(name)));
}

/** What the kernel is told of flows whose owner is known; null when the filter asks nothing of owners. */
function verdictsOf(options: RecorderOptions, { model }: Reducer, group: CaptureGroup): Verdicts | null {
  if (options.filter === null || !options.packets) return null;
  const fields = modelFields(model, surroundingsOf(model, options.knowledge));
  return Verdicts.of(model, options.filter.ast, fields, (iface, key, epoch, unwanted) =>
    group.helperOf(iface)?.verdict(key, epoch, unwanted),
  );
}

function writerOptions(
  options: RecorderOptions,
  reducer: Reducer,
  group: CaptureGroup,
  onError: (error: FlowglassError) => void,
): SessionWriterOptions {
  const { model } = reducer;
  const matches =
    options.filter === null
      ? null
      : compile(options.filter.ast, modelFields(model, surroundingsOf(model, options.knowledge)));
  return {
    application: options.application,
    os: `${systemType()} ${release()}`,
    hardware: arch(),
    host: options.remote?.host ?? hostname(),
    path: options.path,
    force: options.force,
    snaplen: options.snaplen,
    packets: options.packets,
    filter: options.filter?.text ?? null,
    rotateBytes: options.rotateBytes ?? null,
    rotateMs: options.rotateMs ?? null,
    ring: options.ring ?? null,
    describe: (iface) => group.nameOf(iface),
    serialize: () => reducer.serialize(),
    names: () => fileNames(model),
    ownerOf: (bytes, _view, offset, epoch, direction, atHigh, atLow) =>
      ownerOfPacket(model, bytes, offset, epoch, direction, model.clock.relative(atLow, atHigh)),
    ...(matches === null ? {} : { accepts: acceptsPacket(model, matches) }),
    ...(options.processComments === true ? { comment: processComments(model) } : {}),
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
async function finish(
  group: CaptureGroup,
  writer: Output,
  settle: Settle,
  beforeClose: () => void,
): Promise<RecordingEnd> {
  const early: HelperEnd | null = await Promise.race([group.ended, settle.begun.then(() => null)]);
  const end = early ?? (await group.stop());
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
