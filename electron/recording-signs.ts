/** While a recording is written: a tray icon that says so and can stop it, no suspend, and word when it ends unseen. */
import { basename } from 'node:path';
import { printable } from '../core/errors.ts';
import type { Electron, Tray } from './electron-api.ts';

export interface RecordingActions {
  /** Brings the window to the front. */
  show(): void;
  stop(): void;
  /** Nobody looks at a window of ours now. */
  unseen(): boolean;
}

export class RecordingSigns {
  readonly #electron: Pick<Electron, 'Tray' | 'Menu' | 'Notification' | 'powerSaveBlocker'>;
  readonly #icon: string;
  readonly #actions: RecordingActions;
  /** What is shown now; null while nothing is recorded. */
  #shown: { path: string; tray: Tray | null; blocker: number } | null = null;

  constructor(
    electron: Pick<Electron, 'Tray' | 'Menu' | 'Notification' | 'powerSaveBlocker'>,
    icon: string,
    actions: RecordingActions,
  ) {
    // prettier-ignore
    this.#electron = electron;
    this.#icon = icon;
    this.#actions = actions;
  }

  /** `path` of the file that is being written, null when none is. */
  update(path: string | null): void {
    if (path === (this.#shown?.path ?? null)) return;
    const ended = this.#shown;
    if (ended) this.#end(ended);
    if (path !== null) this.#begin(path);
    else if (ended) this.notify('Recording saved', ended.path);
  }

  /** Something a person should know who looks elsewhere; in a window the page says it. */
  notify(title: string, body: string): void {
    const { Notification } = this.#electron;
    if (!this.#actions.unseen() || !Notification.isSupported()) return;
    const notification = new Notification({ title: printable(title), body: printable(body) });
    notification.on('click', () => this.#actions.show());
    notification.show();
  }

  #begin(path: string): void {
    const { powerSaveBlocker } = this.#electron;
    // The machine stays awake; its display may sleep.
    this.#shown = { path, tray: this.#tray(path), blocker: powerSaveBlocker.start('prevent-app-suspension') };
  }

  #end({ tray, blocker }: { tray: Tray | null; blocker: number }): void {
    this.#shown = null;
    this.#electron.powerSaveBlocker.stop(blocker);
    tray?.destroy();
  }

  /** Null where the desktop has no place for one. */
  #tray(path: string): Tray | null {
    const { Tray: Icon, Menu } = this.#electron;
    const name = printable(basename(path));
    try {
      const tray = new Icon(this.#icon);
      tray.setToolTip(`Flowglass records ${name}`);
      tray.setContextMenu(
        Menu.buildFromTemplate([
          { label: name.replaceAll('&', '&&'), enabled: false },
          { type: 'separator' },
          { label: 'Show Flowglass', click: () => this.#actions.show() },
          { label: 'Stop Recording', click: () => this.#actions.stop() },
        ]),
      );
      tray.on('click', () => this.#actions.show());
      return tray;
    } catch {
      return null;
    }
  }
}
