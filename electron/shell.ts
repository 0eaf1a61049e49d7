/** The desktop app: one instance, its windows, its menu, its files; the engine beside it. Knows Electron by type only. */
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { FlowglassError, printable } from '../core/errors.ts';
import { CHOOSE_FILE, CHOOSE_SAVE, CONNECT, ENGINE, EXPORT, SAVE } from './channels.ts';
import type { BrowserWindow, Electron, IpcEvent } from './electron-api.ts';
import { EngineHost } from './engine-host.ts';
import { fileArgument, OPEN_DIALOG, saveDialog, secondStart, suggestedName } from './files.ts';
import { isOurSender, lockNavigation, lockSession } from './lockdown.ts';
import { menuTemplate } from './menu.ts';
import { pageProtocol, SCHEME, SCHEME_PRIVILEGES, START_PAGE } from './page-protocol.ts';
import { MIN_HEIGHT, MIN_WIDTH, placeWindow, readWindowState, writeWindowState } from './window-state.ts';

/** Where things lie, and how this process was started. */
export interface ShellPlace {
  argv: readonly string[];
  directory: string;
  /** Folder of the built page. */
  page: string;
  preload: string;
  engine: string;
}

/** The page's darkest background, so that a window does not flash white. */
const BACKGROUND = '#080b10';
/** A second window is not put exactly over the first. */
const CASCADE = 32;
/** Pages that crash again within this time are left alone. */
const RELOAD_MS = 30_000;
const nothing = z.tuple([]);

/** Starts the app; returns at once when another instance took over. */
export function startShell(electron: Electron, place: ShellPlace): void {
  const { app, protocol } = electron;
  const file = fileArgument(place.argv, place.directory, app.isPackaged);
  if (!app.requestSingleInstanceLock({ file })) {
    app.quit();
    return;
  }
  protocol.registerSchemesAsPrivileged([SCHEME_PRIVILEGES]);
  new Shell(electron, place).run(file);
}

class Shell {
  private readonly electron: Electron;
  private readonly place: ShellPlace;
  private readonly host: EngineHost;
  private readonly windows = new Set<BrowserWindow>();
  private title = 'Flowglass';
  private ready = false;
  /** Named before there was a window. */
  private wanted: string | null = null;
  private closed = false;

  constructor(electron: Electron, place: ShellPlace) {
    this.electron = electron;
    this.place = place;
    this.host = new EngineHost({
      fork: () => electron.utilityProcess.fork(place.engine, [], { serviceName: 'Flowglass engine', stdio: 'inherit' }),
      channel: () => new electron.MessageChannelMain(),
      onSource: (source) => this.showSource(source),
      onGone: () =>
        this.complain('The engine ended unexpectedly several times', 'Close Flowglass and start it again from a terminal: what it prints there says why.'), // prettier-ignore
    });
  }

  run(file: string | null): void {
    const { app } = this.electron;
    this.wanted = file;
    lockNavigation(app);
    app.on('second-instance', (_event, _argv, directory, data) => {
      const parsed = secondStart.safeParse(data);
      this.focus();
      if (parsed.success && parsed.data.file !== null) this.open(resolve(directory, parsed.data.file));
    });
    app.on('open-file', (event, path) => {
      event.preventDefault();
      this.open(path);
    });
    app.on('activate', () => {
      if (this.ready && this.windows.size === 0) this.newWindow();
    });
    app.on('window-all-closed', () => app.quit());
    app.on('before-quit', (event) => {
      if (this.closed) return;
      event.preventDefault();
      void this.host.close().finally(() => {
        this.closed = true;
        app.quit();
      });
    });
    void app.whenReady().then(() => this.begin());
  }

  private begin(): void {
    const { protocol, session } = this.electron;
    lockSession(session.defaultSession);
    protocol.handle(SCHEME, pageProtocol(this.place.page));
    this.listen();
    this.ready = true;
    void this.refreshMenu();
    this.newWindow();
    if (this.wanted !== null) this.open(this.wanted);
  }

  /** The three things a page may ask of main; whoever else asks is not answered. */
  private listen(): void {
    const { ipcMain, dialog } = this.electron;
    ipcMain.on(CONNECT, (event, ...args) => {
      if (!this.accepts(event, args)) return;
      const port = this.host.connect();
      if (port) event.sender.postMessage(ENGINE, null, [port]);
    });
    ipcMain.handle(CHOOSE_FILE, async (event, ...args) => {
      const window = this.accepts(event, args);
      if (!window) throw new Error('refused');
      const { canceled, filePaths } = await dialog.showOpenDialog(window, OPEN_DIALOG);
      return canceled ? null : (filePaths[0] ?? null);
    });
    ipcMain.handle(CHOOSE_SAVE, async (event, ...args) => {
      const window = this.accepts(event, []);
      const name = suggestedName.safeParse(args);
      if (!window || !name.success) throw new Error('refused');
      const { canceled, filePath } = await dialog.showSaveDialog(window, saveDialog(name.data[0]));
      if (canceled || filePath === '') return null;
      this.host.grant(filePath);
      return filePath;
    });
  }

  /** The window a message came from; null when it is not from the page of one of ours, or carries what it should not. */
  private accepts(event: IpcEvent, args: readonly unknown[]): BrowserWindow | null {
    if (!isOurSender(event) || !nothing.safeParse(args).success) return null;
    return [...this.windows].find(({ webContents }) => webContents === event.sender) ?? null;
  }

  private newWindow(): void {
    const { app, BrowserWindow: Window, screen } = this.electron;
    const file = join(app.getPath('userData'), 'window.json');
    const kept = readWindowState(file);
    const shift = this.windows.size * CASCADE;
    const areas = [screen.getPrimaryDisplay(), ...screen.getAllDisplays()].map(({ workArea }) => workArea);
    const bounds = placeWindow(kept && { ...kept, x: kept.x + shift, y: kept.y + shift }, areas);
    const window = new Window({
      ...bounds,
      minWidth: Math.min(MIN_WIDTH, bounds.width),
      minHeight: Math.min(MIN_HEIGHT, bounds.height),
      show: false,
      backgroundColor: BACKGROUND,
      title: this.title,
      webPreferences: {
        preload: this.place.preload,
        sandbox: true,
        contextIsolation: true,
        nodeIntegration: false,
        webviewTag: false,
        navigateOnDragDrop: false,
        spellcheck: false,
      },
    });
    this.windows.add(window);
    window.on('ready-to-show', () => {
      if (kept?.maximized === true && shift === 0) window.maximize();
      window.show();
    });
    window.on('page-title-updated', (event) => event.preventDefault());
    window.on('close', () => {
      const { x, y, width, height } = window.getNormalBounds();
      if (!window.isFullScreen()) writeWindowState(file, { x, y, width, height, maximized: window.isMaximized() });
    });
    window.on('closed', () => this.windows.delete(window));
    let reloadedMs = -Infinity;
    window.webContents.on('render-process-gone', (_event, { reason }) => {
      const now = performance.now();
      if (reason === 'clean-exit' || window.isDestroyed() || now - reloadedMs < RELOAD_MS) return;
      reloadedMs = now;
      window.webContents.reload();
    });
    window.loadURL(START_PAGE).catch((error: unknown) => {
      if (!window.isDestroyed()) this.complain('The interface cannot be shown', error instanceof Error ? error.message : String(error)); // prettier-ignore
    });
  }

  private focus(): void {
    if (!this.ready) return;
    const [window] = this.windows;
    if (!window) {
      this.newWindow();
      return;
    }
    if (window.isMinimized()) window.restore();
    window.show();
    window.focus();
  }

  /** Opens a file in the engine; every window shows it. */
  private open(path: string): void {
    if (!this.ready) {
      this.wanted = path;
      return;
    }
    if (this.windows.size === 0) this.newWindow();
    this.host.request('open', { path }).catch((error: unknown) => {
      const { what, where, hint } = error instanceof FlowglassError ? error : { what: String(error), where: path, hint: '' }; // prettier-ignore
      this.complain(`${what.charAt(0).toUpperCase()}${what.slice(1)}`, [where, hint].filter((text) => text !== '').join('\n')); // prettier-ignore
    });
  }

  private async chooseAndOpen(): Promise<void> {
    const [window] = this.windows;
    if (!window) return;
    const { canceled, filePaths } = await this.electron.dialog.showOpenDialog(window, OPEN_DIALOG);
    if (!canceled && filePaths[0] !== undefined) this.open(filePaths[0]);
  }

  private showSource(source: { name: string; path: string | null } | null): void {
    this.title = source ? `${printable(source.name)} – Flowglass` : 'Flowglass';
    for (const window of this.windows) window.setTitle(this.title);
    if (source && source.path !== null) {
      this.electron.app.addRecentDocument(source.path);
      void this.refreshMenu();
    }
  }

  /** Tells the page in front what the menu wants. */
  private wish(channel: typeof EXPORT | typeof SAVE): void {
    [...this.windows].at(-1)?.webContents.postMessage(channel, null);
  }

  private async refreshMenu(): Promise<void> {
    const { app, Menu } = this.electron;
    const recent = await this.host.request('recent', {}).catch(() => []);
    const actions = {
      open: () => void this.chooseAndOpen(),
      export: () => this.wish(EXPORT),
      saveWhatHappened: () => this.wish(SAVE),
      openRecent: (path: string) => this.open(path),
      newWindow: () => this.newWindow(),
    };
    const template = menuTemplate(actions, recent.map(({ path }) => path), !app.isPackaged); // prettier-ignore
    Menu.setApplicationMenu(Menu.buildFromTemplate(template));
  }

  private complain(message: string, detail: string): void {
    void this.electron.dialog.showMessageBox({
      type: 'error',
      message: printable(message),
      detail: detail.split('\n').map(printable).join('\n'),
      buttons: ['OK'],
    });
  }
}
