/** A viewer as the contract suites use it: requests out, messages and views in, over whichever transport. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { EngineMessage, StateEvent } from '../../core/contract/answers.ts';
import { peekView, ViewState } from '../../core/contract/view-codec.ts';
import { VIEW_TABLES, type ViewKind } from '../../core/contract/tables.ts';

type Answer = { id: number; result: unknown } | { id: number; error: { code: string; what: string } };

/** Settles with the first value that is not undefined; rejects after `timeoutMs`. */
export async function eventually<T>(what: string, get: () => T | undefined, timeoutMs = 8000): Promise<T> {
  for (const end = performance.now() + timeoutMs; performance.now() < end; await sleep(10)) {
    const value = get();
    if (value !== undefined) return value;
  }
  throw new Error(`${what}: not within ${timeoutMs} ms`);
}

/** One viewer. A transport calls `receive` and `gone`, and sends through `transmit`. */
export class Wire {
  readonly messages: EngineMessage[] = [];
  readonly views: ArrayBuffer[] = [];
  readonly strings = new Map<number, string>();
  closed = false;
  /** A page that hangs acknowledges nothing. */
  acknowledges = true;
  private readonly open = new Map<number, ViewState>();
  private id = 0;
  private readonly transmit: (message: unknown) => void;
  readonly close: () => void;
  private readonly timeoutMs: number;

  constructor(transmit: (message: unknown) => void, close: () => void, timeoutMs = 8000) {
    this.timeoutMs = timeoutMs;
    this.transmit = transmit;
    this.close = close;
  }

  receive(data: EngineMessage | ArrayBuffer): void {
    if (!(data instanceof ArrayBuffer)) {
      this.messages.push(data);
      return;
    }
    this.views.push(data);
    const header = peekView(data);
    const state = header ? this.open.get(header.view) : undefined;
    if (!header || !state) return;
    if (!state.apply(data, this.strings)) throw new Error(`view ${header.view}: base ${header.base} is not known`);
    if (this.acknowledges) this.acknowledge(header.view, header.version);
  }

  gone(): void {
    this.closed = true;
  }

  /** Whatever it is, as it is. */
  raw(message: unknown): void {
    this.transmit(message);
  }

  acknowledge(view: number, version: number): void {
    this.transmit({ id: ++this.id, method: 'viewAck', params: { view, version } });
  }

  /** Asks, and waits for the answer or the error. */
  async ask(method: string, params: unknown = {}): Promise<Answer> {
    const id = ++this.id;
    this.transmit({ id, method, params });
    return eventually(`answer to ${method}`, () => this.messages.find((message): message is Answer & EngineMessage => 'id' in message && message.id === id), this.timeoutMs); // prettier-ignore
  }

  /** Asks; throws on an error. */
  async result(method: string, params: unknown = {}): Promise<unknown> {
    const answer = await this.ask(method, params);
    if ('error' in answer) throw new Error(`${method}: ${answer.error.code}: ${answer.error.what}`);
    return answer.result;
  }

  /** Asks for what must fail; the code of its error. */
  async refusal(method: string, params: unknown = {}): Promise<string> {
    const answer = await this.ask(method, params);
    if (!('error' in answer)) throw new Error(`${method} was answered`);
    return answer.error.code;
  }

  view(id: number, kind: ViewKind): ViewState {
    const state = new ViewState(kind);
    if (state.tables.length !== VIEW_TABLES[kind].length) throw new Error('tables');
    this.open.set(id, state);
    return state;
  }

  get state(): StateEvent | undefined {
    const last = this.messages.findLast((message) => 'event' in message && message.event === 'state');
    return last && 'event' in last && last.event === 'state' ? last.data : undefined;
  }

  /** The state once it fulfils the condition. */
  until(what: string, holds: (state: StateEvent) => boolean): Promise<StateEvent> {
    return eventually(what, () => (this.state && holds(this.state) ? this.state : undefined), this.timeoutMs); // prettier-ignore
  }
}
