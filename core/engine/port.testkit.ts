/** Engines and viewers for tests: no page, no machine. */
import type { EngineMessage, StateEvent } from '../contract/answers.ts';
import { peekView, ViewState } from '../contract/view-codec.ts';
import type { ViewParamsInput } from '../contract/requests.ts';
import { VIEW_TABLES, type TableSchema } from '../contract/tables.ts';
import type { Engine } from './engine.ts';
import type { EnginePort } from './port.ts';

/** A viewer without a page: keeps what it is sent. */
export class FakePort implements EnginePort {
  readonly messages: EngineMessage[] = [];
  readonly views: ArrayBuffer[] = [];
  congested = false;
  closed = false;
  request: (message: unknown) => void = () => undefined;
  private gone: () => void = () => undefined;
  private id = 0;

  send(message: EngineMessage): void {
    this.messages.push(message);
  }
  sendView(buffer: ArrayBuffer): void {
    this.views.push(buffer);
  }
  onRequest(handler: (message: unknown) => void): void {
    this.request = handler;
  }
  onClose(handler: () => void): void {
    this.gone = handler;
  }
  close(): void {
    this.closed = true;
    this.gone();
  }

  /** Asks and waits for the answer. */
  async ask(method: string, params: unknown = {}): Promise<Record<string, unknown>> {
    const id = ++this.id;
    this.request({ id, method, params });
    return until(
      () =>
        this.messages.find((message) => 'id' in message && message.id === id) as Record<string, unknown> | undefined,
    );
  }

  get state(): StateEvent {
    const last = this.messages.findLast((message) => 'event' in message && message.event === 'state');
    return (last as { data: StateEvent }).data;
  }
}

export async function until<T>(get: () => T | undefined): Promise<T> {
  for (let i = 0; i < 500; i++) {
    const value = get();
    if (value !== undefined) return value;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('nothing came within 5 s');
}

/** What an engine needs of the machine, which is nothing here. */
export const options = (
  over: Partial<ConstructorParameters<typeof Engine>[0]> = {},
): ConstructorParameters<typeof Engine>[0] => ({
  version: 'test',
  capture: () => ({ possible: false, reason: 'not here', command: 'sudo true', installable: false }),
  interfaces: () => [],
  namespace: () => {
    throw new Error('not asked for');
  },
  container: () => {
    throw new Error('not asked for');
  },
  recent: () => [],
  opened: () => undefined,
  newRecording: () => '/nowhere',
  demo: null,
  ...over,
});

/** A row of a view as a page reads it: strings looked up, unknown numbers NaN. */
export type SeenRow = Record<string, number | string | null> & { key: number };

/** A viewer that reads its views and acknowledges them, as the page does. */
export class TestPage extends FakePort {
  private readonly strings = new Map<number, string>();
  private readonly open = new Map<number, ViewState>();

  override sendView(buffer: ArrayBuffer): void {
    const header = peekView(buffer);
    const state = header && this.open.get(header.view);
    if (!header || !state?.apply(buffer, this.strings)) throw new Error('an update does not follow the one before');
    this.request({ id: 1_000_000 + this.views.length, method: 'viewAck', params: { view: header.view, version: header.version } }); // prettier-ignore
    this.views.push(buffer);
  }

  /** Opens a view, or changes it, and waits for what comes then. */
  async look(view: number, params: ViewParamsInput): Promise<(table: string) => SeenRow[]> {
    const state = this.open.get(view) ?? new ViewState(params.kind);
    this.open.set(view, state);
    const { version } = state;
    await this.ask('viewOpen', { view, params });
    await until(() => (state.version > version ? true : undefined));
    const schemas: readonly TableSchema[] = VIEW_TABLES[params.kind];
    return (table) => {
      const rows = state.table(table);
      const columns = schemas.find(({ name }) => name === table)?.columns ?? [];
      return Array.from({ length: rows.length }, (_, row) => {
        const cells = columns.map(([name, type], i) => {
          const value = rows.columns[i]?.[row] ?? NaN;
          return [name, type === 'str' ? (this.strings.get(value) ?? null) : value] as const;
        });
        return { ...Object.fromEntries(cells), key: rows.keys[row] ?? 0 };
      });
    };
  }
}
