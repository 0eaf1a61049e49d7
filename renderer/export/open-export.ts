/** Asking for the export dialog, from keys, buttons and the desktop's menu. */
const WANTED = 'flowglass:export';

export const openExport = (): void => void document.dispatchEvent(new CustomEvent(WANTED));

/** Calls `open` whenever the dialog is asked for; returns what ends that. */
export function onExport(open: () => void): () => void {
  const fromMenu = ({ source, data }: MessageEvent<unknown>): void => {
    if (source === window && data === WANTED) open();
  };
  document.addEventListener(WANTED, open);
  addEventListener('message', fromMenu); // electron/bridge.ts
  return () => {
    document.removeEventListener(WANTED, open);
    removeEventListener('message', fromMenu);
  };
}
