/** The desktop shell with an Electron made by hand, the real engine behind it, and a page that speaks over its port. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EngineMessage } from '../../core/contract/answers.ts';
import { CONNECT } from '../../electron/channels.ts';
import { startShell, type ShellPlace } from '../../electron/shell.ts';
import { SESSION } from './contract.ts';
import { testEngine } from './engine.ts';
import { FakeElectron, type FakeContents, type FakeWindow } from './fake-electron.ts';
import { eventually, Wire } from './wire.ts';

/** A shell, from before its start to the end of its engine. */
export class ShellUnderTest {
  readonly folder = mkdtempSync(join(tmpdir(), 'flowglass-shell-'));
  readonly electron = new FakeElectron();
  /** Asked to quit already. */
  ended = false;

  constructor() {
    this.electron.app.userData = join(this.folder, 'state');
    this.electron.engine = () =>
      testEngine({ recent: () => [{ path: SESSION, name: 'demo.pcapng', modified: '', bytes: 1 }] });
  }

  /** As it is started with these files; `over` = what else is there. */
  run(files: readonly string[] = [], over: Partial<ShellPlace> = {}): void {
    startShell(this.electron.api, {
      argv: ['electron', '/app', ...files],
      directory: this.folder,
      page: join(this.folder, 'page'),
      preload: '/app/preload.cjs',
      engine: '/app/engine-process.js',
      icon: '/app/tray.png',
      installer: null,
      update: null,
      ...over,
    });
  }

  /** The same, up to its first window. */
  async start(files: readonly string[] = [], over: Partial<ShellPlace> = {}): Promise<FakeWindow> {
    this.run(files, over);
    return eventually('window', () => this.electron.windows[0]);
  }

  /** What the page does when it connects: asks for a port, and speaks over it. */
  async connect(contents: FakeContents): Promise<Wire> {
    const before = contents.posted.length;
    this.electron.listeners.get(CONNECT)?.(contents.message());
    const { ports } = await eventually('port', () => contents.posted[before]);
    const [port] = ports;
    if (!port) throw new Error('no port');
    const wire = new Wire((message) => port.postMessage(message), () => port.close()); // prettier-ignore
    port.on('message', ({ data }) => wire.receive(data as EngineMessage | ArrayBuffer));
    port.on('close', () => wire.gone());
    port.start();
    return wire;
  }

  /** Ends the app; it can be started again. */
  async quit(): Promise<void> {
    const { app, processes, windows } = this.electron;
    app.quit();
    await eventually('processes end', () => processes.every((process) => process.ended) || undefined);
    app.removeAllListeners();
    windows.length = 0;
  }

  async end(): Promise<void> {
    if (!this.ended) await this.quit();
    await eventually('processes end', () => this.electron.processes.every(({ ended }) => ended) || undefined);
    rmSync(this.folder, { recursive: true });
  }
}
