/**
 * The engine behind every viewer: one source at a time, one time cursor, one filter; each viewer has its own views. The
 * same in the desktop's utility process and in `flowglass serve`: only the ports differ.
 */
import { hostname, release } from 'node:os';
import { existsSync } from 'node:fs';
import type {
  Answers,
  CompletionAnswer,
  EngineMessage,
  FilterAnswer,
  FlowAnswer,
  HelloAnswer,
  InterfaceAnswer,
  NoticeEvent,
  RecentAnswer,
  StateEvent,
  StatsEvent,
  Trouble,
} from '../contract/answers.ts';
import { requestEnvelope, requests, type Method, type Params } from '../contract/requests.ts';
import { needleOf, PACKETS_FOUND_MAX } from '../contract/find.ts';
import { FlowglassError } from '../errors.ts';
import type { AlertAnswers } from '../contract/alerts.ts';
import type { ExportWish } from '../contract/exports.ts';
import type { RecordingAnswers } from '../contract/recording.ts';
import type { SessionAnswers } from '../contract/sessions.ts';
import { modelFields } from '../filter/adapter.ts';
import { applyFix, compile, complete, parse, type Expression, type FieldSpec } from '../filter/filter.ts';
import { highlight } from '../filter/highlight.ts';
import { refined } from '../filter/refine.ts';
import { TOTALS_EGRESS, TOTALS_FLOW_LOST, TOTALS_INGRESS, TOTALS_LOST_PACKETS } from '../flow/interfaces.ts';
import type { FlowModel } from '../flow/model.ts';
import { pathsOf } from '../flow/paths.ts';
import { AlertDesk, type AlertDeskOptions } from './alert-desk.ts';
import { completionAnswer } from './completion.ts';
import type { FlightKeeper } from './flight-keeper.ts';
import { flowAnswer } from './flow-answer.ts';
import { FlowWords } from './facts.ts';
import { FlowCache } from './flow-cache.ts';
import { FollowingSource, type FollowingOptions } from './following-source.ts';
import { openingForeign } from './foreign-source.ts';
import { finishedWithin, LoadingSource } from './loading-source.ts';
import { knowing, KnownThings, surroundingsOf, type Knowledge } from './knowledge.ts';
import { LiveSource } from './live-source.ts';
import type { Rungs } from './capture-group.ts';
import { captureSources, type SourceRequest } from './capture-sources.ts';
import { Exports, NO_EXPORTS, type ExportPlaces, type Exportable } from './exports.ts';
import { measure } from './measure.ts';
import type { EnginePort } from './port.ts';
import { RemoteSources, type RemoteWish } from './remote-sources.ts';
import type { RemoteHost } from '../remote/remote-host.ts';
import { sshHosts } from '../remote/ssh-config.ts';
import { ReplaySource, type OpeningOptions } from './replay-source.ts';
import type { Source } from './source.ts';
import { playedTo, rangeWithin, type TimeRange } from './time-range.ts';
import { flightKeeper, recordingHandlers, type RecordingHost } from './recording-requests.ts';
import { sessionHandlers } from './sessions/session-requests.ts';
import type { Moment } from './views/state.ts';
import { ViewServer } from './views/view-server.ts';
import type { NetworkInterface } from '../system/interfaces.ts';
import type { NetworkNamespace } from '../system/netns.ts';

/** What is not read by then is shown while the rest is read. */
const FIRST_SCREEN_MS = 600;
const TICK_MS = 100;
const STATS_MS = 500;
/** Values offered by completion, newest flows first. */
const VALUES_MAX = 2000;

/** What the engine needs of the machine; the desktop and `serve` give the same, tests may give less. */
export interface EngineOptions {
  version: string;
  /** Can live traffic be watched by this process, and what to do if not. */
  capture: () => HelloAnswer['capture'];
  interfaces: (namespace: NetworkNamespace | null) => NetworkInterface[];
  namespace: (name: string) => NetworkNamespace;
  container: (id: string) => NetworkNamespace;
  /** Recordings made and opened lately, and where new ones go. */
  recent: () => RecentAnswer[];
  opened: (path: string) => void;
  newRecording: () => string;
  /** Path of the demo session, null when it is not there. */
  demo: string | null;
  /** Where exports may go; nowhere but to be fetched when left out. */
  exports?: ExportPlaces;
  /** Databases of networks that the command line named; the page may name others. */
  knowledge?: Knowledge;
  /** Where new recordings go, and where the list of them remembers what is in each. */
  recordings?: { folder: () => string; memory: string };
  /** Where the flight recorder keeps what just happened; without one nothing is kept. */
  flightFolder?: string;
  /** Rules for alerts: a file that the user named; null = the one of his configuration; left out = none. */
  alerts?: string | null;
}

interface Viewer {
  port: EnginePort;
  views: ViewServer;
  /** The state it was told last, as JSON. */
  state: string;
}

type Handlers = { [M in Method]: (viewer: Viewer, params: Params<M>) => Promise<Answers[M]> | Answers[M] };

/** It does not keep up: it gets the newest state and figures once it does again, so nothing piles up meanwhile. */
const behind = ({ port, views }: Viewer): boolean => port.congested || views.stalled;

export class Engine {
  private readonly options: EngineOptions;
  private readonly viewers = new Set<Viewer>();
  private source: Source | null = null;
  private mode: StateEvent['mode'] = 'idle';
  private opening: { abort: AbortController; done: number; total: number; name: string } | null = null;
  private filterText = '';
  private filterAst: Expression | null = null;
  private matching = 0;
  private playing = false;
  private rate = 1;
  private range: TimeRange | null = null;
  private moment: Moment | null = null;
  private momentOf: FlowModel | null = null;
  /** `foldings` of the model then: rows of flows are others afterwards. */
  private momentFoldings = 0;
  private lastStatsMs = 0;
  private lastTickMs = 0;
  private refreshedMs = 0;
  private costMs = 0;
  private seeking: Promise<void> = Promise.resolve();
  private wanted: number | null = null;
  private readonly timer: NodeJS.Timeout;
  private previous = { packets: 0, bytes: 0, atNs: 0 };
  private rates = { packets: 0, bits: 0 };

  private readonly remotes = new RemoteSources();
  readonly exports: Exports;
  private readonly known: KnownThings;
  private readonly flight: FlightKeeper | null;
  private readonly alerts: AlertDesk;
  private readonly handlers: Handlers;

  constructor(options: EngineOptions) {
    this.options = options;
    this.known = new KnownThings(options.knowledge, (error) => this.notice('warning', error));
    const host: RecordingHost = {
      live: () => this.live(),
      newRecording: options.newRecording,
      opened: options.opened,
      announce: () => this.announce(),
      notice: (level, error) => this.notice(level, error),
      values: (field) => this.valuesOf(field),
      folder: options.flightFolder ?? null,
    };
    this.flight = flightKeeper(host);
    this.alerts = new AlertDesk(this.alertOptions());
    this.handlers = {
      ...this.ownHandlers,
      ...recordingHandlers(host, this.flight),
      ...this.sessions(),
      ...this.alerts.handlers,
    };
    this.exports = new Exports(options.exports ?? NO_EXPORTS, options.version, () => this.announce());
    this.timer = setInterval(() => this.tick(), TICK_MS);
  }

  private sessions(): ReturnType<typeof sessionHandlers> {
    const { recordings, recent, opened } = this.options;
    return sessionHandlers({
      recordingsFolder: () => recordings?.folder() ?? '',
      recentPaths: () => recent().map(({ path }) => path),
      opened,
      useOf: (path) => {
        const recording = this.source instanceof LiveSource ? this.source.recorder.recording : null;
        return recording?.path === path ? 'recorded' : this.source?.path === path ? 'open' : null;
      },
      memory: recordings?.memory ?? null,
    });
  }

  private alertOptions(): AlertDeskOptions {
    const { version, alerts, flightFolder } = this.options;
    const tell = (code: string, level: NoticeEvent['level'], what: string, hint: string): boolean => {
      this.notice(level, new FlowglassError({ code, what, where: '', hint }));
      return this.viewers.size > 0;
    };
    return {
      application: `Flowglass ${version}`,
      path: alerts,
      folder: flightFolder ?? null,
      knowledge: () => this.known.knowledge,
      show: ({ text, severity, event }) =>
        tell('alert', severity === 'info' || event === 'end' ? 'info' : 'warning', text, ''),
      warn: (text) => void tell('alerts', 'warning', text, 'see Settings, Alerts'),
    };
  }

  /** Adds a viewer; it is gone when its port closes. */
  connect(port: EnginePort): void {
    const viewer = { port, views: new ViewServer(port), state: '' };
    this.viewers.add(viewer);
    port.onClose(() => this.viewers.delete(viewer));
    port.onRequest((message) => void this.receive(viewer, message));
    this.announce();
  }

  /** Opens a file before anybody is there, as the command line names it. Throws FlowglassError. */
  async open(path: string): Promise<void> {
    await this.openFile(path);
  }

  /** Reads a capture while it is being written: a growing file, or `input` under the name `-`. */
  async follow(path: string, input?: AsyncIterable<Uint8Array>): Promise<FollowingSource> {
    await this.leave();
    return this.followNow(path, input === undefined ? {} : { input });
  }

  private followNow(path: string, from: Pick<FollowingOptions, 'input' | 'title'>): FollowingSource {
    const source: FollowingSource = new FollowingSource({
      path,
      ...from,
      clock: clockText,
      onEnd: (error) => {
        if (error !== null) this.notice('error', error);
        if (this.source === source) this.refresh();
      },
    });
    this.use(source, 'replay');
    return source;
  }

  /** Watches live traffic before anybody is there. Throws FlowglassError. */
  async attach(request: SourceRequest, rungs: Rungs = {}, remote: RemoteWish | null = null): Promise<void> {
    await this.startLive(request, rungs, remote);
  }

  /** Ends the source and all viewers. */
  async close(): Promise<void> {
    clearInterval(this.timer);
    await this.alerts.close();
    for (const { port } of this.viewers) port.close();
    this.exports.close();
    await this.leave();
    await this.remotes.forget();
  }

  // ---- requests -----------------------------------------------------------------------------------------------------

  private async receive(viewer: Viewer, message: unknown): Promise<void> {
    const envelope = requestEnvelope.safeParse(message);
    if (!envelope.success) {
      viewer.port.close();
      return;
    }
    const { id, method, params } = envelope.data;
    try {
      if (!Object.hasOwn(requests, method))
        throw new FlowglassError({
          code: 'unknown-request',
          what: 'unknown request',
          where: method.slice(0, 32),
          hint: 'page and engine are of different versions: reload the page',
        });
      const name = method as Method;
      const parsed = requests[name].safeParse(params);
      if (!parsed.success)
        throw new FlowglassError({
          code: 'bad-request',
          what: 'a request was not valid',
          where: `${name}: ${parsed.error.issues[0]?.path.join('.') ?? ''}`,
          hint: 'reload the page',
        });
      const result = await (this.handlers[name] as (viewer: Viewer, params: never) => unknown)(
        viewer,
        parsed.data as never,
      );
      viewer.port.send({ id, result } as EngineMessage);
    } catch (error) {
      viewer.port.send({ id, error: troubleFrom(error) });
    }
  }

  private readonly ownHandlers: Omit<Handlers, keyof RecordingAnswers | keyof SessionAnswers | keyof AlertAnswers> = {
    hello: () => this.hello(),
    interfaces: () => this.options.interfaces(null).map(interfaceAnswer),
    attach: async (_viewer, params) => {
      await this.startLive(params, {}, params.host === null ? null : { host: params.host, tcpdump: params.tcpdump });
      return null;
    },
    hosts: () => sshHosts(),
    hostConnect: async (_viewer, { host }) => {
      const { host: name, interfaces, helperMissing, hasTcpdump } = await this.remotes.connect(host);
      const problem = helperMissing === null ? null : troubleFrom(helperMissing);
      return { name, interfaces: interfaces.map(interfaceAnswer), problem, tcpdump: hasTcpdump };
    },
    hostForget: async () => {
      await this.remotes.forget();
      return null;
    },
    detach: async () => {
      await this.leave();
      this.announce();
      return null;
    },
    open: async (_viewer, { path }) => {
      await this.openFile(path);
      return null;
    },
    openDemo: async () => {
      if (this.options.demo === null || !existsSync(this.options.demo))
        throw new FlowglassError({
          code: 'no-demo',
          what: 'the demo session is not there',
          where: this.options.demo ?? 'demo',
          hint: 'run npm run demo',
        });
      await this.openFile(this.options.demo);
      return null;
    },
    recent: () => this.options.recent(),
    stopReading: () => {
      if (this.source instanceof LoadingSource) this.source.stop();
      return null;
    },
    close: async () => {
      this.opening?.abort.abort();
      await this.leave();
      this.announce();
      return null;
    },
    play: (_viewer, { rate }) => {
      const source = this.current();
      // Of a live source the past is played; where it is followed, that is what is asked for.
      if (source.mode === 'live' && source.following) return this.refresh();
      if (source instanceof FollowingSource && !source.ended && source.cursorNs >= source.endNs) {
        source.follow();
        return this.refresh();
      }
      this.rate = rate;
      this.playing = true;
      if (source.mode === 'replay' && source.cursorNs >= source.endNs) this.seekTo(source.startNs);
      const { range } = this;
      if (range && (source.cursorNs < range.fromNs || source.cursorNs >= range.toNs)) this.seekTo(range.fromNs);
      return this.refresh();
    },
    pause: async () => {
      await this.current().pause?.();
      this.playing = false;
      return this.refresh();
    },
    seek: async (_viewer, { atNs }) => {
      this.current();
      this.seekTo(atNs);
      await this.seeking;
      return this.refresh();
    },
    range: (_viewer, { range }) => {
      const source = this.current();
      this.range = range === null ? null : rangeWithin(range, source.startNs, source.endNs);
      this.momentOf = null;
      return this.refresh();
    },
    live: () => {
      const source = this.current();
      this.playing = false;
      if (source.follow) source.follow();
      else this.live().follow();
      return this.refresh();
    },
    trouble: async (_viewer, { direction }) => {
      const source = this.current();
      const { marks } = source.timeline;
      const from = source.timeline.markFrom(source.cursorNs + (direction === 'next' ? 1 : 0));
      const mark = direction === 'next' ? marks[from] : marks[from - 1];
      if (!mark) return null;
      this.playing = false;
      this.seekTo(mark.atNs);
      await this.seeking;
      this.refresh();
      return { atNs: mark.atNs };
    },
    filter: (_viewer, { text }) => this.setFilter(text),
    refine: (_viewer, { text, condition, hide }) => refined(text, condition, hide),
    databases: (_viewer, { paths }) => {
      const answer = this.known.open(paths);
      this.momentOf = null;
      return answer;
    },
    labels: (_viewer, { text }) => {
      const answer = this.known.label(text);
      this.momentOf = null;
      return answer;
    },
    highlight: (_viewer, { text }) => highlight(text),
    complete: (_viewer, { text, cursor }) => this.complete(text, cursor),
    flow: (_viewer, { flow }) => this.flow(flow),
    packets: (_viewer, { flow, from, count }) => {
      const { model, packets } = this.current();
      const row = model.flows.rowOf(flow);
      return packets && row >= 0 ? packets.list(model, row, from, count) : { total: 0, rows: [] };
    },
    packetFind: async (_viewer, { flow, typed, as, caseless }) => {
      const { model, packets } = this.current();
      const row = model.flows.rowOf(flow);
      const needle = needleOf(typed, as, caseless);
      const places = packets && row >= 0 && needle ? await packets.find(model, row, needle, PACKETS_FOUND_MAX) : [];
      return { places, most: places.length >= PACKETS_FOUND_MAX };
    },
    measure: (_viewer, params) => measure(this.current(), params),
    stream: (_viewer, { flow }) => {
      const { model, packets } = this.current();
      const row = model.flows.rowOf(flow);
      return packets && row >= 0 ? packets.stream(model, row) : { ordered: true, pieces: [], truncated: false };
    },
    packet: async (_viewer, { packet }) => {
      try {
        return (await this.current().packets?.one(packet)) ?? null;
      } catch (error) {
        if (error instanceof RangeError) return null;
        throw error;
      }
    },
    exportLook: (_viewer, { wish }) => this.exports.look(this.exportable(wish)),
    exportStart: (_viewer, { wish, path }) => this.exports.start(this.exportable(wish), path),
    exportCancel: () => {
      this.exports.cancel();
      return null;
    },
    wireshark: async (_viewer, { wish }) => {
      await this.exports.openInWireshark(this.exportable(wish));
      return null;
    },
    viewOpen: (viewer, { view, params }) => {
      viewer.views.open(view, params);
      return null;
    },
    viewClose: (viewer, { view }) => {
      viewer.views.close(view);
      return null;
    },
    viewAck: (viewer, { view, version }) => {
      viewer.views.acknowledge(view, version);
      return null;
    },
    visible: (viewer, { visible }) => {
      viewer.views.visible = visible;
      return null;
    },
  };

  private hello(): HelloAnswer {
    return {
      version: this.options.version,
      host: hostname(),
      kernel: release(),
      capture: this.options.capture(),
      btf: existsSync('/sys/kernel/btf/vmlinux'),
      demo: this.options.demo !== null && existsSync(this.options.demo),
      wireshark: this.exports.wireshark,
      paths: this.exports.paths,
    };
  }

  private current(): Source {
    if (!this.source)
      throw new FlowglassError({
        code: 'no-source',
        what: 'nothing is being watched and no file is open',
        where: 'start screen',
        hint: 'attach to an interface or open a recording',
      });
    return this.source;
  }

  private exportable(wish: ExportWish): Exportable {
    const source = this.current();
    return { wish, source, filter: this.filterAst, range: this.range, knowledge: this.known.knowledge };
  }

  private live(): LiveSource {
    const source = this.current();
    if (!(source instanceof LiveSource))
      throw new FlowglassError({
        code: 'not-live',
        what: 'this is a recording',
        where: source.name,
        hint: 'attach to an interface first',
      });
    return source;
  }

  // ---- sources ------------------------------------------------------------------------------------------------------

  private async startLive(request: SourceRequest, rungs: Rungs = {}, wish: RemoteWish | null = null): Promise<void> {
    const remote = wish === null ? null : await this.remotes.connect(wish.host);
    const sources = remote === null ? captureSources(request, this.options) : this.remotes.sources(remote, request, this.options); // prettier-ignore
    await this.leave(remote);
    this.mode = 'attaching';
    this.announce();
    try {
      if (remote !== null && wish?.tcpdump === true) {
        this.followNow('-', await this.remotes.packets(remote, sources));
        return;
      }
      if (remote !== null) {
        this.remotes.use(remote);
        await remote.bring();
      }
      const live = await LiveSource.start({
        application: `Flowglass ${this.options.version}`,
        sources,
        ...rungs,
        ...(remote === null ? {} : { remote }),
        onLog: () => undefined,
        onLeft: (error) => this.notice('warning', error),
        onEnd: (error) => {
          this.notice('error', error);
          void this.leave().then(() => this.announce());
        },
      });
      this.use(live, 'live');
      this.flight?.attach(live.kept);
      this.alerts.attach(live.alerted);
    } catch (error) {
      this.mode = 'idle';
      this.announce();
      throw error;
    }
  }

  private async openFile(path: string): Promise<void> {
    this.opening?.abort.abort();
    const abort = new AbortController();
    const opening = { abort, done: 0, total: 0, name: path.split('/').pop() ?? path };
    await this.leave();
    this.opening = opening;
    this.mode = 'opening';
    this.announce();
    const options: OpeningOptions = {
      signal: abort.signal,
      progress: (done, total) => {
        opening.done = done;
        opening.total = total;
      },
      clock: clockText,
    };
    try {
      const opened = (await ReplaySource.open(path, options)) ?? (await openingForeign(path, options));
      const source = opened instanceof LoadingSource ? await finishedWithin(opened, FIRST_SCREEN_MS) : opened;
      if (this.opening !== opening) {
        await source.close();
        return;
      }
      this.options.opened(path);
      this.use(source, 'replay');
      if (source instanceof LoadingSource) {
        void this.finishLoading(source, opening);
        return;
      }
      this.opening = null;
      this.warnOfDamage(source);
      this.announce();
    } catch (error) {
      if (this.opening === opening) {
        this.opening = null;
        this.mode = 'idle';
        this.announce();
      }
      if (abort.signal.aborted) return;
      throw error;
    }
  }

  /** What was read so far is shown; the finished source takes its place, with the same model. */
  private async finishLoading(loading: LoadingSource, opening: Engine['opening']): Promise<void> {
    try {
      const source = await loading.done;
      if (this.source === loading) {
        this.source = source;
        this.momentOf = null;
        this.warnOfDamage(source);
      }
    } catch (error) {
      if (this.source === loading) {
        await this.leave();
        this.notice('error', error);
      }
    }
    if (this.opening === opening) this.opening = null;
    this.refresh();
    this.announce();
  }

  private warnOfDamage({ damage, name: where }: Source): void {
    if (damage === null || damage === undefined) return;
    this.notice(
      'warning',
      new FlowglassError({ code: 'damaged-file', what: damage, where, hint: 'what is whole is shown' }),
    );
  }

  private use(source: Source, mode: 'live' | 'replay'): void {
    this.source = source;
    this.mode = mode;
    this.playing = false;
    this.rate = 1;
    this.range = null;
    this.previous = { packets: 0, bytes: 0, atNs: 0 };
    this.rates = { packets: 0, bits: 0 };
    this.momentOf = null;
    for (const { views } of this.viewers) views.restart();
    this.refresh();
  }

  /** Ends what is watched or open; the connection to `stays` is kept. */
  private async leave(stays: RemoteHost | null = null): Promise<void> {
    const { source } = this;
    this.source = null;
    this.moment = null;
    this.momentOf = null;
    if (this.mode !== 'opening') this.mode = 'idle';
    if (source) {
      await this.seeking;
      await this.flight?.detach();
      this.alerts.detach();
      await source.close();
    }
    await this.remotes.left(stays);
  }

  /** Moves the cursor; only the newest of several wishes is carried out. */
  private seekTo(atNs: number): void {
    this.wanted = atNs;
    this.seeking = this.seeking.then(async () => {
      const target = this.wanted;
      this.wanted = null;
      if (target === null || !this.source) return;
      try {
        await this.source.seek(target);
      } catch (error) {
        this.playing = false;
        this.notice('error', error);
      }
    });
  }

  // ---- time ---------------------------------------------------------------------------------------------------------

  private tick(): void {
    const now = performance.now();
    const elapsedMs = this.lastTickMs === 0 ? TICK_MS : now - this.lastTickMs;
    this.lastTickMs = now;
    const { source } = this;
    source?.tick();
    this.alerts.look();
    if (source && this.playing) {
      const next = playedTo(source.cursorNs, Math.min(elapsedMs, 500) * 1e6 * this.rate, this.range);
      if (source.cursorNs >= source.endNs || (source.follow && next >= source.endNs)) {
        this.playing = false;
        source.follow?.();
      } else this.seekTo(next);
    }
    // Views take a quarter of the time at most: with very many flows they come less often.
    if (now - this.refreshedMs >= this.costMs * 3) {
      this.refreshedMs = now;
      this.refresh();
    }
    if (now - this.lastStatsMs >= STATS_MS) {
      this.lastStatsMs = now;
      const stats = this.stats();
      if (stats)
        for (const viewer of this.viewers) if (!behind(viewer)) viewer.port.send({ event: 'stats', data: stats });
    }
  }

  /** Works the moment out and sends what changed of it. */
  private refresh(): null {
    const moment = this.watched() ? this.makeMoment() : null;
    if (moment) {
      moment.cache.update();
      this.matching = moment.cache.matching;
      const now = performance.now();
      for (const { views } of this.viewers) views.update(moment, now);
      this.costMs = performance.now() - now;
    }
    this.announce();
    return null;
  }

  /** Somebody looks: with every page hidden or gone nothing is worked out. */
  private watched(): boolean {
    for (const { views } of this.viewers) if (views.visible) return true;
    return false;
  }

  private makeMoment(): Moment | null {
    const { source } = this;
    if (!source) return null;
    const { model } = source;
    if (this.momentOf !== model || this.momentFoldings !== model.foldings || !this.moment) {
      this.momentOf = model;
      this.momentFoldings = model.foldings;
      const surroundings = surroundingsOf(model, this.known.knowledge);
      const words = new FlowWords(model, surroundings);
      const predicate = this.filterAst ? compile(this.filterAst, modelFields(model, surroundings)) : null;
      this.moment = {
        model,
        words,
        cache: new FlowCache(model, words, predicate, this.activeInRange(source)),
        timeline: source.timeline,
        gaps: source.gaps,
        findings: source.findings,
        startNs: 0,
        endNs: 0,
        cursorNs: 0,
        filtered: predicate !== null,
        narrowed: predicate !== null || this.range !== null,
      };
    }
    const { moment } = this;
    moment.startNs = source.startNs;
    moment.endNs = source.endNs;
    moment.cursorNs = source.cursorNs;
    return moment;
  }

  /** Tells whether a flow did anything in the chosen range; null without one. */
  private activeInRange({ timeline, model }: Source): ((flow: number) => boolean) | null {
    const { range } = this;
    return range && ((flow) => timeline.activeIn(model.flows.id.data[flow]!, range.fromNs, range.toNs));
  }

  // ---- what is told -------------------------------------------------------------------------------------------------

  private state(): StateEvent {
    const { source } = this;
    const live = source instanceof LiveSource ? source : null;
    const epochNs = source?.model.clock.wallNs(0) ?? 0n;
    return {
      mode: this.mode,
      source: source
        ? { name: source.name, path: source.path, ours: source.ours }
        : this.opening
          ? { name: this.opening.name, path: null, ours: false }
          : null,
      attached: live?.attached ?? [],
      remote: live?.remote ?? null,
      recording: live?.recorder.recording ?? null,
      flight: this.flight?.state ?? null,
      opening: this.opening ? { done: this.opening.done, total: this.opening.total } : null,
      exporting: this.exports.exporting,
      clock: {
        epochNs: String(epochNs),
        startNs: source?.startNs ?? 0,
        endNs: source?.endNs ?? 0,
        cursorNs: source?.cursorNs ?? 0,
        following: source?.following ?? true,
        playing: this.playing,
        rate: this.rate,
      },
      flows: source ? source.model.flows.rows.count - pathsOf(source.model).hidden : 0,
      folded: source?.model.folded.total ?? 0,
      matching: source ? this.matching : 0,
      filter: this.filterText,
      range: this.range,
      troubles: source?.timeline.marks.length ?? 0,
      findings: source?.findings.count ?? 0,
      activeFindings: source?.findings.active(source.endNs) ?? 0,
      truncated: source?.truncated ?? false,
      damage: source?.damage ?? null,
    };
  }

  /** Sends the state to whoever was told another one. */
  private announce(): void {
    if (this.viewers.size === 0) return;
    const data = this.state();
    const text = JSON.stringify(data);
    for (const viewer of this.viewers) {
      if (text === viewer.state || behind(viewer)) continue;
      viewer.state = text;
      viewer.port.send({ event: 'state', data });
    }
  }

  private stats(): StatsEvent | null {
    const { source } = this;
    if (!source) return null;
    const model = source instanceof LiveSource && source.following ? source.newest : source.model;
    let packets = 0;
    let bytes = 0;
    let lostPackets = 0;
    let lostFlowPackets = 0;
    for (const { iface } of model.interfaces.list) {
      packets += model.interfaces.total(iface, TOTALS_INGRESS) + model.interfaces.total(iface, TOTALS_EGRESS);
      bytes += model.interfaces.total(iface, TOTALS_INGRESS + 1) + model.interfaces.total(iface, TOTALS_EGRESS + 1);
      lostPackets += model.interfaces.total(iface, TOTALS_LOST_PACKETS);
      lostFlowPackets += model.interfaces.total(iface, TOTALS_FLOW_LOST);
    }
    const seconds = (source.cursorNs - this.previous.atNs) / 1e9;
    if (seconds < 0) this.rates = { packets: 0, bits: 0 };
    else if (seconds >= 0.4)
      this.rates = {
        packets: Math.max(0, packets - this.previous.packets) / seconds,
        bits: (Math.max(0, bytes - this.previous.bytes) * 8) / seconds,
      };
    if (seconds < 0 || seconds >= 0.4) this.previous = { packets, bytes, atNs: source.cursorNs };
    return {
      packetsPerSecond: this.rates.packets,
      bitsPerSecond: this.rates.bits,
      packets,
      bytes,
      lostEvents: model.lostEvents + model.lostStates,
      lostPackets,
      lostFlowPackets,
      helperCpu: source instanceof LiveSource ? source.helperCpu : null,
    };
  }

  private notice(level: NoticeEvent['level'], error: unknown): void {
    const message = { event: 'notice', data: { level, ...troubleFrom(error) } } as const;
    for (const { port } of this.viewers) port.send(message);
  }

  // ---- filter and details -------------------------------------------------------------------------------------------

  /** Chooses what is shown; the answer says what is wrong with it. */
  setFilter(text: string): FilterAnswer {
    if (text.trim() === '') {
      this.filterAst = null;
      this.filterText = '';
    } else {
      const result = parse(text);
      if (!result.ok) {
        const { start, end, message } = result.problem;
        return { ok: false, position: start, length: end - start, message, fix: applyFix(text, result.problem) };
      }
      this.filterAst = result.ast;
      this.filterText = text;
    }
    this.momentOf = null;
    this.refresh();
    return { ok: true, matching: this.matching, total: this.moment?.cache.total ?? 0 };
  }

  private complete(text: string, cursor: number): CompletionAnswer {
    return completionAnswer(
      complete(text, cursor, (field) => this.valuesOf(field)),
      cursor,
    );
  }

  /** Values that the newest flows have for a field. */
  private *valuesOf(field: FieldSpec): Iterable<string> {
    const { moment } = this;
    if (!moment) return;
    const { model, words } = moment;
    if (field.name === 'label') yield* this.known.knowledge.labels.map(({ label }) => label);
    for (let flow = model.flows.rows.count - 1, seen = 0; flow >= 0 && seen < VALUES_MAX; flow--, seen++) {
      const at = words.read(flow);
      if (field.name.endsWith('process.name') && at.processName !== null) yield at.processName;
      else if (field.name.endsWith('process.pid') && at.pid > 0) yield String(at.pid);
      else if (field.name.endsWith('.addr')) yield at.peerAddress;
      else if (field.name.endsWith('port') && at.peerPort > 0) yield String(at.peerPort);
      else if (field.name.endsWith('.name') && at.peerName !== null) yield at.peerName;
      else if (field.name === 'interface') yield model.interfaces.get(model.flows.ifaceOf(flow))?.name ?? '';
    }
  }

  private flow(flow: number): FlowAnswer | null {
    const source = this.current();
    const moment = this.makeMoment();
    const row = source.model.flows.rowOf(flow);
    return moment && row >= 0
      ? flowAnswer(knowing(source.summary(), moment.words.surroundings), row, moment.words)
      : null;
  }
}

/** HH:MM:SS.nnn nnn of this machine's zone, for packet lists. */
function clockText(model: FlowModel, atNs: number): string {
  const wallNs = model.clock.wallNs(atNs);
  if (wallNs === null) return '–';
  const date = new Date(Number(wallNs / 1_000_000n));
  const two = (n: number): string => String(n).padStart(2, '0');
  const micros = String((wallNs / 1000n) % 1_000_000n).padStart(6, '0');
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${micros.slice(0, 3)} ${micros.slice(3)}`;
}

/** A failure as the page shows it; a bug of ours becomes one sentence too. */
export function troubleFrom(error: unknown): Trouble {
  if (error instanceof FlowglassError)
    return { code: error.code, what: error.what, where: error.where || null, hint: error.hint || null };
  const what = error instanceof Error ? (error.message.split('\n')[0] ?? 'internal error') : 'internal error';
  return {
    code: 'internal',
    what: `internal error (${what})`,
    where: null,
    hint: 'reload the page, and report what it says',
  };
}

const KINDS: Readonly<Record<string, InterfaceAnswer['kind']>> = {
  ethernet: 'ethernet',
  wifi: 'wifi',
  loopback: 'loopback',
  bridge: 'bridge',
  veth: 'veth',
  tun: 'tunnel',
  wireguard: 'tunnel',
  ipip: 'tunnel',
  sit: 'tunnel',
  gre: 'tunnel',
  vxlan: 'tunnel',
};
const DETAILS: Readonly<Record<InterfaceAnswer['kind'], string>> = {
  ethernet: 'Ethernet',
  wifi: 'Wi-Fi',
  loopback: 'this machine only',
  bridge: 'bridge',
  veth: 'virtual pair',
  tunnel: 'tunnel',
  other: 'other device',
};

function interfaceAnswer(face: NetworkInterface): InterfaceAnswer {
  const kind = KINDS[face.kind] ?? 'other';
  return {
    name: face.name,
    index: face.index,
    kind,
    detail: kind === 'other' || kind === 'tunnel' ? face.kind : DETAILS[kind],
    addresses: [...face.addresses],
    driver: face.driver,
    mtu: face.mtu,
    up: face.up,
    speedBps: face.speedBps,
    attach: { rung: face.attach.ingress, reason: face.attach.reason },
    rxBytes: face.rxBytes,
    txBytes: face.txBytes,
    rxPackets: face.rxPackets,
    txPackets: face.txPackets,
  };
}
