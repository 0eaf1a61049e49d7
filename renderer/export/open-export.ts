/** Asking for the export dialog, from keys, buttons and the desktop's menu. */
import { onMenuWish } from '../engine/menu-wishes.ts';

const WANTED = 'flowglass:export';

export const openExport = (): void => void document.dispatchEvent(new CustomEvent(WANTED));

/** Calls `open` whenever the dialog is asked for; returns what ends that. */
export function onExport(open: () => void): () => void {
  document.addEventListener(WANTED, open);
  const offMenu = onMenuWish('export', open);
  return () => {
    document.removeEventListener(WANTED, open);
    offMenu();
  };
}
