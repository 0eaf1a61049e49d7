/**
 * Requests with answers, events, and views that survive a lost connection: a view is opened again in full after each
 * reconnect, so panes never notice more than a pause.
 */
import type {
  Answers,
  EngineMessage,
  NoticeEvent,
  StateEvent,
  StatsEvent,
  Trouble,
} from '../../core/contract/answers.ts';
import type { Method, ParamsInput, ViewParamsInput } from '../../core/contract/requests.ts';
import type { ViewKind } from '../../core/contract/tables.ts';
import { peekView, ViewState } from '../../core/contract/view-codec.ts';
import type { Transport, TransportEvents } from './transport.ts';
import { t } from '../language/language.ts';

export class RequestError extends Error {
  readonly trouble: Trouble;
  constructor(trouble: Trouble) {
    super(trouble.what);
    this.trouble = trouble;
  }
}

export interface ClientEvents {
  onConnection(connected: boolean, refused: boolean): void;
  onState(state: StateEvent): void;
  onStats(stats: StatsEvent): void;
  onNotice(notice: NoticeEvent): void;
}

interface OpenView {
  kind: ViewKind;
  params: ViewParamsInput;
  state: ViewState;
  listener: (state: ViewState) => void;
  /** Asked for in full: what is still under way before that is passed over. */
  renewing: boolean;
}

const RECONNECT_MS = [250, 500, 1000, 2000, 4000];

export class EngineClient {
  /** Interned strings of the connection, by id. Untrusted text: draw it, never parse it as HTML. */
  readonly strings = new Map<number, string>();
  private transport: Transport | null = null;
  private nextId = 1;
  private nextView = 1;
  private attempts = 0;
  private closed = false;
  private visible = true;
  private readonly waiting = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
  private readonly views = new Map<number, OpenView>();
  private readonly connect: (events: TransportEvents) => Transport;
  private readonly events: ClientEvents;

  constructor(connect: (events: TransportEvents) => Transport, events: ClientEvents) {
    this.connect = connect;
    this.events = events;
    this.start();
  }

  request<M extends Method>(method: M, params: ParamsInput<M>): Promise<Answers[M]> {
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      if (!this.transport) {
        reject(
          new RequestError({ code: 'disconnected', what: t('shell.requestUnconnected'), where: null, hint: null }),
        );
        return;
      }
      this.waiting.set(id, { resolve, reject });
      this.transport.send({ id, method, params });
    });
  }

  /** Opens a view; the listener is called after each update. Returns a handle to change or close it. */
  openView(
    params: ViewParamsInput,
    listener: (state: ViewState) => void,
  ): { update(params: ViewParamsInput): void; close(): void } {
    const view = this.nextView++;
    const open: OpenView = { kind: params.kind, params, state: new ViewState(params.kind), listener, renewing: false };
    this.views.set(view, open);
    this.sendView(view, open);
    return {
      update: (next) => {
        open.params = next;
        this.sendView(view, open);
      },
      close: () => {
        this.views.delete(view);
        this.tell('viewClose', { view });
      },
    };
  }

  text(id: number): string | null {
    return id === 0 ? null : (this.strings.get(id) ?? '');
  }

  close(): void {
    this.closed = true;
    this.transport?.close();
  }

  /** The page is hidden: the engine sends no views until it is seen again. */
  setVisible(visible: boolean): void {
    this.visible = visible;
    if (this.transport) this.tell('visible', { visible });
  }

  private sendView(view: number, open: OpenView): void {
    if (this.transport) this.tell('viewOpen', { view, params: open.params });
  }

  /** Sends a request whose answer says nothing. */
  private tell<M extends Method>(method: M, params: ParamsInput<M>): void {
    this.request(method, params).catch(() => undefined);
  }

  private start(): void {
    const transport = this.connect({
      onOpen: () => {
        this.transport = transport;
        this.attempts = 0;
        this.strings.clear();
        this.events.onConnection(true, false);
        if (!this.visible) this.tell('visible', { visible: false });
        for (const [view, open] of this.views) {
          open.state = new ViewState(open.kind);
          open.renewing = false;
          this.sendView(view, open);
        }
      },
      onMessage: (message) => this.receive(message),
      onView: (buffer) => this.receiveView(buffer),
      onClose: (refused) => {
        this.transport = null;
        const lost = new RequestError({
          code: 'disconnected',
          what: t('shell.requestLost'),
          where: null,
          hint: null,
        });
        for (const { reject } of this.waiting.values()) reject(lost);
        this.waiting.clear();
        this.events.onConnection(false, refused);
        if (!refused && !this.closed)
          setTimeout(() => this.start(), RECONNECT_MS[Math.min(this.attempts++, RECONNECT_MS.length - 1)]);
      },
    });
  }

  private receive(message: EngineMessage): void {
    if ('event' in message) {
      if (message.event === 'state') this.events.onState(message.data);
      else if (message.event === 'stats') this.events.onStats(message.data);
      else this.events.onNotice(message.data);
      return;
    }
    const waiting = this.waiting.get(message.id);
    if (!waiting) return;
    this.waiting.delete(message.id);
    if ('error' in message) waiting.reject(new RequestError(message.error));
    else waiting.resolve(message.result as never);
  }

  private receiveView(buffer: ArrayBuffer): void {
    const header = peekView(buffer);
    const open = header ? this.views.get(header.view) : undefined;
    if (!header || !open) return;
    if (!open.state.apply(buffer, this.strings)) {
      if (open.renewing) return;
      open.renewing = true;
      // An update was lost: only a view that is closed and opened again begins with everything. Strings were kept.
      open.state = new ViewState(open.kind);
      this.tell('viewClose', { view: header.view });
      this.sendView(header.view, open);
      return;
    }
    open.renewing = false;
    this.transport?.send({
      id: this.nextId++,
      method: 'viewAck',
      params: { view: header.view, version: header.version },
    });
    open.listener(open.state);
  }
}
