/** The desktop app: one instance, its windows, its menu, its files; the engine beside it. Knows Electron by type only. */
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { FlowglassError, printable } from '../core/errors.ts';
import {
  CHOOSE_FILE,
  CHOOSE_SAVE,
  CONNECT,
  ENGINE,
  EXPORT,
  HOST,
  INSTALL_HELPER,
  SAVE,
  SHOW_IN_FOLDER,
} from './channels.ts';
import type { BrowserWindow, Electron, IpcEvent } from './electron-api.ts';
import { EngineHost, type Shown } from './engine-host.ts';
import { fileArgument, OPEN_DIALOG, saveDialog, secondStart, shownPath, suggestedName } from './files.ts';
import { chooseGraphics } from './graphics.ts';
import type { HelperInstaller, Installed } from './install-helper.ts';
import { isOurSender, lockNavigation, lockSession } from './lockdown.ts';
import { menuTemplate } from './menu.ts';
import { pageProtocol, SCHEME, SCHEME_PRIVILEGES } from './page-protocol.ts';
import { Preferences } from './preferences.ts';
import { RecordingSigns } from './recording-signs.ts';
import { Updates, type Updater } from './updates.ts';
import { Windows } from './windows.ts';

/** Where things lie, and how this process was started. */
export interface ShellPlace {
  argv: readonly string[];
  directory: string;
  /** Folder of the built page. */
  page: string;
  preload: string;
  engine: string;
  /** A small picture, for the tray. */
  icon: string;
  /** Null where the system installs the helper (deb, rpm) or there is none. */
  installer: HelperInstaller | null;
  /** Null where the app does not update itself: everything but an AppImage with a key. */
  update: { updater: Updater; publicKey: string } | null;
}

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
  private readonly preferences: Preferences;
  private readonly windows: Windows;
  private readonly signs: RecordingSigns;
  private readonly updates: Updates | null;
  private shown: Shown = { source: null, recording: null };
  private ready = false;
  /** Named before there was a window. */
  private wanted: string | null = null;
  private closed = false;

  constructor(electron: Electron, place: ShellPlace) {
    this.electron = electron;
    this.place = place;
    const data = electron.app.getPath('userData');
    this.preferences = new Preferences(join(data, 'preferences.json'));
    const windowShown = chooseGraphics(electron.app, this.preferences, join(data, 'starting'));
    this.windows = new Windows(electron, {
      preload: place.preload,
      onShown: windowShown,
      onUnshowable: (reason) => this.complain('The interface cannot be shown', reason),
    });
    this.signs = new RecordingSigns(electron, place.icon, {
      show: () => this.focus(),
      stop: () => this.ask('recordStop', {}),
      unseen: () => this.windows.unseen,
    });
    this.host = new EngineHost({
      fork: () => electron.utilityProcess.fork(place.engine, [], { serviceName: 'Flowglass engine', stdio: 'inherit' }),
      channel: () => new electron.MessageChannelMain(),
      onShown: (shown) => this.show(shown),
      onNotice: ({ level, what, where }) => {
        if (level !== 'info') this.signs.notify(what, where ?? '');
      },
      onGone: () =>
        this.complain('The engine ended unexpectedly several times', 'Close Flowglass and start it again from a terminal: what it prints there says why.'), // prettier-ignore
    });
    this.updates = place.update && this.makeUpdates(place.update);
  }

  private makeUpdates({ updater, publicKey }: { updater: Updater; publicKey: string }): Updates {
    return new Updates({
      updater,
      publicKey,
      wanted: () => this.preferences.get('updates'),
      recording: () => this.shown.recording !== null,
      onReady: (version) => {
        this.signs.notify(`Flowglass ${version} is ready`, 'Help → Restart to Update installs it');
        void this.refreshMenu();
      },
      onTrouble: (what) => this.complain('An update was refused', what),
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
      if (this.ready && this.windows.count === 0) this.windows.open();
    });
    app.on('window-all-closed', () => app.quit());
    app.on('before-quit', (event) => {
      if (this.closed) return;
      event.preventDefault();
      this.updates?.end();
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
    this.windows.begin();
    if (this.wanted !== null) this.open(this.wanted);
    this.updates?.begin();
  }

  /** The five things a page may ask of main; whoever else asks is not answered. */
  private listen(): void {
    const { ipcMain, dialog, shell } = this.electron;
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
    ipcMain.handle(INSTALL_HELPER, async (event, ...args) => {
      if (!this.accepts(event, args)) throw new Error('refused');
      return this.installHelper();
    });
    ipcMain.handle(SHOW_IN_FOLDER, (event, ...args) => {
      const path = shownPath.safeParse(args);
      if (!this.accepts(event, []) || !path.success) throw new Error('refused');
      shell.showItemInFolder(path.data[0]);
    });
  }

  /** The window a message came from; null when it is not from the page of one of ours, or carries what it should not. */
  private accepts(event: IpcEvent, args: readonly unknown[]): BrowserWindow | null {
    if (!isOurSender(event) || !nothing.safeParse(args).success) return null;
    return this.windows.of(event.sender);
  }

  private focus(): void {
    if (this.ready) this.windows.focus();
  }

  /** Asks the engine; a refusal is shown. */
  private ask(...[method, params]: Parameters<EngineHost['request']>): void {
    this.host.request(method, params).catch((error: unknown) => {
      const { what, where, hint } = error instanceof FlowglassError ? error : { what: String(error), where: '', hint: '' }; // prettier-ignore
      this.complain(`${what.charAt(0).toUpperCase()}${what.slice(1)}`, [where, hint].filter((text) => text !== '').join('\n')); // prettier-ignore
    });
  }

  /** Opens a file in the engine; every window shows it. */
  private open(path: string): void {
    if (!this.ready) {
      this.wanted = path;
      return;
    }
    if (this.windows.count === 0) this.windows.open();
    this.ask('open', { path });
  }

  private async chooseAndOpen(): Promise<void> {
    const window = this.windows.first;
    if (!window) return;
    const { canceled, filePaths } = await this.electron.dialog.showOpenDialog(window, OPEN_DIALOG);
    if (!canceled && filePaths[0] !== undefined) this.open(filePaths[0]);
  }

  private show(shown: Shown): void {
    const { source, recording } = shown;
    const wasRecording = this.shown.recording !== null;
    this.shown = shown;
    this.windows.setTitle(source ? `${printable(source.name)} – Flowglass` : 'Flowglass');
    this.signs.update(recording?.path ?? null);
    if (source && source.path !== null) {
      this.electron.app.addRecentDocument(source.path);
      void this.refreshMenu();
    }
    if (wasRecording && recording === null) void this.updates?.look(); // it was put off meanwhile
  }

  /** Nothing where there is no installer: the page does not offer it then. */
  private async installHelper(): Promise<Installed | null> {
    const answer = this.place.installer ? await this.place.installer.install() : null;
    void this.refreshMenu();
    return answer;
  }

  private async installFromMenu(): Promise<void> {
    const answer = await this.installHelper();
    if (answer) this.complain(answer.done ? 'The capture helper is installed' : 'The capture helper is not installed', answer.text, answer.done ? 'info' : 'error'); // prettier-ignore
  }

  /** Tells the page in front what the menu wants. */
  private wish(channel: typeof EXPORT | typeof HOST | typeof SAVE): void {
    this.windows.last?.webContents.postMessage(channel, null);
  }

  private async refreshMenu(): Promise<void> {
    const { app, Menu } = this.electron;
    const recent = await this.host.request('recent', {}).catch(() => []);
    const { installer } = this.place;
    const template = menuTemplate(
      {
        open: () => void this.chooseAndOpen(),
        export: () => this.wish(EXPORT),
        attachToHost: () => this.wish(HOST),
        saveWhatHappened: () => this.wish(SAVE),
        openRecent: (path: string) => this.open(path),
        newWindow: () => this.windows.open(),
        installHelper: installer && (() => void this.installFromMenu()),
        updates: this.updates && {
          wanted: this.preferences.get('updates'),
          ready: this.updates.ready,
          toggle: () => this.toggleUpdates(),
          install: () => void this.installUpdate(),
        },
      },
      recent.map(({ path }) => path),
      !app.isPackaged,
    );
    Menu.setApplicationMenu(Menu.buildFromTemplate(template));
  }

  private toggleUpdates(): void {
    this.preferences.set('updates', !this.preferences.get('updates'));
    void this.updates?.look();
    void this.refreshMenu();
  }

  /** The new one is started by the old one, which must have let go of everything by then. */
  private async installUpdate(): Promise<void> {
    if (this.shown.recording !== null) {
      this.complain('Flowglass is recording', 'Stop the recording, then update.', 'info');
      return;
    }
    await this.host.close();
    this.closed = true;
    this.electron.app.releaseSingleInstanceLock();
    this.updates?.install();
  }

  private complain(message: string, detail: string, type: 'error' | 'info' = 'error'): void {
    void this.electron.dialog.showMessageBox({
      type,
      message: printable(message),
      detail: detail.split('\n').map(printable).join('\n'),
      buttons: ['OK'],
    });
  }
}
