// npm run package: builds, and makes deb, rpm, AppImage and tar.gz in dist/package/out.
//
//   npm run package [-- [--real] [--without-node] [TARGET…]]
//
// Electron itself and AppImage's runtime come from servers other than the package registry: unless told --real, small scripts
// stand in for both, and Node is not put in either. docs/release.md says how a release is made. Two runs give the same bytes.
import { spawnSync } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from '../build.mjs';
import { BuildError, ROOT, runAsScript } from '../tools.mjs';
import { makeArchive } from './archive.mjs';
import { release, stage } from './stage.mjs';
import { standInAppImageTools, standInElectron } from './stand-in.mjs';

const TARGETS = ['deb', 'rpm', 'AppImage', 'tar.gz'];
export const OUTPUT = 'dist/package/out';

/** Where the tools are; with stand-ins nothing is fetched. */
function environment(real) {
  return {
    ...process.env,
    SOURCE_DATE_EPOCH: String(release().seconds),
    CUSTOM_FPM_PATH: join(ROOT, 'build/package/fpm/fpm.mjs'),
    ...(real ? {} : { APPIMAGE_TOOLS_PATH: standInAppImageTools() }),
  };
}

/** Makes packages from what is built. Returns the paths of what was made. */
export async function makePackages({ targets = TARGETS, real = false, node = null } = {}) {
  process.umask(0o022); // files of the app keep the modes they are copied with
  rmSync(join(ROOT, OUTPUT), { recursive: true, force: true });
  await stage({ node });
  const date = new Date(release().seconds * 1000).toISOString();
  const own = [`-c.releaseInfo.releaseDate=${date}`, ...(real ? [] : [`-c.electronDist=${standInElectron()}`])];
  const packages = targets.filter((target) => target !== 'tar.gz');
  const builder = ['node_modules/electron-builder/cli.js', '--linux', ...(packages.length > 0 ? packages : ['dir']), '--publish', 'never', '-c', 'build/package/electron-builder.yml', ...own]; // prettier-ignore
  const made = spawnSync(process.execPath, builder, { cwd: ROOT, env: environment(real), stdio: ['ignore', 2, 2] });
  if (made.status !== 0) throw new BuildError('electron-builder failed; its messages are above');
  if (targets.includes('tar.gz')) makeArchive(join(ROOT, OUTPUT), release());
  const wanted = (name) => targets.some((target) => name.endsWith(`.${target}`));
  return readdirSync(join(ROOT, OUTPUT)).filter(wanted).map((name) => join(ROOT, OUTPUT, name)); // prettier-ignore
}

await runAsScript(import.meta.url, async (args) => {
  const real = args.includes('--real');
  const unknown = args.find((word) => !TARGETS.includes(word) && word !== '--real' && word !== '--without-node');
  if (unknown !== undefined)
    throw new BuildError(`${unknown}: there are ${TARGETS.join(', ')}, --real, --without-node`);
  const targets = args.filter((word) => TARGETS.includes(word));
  build({ needTests: !real });
  const node = real && !args.includes('--without-node') ? process.execPath : null;
  const made = await makePackages({ targets: targets.length > 0 ? targets : TARGETS, real, node });
  process.stdout.write(`${made.join('\n')}\n`);
});
