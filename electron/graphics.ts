/**
 * Drawing without the graphics hardware where it fails: a driver that takes the whole app down before its window shows, or one
 * that crashes again and again. Remembered for this version of the app; a newer one tries again.
 */
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { App } from './electron-api.ts';
import type { Preferences } from './preferences.ts';

/** Crashes of Chromium's GPU process in one run after which it is not tried any more. */
const CRASHES_MAX = 2;

/**
 * Before the app is ready. `marker` = a file that is there from the start until a window shows: found at the start, the one
 * before never showed one. Returns what to call when a window shows.
 */
export function chooseGraphics(app: App, preferences: Preferences, marker: string): () => void {
  const version = app.getVersion();
  if (existsSync(marker)) preferences.set('softwareFor', version);
  if (preferences.get('softwareFor') === version) app.disableHardwareAcceleration();
  let crashes = 0;
  app.on('child-process-gone', (_event, { type, reason }) => {
    if (type !== 'GPU' || reason === 'clean-exit' || reason === 'killed') return;
    if (++crashes === CRASHES_MAX) preferences.set('softwareFor', version);
  });
  try {
    mkdirSync(dirname(marker), { recursive: true, mode: 0o700 });
    writeFileSync(marker, '');
  } catch {
    // nothing to tell the next start
  }
  return () => rmSync(marker, { force: true });
}
