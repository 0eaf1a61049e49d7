/**
 * An engine without a machine: serves the built page and speaks the contract over a WebSocket on loopback, with the
 * data of fake-world.ts. For tests and pictures of the interface only; no guard, no privilege, no capture.
 */
import { createReadStream, existsSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { WebSocketServer, type WebSocket } from 'ws';
import type { NoticeEvent, StateEvent, StatsEvent } from '../../core/contract/answers.ts';
import { requestEnvelope, requests, type Method, type Params, type ViewParams } from '../../core/contract/requests.ts';
import { VIEW_TABLES } from '../../core/contract/tables.ts';
import { diffRows, encodeView, RowSet, StringInterner } from '../../core/contract/view-codec.ts';
import type { ExportDone, ExportWish } from '../../core/contract/exports.ts';
import {
  completionOf,
  exportLook,
  filterOf,
  flowAnswer,
  hostAnswer,
  interfaces,
  packetAnswer,
  packetRow,
  recent,
  streamAnswer,
} from './fake-answers.ts';
import { FakeAlerts } from './fake-alerts.ts';
import { fakeFlight, flightAnswer } from './fake-flight.ts';
import { highlight } from '../../core/filter/highlight.ts';
import { fakeFacts, fakeSessions } from './fake-sessions.ts';
import { refined } from '../../core/filter/refine.ts';
import { fillTrouble, findingsOf } from './fake-trouble.ts';
import { fillGraph, fillOverview, fillTable, fillTimeline, type FakeMoment } from './fake-views.ts';
import { makeWorld, rateAt, type FakeFlow, type World } from './fake-world.ts';

export const SCENARIOS = ['start', 'permission', 'opening', 'live', 'quiet', 'lost', 'replay', 'empty-replay', 'cut', 'hostile'] as const; // prettier-ignore
export type Scenario = (typeof SCENARIOS)[number];

export interface FakeOptions {
  scenario: Scenario;
  /** Folder of the built page. */
  page: string;
  port?: number;
  /** The clock stands still: pictures are the same each time. */
  still?: boolean;
  /** Rows of another machine in place of the invented one, for benches; `tick` counts the updates. */
  fill?: (params: ViewParams, tables: RowSet[], strings: StringInterner, tick: number) => void;
}

interface OpenView {
  params: ViewParams;
  sent: RowSet[];
  next: RowSet[];
  version: number;
  acknowledged: number;
}

interface Viewer {
  socket: WebSocket;
  strings: StringInterner;
  views: Map<number, OpenView>;
  visible: boolean;
}

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.woff2': 'font/woff2',
  '.svg': 'image/svg+xml',
};
/** 2026-11-24 12:00:00 UTC. */
const EPOCH_S = 1_795_521_600;
const PERIOD_MS = 100;
const REPLAY_S = 604;
/** Seconds of history a live source starts with. */
const LIVE_S = 95;

export class FakeEngine {
  /** Every request seen, newest last. */
  readonly log: { method: string; params: unknown }[] = [];
  url = '';
  world: World;
  state: StateEvent;
  readonly alerts = new FakeAlerts();
  capture = { possible: true, reason: null as string | null, command: null as string | null, installable: false };
  private readonly viewers = new Set<Viewer>();
  private readonly options: FakeOptions;
  private readonly server: Server;
  private readonly sockets = new WebSocketServer({ noServer: true });
  private matches: ((flow: FakeFlow) => boolean) | null = null;
  private refusing = false;
  private timer: NodeJS.Timeout | null = null;
  private ticks = 0;
  private last = performance.now();

  constructor(options: FakeOptions) {
    this.options = options;
    this.world = makeWorld({ slow: [[71, 92]], inboundPeers: 180 });
    this.state = this.idle();
    this.server = createServer((request, response) => {
      const path = new URL(request.url ?? '/', 'http://localhost').pathname;
      if (request.method === 'POST' && path === '/upload') {
        request.resume().on('end', () => response.end(JSON.stringify({ path: '/tmp/dropped.pcapng' })));
        return;
      }
      const file = join(options.page, normalize(path === '/' ? '/index.html' : path));
      const type = TYPES[extname(file)];
      if (!type || !file.startsWith(options.page) || !existsSync(file)) {
        response.writeHead(404).end('not found');
        return;
      }
      response.writeHead(200, { 'Content-Type': type, 'Cache-Control': 'no-store' });
      createReadStream(file).pipe(response);
    });
    this.server.on('upgrade', (request, socket, head) => {
      if (this.refusing) socket.destroy();
      else this.sockets.handleUpgrade(request, socket, head, (ws) => this.join(ws));
    });
    this.setScenario(options.scenario);
  }

  async start(): Promise<this> {
    await new Promise<void>((done) => this.server.listen(this.options.port ?? 0, '127.0.0.1', done));
    const address = this.server.address();
    this.url = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}/`;
    this.timer = setInterval(() => this.tick(), PERIOD_MS);
    return this;
  }

  async stop(): Promise<void> {
    if (this.timer) clearInterval(this.timer);
    for (const { socket } of this.viewers) socket.terminate();
    this.server.closeAllConnections();
    await new Promise<void>((done) => this.server.close(() => done()));
  }

  setScenario(scenario: Scenario): void {
    const hostile = scenario === 'hostile';
    this.capture = { possible: true, reason: null, command: null, installable: false };
    this.matches = null;
    if (scenario === 'start') this.state = this.idle();
    else if (scenario === 'permission') {
      this.state = this.idle();
      this.capture = {
        possible: false,
        reason: 'Flowglass runs as ada, and the kernel lets only root load the programs that watch.',
        command: 'sudo flowglass serve',
        installable: true,
      };
    } else if (scenario === 'opening') {
      this.state = { ...this.idle(), mode: 'opening', source: { name: 'nightly-backup.pcapng', path: '/var/lib/flowglass/nightly-backup.pcapng', ours: true }, opening: { done: 1.62e9, total: 4.02e9 } }; // prettier-ignore
    } else if (scenario === 'replay' || scenario === 'cut' || scenario === 'empty-replay') {
      this.openReplay(scenario);
    } else {
      this.goLive(['eth0', 'docker0']);
      this.world = makeWorld({ slow: [[71, 92], [131, 143], [191, 203]], inboundPeers: scenario === 'quiet' ? 0 : 180, hostile }); // prettier-ignore
      if (scenario === 'quiet') this.world.flows = [];
      if (scenario === 'quiet') this.world.marks = [];
      if (scenario === 'lost') this.world.gaps = [{ fromS: 78, toS: 80.1, records: 1204 }];
    }
  }

  /** Every connection is cut; with `refuse`, new ones are too until `accept()`. */
  cut(refuse = false): void {
    this.refusing = refuse;
    for (const { socket } of this.viewers) socket.terminate();
  }
  accept(): void {
    this.refusing = false;
  }
  notify(notice: NoticeEvent): void {
    this.tell({ event: 'notice', data: notice });
  }
  /** The next update of each view is lost on the way. */
  skipOneUpdate(): void {
    for (const { views } of this.viewers) for (const view of views.values()) view.version++;
  }
  /** Adds a flow that starts now, as traffic would. */
  addFlow(change: Partial<FakeFlow>): FakeFlow {
    const like = this.world.flows[0] ?? makeWorld({ slow: [], inboundPeers: 0 }).flows[0];
    const flow = { ...(like as FakeFlow), ...change, index: this.world.flows.length, startS: this.atS };
    this.world.flows.push(flow);
    return flow;
  }
  get atS(): number {
    return this.state.clock.cursorNs / 1e9;
  }
  get viewerCount(): number {
    return this.viewers.size;
  }
  openViews(): ViewParams[] {
    return [...this.viewers].flatMap(({ views }) => [...views.values()].map(({ params }) => params));
  }

  private idle(): StateEvent {
    const clock = { epochNs: `${EPOCH_S}000000000`, startNs: 0, endNs: 0, cursorNs: 0, following: true, playing: false, rate: 1 }; // prettier-ignore
    return { mode: 'idle', source: null, attached: [], remote: null, recording: null, flight: fakeFlight(false), opening: null, exporting: null, clock, flows: 0, folded: 0, matching: 0, filter: '', range: null, troubles: 0, findings: 0, activeFindings: 0, truncated: false, damage: null }; // prettier-ignore
  }

  /** Ends the export under way as cancelled; null when there is none. */
  private endExport: (() => void) | null = null;
  /** Exports end only when this is called, so that their progress can be looked at. */
  finishExport: (() => void) | null = null;
  private startExport(wish: ExportWish): Promise<ExportDone> {
    const name = `capture.${wish.format}`;
    this.state = { ...this.state, exporting: { name, done: 40, total: 100 } };
    return new Promise((done, failed) => {
      const end = (): void => {
        this.state = { ...this.state, exporting: null };
        this.endExport = this.finishExport = null;
      };
      this.endExport = () => {
        end();
        failed(Object.assign(new Error('cancelled'), { trouble: { code: 'cancelled', what: 'the export was cancelled', where: name, hint: 'nothing was written' } })); // prettier-ignore
      };
      this.finishExport = () => {
        end();
        done({ name, path: null, download: 'download?id=1', bytes: 123_456, written: 7, truncated: false, blocksLeftOut: 0 }); // prettier-ignore
      };
    });
  }

  private goLive(names: string[]): void {
    const now = LIVE_S * 1e9;
    this.state = {
      ...this.idle(),
      mode: 'live',
      source: { name: names.join(' + '), path: null, ours: true },
      attached: names.map((name) => ({ name, ingress: name === 'eth0' ? 'XDP native' : 'tcx', egress: 'tcx', up: true, reason: 'driver has native XDP' })), // prettier-ignore
      clock: { ...this.idle().clock, epochNs: `${EPOCH_S + 200}000000000`, endNs: now, cursorNs: now },
      flight: fakeFlight(true),
    };
  }

  private openReplay(scenario: 'replay' | 'cut' | 'empty-replay'): void {
    const empty = scenario === 'empty-replay';
    this.world = makeWorld({ slow: [[146, 151], [271, 352], [429, 441]], inboundPeers: 180 }); // prettier-ignore
    if (empty) this.world = { ...this.world, flows: [], marks: [] };
    const endS = empty ? 12 : scenario === 'cut' ? 462 : REPLAY_S;
    this.world.marks = this.world.marks.filter(({ atS }) => atS <= endS);
    this.state = {
      ...this.idle(),
      mode: 'replay',
      source: {
        name: 'checkout-slow.pcapng',
        path: '/var/lib/flowglass/checkout-slow.pcapng',
        ours: scenario !== 'cut',
      },
      clock: { ...this.idle().clock, endNs: endS * 1e9, cursorNs: empty ? endS * 1e9 : 273.88e9, following: false },
      troubles: this.world.marks.length,
      truncated: scenario === 'cut',
      damage:
        scenario === 'cut' ? '3 blocks of the recording are damaged or missing: what the others hold is here' : null,
    };
  }

  private join(socket: WebSocket): void {
    const viewer: Viewer = { socket, strings: new StringInterner(), views: new Map(), visible: true };
    this.viewers.add(viewer);
    socket.on('message', (data) => this.receive(viewer, String(data)));
    socket.on('close', () => this.viewers.delete(viewer));
    socket.on('error', () => undefined);
    this.sendState(viewer);
  }

  private receive(viewer: Viewer, text: string): void {
    const envelope = requestEnvelope.parse(JSON.parse(text));
    const schema = requests[envelope.method as Method];
    const parsed = schema.safeParse(envelope.params);
    if (!parsed.success) {
      this.send(viewer, { id: envelope.id, error: { code: 'bad-request', what: parsed.error.message, where: envelope.method, hint: null } }); // prettier-ignore
      return;
    }
    this.log.push({ method: envelope.method, params: parsed.data });
    const result = this.handle(viewer, envelope.method as Method, parsed.data);
    if (result instanceof Promise) {
      result.then(
        (later: unknown) => this.send(viewer, { id: envelope.id, result: later }),
        (error: { trouble: unknown }) => this.send(viewer, { id: envelope.id, error: error.trouble }),
      ).finally(() => this.tellState()); // prettier-ignore
    } else this.send(viewer, { id: envelope.id, result: result ?? null });
    if (
      ![
        'viewAck',
        'interfaces',
        'flow',
        'packets',
        'packet',
        'stream',
        'complete',
        'triggerCheck',
        'triggerComplete',
      ].includes(envelope.method)
    )
      this.tellState();
    if (['viewOpen', 'filter', 'seek', 'trouble'].includes(envelope.method)) this.update(viewer);
  }

  private handle(viewer: Viewer, method: Method, params: unknown): unknown {
    const { clock } = this.state;
    const set = (change: Partial<StateEvent['clock']>): void => {
      this.state = { ...this.state, clock: { ...this.state.clock, ...change } };
    };
    switch (method) {
      case 'hello':
        return { version: '0.1.0', host: 'build-07', kernel: '6.12', capture: this.capture, btf: true, demo: true, wireshark: true, paths: false }; // prettier-ignore
      case 'interfaces':
        return interfaces(Math.floor(performance.now() / 1000) + 100);
      case 'hosts':
        return ['shop', 'db-1'];
      case 'hostConnect':
        return hostAnswer((params as Params<'hostConnect'>).host);
      case 'hostForget':
        return null;
      case 'attach':
        this.goLive((params as Params<'attach'>).interfaces);
        this.state.remote = (params as Params<'attach'>).host === null ? null : { name: 'shop', lost: null };
        this.world = makeWorld({ slow: [[71, 92], [131, 143]], inboundPeers: 180 }); // prettier-ignore
        return null;
      case 'exportLook':
        return exportLook((params as { wish: ExportWish }).wish, this.state);
      case 'exportStart':
        return this.startExport((params as { wish: ExportWish }).wish);
      case 'exportCancel':
        this.endExport?.();
        return null;
      case 'stopReading':
      case 'wireshark':
      case 'stopReading': // what it opens is there at once
        return null;
      case 'detach':
      case 'close':
        this.state = this.idle();
        return null;
      case 'recordStart':
        this.state = { ...this.state, recording: { path: '/var/lib/flowglass/2026-11-24-12-04.pcapng', sinceNs: clock.endNs, bytes: 0, paused: false } }; // prettier-ignore
        return { path: this.state.recording?.path };
      case 'recordStop': {
        const bytes = this.state.recording?.bytes ?? 0;
        this.state = { ...this.state, recording: null };
        return { path: '/var/lib/flowglass/2026-11-24-12-04.pcapng', bytes };
      }
      case 'recordPause':
      case 'flightSave':
      case 'flightKeep':
      case 'flightTriggers':
      case 'triggerCheck':
      case 'triggerComplete': {
        const { state, answer } = flightAnswer(this.state, method, params);
        this.state = state;
        return answer;
      }
      case 'alerts':
      case 'alertRules':
      case 'alertEnable':
      case 'alertTest':
        return this.alerts.request(method, params);
      case 'open':
      case 'openDemo':
        this.openReplay('replay');
        return null;
      case 'sessionRename':
        return { path: (params as { path: string }).path };
      case 'sessionTrash':
      case 'sessionRestore':
        return null;
      case 'sessions':
        return fakeSessions();
      case 'sessionFacts':
        return fakeFacts((params as { path: string }).path);
      case 'recent':
        return recent();
      case 'play':
        return set({ playing: true, rate: (params as { rate: number }).rate, following: false });
      case 'pause':
        return set({ playing: false, following: false });
      case 'live':
        return set({ following: true, cursorNs: clock.endNs });
      case 'range': {
        const { range } = params as { range: StateEvent['range'] };
        this.state = { ...this.state, range };
        this.count();
        return null;
      }
      case 'seek':
        return set({ cursorNs: Math.min(clock.endNs, (params as { atNs: number }).atNs), following: false });
      case 'trouble': {
        const next = (params as { direction: string }).direction === 'next';
        const all = this.world.marks.map(({ atS }) => Math.round(atS * 1e9)).filter((atNs) => atNs <= clock.endNs);
        const at = next ? all.find((atNs) => atNs > clock.cursorNs) : all.findLast((atNs) => atNs < clock.cursorNs);
        if (at === undefined) return null;
        set({ cursorNs: at, following: false, playing: false });
        return { atNs: at };
      }
      case 'labels':
        return {
          labels: [...(params as Params<'labels'>).text.matchAll(/label: *(.*)/g)].map((found) => found[1] ?? ''),
          problem: null,
        };
      case 'databases':
        return (params as Params<'databases'>).paths.map((path) => ({ path, type: 'Fake-ASN', built: '2026-11-01' }));
      case 'refine': {
        const { text, condition, hide } = params as Params<'refine'>;
        return refined(text, condition, hide);
      }
      case 'filter': {
        const { text } = params as { text: string };
        const { answer, matches } = filterOf(text, () => this.moment());
        if (answer) return answer;
        this.matches = matches;
        this.state = { ...this.state, filter: text };
        this.count();
        return { ok: true, matching: this.state.matching, total: this.state.flows };
      }
      case 'highlight':
        return highlight((params as { text: string }).text);
      case 'complete': {
        const { text, cursor } = params as { text: string; cursor: number };
        return completionOf(text, cursor);
      }
      case 'flow': {
        const flow = this.world.flows[(params as { flow: number }).flow];
        return flow ? flowAnswer(this.moment(), flow, (atS) => this.clockText(atS)) : null;
      }
      case 'packets': {
        const { flow, from, count } = params as { flow: number; from: number; count: number };
        const total = (this.world.flows[flow]?.bps ?? 0) > 0 ? 20_412 : 0;
        const rows = Array.from({ length: Math.max(0, Math.min(count, total - from)) }, (_, i) => packetRow(flow, from + i, (atS) => this.clockText(atS))); // prettier-ignore
        return { total, rows };
      }
      case 'packetFind': {
        const { typed } = params as Params<'packetFind'>;
        return { places: typed === 'orders' ? [3, 700, 20_000] : [], most: false };
      }
      case 'measure': {
        const { flow, fromNs, toNs } = params as Params<'measure'>;
        const bps = flow === null ? 281e6 : (this.world.flows[flow]?.bps ?? 0);
        const bytes = Math.round(((toNs - fromNs) / 8e9) * bps);
        return { packets: Math.ceil(bytes / 1200), bytes, resolutionNs: this.state.mode === 'replay' ? 0 : 100e6 };
      }
      case 'stream':
        return streamAnswer((params as { flow: number }).flow, (atS) => this.clockText(atS));
      case 'packet':
        return packetAnswer((params as { packet: number }).packet, (atS) => this.clockText(atS));
      case 'viewOpen': {
        const { view, params: wanted } = params as { view: number; params: ViewParams };
        const old = viewer.views.get(view);
        const make = (): RowSet[] => VIEW_TABLES[wanted.kind].map((schema) => new RowSet(schema));
        if (old && old.params.kind === wanted.kind) old.params = wanted;
        else viewer.views.set(view, { params: wanted, sent: make(), next: make(), version: 0, acknowledged: 0 });
        return null;
      }
      case 'viewClose':
        viewer.views.delete((params as { view: number }).view);
        return null;
      case 'viewAck': {
        const { view, version } = params as { view: number; version: number };
        const open = viewer.views.get(view);
        if (open) open.acknowledged = Math.max(open.acknowledged, version);
        return null;
      }
      case 'visible':
        viewer.visible = (params as { visible: boolean }).visible;
        return null;
    }
  }

  private clockText(atS: number): string {
    return new Date(Number(BigInt(this.state.clock.epochNs) / 1_000_000n) + atS * 1000).toISOString().slice(11, 23);
  }

  private moment(): FakeMoment {
    const { clock } = this.state;
    return { world: this.world, atS: clock.cursorNs / 1e9, startS: clock.startNs / 1e9, endS: clock.endNs / 1e9, matches: this.wanted() }; // prettier-ignore
  }

  /** The filter and the range together. */
  private wanted(): FakeMoment['matches'] {
    const { matches } = this;
    const { range } = this.state;
    if (!range) return matches;
    return (flow) => (matches?.(flow) ?? true) && flow.startS * 1e9 < range.toNs && flow.endS * 1e9 > range.fromNs;
  }

  private count(): void {
    const flows = this.world.flows.filter(({ startS }) => startS <= this.atS);
    const matches = this.wanted();
    this.state = {
      ...this.state,
      flows: flows.length,
      matching: matches ? flows.filter((flow) => matches(flow)).length : flows.length,
      troubles: this.world.marks.filter(({ atS }) => atS * 1e9 <= this.state.clock.endNs).length,
      findings: findingsOf({ world: this.world, endS: this.state.clock.endNs / 1e9 }).length,
    };
  }

  private tick(): void {
    const now = performance.now();
    const passed = this.options.still ? 0 : (now - this.last) * 1e6;
    this.last = now;
    this.ticks++;
    const { mode, clock, recording } = this.state;
    if (mode === 'live') {
      const endNs = clock.endNs + passed;
      const cursorNs = clock.following ? endNs : clock.playing ? Math.min(endNs, clock.cursorNs + passed * clock.rate) : clock.cursorNs; // prettier-ignore
      this.state = { ...this.state, clock: { ...clock, endNs, cursorNs }, recording: recording && { ...recording, bytes: recording.bytes + passed * 0.05 } }; // prettier-ignore
    } else if (mode === 'replay' && clock.playing) {
      const cursorNs = Math.min(clock.endNs, clock.cursorNs + passed * clock.rate);
      this.state = { ...this.state, clock: { ...clock, cursorNs, playing: cursorNs < clock.endNs } };
    }
    if (mode === 'live' || mode === 'replay') {
      this.count();
      if (!this.options.still || this.ticks % 5 === 0) this.tellState();
      if (this.ticks % 5 === 0) this.tell({ event: 'stats', data: this.stats() });
      for (const viewer of this.viewers) this.update(viewer);
    }
  }

  private stats(): StatsEvent {
    const bps = this.world.flows.reduce((sum, flow) => sum + rateAt(this.world, flow, this.atS), 0);
    const lost = this.world.gaps.reduce((sum, { records }) => sum + records, 0);
    return { packetsPerSecond: bps / 15_300, bitsPerSecond: bps, packets: this.world.flows.length ? 11.2e6 : 0, bytes: 9.4e9, lostEvents: lost, lostPackets: 0, lostFlowPackets: 0, helperCpu: this.state.mode === 'replay' ? null : 2.1 }; // prettier-ignore
  }

  private update(viewer: Viewer): void {
    if (!viewer.visible) return;
    const moment = this.moment();
    for (const [id, view] of viewer.views) {
      if (view.version - view.acknowledged >= 2) continue;
      for (const rows of view.next) rows.clear();
      const a = view.next[0] as RowSet;
      if (this.options.fill) this.options.fill(view.params, view.next, viewer.strings, this.ticks);
      else if (view.params.kind === 'graph') fillGraph(view.params, moment, view.next, viewer.strings);
      else if (view.params.kind === 'table') fillTable(view.params, moment, view.next, viewer.strings);
      else if (view.params.kind === 'timeline') fillTimeline(view.params, moment, view.next, viewer.strings);
      else if (view.params.kind === 'trouble') fillTrouble(moment, a, viewer.strings);
      else fillOverview(view.params.width, moment, view.next, viewer.strings);
      const updates = view.next.map((rows, i) => diffRows(rows, view.sent[i] as RowSet));
      const fresh = viewer.strings.takeFresh();
      const changed = updates.some(({ removed, changed: rows }) => removed.length > 0 || rows.length > 0);
      if (!changed && fresh.length === 0 && view.version > 0) continue;
      const base = view.version++;
      viewer.socket.send(encodeView({ view: id, base, version: view.version, cursorNs: moment.atS * 1e9 }, updates, fresh)); // prettier-ignore
    }
  }

  private send(viewer: Viewer, message: unknown): void {
    if (viewer.socket.readyState === viewer.socket.OPEN) viewer.socket.send(JSON.stringify(message));
  }
  private tell(message: unknown): void {
    for (const viewer of this.viewers) this.send(viewer, message);
  }
  private sendState(viewer: Viewer): void {
    this.send(viewer, { event: 'state', data: this.state });
    this.send(viewer, { event: 'stats', data: this.stats() });
  }
  private tellState(): void {
    this.tell({ event: 'state', data: this.state });
  }
}
