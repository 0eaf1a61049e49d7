/** What the preload script does, apart from Electron itself: the five functions the page gets, and the port it is handed. */
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

/** The part of Electron that a sandboxed preload script has. */
export interface PreloadElectron {
  contextBridge: { exposeInMainWorld(name: string, api: object): void };
  ipcRenderer: {
    send(channel: string): void;
    invoke(channel: string, ...args: string[]): Promise<unknown>;
    on(channel: string, listener: (event: { ports: readonly object[] }) => void): unknown;
  };
  webUtils: { getPathForFile(file: object): string };
}

/** The page's window, as far as the preload script needs it. */
export interface PageWindow {
  addEventListener(type: 'message', listener: (event: { source: unknown; data: unknown }) => void): void;
  postMessage(message: string, targetOrigin: string, transfer: object[]): void;
}

/** Gives the page its `window.flowglass` (renderer/engine/desktop.ts), and a port whenever it asks for one. */
export function bridge({ contextBridge, ipcRenderer, webUtils }: PreloadElectron, window: PageWindow): void {
  contextBridge.exposeInMainWorld('flowglass', {
    pathOf: (file: object): string => {
      try {
        return webUtils.getPathForFile(file);
      } catch {
        return ''; // not a file
      }
    },
    chooseFile: async (): Promise<string | null> => {
      const path = await ipcRenderer.invoke(CHOOSE_FILE);
      return typeof path === 'string' ? path : null;
    },
    chooseSave: async (name: unknown): Promise<string | null> => {
      const path = await ipcRenderer.invoke(CHOOSE_SAVE, String(name));
      return typeof path === 'string' ? path : null;
    },
    installHelper: () => ipcRenderer.invoke(INSTALL_HELPER),
    showInFolder: async (path: unknown): Promise<void> => {
      await ipcRenderer.invoke(SHOW_IN_FOLDER, String(path));
    },
  });
  window.addEventListener('message', ({ source, data }) => {
    if (source === window && data === CONNECT) ipcRenderer.send(CONNECT);
  });
  for (const wish of [EXPORT, HOST, SAVE]) ipcRenderer.on(wish, () => window.postMessage(wish, '*', []));
  ipcRenderer.on(ENGINE, ({ ports }) => {
    // To this very window: the document cannot have changed to another's, navigation is locked.
    window.postMessage(ENGINE, '*', [...ports]);
  });
}
