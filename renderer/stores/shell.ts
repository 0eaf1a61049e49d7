/** What stands over the screen or asks for attention: dialogs, the palette, the menu at the pointer, what can be undone. */
import { defineStore } from 'pinia';
import { ref, shallowRef } from 'vue';

export type Place = 'explore' | 'trouble' | 'sessions';
export type Overlay = 'palette' | 'keys' | 'settings' | 'flight' | 'host';

export interface MenuItem {
  label: string;
  /** Drawn after the label, as in KEY_MAP. */
  keys?: string;
  /** undefined = the item is no choice that can be on or off. */
  checked?: boolean;
  disabled?: boolean;
  run: () => unknown;
}
/** A line between groups of items. */
export const SEPARATOR = null;

export interface OpenMenu {
  label: string;
  x: number;
  y: number;
  items: readonly (MenuItem | typeof SEPARATOR)[];
  /** Gets the focus back. */
  from: HTMLElement | null;
}

export interface Undo {
  /** What was done, as a sentence without a full stop. */
  what: string;
  undo: () => unknown;
}
const UNDO_MAX = 50;

export const useShell = defineStore('shell', () => {
  const place = ref<Place>('explore');
  /** Of the sessions: the list of all recordings instead of the start screen. */
  const recordings = ref(false);
  const overlay = ref<Overlay | null>(null);
  const menu = shallowRef<OpenMenu | null>(null);
  /** Newest last. */
  const undos = shallowRef<readonly Undo[]>([]);
  /** The newest of them while it is offered, with what was done. */
  const offered = shallowRef<Undo | null>(null);

  const toggle = (which: Overlay): void => void (overlay.value = overlay.value === which ? null : which);

  /** Something was hidden or taken away: it can be taken back, and (unless `quietly`) that is offered at once. */
  function did(what: string, undo: () => unknown, quietly = false): void {
    const entry = { what, undo };
    undos.value = [...undos.value, entry].slice(-UNDO_MAX);
    offered.value = quietly ? null : entry;
  }
  /** Takes back the newest; false when there is nothing. */
  function undo(): boolean {
    const last = undos.value.at(-1);
    if (!last) return false;
    undos.value = undos.value.slice(0, -1);
    offered.value = null;
    last.undo();
    return true;
  }

  /** Opens a menu at a point, or below an element when there is no pointer. */
  function openMenu(label: string, at: { x: number; y: number } | HTMLElement, items: OpenMenu['items']): void {
    const box = at instanceof HTMLElement ? at.getBoundingClientRect() : null;
    const from = document.activeElement instanceof HTMLElement ? document.activeElement : null;
    const { x, y } = box ? { x: box.left, y: box.bottom + 2 } : (at as { x: number; y: number });
    menu.value = { label, x, y, items, from };
  }

  return { place, recordings, overlay, menu, undos, offered, toggle, did, undo, openMenu };
});
