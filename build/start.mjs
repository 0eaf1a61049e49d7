// npm start [-- FILE]: builds what is missing, then runs the app: the desktop shell when Electron's binary is there or can
// be fetched, else the browser. One line says which and why. Arguments are those of `flowglass`.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from './build.mjs';
import { ROOT, runAsScript } from './tools.mjs';

const RELEASES = 'https://github.com/electron/electron/releases/download/';
/** How long the server may take to answer, and then the file (about 120 MB) to come. */
const ANSWER_MS = 4000;
const FETCH_MS = 180_000;

/** Fetches Electron's binary if it could be used here. Why it is not there afterwards, null when it is (or is not needed). */
async function fetchElectron() {
  const usable = (process.env.DISPLAY || process.env.WAYLAND_DISPLAY) && process.getuid?.() !== 0;
  if (!usable || existsSync(join(ROOT, 'node_modules/electron/dist/electron'))) return null;
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 22 || (major === 22 && minor < 12))
    return `Electron is not installed, and Node ${process.versions.node} is too old to fetch it (22.12 is needed)`;
  const { version } = JSON.parse(readFileSync(join(ROOT, 'node_modules/electron/package.json'), 'utf8'));
  const mirrored = Object.keys(process.env).some((name) => /^(npm_(package_)?config_)?electron_mirror$/i.test(name));
  try {
    if (!mirrored) {
      const signal = AbortSignal.timeout(ANSWER_MS);
      const { ok, status } = await fetch(`${RELEASES}v${version}/SHASUMS256.txt`, { method: 'HEAD', signal });
      if (!ok) throw new Error(`status ${status}`);
    }
  } catch {
    return 'Electron is not installed and cannot be fetched: its server does not answer';
  }
  process.stderr.write(`fetching Electron ${version}, once, about 120 MB\n`);
  const installer = join(ROOT, 'node_modules/electron/install.js');
  const { status } = spawnSync(process.execPath, [installer], { stdio: ['ignore', 2, 'pipe'], timeout: FETCH_MS });
  return status === 0 ? null : 'Electron could not be fetched';
}

await runAsScript(import.meta.url, async (args) => {
  build({ needTests: false });
  const unfetched = await fetchElectron();
  if (unfetched !== null) process.env.FLOWGLASS_NO_ELECTRON = unfetched;
  // npm runs scripts in the checkout; a file is meant from where the person is.
  if (process.env.INIT_CWD !== undefined && process.env.npm_lifecycle_event === 'start') process.chdir(process.env.INIT_CWD); // prettier-ignore
  // The command from here on, also for the sudo line that it may offer.
  const command = join(ROOT, 'cli/flowglass.mjs');
  process.argv = [process.execPath, command, ...args];
  await import(pathToFileURL(command).href);
});
