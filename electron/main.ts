/** The desktop app's entry: Electron put together with the shell. Everything that decides is in the modules beside. */
import type * as Real from 'electron';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { Electron } from './electron-api.ts';
import { helperInstaller, type Prompt } from './install-helper.ts';
import { startShell, type ShellPlace } from './shell.ts';
import { UPDATE_KEY } from './update-key.ts';
import type { Updater } from './updates.ts';

const require = createRequire(import.meta.url);
// Within Electron this name is its API; outside it is a package that fetches the binary.
const electron: Electron = require('electron') as typeof Real;
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url)); // seen from dist/electron/

/** An AppImage or archive brings helper and script; packages of the system have neither here (electron-builder.yml). */
function installer(): ShellPlace['installer'] {
  const [helper, script] = [here('../helper/flowglass-helper'), here('../../../bin/install-helper')];
  if (!existsSync(helper) || !existsSync(script)) return null;
  const { exec: prompt } = require('sudo-prompt') as { exec: Prompt };
  return helperInstaller({ prompt, helper, script, uid: process.getuid?.() ?? 0 });
}

function update(): ShellPlace['update'] {
  if (UPDATE_KEY === null || !process.env['APPIMAGE']) return null;
  const { AppImageUpdater } = require('electron-updater') as { AppImageUpdater: new () => Updater };
  return { updater: new AppImageUpdater(), publicKey: UPDATE_KEY };
}

startShell(electron, {
  argv: process.argv,
  directory: process.cwd(),
  page: here('../renderer'),
  preload: here('preload.cjs'),
  engine: here('engine-process.js'),
  // Of a package, of a checkout.
  icon: [here('../../../tray.png'), here('../../build/linux/icons/32x32.png')].find((path) => existsSync(path)) ?? '',
  installer: installer(),
  update: update(),
});
