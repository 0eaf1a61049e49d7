/** The contract between page and engine, as one suite for every transport. */
import { spawnSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { HelloAnswer, InterfaceAnswer } from '../../core/contract/answers.ts';
import { eventually, type Wire } from './wire.ts';

/** The demo session: real traffic, and in the repository. */
export const SESSION = new URL('../../docs/demo.pcapng', import.meta.url).pathname;

/** A running engine that viewers reach over one kind of transport. */
export interface Served {
  connect(): Promise<Wire>;
  close(): Promise<void>;
}

/** Connections to the port at which nothing listens, by tshark's count; null without tshark. */
function refusedByTshark(): number | null {
  const filter = 'tcp.dstport == 7070 && tcp.flags.syn == 1 && tcp.flags.ack == 0';
  const { status, stdout } = spawnSync('tshark', ['-r', SESSION, '-Y', filter, '-T', 'fields', '-e', 'tcp.srcport'], { encoding: 'utf8' }); // prettier-ignore
  return status === 0 ? new Set(stdout.trim().split('\n')).size : null;
}

/** Not an object, not an envelope, or one with more in it than it may have. */
const NO_ENVELOPES: unknown[] = [
  42,
  'hello',
  null,
  [],
  {},
  { id: 1 },
  { id: 0, method: 'hello', params: {} },
  { id: 1.5, method: 'hello', params: {} },
  { id: '1', method: 'hello', params: {} },
  { id: 1, method: 'x'.repeat(33), params: {} },
  { id: 1, method: 'hello', params: {}, more: true },
];

const BAD_PARAMS: [method: string, params: unknown][] = [
  ['open', {}],
  ['open', { path: '' }],
  ['open', { path: 'x'.repeat(5000) }],
  ['open', { path: SESSION, more: 1 }],
  ['seek', { atNs: -1 }],
  ['seek', { atNs: Infinity }],
  ['seek', { atNs: '0' }],
  ['filter', { text: 'x'.repeat(5000) }],
  ['filter', null],
  ['flow', { flow: 0.5 }],
  ['packets', { flow: 0, count: 1_000_000 }],
  ['viewOpen', { view: 0, params: { kind: 'table' } }],
  ['viewOpen', { view: 1, params: { kind: 'secrets' } }],
  ['viewOpen', { view: 1, params: { kind: 'table', count: 1e9 } }],
  ['attach', { interfaces: 'lo' }],
  ['hello', { __proto__: null, constructor: 1 }],
];

export function contract(transport: string, start: () => Promise<Served>): void {
  describe(`the contract over ${transport}`, () => {
    let served: Served;
    let wire: Wire;
    const wires: Wire[] = [];
    const connect = async (): Promise<Wire> => {
      const connected = await served.connect();
      wires.push(connected);
      return connected;
    };
    /** With the session open, whatever the test before left. */
    const opened = async (): Promise<void> => {
      await wire.result('open', { path: SESSION });
      await wire.until('the session', ({ mode }) => mode === 'replay');
    };

    beforeAll(async () => {
      served = await start();
    });
    afterAll(() => served.close());
    beforeEach(async () => {
      wire = await connect();
      return () => {
        for (const open of wires.splice(0)) open.close();
      };
    });

    it('greets: who it is, what it may, and its state at once', async () => {
      const hello = (await wire.result('hello')) as HelloAnswer;
      expect(hello.version).toMatch(/\d|test/);
      expect(hello.demo).toBe(true);
      expect(typeof hello.capture.possible).toBe('boolean');
      await eventually('state', () => wire.state);
    });

    it('lists the interfaces of this machine without privilege', async () => {
      const interfaces = (await wire.result('interfaces')) as InterfaceAnswer[];
      expect(interfaces.find(({ name }) => name === 'lo')).toMatchObject({ kind: 'loopback', index: 1 });
    });

    it('opens a session and answers about a flow and its packets', async () => {
      await opened();
      const state = await wire.until('flows', ({ flows }) => flows > 20);
      expect(state.source).toMatchObject({ name: 'demo.pcapng', path: SESSION, ours: true });
      expect(state.clock.endNs - state.clock.startNs).toBeGreaterThan(40e9);
      const flow = (await wire.result('flow', { flow: 0 })) as { protocol: string };
      expect(['tcp', 'udp', 'icmp']).toContain(flow.protocol);
      const packets = (await wire.result('packets', { flow: 0 })) as { total: number; rows: { packet: number }[] };
      expect(packets.total).toBeGreaterThan(0);
      const packet = (await wire.result('packet', { packet: packets.rows[0]?.packet })) as { data: string };
      expect(Buffer.from(packet.data, 'base64').length).toBeGreaterThan(20);
    });

    it('tells in one sentence why a file cannot be opened, and goes on', async () => {
      expect(await wire.refusal('open', { path: '/nonexistent/capture.pcapng' })).not.toBe('internal');
      expect(await wire.refusal('open', { path: '/etc/hostname' })).not.toBe('internal');
      expect(await wire.refusal('seek', { atNs: 0 })).toBe('no-source');
      expect(await wire.refusal('recordStart')).toBe('no-source');
      await opened();
      expect(await wire.refusal('recordStart')).toBe('not-live');
    });

    it('sends views with rising versions, each on the one before, and follows the cursor', async () => {
      await opened();
      const table = wire.view(1, 'table');
      const graph = wire.view(2, 'graph');
      const timeline = wire.view(3, 'timeline');
      await wire.result('viewOpen', { view: 1, params: { kind: 'table', count: 1000 } });
      await wire.result('viewOpen', { view: 2, params: { kind: 'graph' } });
      await wire.result('viewOpen', { view: 3, params: { kind: 'timeline' } });
      const rows = table.table('rows');
      const all = wire.state?.flows ?? -1;
      await eventually('all rows', () => (rows.length === all ? true : undefined));
      await eventually('the graph', () =>
        graph.tables.slice(0, 2).every(({ length }) => length > 5) ? true : undefined,
      );
      await eventually('lanes', () => (timeline.table('lanes').length >= 8 ? true : undefined));
      const { version } = table;
      const { startNs } = wire.state?.clock ?? { startNs: 0 };
      await wire.result('seek', { atNs: startNs + 3e9 });
      await eventually('fewer rows', () => (rows.length < all && table.version > version ? true : undefined));
      expect(table.cursorNs).toBe(startNs + 3e9);
      await wire.result('viewClose', { view: 1 });
      const closedAt = table.version;
      await wire.result('seek', { atNs: startNs + 9e9 });
      await eventually('the other views at the new time', () => (graph.cursorNs === startNs + 9e9 ? true : undefined));
      expect(table.version).toBe(closedAt);
    });

    it('filters, says where a filter is wrong, and completes it', async () => {
      await opened();
      const wrong = (await wire.result('filter', { text: 'tcp && port = 7070' })) as { ok: boolean; position: number };
      expect(wrong).toMatchObject({ ok: false });
      expect(wrong.position).toBeGreaterThanOrEqual(7);
      const truth = refusedByTshark();
      const right = (await wire.result('filter', { text: 'tcp && port == 7070' })) as { ok: boolean; matching: number };
      expect(right.ok).toBe(true);
      if (truth !== null) expect(right.matching).toBe(truth);
      const table = wire.view(1, 'table');
      await wire.result('viewOpen', { view: 1, params: { kind: 'table', show: 'matches' } });
      await eventually('matching rows', () => table.table('rows').length === right.matching || undefined);
      const { items } = (await wire.result('complete', { text: 'process.na', cursor: 10 })) as { items: { text: string }[] }; // prettier-ignore
      expect(items.map(({ text }) => text.trim())).toContain('process.name');
      await wire.result('filter', { text: '' });
    });

    it('refuses methods that do not exist, the names of every object among them', async () => {
      for (const method of ['nonsense', '__proto__', 'constructor', 'toString', 'hasOwnProperty', ''])
        expect(await wire.refusal(method), method).toBe('unknown-request');
      expect(await wire.result('hello')).toBeTruthy();
    });

    it.each(BAD_PARAMS)('refuses %s with %j', async (method, params) => {
      expect(await wire.refusal(method, params)).toBe('bad-request');
      expect(await wire.result('hello')).toBeTruthy();
    });

    it.each(NO_ENVELOPES)('shows a viewer the door that sends %j, and nobody else', async (message) => {
      const other = await connect();
      wire.raw(message);
      await eventually('closed', () => wire.closed || undefined);
      expect(await other.result('hello')).toBeTruthy();
    });

    it('survives two megabytes', async () => {
      const other = await connect();
      wire.raw({ id: 1, method: 'filter', params: { text: 'x'.repeat(2 << 20) } });
      await eventually(
        'refused',
        () => wire.closed || wire.messages.some((message) => 'error' in message) || undefined,
      );
      expect(await other.result('hello')).toBeTruthy();
    });

    it('gives two viewers one source and each its own views', async () => {
      await opened();
      const other = await connect();
      const [mine, its] = [wire.view(7, 'table'), other.view(7, 'table')];
      await wire.result('viewOpen', { view: 7, params: { kind: 'table', count: 5 } });
      await other.result('viewOpen', { view: 7, params: { kind: 'table', count: 12 } });
      await eventually('rows of both', () => (mine.table('rows').length === 5 && its.table('rows').length === 12) || undefined); // prettier-ignore
      await other.result('filter', { text: 'udp' });
      const state = await wire.until('the filter', ({ filter }) => filter === 'udp');
      expect(state.matching).toBeLessThan(state.flows);
      await other.result('filter', { text: '' });
      other.close();
      await wire.result('seek', { atNs: 5e9 });
      await wire.until('time goes on', ({ clock }) => clock.cursorNs === 5e9);
    });

    it('sends a viewer that never acknowledges two versions and no more, and the newest state when it is back', async () => {
      await opened();
      const slow = await connect();
      slow.acknowledges = false;
      const table = slow.view(1, 'table');
      const swift = wire.view(1, 'table');
      for (const one of [wire, slow]) await one.result('viewOpen', { view: 1, params: { kind: 'table', count: 100 } });
      for (let second = 1; second <= 3; second++) {
        await wire.result('seek', { atNs: second * 1e9 });
        await eventually('the swift one', () => swift.cursorNs === second * 1e9 || undefined);
      }
      expect(table.version).toBe(2);
      const piled = slow.messages.length + slow.views.length;
      for (let second = 4; second <= 24; second++) await wire.result('seek', { atNs: second * 1e9 });
      await eventually('the swift one', () => swift.cursorNs === 24e9 || undefined);
      await sleep(700); // figures are told twice a second
      expect(table.version).toBe(2);
      expect(slow.messages.length + slow.views.length - piled).toBeLessThanOrEqual(1); // what was on its way
      slow.acknowledge(1, 2);
      await eventually('the newest', () => table.cursorNs === 24e9 || undefined);
      await slow.until('the state', ({ clock }) => clock.cursorNs === 24e9);
      expect([...table.table('rows').keys.slice(0, table.table('rows').length)].sort()).toEqual(
        [...swift.table('rows').keys.slice(0, swift.table('rows').length)].sort(),
      );
    });

    it('forgets a viewer that left, in the middle of a question too', async () => {
      const leaving = await connect();
      leaving.raw({ id: 1, method: 'open', params: { path: SESSION } });
      leaving.close();
      await wire.until('its file', ({ mode }) => mode === 'replay');
      expect(await wire.result('hello')).toBeTruthy();
    });
  });
}
