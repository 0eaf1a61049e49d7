import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { peekView, ViewState } from '../contract/view-codec.ts';
import { Engine } from './engine.ts';
import { FakePort, options, until } from './port.testkit.ts';
import { traffic, writeSession } from './session.testkit.ts';

describe('the engine', () => {
  let folder: string;
  let file: string;
  let engine: Engine;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'flowglass-engine-'));
    file = join(folder, 'session.pcapng');
    writeSession(file, traffic({ lasting: 4, passing: 0 }, 30));
    engine = new Engine(options());
  });
  afterAll(async () => {
    await engine.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('answers requests, and says what is wrong with bad ones without ending', async () => {
    const port = new FakePort();
    engine.connect(port);
    expect(port.state.mode).toBe('idle');
    expect((await port.ask('hello'))['result']).toMatchObject({
      version: 'test',
      capture: { possible: false, command: 'sudo true' },
    });
    for (const [method, params, code] of [
      ['nonsense', {}, 'unknown-request'],
      ['seek', { atNs: 'soon' }, 'bad-request'],
      ['seek', { atNs: 1, more: true }, 'bad-request'],
      ['seek', { atNs: 1 }, 'no-source'],
      ['recordStart', {}, 'no-source'],
      ['open', { path: join(folder, 'missing.pcapng') }, 'unreadable-file'],
      ['attach', { interfaces: ['nope0'] }, 'unknown-interface'],
      ['openDemo', {}, 'no-demo'],
    ] as const)
      expect((await port.ask(method, params))['error'], method).toMatchObject({ code });
    expect(port.closed).toBe(false);
    port.request('not an envelope');
    expect(port.closed).toBe(true);
  });

  it('opens a file that is no capture with one clear sentence and stays idle', async () => {
    const port = new FakePort();
    engine.connect(port);
    const path = join(folder, 'notes.txt');
    writeFileSync(path, 'nothing to see here, this is text\n'.repeat(10));
    const { error } = await port.ask('open', { path });
    expect(error).toMatchObject({ where: expect.stringContaining('notes.txt') });
    expect(JSON.stringify(error)).not.toMatch(/\bat .*\.ts/);
    expect(port.state.mode).toBe('idle');
    port.close();
  });

  it('sends a view in full, then only what changed, and skips a viewer that does not acknowledge', async () => {
    const port = new FakePort();
    engine.connect(port);
    await port.ask('open', { path: file });
    const state = await until(() => (port.state.mode === 'replay' ? port.state : undefined));
    expect(state.clock.endNs).toBe(30e9);
    await port.ask('viewOpen', { view: 3, params: { kind: 'table' } });
    await port.ask('seek', { atNs: 10e9 });
    const page = new ViewState('table');
    const first = await until(() => port.views[0]);
    expect(peekView(first)).toMatchObject({ view: 3, base: 0, version: 1 });
    let seen = 0;
    const take = async (): Promise<void> => {
      for (; seen < port.views.length; seen++)
        expect(page.apply(port.views[seen] as ArrayBuffer, new Map())).toBe(true);
    };
    await take();
    expect(page.table('rows').length).toBe(4);
    for (let i = 0; i < 10; i++) await port.ask('seek', { atNs: 11e9 + i * 1e9 });
    expect(port.views.length).toBeLessThanOrEqual(3);
    await take();
    await port.ask('viewAck', { view: 3, version: page.version });
    await port.ask('seek', { atNs: 30e9 });
    await until(() => (port.views.length > seen ? true : undefined));
    await take();
    const rows = page.table('rows');
    const bytes = (row: number): number => (rows.column('sent')[row] ?? 0) + (rows.column('received')[row] ?? 0);
    expect([0, 1, 2, 3].map(bytes)).toEqual([90_000, 90_000, 90_000, 90_000]);
    port.close();
  });

  it('filters with the words of the language, points at mistakes, and keeps the last working filter', async () => {
    const port = new FakePort();
    engine.connect(port);
    expect((await port.ask('filter', { text: 'port == 40001' }))['result']).toEqual({
      ok: true,
      matching: 1,
      total: 4,
    });
    expect((await port.ask('filter', { text: 'port = 40001' }))['result']).toMatchObject({
      ok: false,
      position: 5,
      fix: 'port == 40001',
    });
    expect(port.state.filter).toBe('port == 40001');
    expect((await port.ask('filter', { text: '' }))['result']).toMatchObject({ ok: true, matching: 4 });
    port.close();
  });

  it('loops in a chosen range, matches the flows that did something in it, and refuses an empty one', async () => {
    const port = new FakePort();
    engine.connect(port);
    await port.ask('viewOpen', { view: 9, params: { kind: 'overview' } });
    expect((await port.ask('range', { range: { fromNs: 5e9, toNs: 5e9 } }))['error']).toMatchObject({
      code: 'bad-range',
      what: 'a range ends after it begins',
    });
    expect((await port.ask('range', { range: { fromNs: 31e9, toNs: 40e9 } }))['error']).toMatchObject({
      hint: 'choose a range between 0.000 s and 30.000 s',
    });
    await port.ask('range', { range: { fromNs: 0, toNs: 0.5e9 } });
    expect(port.state).toMatchObject({ range: { fromNs: 0, toNs: 0.5e9 }, flows: 4, matching: 0 });
    await port.ask('range', { range: { fromNs: 10e9, toNs: 99e9 } });
    expect(port.state).toMatchObject({ range: { fromNs: 10e9, toNs: 30e9 }, matching: 4 });

    await port.ask('range', { range: { fromNs: 10e9, toNs: 13e9 } });
    await port.ask('seek', { atNs: 2e9 });
    await port.ask('play', { rate: 10 });
    let turns = 0;
    let last = 0;
    await until(() => {
      const { cursorNs } = port.state.clock;
      if (cursorNs < last) turns++;
      last = cursorNs;
      return turns >= 2 ? true : undefined;
    });
    const seen = port.messages.flatMap((message) =>
      'event' in message && message.event === 'state' && message.data.clock.playing
        ? [message.data.clock.cursorNs]
        : [],
    );
    expect(Math.max(...seen)).toBeLessThan(13e9);
    expect(seen.slice(1).every((atNs) => atNs >= 10e9)).toBe(true);
    await port.ask('range', { range: null });
    expect(port.state.range).toBeNull();
    await port.ask('pause');
    port.close();
  });

  it('plays, pauses and leaves', async () => {
    const port = new FakePort();
    engine.connect(port);
    await port.ask('seek', { atNs: 1e9 });
    await port.ask('play', { rate: 100 });
    await until(() => (port.state.clock.cursorNs > 20e9 ? true : undefined));
    await port.ask('pause');
    const { cursorNs } = port.state.clock;
    await new Promise((resolve) => setTimeout(resolve, 250));
    expect(port.state.clock).toMatchObject({ playing: false });
    expect(port.state.clock.cursorNs - cursorNs).toBeLessThan(15e9);
    await port.ask('close');
    expect(port.state).toMatchObject({ mode: 'idle', source: null });
    port.close();
  });
});
