// What the desktop app does around a recording: tray, no suspend, word when it ends unseen; windows whose display went away;
// graphics that fail.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EngineMessage, StateEvent } from '../../core/contract/answers.ts';
import type { EnginePort } from '../../core/engine/port.ts';
import type { ServedEngine } from '../../electron/engine-service.ts';
import { testEngine } from './engine.ts';
import { findItem } from './fake-electron.ts';
import { ShellUnderTest } from './started-shell.ts';
import { eventually } from './wire.ts';

const FILE = '/home/me/Flowglass/a & b\u202e.pcapng';

/** The real engine, but that it says to record when told so here: a recording needs privilege and an interface. */
class RecordingEngine implements ServedEngine {
  readonly exports = { grant: () => undefined };
  readonly asked: string[] = [];
  private readonly engine = testEngine();
  private readonly ports: EnginePort[] = [];
  private recording: StateEvent['recording'] = null;
  private last: StateEvent | null = null;

  connect(port: EnginePort): void {
    this.ports.push(port);
    this.engine.connect({
      ...port,
      send: (message) => port.send(this.overlay(message)),
      onRequest: (handler) => port.onRequest((message) => this.request(port, message, handler)),
    });
  }
  record(path: string | null): void {
    this.recording = path === null ? null : { path, sinceNs: 0, bytes: 1, paused: false };
    if (this.last) this.tell({ event: 'state', data: { ...this.last, recording: this.recording } });
  }
  tell(message: EngineMessage): void {
    for (const port of this.ports) port.send(message);
  }
  close(): Promise<void> {
    return this.engine.close();
  }

  private overlay(message: EngineMessage): EngineMessage {
    if (!('event' in message) || message.event !== 'state') return message;
    this.last = message.data;
    return { event: 'state', data: { ...message.data, recording: this.recording } };
  }
  private request(port: EnginePort, message: unknown, handler: (message: unknown) => void): void {
    const { id, method } = message as { id: number; method: string };
    this.asked.push(method);
    if (method !== 'recordStop') return handler(message);
    this.record(null);
    port.send({ id, result: { path: FILE, bytes: 1 } });
  }
}

let shell: ShellUnderTest;
let engine: RecordingEngine;

beforeEach(() => {
  shell = new ShellUnderTest();
  engine = new RecordingEngine();
  shell.electron.engine = () => engine;
});
afterEach(() => shell.end());

/** Started, and its engine heard of. */
async function started() {
  const window = await shell.start();
  await eventually('engine', () => engine.asked.includes('recent') || undefined);
  return window;
}

describe('a recording', () => {
  it('shows a tray icon and keeps the machine awake, until it ends', async () => {
    await started();
    const { trays, blockers } = shell.electron;
    expect([trays.length, blockers.size]).toEqual([0, 0]);
    engine.record(FILE);
    const tray = await eventually('tray', () => trays[0]);
    expect([tray.icon, tray.text]).toEqual(['/app/tray.png', 'Flowglass records a & b\\u202e.pcapng']);
    expect(tray.menu[0]?.label).toBe('a && b\\u202e.pcapng');
    expect([tray.destroyed, blockers.size]).toEqual([false, 1]);
    engine.record(null);
    await eventually('end', () => tray.destroyed || undefined);
    expect([trays.length, blockers.size]).toEqual([1, 0]);
  });

  it('is stopped from the tray, which also brings the window back', async () => {
    const window = await started();
    engine.record(FILE);
    const tray = await eventually('tray', () => shell.electron.trays[0]);
    window.minimized = true;
    findItem(tray.menu, 'Show Flowglass')?.click?.();
    expect([window.minimized, window.focused]).toEqual([false, 1]);
    findItem(tray.menu, 'Stop Recording')?.click?.();
    await eventually('end', () => tray.destroyed || undefined);
    expect(engine.asked.filter((method) => method === 'recordStop')).toHaveLength(1);
  });

  it('works without a place for tray icons', async () => {
    shell.electron.hasTray = false;
    await started();
    engine.record(FILE);
    await eventually('blocker', () => shell.electron.blockers.size === 1 || undefined);
    engine.record(null);
    await eventually('end', () => shell.electron.blockers.size === 0 || undefined);
  });

  it('that goes over to another file has one icon and one blocker', async () => {
    await started();
    engine.record(FILE);
    await eventually('tray', () => shell.electron.trays[0]);
    engine.record('/home/me/Flowglass/next.pcapng');
    const next = await eventually('next', () => shell.electron.trays[1]);
    expect(next.text).toBe('Flowglass records next.pcapng');
    expect([shell.electron.trays[0]?.destroyed, shell.electron.blockers.size]).toEqual([true, 1]);
    expect(shell.electron.notifications).toEqual([]);
  });

  it('that ends while nobody looks, or meets trouble then, is told by the desktop; a click shows the window', async () => {
    const window = await started();
    const { notifications } = shell.electron;
    engine.record(FILE);
    await eventually('tray', () => shell.electron.trays[0]);
    const full = { code: 'full', what: 'the disk is full', where: FILE, hint: null };
    engine.tell({ event: 'notice', data: { ...full, level: 'error' } });
    engine.record(`${FILE}.2`);
    await eventually('the notice came', () => shell.electron.trays[1]);
    window.hasKeyboard = false;
    engine.tell({ event: 'notice', data: { ...full, level: 'info' } });
    engine.tell({ event: 'notice', data: { ...full, level: 'error' } });
    engine.record(null);
    await eventually('words', () => notifications.length === 2 || undefined);
    expect(notifications.map(({ said }) => said.title)).toEqual(['the disk is full', 'Recording saved']);
    expect(notifications[0]?.said.body).not.toContain('\u202e');
    expect(notifications.every(({ shown }) => shown)).toBe(true);
    notifications[0]?.emit('click');
    expect(window.focused).toBe(1);
  });

  it('whose engine dies is over: nothing keeps the machine awake', async () => {
    await started();
    engine.record(FILE);
    await eventually('blocker', () => shell.electron.blockers.size === 1 || undefined);
    shell.electron.processes[0]?.die(139);
    await eventually('end', () => shell.electron.blockers.size === 0 || undefined);
    expect(shell.electron.trays[0]?.destroyed).toBe(true);
  });
});

describe('displays', () => {
  it('that go, or shrink, leave no window out of reach', async () => {
    const { displays, screen } = shell.electron;
    displays.push({ x: 1920, y: 0, width: 1920, height: 1080 });
    const window = await started();
    window.bounds = { x: 2500, y: 100, width: 1400, height: 900 };
    screen.emit('display-metrics-changed');
    expect(window.bounds.x).toBe(2500);
    displays.pop();
    screen.emit('display-removed');
    expect(window.bounds).toEqual({ x: 260, y: 90, width: 1400, height: 900 });
    displays[0] = { x: 0, y: 0, width: 1024, height: 700 };
    screen.emit('display-metrics-changed');
    expect(window.bounds).toMatchObject({ width: 1024, height: 700 });
  });
});

describe('graphics hardware', () => {
  const marker = (): boolean => existsSync(join(shell.folder, 'state/starting'));
  const kept = (): unknown => JSON.parse(readFileSync(join(shell.folder, 'state/preferences.json'), 'utf8'));

  it('is used; a start that showed a window leaves nothing to the next', async () => {
    const window = await started();
    expect([shell.electron.app.software, marker()]).toEqual([false, true]);
    window.emit('ready-to-show');
    expect(marker()).toBe(false);
  });

  it('is left alone after a start that never showed a window, until another version comes', async () => {
    await started();
    await shell.quit();
    await started();
    expect(shell.electron.app.software).toBe(true);
    shell.electron.windows[0]?.emit('ready-to-show');
    await shell.quit();
    shell.electron.app.software = false;
    shell.electron.app.version = '0.2.0';
    await started();
    expect(shell.electron.app.software).toBe(false);
  });

  it('that crashed twice is left alone from the next start on', async () => {
    const window = await started();
    window.emit('ready-to-show');
    const gone = (type: string, reason: string): boolean => shell.electron.app.emit('child-process-gone', {}, { type, reason }); // prettier-ignore
    gone('GPU', 'crashed');
    gone('Utility', 'crashed');
    gone('GPU', 'clean-exit');
    expect(existsSync(join(shell.folder, 'state/preferences.json'))).toBe(false);
    gone('GPU', 'crashed');
    expect(kept()).toMatchObject({ softwareFor: '0.1.0' });
  });
});
