// npm run build: sets up whatever is missing and builds everything that changed. Starts nothing. Needs Node, npm and,
// on Debian and Ubuntu, apt. This file and what it imports use only Node itself, as node_modules may not exist yet.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { generateAbi } from './abi.mjs';
import { buildNative } from './native.mjs';
import { ensurePackages } from './packages.mjs';
import { filesIn, step } from './stamp.mjs';
import { BuildError, ROOT, run, runAsScript } from './tools.mjs';

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    throw new BuildError(`Node ${process.versions.node} is too old: install Node 20.19 or newer`);
  }
}

/** True when node_modules holds what the lock file says; npm lists what it installed in node_modules/.package-lock.json. */
function modulesMatch() {
  const packages = (file) => JSON.parse(readFileSync(join(ROOT, file), 'utf8')).packages ?? {};
  const done = 'node_modules/.package-lock.json';
  if (!existsSync(join(ROOT, done))) return false;
  const have = packages(done);
  return Object.entries(packages('package-lock.json')).every(
    ([path, { version, optional, peer }]) => path === '' || optional || peer || have[path]?.version === version,
  );
}

function installModules() {
  if (modulesMatch()) return false;
  const npm = spawnSync('npm', ['ci', '--no-progress', '--loglevel=error'], { cwd: ROOT, stdio: ['ignore', 2, 2] });
  if (npm.status !== 0) throw new BuildError('npm ci failed; its messages are above');
  return true;
}

/** Type errors are reported file by file, as tsc prints them. */
function compile() {
  const sources = ['core', 'cli', 'electron'].flatMap((directory) =>
    filesIn(directory, (name) => name.endsWith('.ts') && !name.endsWith('.test.ts')),
  );
  const files = [...sources, 'tsconfig.json', 'tsconfig.emit.json'];
  return step(
    'typescript',
    { files, text: process.version, outputs: ['dist/cli/main.js', 'dist/electron/main.js'] },
    () => {
      run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.emit.json', '--pretty', 'false']);
    },
  );
}

function bundlePage() {
  if (!existsSync(join(ROOT, 'renderer/index.html'))) return false;
  const files = [...filesIn('renderer'), ...filesIn('core', (name) => name.endsWith('.ts')), 'package-lock.json'];
  return step('renderer', { files, text: process.version, outputs: ['dist/renderer/index.html'] }, () => {
    run(process.execPath, ['node_modules/vite/bin/vite.js', 'build', 'renderer', '--logLevel', 'warn']);
  });
}

/** The desktop shell's preload script is one CommonJS file; the rest of electron/ is compiled with core. */
function bundlePreload() {
  const files = [...filesIn('electron'), 'package-lock.json'];
  return step('preload', { files, text: process.version, outputs: ['dist/electron/preload.cjs'] }, () => {
    run(process.execPath, ['node_modules/vite/bin/vite.js', 'build', '--config', 'electron/vite.config.ts', '--logLevel', 'warn']); // prettier-ignore
  });
}

/** `npx flowglass` finds commands in node_modules/.bin; npm links only dependencies there, not the package itself. */
function linkCommand() {
  const link = join(ROOT, 'node_modules/.bin/flowglass');
  const target = '../../cli/flowglass.mjs';
  try {
    if (readlinkSync(link) === target) return;
    rmSync(link);
  } catch (error) {
    if (error.code === 'EINVAL') rmSync(link);
    else if (error.code !== 'ENOENT') throw error;
  }
  mkdirSync(join(ROOT, 'node_modules/.bin'), { recursive: true });
  symlinkSync(target, link);
}

/** Builds everything that changed. Packages for the tests are included unless told otherwise. */
export function build({ needTests = true, report = (line) => process.stderr.write(`${line}\n`) } = {}) {
  checkNode();
  ensurePackages({ needTests });
  if (installModules()) report('installed node_modules');
  if (generateAbi()) report('generated core/abi/generated.ts');
  for (const name of buildNative()) report(`built ${name}`);
  if (compile()) report('compiled TypeScript');
  if (bundlePage()) report('bundled the page');
  if (bundlePreload()) report("bundled the desktop shell's preload script");
  linkCommand();
}

await runAsScript(import.meta.url, (args) => {
  build({ needTests: !args.includes('--product') });
  process.stderr.write('built: npx flowglass --help\n');
});
