// npm run package: builds, and makes deb, rpm, AppImage and tar.gz in dist/package/out.
//
//   npm run package [-- [--real] [--without-node] [--arm64] [TARGET…]]
//
// Electron itself and AppImage's runtime come from servers other than the package registry: unless told --real, small scripts
// stand in for both, and Node is not put in either. docs/release.md says how a release is made. Two runs give the same bytes.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from '../build.mjs';
import { crossBuild } from '../cross.mjs';
import { BuildError, ROOT, runAsScript } from '../tools.mjs';
import { makeArchive } from './archive.mjs';
import { loaded } from './components.mjs';
import { release, stage } from './stage.mjs';
import { standInAppImageTools, standInElectron } from './stand-in.mjs';

const TARGETS = ['deb', 'rpm', 'AppImage', 'tar.gz'];
/** Of another processor than this machine's they lie in a folder beside. */
const outputOf = (arch) => `dist/package/out${arch === process.arch ? '' : `-${arch}`}`;

/** Where the tools are; with stand-ins nothing is fetched. */
function environment(real) {
  return {
    ...process.env,
    SOURCE_DATE_EPOCH: String(release().seconds),
    CUSTOM_FPM_PATH: join(ROOT, 'build/package/fpm/fpm.mjs'),
    ...(real ? {} : { APPIMAGE_TOOLS_PATH: standInAppImageTools() }),
  };
}

/** electron-builder looks for modules by itself, and says nothing of those that it does not find (behind a link, for one). */
function checkModules(output) {
  const [unpacked] = readdirSync(output).filter((name) => name.endsWith('unpacked'));
  const app = join(output, unpacked ?? '', 'resources/app');
  const there = (path) => existsSync(join(app, path)) || existsSync(join(app, path.slice(path.lastIndexOf('node_modules/')))); // prettier-ignore
  const missing = loaded().filter((path) => !there(path));
  if (missing.length > 0) throw new BuildError(`electron-builder left out ${missing.join(', ')}`);
}

/** Makes packages from what is built. Returns the paths of what was made. */
export async function makePackages({ targets = TARGETS, real = false, node = null, arch = process.arch } = {}) {
  process.umask(0o022); // files of the app keep the modes they are copied with
  const output = outputOf(arch);
  rmSync(join(ROOT, output), { recursive: true, force: true });
  await stage(arch === process.arch ? { node } : { node, helper: crossBuild() });
  const date = new Date(release().seconds * 1000).toISOString();
  const own = [
    `--${arch}`,
    `-c.directories.output=${output}`,
    `-c.releaseInfo.releaseDate=${date}`,
    ...(real ? [] : [`-c.electronDist=${standInElectron()}`]),
  ];
  const packages = targets.filter((target) => target !== 'tar.gz');
  const builder = ['node_modules/electron-builder/cli.js', '--linux', ...(packages.length > 0 ? packages : ['dir']), '--publish', 'never', '-c', 'build/package/electron-builder.yml', ...own]; // prettier-ignore
  const made = spawnSync(process.execPath, builder, { cwd: ROOT, env: environment(real), stdio: ['ignore', 2, 2] });
  if (made.status !== 0) throw new BuildError('electron-builder failed; its messages are above');
  checkModules(join(ROOT, output));
  if (targets.includes('tar.gz')) makeArchive(join(ROOT, output), release(), arch);
  const wanted = (name) => targets.some((target) => name.endsWith(`.${target}`));
  return readdirSync(join(ROOT, output)).filter(wanted).map((name) => join(ROOT, output, name)); // prettier-ignore
}

await runAsScript(import.meta.url, async (args) => {
  const real = args.includes('--real');
  const options = ['--real', '--without-node', '--arm64'];
  const unknown = args.find((word) => !TARGETS.includes(word) && !options.includes(word));
  if (unknown !== undefined) throw new BuildError(`${unknown}: there are ${[...TARGETS, ...options].join(', ')}`);
  const arch = args.includes('--arm64') ? 'arm64' : process.arch;
  const targets = args.filter((word) => TARGETS.includes(word));
  build({ needTests: !real });
  // Node of this machine is of this machine's processor.
  const node = real && arch === process.arch && !args.includes('--without-node') ? process.execPath : null;
  const made = await makePackages({ targets: targets.length > 0 ? targets : TARGETS, real, node, arch });
  process.stdout.write(`${made.join('\n')}\n`);
});
