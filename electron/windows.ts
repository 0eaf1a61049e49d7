/** The app's windows: each sandboxed, showing our page, where it was left and within reach on the displays that there are. */
import { join } from 'node:path';
import type { BrowserWindow, Electron, WebContents } from './electron-api.ts';
import { START_PAGE } from './page-protocol.ts';
import { MIN_HEIGHT, MIN_WIDTH, placeWindow, readWindowState, writeWindowState } from './window-state.ts';

/** The page's darkest background, so that a window does not flash white. */
const BACKGROUND = '#080b10';
/** A second window is not put exactly over the first. */
const CASCADE = 32;
/** Pages that crash again within this time are left alone. */
const RELOAD_MS = 30_000;

export interface WindowsOptions {
  preload: string;
  /** The first window has something to show. */
  onShown(): void;
  onUnshowable(reason: string): void;
}

export class Windows {
  readonly #electron: Pick<Electron, 'app' | 'BrowserWindow' | 'screen'>;
  readonly #options: WindowsOptions;
  readonly #windows = new Set<BrowserWindow>();
  #title = 'Flowglass';

  constructor(electron: Pick<Electron, 'app' | 'BrowserWindow' | 'screen'>, options: WindowsOptions) {
    this.#electron = electron;
    this.#options = options;
  }

  /** Once the app is ready. */
  begin(): void {
    const { screen } = this.#electron;
    for (const event of ['display-removed', 'display-metrics-changed'] as const)
      screen.on(event, () => this.#fetchBack());
    this.open();
  }

  get count(): number {
    return this.#windows.size;
  }
  /** The one opened first of those that there are. */
  get first(): BrowserWindow | null {
    return [...this.#windows][0] ?? null;
  }
  get last(): BrowserWindow | null {
    return [...this.#windows].at(-1) ?? null;
  }
  of(contents: WebContents): BrowserWindow | null {
    return [...this.#windows].find(({ webContents }) => webContents === contents) ?? null;
  }
  /** None of them has the keyboard. */
  get unseen(): boolean {
    return ![...this.#windows].some((window) => window.isFocused());
  }

  setTitle(title: string): void {
    this.#title = title;
    for (const window of this.#windows) window.setTitle(title);
  }

  /** Brings one to the front; opens one when there is none. */
  focus(): void {
    const { first: window } = this;
    if (!window) {
      this.open();
      return;
    }
    if (window.isMinimized()) window.restore();
    window.show();
    window.focus();
  }

  open(): void {
    const { app, BrowserWindow: Window } = this.#electron;
    const file = join(app.getPath('userData'), 'window.json');
    const kept = readWindowState(file);
    const shift = this.#windows.size * CASCADE;
    const bounds = placeWindow(kept && { ...kept, x: kept.x + shift, y: kept.y + shift }, this.#areas());
    const window = new Window({
      ...bounds,
      minWidth: Math.min(MIN_WIDTH, bounds.width),
      minHeight: Math.min(MIN_HEIGHT, bounds.height),
      show: false,
      backgroundColor: BACKGROUND,
      title: this.#title,
      webPreferences: {
        preload: this.#options.preload,
        sandbox: true,
        contextIsolation: true,
        nodeIntegration: false,
        webviewTag: false,
        navigateOnDragDrop: false,
        spellcheck: false,
      },
    });
    this.#windows.add(window);
    window.on('ready-to-show', () => {
      if (kept?.maximized === true && shift === 0) window.maximize();
      window.show();
      this.#options.onShown();
    });
    window.on('page-title-updated', (event) => event.preventDefault());
    window.on('close', () => {
      const { x, y, width, height } = window.getNormalBounds();
      if (!window.isFullScreen()) writeWindowState(file, { x, y, width, height, maximized: window.isMaximized() });
    });
    window.on('closed', () => this.#windows.delete(window));
    this.#load(window);
  }

  #load(window: BrowserWindow): void {
    let reloadedMs = -Infinity;
    window.webContents.on('render-process-gone', (_event, { reason }) => {
      const now = performance.now();
      if (reason === 'clean-exit' || window.isDestroyed() || now - reloadedMs < RELOAD_MS) return;
      reloadedMs = now;
      window.webContents.reload();
    });
    window.loadURL(START_PAGE).catch((error: unknown) => {
      if (!window.isDestroyed()) this.#options.onUnshowable(error instanceof Error ? error.message : String(error));
    });
  }

  #areas() {
    const { screen } = this.#electron;
    return [screen.getPrimaryDisplay(), ...screen.getAllDisplays()].map(({ workArea }) => workArea);
  }

  /** A display went, or shrank: windows that are out of reach now come back. */
  #fetchBack(): void {
    for (const window of this.#windows) {
      const bounds = window.getNormalBounds();
      const { x, y, width, height } = placeWindow(bounds, this.#areas());
      const moved = x !== bounds.x || y !== bounds.y || width < bounds.width || height < bounds.height;
      if (moved && !window.isMaximized() && !window.isFullScreen()) window.setBounds({ x, y, width, height });
    }
  }
}
