/** What only the desktop shell can do for the page; null in a browser. Exposed by electron/preload.ts. */
export interface Desktop {
  /** Path of a dropped file, '' when it has none. */
  pathOf(file: File): string;
  /** Native open dialog; null when cancelled. */
  chooseFile(): Promise<string | null>;
  /** Native save dialog, asks before a file is replaced; null when cancelled. */
  chooseSave(name: string): Promise<string | null>;
  /** Asks for a password and installs the capture helper; null where that is the system's package's business. */
  installHelper(): Promise<{ done: boolean; text: string } | null>;
  /** Shows a capture in the file manager. */
  showInFolder(path: string): Promise<void>;
}

declare global {
  interface Window {
    flowglass?: Desktop;
  }
}

export const desktop: Desktop | null = window.flowglass ?? null;
