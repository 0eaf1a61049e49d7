/** Main's side of the engine: starts its process, brokers ports to pages, and asks it things as one more viewer. */
import { z } from 'zod';
import type { Answers, Trouble } from '../core/contract/answers.ts';
import type { Method, ParamsInput } from '../core/contract/requests.ts';
import { FlowglassError } from '../core/errors.ts';
import type { Port, UtilityProcess } from './electron-api.ts';
import type { Order } from './engine-service.ts';

/** Deaths within this time after which the engine is not started again by itself. */
const DEATHS_MAX = 3;
const DEATHS_WITHIN_MS = 60_000;
/** Ending in order may have to finish a recording; then it is killed. */
const CLOSE_MS = 10_000;

/** What main looks at of the engine's messages. */
const stateEvent = z.object({
  event: z.literal('state'),
  data: z.object({
    source: z.object({ name: z.string(), path: z.string().nullable() }).nullable(),
    recording: z.object({ path: z.string() }).nullable(),
  }),
});
const trouble = z.object({ code: z.string(), what: z.string(), where: z.string().nullable(), hint: z.string().nullable() }); // prettier-ignore
const noticeEvent = z.object({ event: z.literal('notice'), data: trouble.extend({ level: z.enum(['error', 'warning', 'info']) }) }); // prettier-ignore
const answer = z.union([
  z.object({ id: z.number(), error: trouble }),
  z.object({ id: z.number(), result: z.unknown() }),
]);
/** What the engine shows, and the file that it records into. */
export type Shown = z.output<typeof stateEvent>['data'];
export type Notice = z.output<typeof noticeEvent>['data'];
const NOTHING: Shown = { source: null, recording: null };

export interface EngineHostOptions {
  /** Starts the process. */
  fork(): UtilityProcess;
  channel(): { port1: Port; port2: Port };
  /** What the engine shows and records now, told when it changes. */
  onShown(shown: Shown): void;
  onNotice(notice: Notice): void;
  /** It died again and again and stays dead. */
  onGone(): void;
  /** Milliseconds of a clock that never steps. */
  now?: () => number;
}

interface Running {
  process: UtilityProcess;
  /** Main's own connection. */
  port: Port;
  exited: Promise<void>;
}

const asError = ({ code, what, where, hint }: Trouble): FlowglassError =>
  new FlowglassError({ code, what, where: where ?? '', hint: hint ?? '' });

export class EngineHost {
  private readonly options: EngineHostOptions;
  private readonly now: () => number;
  private running: Running | null = null;
  private closing: Promise<void> | null = null;
  private readonly deaths: number[] = [];
  private readonly waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  private nextId = 1;
  private shown = '';

  constructor(options: EngineHostOptions) {
    this.options = options;
    this.now = options.now ?? (() => performance.now());
  }

  /** A port for a page; null when the engine is closed or stays dead. */
  connect(): Port | null {
    const running = this.start();
    return running ? this.viewer(running.process) : null;
  }

  /** Asks the engine; rejects with FlowglassError, also when it dies meanwhile. */
  request<M extends Method>(method: M, params: ParamsInput<M>): Promise<Answers[M]> {
    const running = this.start();
    if (!running) return Promise.reject(gone());
    const id = this.nextId++;
    return new Promise<unknown>((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      running.port.postMessage({ id, method, params });
    }) as Promise<Answers[M]>;
  }

  /** Lets the engine write the file that the user chose. */
  grant(path: string): void {
    const running = this.start();
    if (running) tell(running.process, { kind: 'grant', path });
  }

  /** Ends the engine in order: a recording is finished, programs are detached. Settles when its process is gone. */
  close(): Promise<void> {
    this.closing ??= this.end();
    return this.closing;
  }

  private async end(): Promise<void> {
    const { running } = this;
    if (!running) return;
    tell(running.process, { kind: 'close' });
    const timer = setTimeout(() => running.process.kill(), CLOSE_MS);
    await running.exited;
    clearTimeout(timer);
  }

  private start(): Running | null {
    if (this.running || this.closing) return this.closing ? null : this.running;
    const since = this.now() - DEATHS_WITHIN_MS;
    if (this.deaths.filter((at) => at > since).length >= DEATHS_MAX) return null;
    const process = this.options.fork();
    const exited = new Promise<void>((resolve) => {
      process.on('exit', () => {
        this.died();
        resolve();
      });
    });
    const port = this.viewer(process);
    port.on('message', ({ data }) => this.receive(data));
    port.start();
    return (this.running = { process, port, exited });
  }

  private viewer(process: UtilityProcess): Port {
    const { port1, port2 } = this.options.channel();
    tell(process, { kind: 'viewer' }, port1);
    return port2;
  }

  private died(): void {
    this.running = null;
    for (const { reject } of this.waiting.values()) reject(gone());
    this.waiting.clear();
    if (this.closing) return;
    this.deaths.push(this.now());
    this.show(NOTHING);
    const since = this.now() - DEATHS_WITHIN_MS;
    if (this.deaths.filter((at) => at > since).length >= DEATHS_MAX) this.options.onGone();
  }

  private receive(data: unknown): void {
    const state = stateEvent.safeParse(data);
    if (state.success) {
      this.show(state.data.data);
      return;
    }
    const notice = noticeEvent.safeParse(data);
    if (notice.success) {
      this.options.onNotice(notice.data.data);
      return;
    }
    const parsed = answer.safeParse(data);
    if (!parsed.success) return;
    const waiting = this.waiting.get(parsed.data.id);
    this.waiting.delete(parsed.data.id);
    if ('error' in parsed.data) waiting?.reject(asError(parsed.data.error));
    else waiting?.resolve(parsed.data.result);
  }

  private show(shown: Shown): void {
    const text = JSON.stringify(shown);
    if (text === this.shown) return;
    this.shown = text;
    this.options.onShown(shown);
  }
}

const tell = (process: UtilityProcess, message: Order, ...ports: Port[]): void => process.postMessage(message, ports);

const gone = (): FlowglassError =>
  new FlowglassError({
    code: 'engine-gone',
    what: 'the engine is not running',
    where: 'desktop app',
    hint: 'close Flowglass and start it again',
  });
