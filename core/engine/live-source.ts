/**
 * Live traffic of one or several network namespaces: their frames through the reducer, the timeline, the history and, while
 * recording, a session file. The history is a session without packets in a temporary file, so that the past of a live
 * view is the same replay as that of a recording.
 */
import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { arch, hostname, release, tmpdir, type as systemType } from 'node:os';
import { join } from 'node:path';
import { FRAME_PACKETS, FRAME_STATS } from '../abi/generated.ts';
import { FlowglassError } from '../errors.ts';
import { SampleListeners } from '../flight-recorder/sample-listeners.ts';
import type { FlowModel } from '../flow/model.ts';
import { NOTE_TRIGGERED, sendNote } from '../flow/note-records.ts';
import { Reducer, type Gap } from '../flow/reducer.ts';
import { type Replay, Session } from '../session/reader.ts';
import { SessionWriter } from '../session/writer.ts';
import { liveSummary, type SummarySource } from '../summary/source.ts';
import type { TimelineStore } from '../timeline/store.ts';
import type { FrameSink } from '../wire/frames.ts';
import { readStats, type LogLine } from '../wire/messages.ts';
import { CaptureGroup, type CaptureSource, type Rungs } from './capture-group.ts';
import { CgroupNames } from './cgroup-paths.ts';
import { tellHosts } from './hosts-names.ts';
import type { RemoteStart } from '../remote/remote-host.ts';
import type { FindingList } from './finding-facts.ts';
import type { Alerted } from './alert-desk.ts';
import type { Kept } from './flight-keeper.ts';
import type { Attached } from './interface-watch.ts';
import { LiveRecorder } from './live-recorder.ts';
import { TimelineObserver } from './observer.ts';
import { inspectPeeks } from '../names/peeks.ts';
import { gateProcesses } from './process-gate.ts';
import { REDUCERS } from './replay-source.ts';
import type { Ring, Source } from './source.ts';

/** Read-outs ten times a second, so that what is sent is seen within a tenth. */
const INTERVAL_MS = 100;
/** One file of the history; when it is full the past begins anew at that moment. */
const HISTORY_BYTES = 256 << 20;

export interface LiveOptions extends Rungs {
  application: string;
  sources: readonly CaptureSource[];
  /** The host that they are on; left out = this one. */
  remote?: RemoteStart;
  onLog: (line: LogLine) => void;
  /** One helper of several ended without being asked; the others go on. */
  onLeft?: (error: FlowglassError) => void;
  /** The last helper ended without being asked. */
  onEnd: (error: FlowglassError) => void;
}

interface Frozen {
  reducer: Reducer;
  atNs: number;
  /** Where it was read, to go on from there; null where only the state was copied. */
  past: { session: Session; replayed: Replay<Reducer> } | null;
}

export class LiveSource implements Source {
  readonly mode = 'live';
  readonly ours = true;
  readonly path = null;
  readonly truncated = false;
  readonly timeline: TimelineStore;
  readonly findings: FindingList;
  /** Of one core, over the last second, all helpers together; null before the first. */
  helperCpu: number | null = null;
  /** The host that is watched, when it is another one, and why it cannot be reached at the moment. */
  remote: { readonly name: string; readonly lost: string | null } | null = null;
  private readonly reducer = new Reducer();
  private readonly observer = new TimelineObserver(this.reducer.model);
  private readonly samples = new SampleListeners();
  /** Takes frames of the engine's own making. */
  private readonly frames: FrameSink = (type, bytes, view, offset, length) =>
    this.frame(type, bytes, view, offset, length);
  private readonly options: LiveOptions;
  private readonly cgroups = new CgroupNames();
  private readonly historyPath = join(tmpdir(), `flowglass-history-${randomUUID()}.pcapng`);
  private group: CaptureGroup | null = null;
  private history: SessionWriter | null = null;
  /** What is written of it. */
  readonly recorder: LiveRecorder;
  /** The state looked at while the cursor is not at the newest moment. */
  private frozen: Frozen | null = null;
  /** Counts what was asked for: a seek that is overtaken leaves everything as it is then. */
  private wish = 0;
  private pending: { type: number; bytes: Uint8Array }[] | null = [];
  private cpu = { ns: 0, atNs: 0 };
  private ended = false;

  private constructor(options: LiveOptions) {
    this.options = options;
    this.timeline = this.observer.store;
    this.observer.samples = this.samples;
    this.findings = this.observer.findings;
    this.recorder = new LiveRecorder({
      reducer: this.reducer,
      texts: this.texts(),
      sink: this.frames,
      capture: (on, snaplen) => this.group?.capture(on, snaplen),
      settleMs: 2 * INTERVAL_MS + 50,
    });
  }

  /** Starts the helpers and attaches. Throws FlowglassError; nothing is left attached then. */
  static async start(options: LiveOptions): Promise<LiveSource> {
    const source = new LiveSource(options);
    if (options.remote !== undefined) source.remote = { name: options.remote.host, lost: null };
    const onFrame = source.frames;
    const group = await CaptureGroup.start({
      ...options,
      hello: { intervalMs: INTERVAL_MS, flags: 0 },
      onFrame: inspectPeeks(gateProcesses(onFrame)),
      onConnection: (lost) =>
        (source.remote = options.remote === undefined ? null : { name: options.remote.host, lost }),
    });
    source.group = group;
    try {
      await group.attach();
      // Only this machine's names are known here.
      if (options.remote === undefined) tellHosts(onFrame);
      source.openHistory();
    } catch (error) {
      const end = await group.stop();
      rmSync(source.historyPath, { force: true });
      throw end.error ?? error;
    }
    void group.ended.then((end) => {
      if (!source.ended)
        options.onEnd(
          end.error ??
            new FlowglassError({
              code: 'helper-ended',
              what: 'the capture helper ended by itself',
              where: 'flowglass-helper',
              hint: 'attach again',
            }),
        );
    });
    return source;
  }

  get name(): string {
    return this.attached.map(({ name }) => name).join(', ');
  }
  /** What is watched or waited for. */
  get attached(): Attached[] {
    return this.group?.attached ?? [];
  }
  get model(): FlowModel {
    return this.frozen?.reducer.model ?? this.reducer.model;
  }
  get gaps(): readonly Gap[] {
    return this.reducer.gaps;
  }
  get startNs(): number {
    return 0;
  }
  get endNs(): number {
    return this.reducer.model.nowNs;
  }
  get cursorNs(): number {
    return this.frozen?.atNs ?? this.reducer.model.nowNs;
  }
  get following(): boolean {
    return this.frozen === null;
  }
  /** What the flight recorder needs of it. */
  get kept(): Kept {
    return {
      recorder: this.recorder,
      onSamples: (window) => this.samples.set('triggers', window),
      wallNs: (atNs) => this.reducer.model.clock.wallNs(atNs),
    };
  }
  /** What alerts look at: the newest moment, whatever the cursor is at. */
  get alerted(): Alerted {
    const { model } = this.reducer;
    return {
      summary: () => liveSummary(model, this.options.application),
      onSamples: (window) => this.samples.set('alerts', window),
      onMark: (text, atNs) => sendNote(this.frames, { kind: NOTE_TRIGGERED, bootNs: model.clock.bootNs(atNs), text }),
    };
  }
  /** Totals and losses at the newest moment, whatever is looked at. */
  get newest(): FlowModel {
    return this.reducer.model;
  }

  /** The whole state at the cursor, as a keyframe holds it. */
  state(): Uint8Array {
    return (this.frozen?.reducer ?? this.reducer).serialize();
  }

  /** Stops following: what is shown now stays, capturing goes on. */
  pause(): void {
    if (this.frozen) return;
    this.frozen = { reducer: Reducer.restore(this.reducer.serialize()), atNs: this.endNs, past: null };
  }

  follow(): void {
    this.wish++;
    this.thaw();
  }

  private thaw(): void {
    const { frozen } = this;
    this.frozen = null;
    void frozen?.past?.session.close();
  }

  /** Looks at a moment of the past, from the history file. */
  async seek(atNs: number): Promise<void> {
    const target = Math.min(this.endNs, Math.max(0, atNs));
    const bootNs = this.reducer.model.clock.bootNs(target);
    const wish = ++this.wish;
    const before = this.frozen?.past;
    const session = before && bootNs <= before.session.toNs ? before.session : await this.openPast();
    if (!session) return;
    const mine = session === before?.session ? null : session;
    try {
      const from = mine === null ? before?.replayed : undefined;
      const replayed = await session.replay(REDUCERS, bootNs < session.fromNs ? session.fromNs : bootNs, { from });
      if (wish !== this.wish) {
        await mine?.close();
        return;
      }
      if (mine !== null) this.thaw();
      const { reducer } = replayed;
      const startNs = reducer.model.clock.relativeOf(session.fromNs);
      this.frozen = { reducer, atNs: Math.max(target, startNs), past: { session, replayed } };
    } catch (error) {
      await mine?.close();
      // Following has closed what was being read.
      if (wish === this.wish) throw error;
    }
  }

  /** The history as far as it goes now; null before there is one. */
  private async openPast(): Promise<Session | null> {
    const { history } = this;
    if (!history) return null;
    const index = history.sync();
    return Session.open(history.files.at(-1) ?? this.historyPath, { index });
  }

  tick(): void {
    this.observer.settle();
    // Only this machine's control groups have names here.
    if (this.options.remote === undefined) this.cgroups.name(this.reducer, this.frames);
  }

  summary(): SummarySource {
    const summary = liveSummary(this.model, this.options.application);
    const host = this.options.remote?.host ?? summary.host;
    return { ...summary, host, durationNs: BigInt(Math.round(this.cursorNs)) };
  }

  get ring(): Ring | null {
    return this.recorder.flight?.ring ?? null;
  }

  /** Flows are in the history; packets only in a recording that is under way. */
  exported(packets: boolean): string | null {
    if (packets) return this.recorder.synced();
    this.history?.sync();
    return this.history?.files.at(-1) ?? null;
  }

  async close(): Promise<void> {
    this.ended = true;
    this.thaw();
    await this.group?.stop();
    this.recorder.close();
    const files = this.history?.close().files ?? [];
    for (const path of [...files, this.historyPath]) rmSync(path, { force: true });
  }

  private texts(): { application: string; os: string; hardware: string; host: string } {
    return {
      application: this.options.application,
      os: `${systemType()} ${release()}`,
      hardware: arch(),
      host: this.options.remote?.host ?? hostname(),
    };
  }

  private openHistory(): void {
    this.history = new SessionWriter({
      ...this.texts(),
      path: this.historyPath,
      snaplen: 0,
      packets: false,
      rotateBytes: HISTORY_BYTES,
      ring: 1,
      serialize: () => this.reducer.serialize(),
    });
    const pending = this.pending ?? [];
    this.pending = null;
    for (const { type, bytes } of pending)
      this.history.frame(type, bytes, new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0, bytes.length);
  }

  private frame(type: number, bytes: Uint8Array, view: DataView, offset: number, length: number): void {
    if (type !== FRAME_PACKETS) {
      this.reducer.apply(type, bytes, view, offset, length);
      if (this.pending) this.pending.push({ type, bytes: bytes.slice(offset, offset + length) });
      else this.history?.frame(type, bytes, view, offset, length);
    }
    this.recorder.frame(type, bytes, view, offset, length);
    if (type === FRAME_STATS) this.stats(view, offset);
  }

  private stats(view: DataView, offset: number): void {
    const { cpuNs, atNs } = readStats(view, offset);
    const [ns, at] = [Number(cpuNs), Number(atNs)];
    if (this.cpu.atNs > 0 && at > this.cpu.atNs) this.helperCpu = ((ns - this.cpu.ns) / (at - this.cpu.atNs)) * 100;
    this.cpu = { ns, atNs: at };
  }
}
