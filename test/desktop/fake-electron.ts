/** The part of Electron that the shell uses, made by hand: it records what is asked of it, and lets a test act. */
import { EventEmitter } from 'node:events';
import type {
  BrowserWindow,
  Electron,
  Frame,
  IpcEvent,
  MenuItem,
  MessageBoxOptions,
  Notification,
  Port,
  Rectangle,
  Session,
  Tray,
  UtilityProcess,
  WebContents,
  WindowOptions,
} from '../../electron/electron-api.ts';
import { serveEngine, type ServedEngine } from '../../electron/engine-service.ts';
import { nodeChannel } from './node-port.ts';

export class Prevented {
  prevented = false;
  url = '';
  constructor(url = '') {
    this.url = url;
  }
  preventDefault(): void {
    this.prevented = true;
  }
}

export class FakeContents extends EventEmitter implements WebContents {
  readonly posted: { channel: string; message: unknown; ports: Port[] }[] = [];
  reloads = 0;
  opens: () => { action: string } = () => ({ action: 'allow' });
  readonly frame: Frame = { url: 'app://flowglass/index.html', parent: null };

  postMessage(channel: string, message: unknown, transfer: Port[] = []): void {
    this.posted.push({ channel, message, ports: transfer });
  }
  setWindowOpenHandler(handler: () => { action: 'deny' }): void {
    this.opens = handler;
  }
  reload(): void {
    this.reloads++;
  }
  /** An event as a message from this page carries it. */
  message(frame: Frame | null = this.frame): IpcEvent {
    return { sender: this, senderFrame: frame };
  }
  /** Where a navigation by this event leads: true when it is kept from happening. */
  stays(event: string, url: string): boolean {
    const asked = new Prevented(url);
    this.emit(event, asked);
    return asked.prevented;
  }
}

export class FakeWindow extends EventEmitter implements BrowserWindow {
  readonly options: WindowOptions;
  readonly webContents = new FakeContents();
  loaded = '';
  title = '';
  shown = 0;
  focused = 0;
  minimized = false;
  maximized = false;
  destroyed = false;
  bounds: Rectangle;

  constructor(options: WindowOptions) {
    super();
    this.options = options;
    this.bounds = { x: options.x, y: options.y, width: options.width, height: options.height };
  }
  loadURL(url: string): Promise<void> {
    this.loaded = url;
    return Promise.resolve();
  }
  show(): void {
    this.shown++;
  }
  focus(): void {
    this.focused++;
  }
  close(): void {
    this.emit('close');
    this.destroyed = true;
    this.emit('closed');
  }
  restore(): void {
    this.minimized = false;
  }
  maximize(): void {
    this.maximized = true;
  }
  setTitle(title: string): void {
    this.title = title;
  }
  isMinimized(): boolean {
    return this.minimized;
  }
  isMaximized(): boolean {
    return this.maximized;
  }
  isFullScreen(): boolean {
    return false;
  }
  isDestroyed(): boolean {
    return this.destroyed;
  }
  /** As long as nobody looks elsewhere. */
  hasKeyboard = true;
  isFocused(): boolean {
    return this.hasKeyboard;
  }
  setBounds(bounds: Rectangle): void {
    this.bounds = bounds;
  }
  getNormalBounds(): Rectangle {
    return this.bounds;
  }
}

/** A utility process that is none: the engine's service runs here, over Node's own channels. */
export class FakeProcess extends EventEmitter implements UtilityProcess {
  readonly received: unknown[] = [];
  private readonly deliver = new EventEmitter();
  private readonly ports: Port[] = [];
  ended = false;

  constructor(engine: ServedEngine | null) {
    super();
    if (engine) serveEngine({ on: (_event, listener) => this.deliver.on('message', listener) }, engine, (code) => this.die(code)); // prettier-ignore
  }
  postMessage(message: unknown, transfer: Port[] = []): void {
    this.received.push(message);
    this.ports.push(...transfer);
    queueMicrotask(() => this.deliver.emit('message', { data: message, ports: transfer }));
  }
  kill(): boolean {
    this.die(143);
    return true;
  }
  /** What a crash looks like from outside: the ports it held are closed, then it is gone. */
  die(code: number): void {
    if (this.ended) return;
    this.ended = true;
    for (const port of this.ports) port.close();
    setImmediate(() => this.emit('exit', code));
  }
}

export class FakeTray extends EventEmitter implements Tray {
  readonly icon: string;
  text = '';
  menu: MenuItem[] = [];
  destroyed = false;
  constructor(icon: string) {
    super();
    this.icon = icon;
  }
  setToolTip(text: string): void {
    this.text = text;
  }
  setContextMenu(menu: object | null): void {
    this.menu = menu as MenuItem[];
  }
  destroy(): void {
    this.destroyed = true;
  }
}

export class FakeNotification extends EventEmitter implements Notification {
  readonly said: { title: string; body: string };
  shown = false;
  constructor(said: { title: string; body: string }) {
    super();
    this.said = said;
  }
  show(): void {
    this.shown = true;
  }
}

/** First menu item with this label, wherever it stands. */
export function findItem(items: readonly MenuItem[], label: string): MenuItem | undefined {
  for (const item of items) {
    const found = item.label === label ? item : findItem(item.submenu ?? [], label);
    if (found) return found;
  }
  return undefined;
}

type Handler = (event: IpcEvent, ...args: unknown[]) => unknown;

export class FakeElectron {
  readonly app = new FakeApp();
  readonly windows: FakeWindow[] = [];
  readonly processes: FakeProcess[] = [];
  readonly listeners = new Map<string, Handler>();
  readonly handlers = new Map<string, Handler>();
  readonly boxes: MessageBoxOptions[] = [];
  readonly schemes: unknown[] = [];
  readonly displays: Rectangle[] = [{ x: 0, y: 0, width: 1920, height: 1080 }];
  readonly screen = new EventEmitter();
  readonly trays: FakeTray[] = [];
  /** This desktop has a place for tray icons. */
  hasTray = true;
  readonly notifications: FakeNotification[] = [];
  /** Numbers of the blockers that hold now. */
  readonly blockers = new Set<number>();
  menu: MenuItem[] = [];
  chosen: string[] = [];
  /** Suggested by pages to the save dialog. */
  readonly suggested: string[] = [];
  /** Files that the file manager showed. */
  readonly shown: string[] = [];
  page: (request: { url: string; method: string }) => Promise<Response> = () => Promise.reject(new Error('no handler'));
  readonly locks = {
    request: (_contents: WebContents | null, _permission: string, callback: (granted: boolean) => void, _details: { requestingUrl?: string }): void => callback(true), // prettier-ignore
    check: (_contents: WebContents | null, _permission: string, _origin: string): boolean => true,
    device: (): boolean => true,
    before: (_details: { url: string }, callback: (answer: { cancel: boolean }) => void): void => callback({ cancel: false }), // prettier-ignore
  };
  engine: () => ServedEngine | null = () => null;

  /** As the shell takes it. */
  get api(): Electron {
    const { windows, processes, app, boxes, displays, locks, screen, trays, notifications, blockers } = this;
    const hasTray = (): boolean => this.hasTray;
    class Window extends FakeWindow {
      constructor(options: WindowOptions) {
        super(options);
        windows.push(this);
        app.emit('web-contents-created', {}, this.webContents);
        this.on('closed', () => windows.splice(windows.indexOf(this), 1));
      }
    }
    class Icon extends FakeTray {
      constructor(icon: string) {
        if (!hasTray()) throw new Error('no tray here');
        super(icon);
        trays.push(this);
      }
    }
    class Word extends FakeNotification {
      static isSupported(): boolean {
        return true;
      }
      constructor(said: { title: string; body: string }) {
        super(said);
        notifications.push(this);
      }
    }
    let blocker = 0;
    const session: Session = {
      setPermissionRequestHandler: (handler) => (locks.request = handler),
      setPermissionCheckHandler: (handler) => (locks.check = handler),
      setDevicePermissionHandler: (handler) => (locks.device = handler),
      webRequest: { onBeforeRequest: (listener) => (locks.before = listener) },
    };
    return {
      app,
      BrowserWindow: Window,
      Menu: {
        buildFromTemplate: (template) => template,
        setApplicationMenu: (menu) => (this.menu = menu as MenuItem[]),
      },
      dialog: {
        showOpenDialog: () => Promise.resolve({ canceled: this.chosen.length === 0, filePaths: this.chosen }),
        showSaveDialog: (_window, { defaultPath }) => {
          this.suggested.push(defaultPath);
          return Promise.resolve({ canceled: this.chosen.length === 0, filePath: this.chosen[0] ?? '' });
        },
        showMessageBox: (options) => Promise.resolve(boxes.push(options)),
      },
      ipcMain: {
        on: (channel, listener) => this.listeners.set(channel, listener),
        handle: (channel, listener) => this.handlers.set(channel, listener),
      },
      protocol: {
        registerSchemesAsPrivileged: (schemes) => this.schemes.push(...schemes),
        handle: (_scheme, handler) => (this.page = handler),
      },
      shell: { showItemInFolder: (path) => void this.shown.push(path) },
      screen: {
        getAllDisplays: () => displays.map((workArea) => ({ workArea })),
        getPrimaryDisplay: () => ({ workArea: displays[0] ?? { x: 0, y: 0, width: 800, height: 600 } }),
        on: (event, listener) => screen.on(event, listener),
      },
      Tray: Icon,
      Notification: Word,
      powerSaveBlocker: {
        start: () => {
          blockers.add(++blocker);
          return blocker;
        },
        stop: (id) => blockers.delete(id),
      },
      session: { defaultSession: session },
      utilityProcess: {
        fork: () => {
          const process = new FakeProcess(this.engine());
          processes.push(process);
          return process;
        },
      },
      MessageChannelMain: class {
        readonly port1: Port;
        readonly port2: Port;
        constructor() {
          ({ port1: this.port1, port2: this.port2 } = nodeChannel());
        }
      },
    };
  }

  /** The menu item with this label, wherever it stands. */
  item(label: string): MenuItem | undefined {
    return findItem(this.menu, label);
  }
}

class FakeApp extends EventEmitter {
  isPackaged = false;
  first = true;
  quits = 0;
  userData = '';
  readonly recent: string[] = [];
  lockData: Record<string, unknown> = {};
  version = '0.1.0';
  /** Draws without graphics hardware. */
  software = false;
  /** Another start of it would be the first one now. */
  unlocked = false;

  requestSingleInstanceLock(data: Record<string, unknown>): boolean {
    this.lockData = data;
    return this.first;
  }
  releaseSingleInstanceLock(): void {
    this.unlocked = true;
  }
  getVersion(): string {
    return this.version;
  }
  disableHardwareAcceleration(): void {
    this.software = true;
  }
  whenReady(): Promise<void> {
    return Promise.resolve();
  }
  /** As Electron does: asks first, and ends only when nobody objects. */
  quit(): void {
    const event = new Prevented();
    this.emit('before-quit', event);
    if (!event.prevented) this.quits++;
  }
  exit(): void {
    this.quits++;
  }
  getPath(): string {
    return this.userData;
  }
  addRecentDocument(path: string): void {
    this.recent.push(path);
  }
}
