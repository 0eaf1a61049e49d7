/** Panes offer their picture here, and menus anywhere take it. */
import { onBeforeUnmount } from 'vue';
import type { Picture } from './picture.ts';

export type Pane = 'graph' | 'timeline';
const offered = new Map<Pane, () => Picture | null>();

/** Offers a component's picture while it is mounted; null = there is nothing to see yet. */
export function offerPicture(pane: Pane, make: () => Picture | null): void {
  offered.set(pane, make);
  onBeforeUnmount(() => {
    if (offered.get(pane) === make) offered.delete(pane);
  });
}

export const pictureOf = (pane: Pane): Picture | null => offered.get(pane)?.() ?? null;
