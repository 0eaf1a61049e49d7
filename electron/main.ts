/** The desktop app's entry: Electron put together with the shell. Everything that decides is in the modules beside. */
import type * as Real from 'electron';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { Electron } from './electron-api.ts';
import { startShell } from './shell.ts';

// Within Electron this name is its API; outside it is a package that fetches the binary.
const electron: Electron = createRequire(import.meta.url)('electron') as typeof Real;
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url)); // seen from dist/electron/

startShell(electron, {
  argv: process.argv,
  directory: process.cwd(),
  page: here('../renderer'),
  preload: here('preload.cjs'),
  engine: here('engine-process.js'),
});
