/** What the desktop's menu asks of the page (electron/bridge.ts). */
export type MenuWish = 'save' | 'host' | 'export';

/** Calls `run` whenever the menu asks for that; returns what ends it. */
export function onMenuWish(wish: MenuWish, run: () => unknown): () => void {
  const listener = ({ source, data }: MessageEvent<unknown>): void => {
    if (source === window && data === `flowglass:${wish}`) run();
  };
  addEventListener('message', listener);
  return () => removeEventListener('message', listener);
}
