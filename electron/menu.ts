/** The application menu. Single letters belong to the page; what stands here has a modifier. */
import { basename } from 'node:path';
import type { MenuItem } from './electron-api.ts';

const RECENT_SHOWN = 10;

const separator: MenuItem = { type: 'separator' };
const developerItems: MenuItem[] = [separator, { role: 'reload' }, { role: 'toggleDevTools' }];

export interface MenuActions {
  open(): void;
  attachToHost(): void;
  export(): void;
  saveWhatHappened(): void;
  openRecent(path: string): void;
  newWindow(): void;
  /** Null where the helper comes with the system's package. */
  installHelper: (() => void) | null;
  /** Null where the app does not update itself. */
  updates: { wanted: boolean; ready: string | null; toggle(): void; install(): void } | null;
}

/** What is done to the installation; empty where the system's package does it. */
function helpItems({ installHelper, updates }: MenuActions): MenuItem[] {
  return [
    ...(installHelper ? [{ label: 'Install the &Capture Helper…', click: installHelper }] : []),
    ...(updates?.ready ? [{ label: `&Restart to Update to ${updates.ready}`, click: () => updates.install() }] : []),
    ...(updates ? [{ label: '&Look for Updates', type: 'checkbox' as const, checked: updates.wanted, click: () => updates.toggle() }] : []), // prettier-ignore
  ];
}

/** `recent` = paths, newest first; `development` adds the developer tools. */
export function menuTemplate(actions: MenuActions, recent: readonly string[], development: boolean): MenuItem[] {
  const files = recent.slice(0, RECENT_SHOWN).map((path, at) => ({
    // An & would underline the next letter; a name comes from outside.
    label: `${at + 1}  ${basename(path).replaceAll('&', '&&')}`,
    click: () => actions.openRecent(path),
  }));
  const help = helpItems(actions);
  return [
    {
      label: '&File',
      submenu: [
        { label: '&Open…', accelerator: 'CmdOrCtrl+O', click: () => actions.open() },
        { label: 'Open &Recent', enabled: files.length > 0, submenu: files },
        { label: 'Attach to a &Host…', click: () => actions.attachToHost() },
        { label: '&Save What Just Happened', accelerator: 'CmdOrCtrl+S', click: () => actions.saveWhatHappened() },
        { label: '&Export…', accelerator: 'CmdOrCtrl+E', click: () => actions.export() },
        separator,
        { label: '&New Window', accelerator: 'CmdOrCtrl+Shift+N', click: () => actions.newWindow() },
        { role: 'close' },
        separator,
        { role: 'quit' },
      ],
    },
    { role: 'editMenu' },
    {
      label: '&View',
      submenu: [
        { role: 'resetZoom' },
        { role: 'zoomIn' },
        { role: 'zoomOut' },
        separator,
        { role: 'togglefullscreen' },
        ...(development ? developerItems : []),
      ],
    },
    ...(help.length > 0 ? [{ label: '&Help', submenu: help }] : []),
  ];
}
