/**
 * What we use of Electron, and no more: small enough for tests to make by hand, as the binary is fetched on first use and
 * may never be. electron/main.ts puts the real thing in, and the compiler holds these against Electron's own types there.
 */

/** An event whose default can be kept from happening. */
export interface Preventable {
  preventDefault(): void;
}

/** MessagePortMain. It transfers ports only; buffers are copied. */
export interface Port {
  postMessage(message: unknown, transfer?: Port[]): void;
  start(): void;
  close(): void;
  on(event: 'message', listener: (event: { data: unknown }) => void): unknown;
  /** The other end is gone. */
  on(event: 'close', listener: () => void): unknown;
}

export interface Frame {
  url: string;
  parent: Frame | null;
}

/** Of a message from a page: who sent it. The frame is null when it is gone already. */
export interface IpcEvent {
  sender: WebContents;
  senderFrame: Frame | null;
}

export interface WebContents {
  postMessage(channel: string, message: unknown, transfer?: Port[]): void;
  setWindowOpenHandler(handler: () => { action: 'deny' }): void;
  on(event: 'will-navigate' | 'will-redirect' | 'will-frame-navigate', listener: (event: Preventable & { url: string }) => void): unknown; // prettier-ignore
  on(event: 'will-attach-webview', listener: (event: Preventable) => void): unknown;
  on(event: 'render-process-gone', listener: (event: unknown, details: { reason: string }) => void): unknown;
  reload(): void;
}

export interface Rectangle {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface BrowserWindow {
  readonly webContents: WebContents;
  loadURL(url: string): Promise<void>;
  show(): void;
  focus(): void;
  close(): void;
  restore(): void;
  maximize(): void;
  setTitle(title: string): void;
  isMinimized(): boolean;
  isMaximized(): boolean;
  isFullScreen(): boolean;
  isDestroyed(): boolean;
  isFocused(): boolean;
  getNormalBounds(): Rectangle;
  setBounds(bounds: Rectangle): void;
  on(event: 'ready-to-show' | 'close' | 'closed', listener: () => void): unknown;
  on(event: 'page-title-updated', listener: (event: Preventable) => void): unknown;
}

export interface WindowOptions extends Rectangle {
  minWidth: number;
  minHeight: number;
  show: boolean;
  backgroundColor: string;
  title: string;
  webPreferences: {
    preload: string;
    sandbox: true;
    contextIsolation: true;
    nodeIntegration: false;
    webviewTag: false;
    navigateOnDragDrop: false;
    spellcheck: false;
  };
}

export interface Session {
  setPermissionRequestHandler(handler: (contents: WebContents | null, permission: string, callback: (granted: boolean) => void, details: { requestingUrl?: string }) => void): void; // prettier-ignore
  setPermissionCheckHandler(handler: (contents: WebContents | null, permission: string, origin: string) => boolean): void; // prettier-ignore
  setDevicePermissionHandler(handler: () => boolean): void;
  webRequest: {
    onBeforeRequest(listener: (details: { url: string }, callback: (answer: { cancel: boolean }) => void) => void): void; // prettier-ignore
  };
}

export interface MenuItem {
  label?: string;
  role?: 'close' | 'quit' | 'editMenu' | 'resetZoom' | 'zoomIn' | 'zoomOut' | 'togglefullscreen' | 'reload' | 'toggleDevTools'; // prettier-ignore
  type?: 'separator' | 'checkbox';
  accelerator?: string;
  enabled?: boolean;
  checked?: boolean;
  submenu?: MenuItem[];
  click?: () => void;
}

export interface UtilityProcess {
  postMessage(message: unknown, transfer?: Port[]): void;
  kill(): boolean;
  on(event: 'exit', listener: (code: number) => void): unknown;
}

/** `process.parentPort` within a utility process. */
export interface ParentPort {
  on(event: 'message', listener: (event: { data: unknown; ports: Port[] }) => void): unknown;
}

/** An icon among those of the desktop's status area. */
export interface Tray {
  setToolTip(text: string): void;
  setContextMenu(menu: object | null): void;
  on(event: 'click', listener: () => void): unknown;
  destroy(): void;
}

export interface Notification {
  show(): void;
  on(event: 'click', listener: () => void): unknown;
}

export interface App {
  readonly isPackaged: boolean;
  getVersion(): string;
  /** Only before the app is ready. */
  disableHardwareAcceleration(): void;
  requestSingleInstanceLock(data: Record<string, unknown>): boolean;
  releaseSingleInstanceLock(): void;
  whenReady(): Promise<unknown>;
  quit(): void;
  exit(code: number): void;
  getPath(name: 'userData'): string;
  addRecentDocument(path: string): void;
  on(event: 'second-instance', listener: (event: unknown, argv: string[], directory: string, data: unknown) => void): unknown; // prettier-ignore
  on(event: 'open-file', listener: (event: Preventable, path: string) => void): unknown;
  on(event: 'before-quit', listener: (event: Preventable) => void): unknown;
  on(event: 'window-all-closed' | 'activate', listener: () => void): unknown;
  on(event: 'child-process-gone', listener: (event: unknown, details: { type: string; reason: string }) => void): unknown; // prettier-ignore
  on(event: 'web-contents-created', listener: (event: unknown, contents: WebContents) => void): unknown;
}

export interface MessageBoxOptions {
  type: 'error' | 'warning' | 'info';
  message: string;
  detail: string;
  buttons: string[];
}

export interface OpenDialogOptions {
  title: string;
  properties: ['openFile'];
  filters: { name: string; extensions: string[] }[];
}

export interface SaveDialogOptions {
  title: string;
  defaultPath: string;
  properties: ('showOverwriteConfirmation' | 'createDirectory')[];
  filters: { name: string; extensions: string[] }[];
}

export interface Electron {
  app: App;
  BrowserWindow: new (options: WindowOptions) => BrowserWindow;
  Menu: { buildFromTemplate(template: MenuItem[]): object; setApplicationMenu(menu: object | null): void };
  dialog: {
    showOpenDialog(window: Pick<BrowserWindow, 'focus'>, options: OpenDialogOptions): Promise<{ canceled: boolean; filePaths: string[] }>; // prettier-ignore
    showSaveDialog(window: Pick<BrowserWindow, 'focus'>, options: SaveDialogOptions): Promise<{ canceled: boolean; filePath: string }>; // prettier-ignore
    showMessageBox(options: MessageBoxOptions): Promise<unknown>;
  };
  ipcMain: {
    on(channel: string, listener: (event: IpcEvent, ...args: unknown[]) => void): unknown;
    handle(channel: string, listener: (event: IpcEvent, ...args: unknown[]) => unknown): void;
  };
  protocol: {
    registerSchemesAsPrivileged(schemes: { scheme: string; privileges: Record<string, boolean> }[]): void;
    handle(scheme: string, handler: (request: { url: string; method: string }) => Promise<Response>): void;
  };
  shell: { showItemInFolder(path: string): void };
  screen: {
    getAllDisplays(): { workArea: Rectangle }[];
    getPrimaryDisplay(): { workArea: Rectangle };
    on(event: 'display-removed' | 'display-metrics-changed', listener: () => void): unknown;
  };
  Tray: new (icon: string) => Tray;
  Notification: { new (options: { title: string; body: string }): Notification; isSupported(): boolean };
  powerSaveBlocker: { start(type: 'prevent-app-suspension'): number; stop(id: number): unknown };
  session: { readonly defaultSession: Session };
  utilityProcess: { fork(path: string, args: string[], options: { serviceName: string; stdio: 'inherit' }): UtilityProcess }; // prettier-ignore
  MessageChannelMain: new () => { port1: Port; port2: Port };
}
