// Lays out, in dist/package, what the packages hold beside the app: the plain tree build/linux/root with what is generated.
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { ROOT } from '../tools.mjs';
import { bash, fish, zsh } from './completions.mjs';
import { billOfMaterials, thirdParty } from './inventory.mjs';
import { manPage } from './man-page.mjs';

const STAGE = join(ROOT, 'dist/package');
const DOC = 'usr/share/doc/flowglass';

/** Reproducible: gzip's own header would carry the time. */
const gzip = (text) => gzipSync(text, { level: 9 });

/** Version, and seconds since 1970 of the last release: what the package shows as the time of everything in it. */
export function release() {
  const changelog = readFileSync(join(ROOT, 'build/linux/changelog'), 'utf8');
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const date = /^ -- .*> {2}(.*)$/m.exec(changelog)?.[1] ?? '';
  return { version, changelog, seconds: Date.parse(date) / 1000 };
}

/** Every command and the options that all of them understand, from the compiled command line. */
export async function commandLine() {
  const load = (file) => import(pathToFileURL(join(ROOT, 'dist/cli', file)).href);
  const [{ allCommands }, { COMMON }] = await Promise.all([load('main.js'), load('command.js')]);
  return { commands: await allCommands(), common: COMMON };
}

/** Path below the root → contents. */
async function generated() {
  const { commands, common } = await commandLine();
  const { version, changelog, seconds } = release();
  const date = new Date(seconds * 1000).toISOString().slice(0, 10);
  return {
    'usr/share/bash-completion/completions/flowglass': bash(commands, common),
    'usr/share/zsh/vendor-completions/_flowglass': zsh(commands, common),
    'usr/share/fish/vendor_completions.d/flowglass.fish': fish(commands, common),
    'usr/share/man/man1/flowglass.1.gz': gzip(manPage(commands, common, version, date)),
    [`${DOC}/changelog.gz`]: gzip(changelog),
    [`${DOC}/third-party.txt`]: thirdParty(),
    [`${DOC}/sbom.cdx.json.gz`]: gzip(billOfMaterials(version, seconds)),
  };
}

/** What installs the helper of an AppImage or archive, with our polkit action in it. */
function installHelper() {
  const policy = readFileSync(join(ROOT, 'build/linux/root/usr/share/polkit-1/actions/org.flowglass.helper.policy'), 'utf8'); // prettier-ignore
  return readFileSync(join(ROOT, 'build/linux/install-helper'), 'utf8').replace('@POLICY@', policy.trim());
}

/** Makes the tree anew. `node` = path of a Node binary to ship for the commands, null for the system's. */
export async function stage({ node = null, helper = 'dist/helper/flowglass-helper' } = {}) {
  for (const folder of ['root', 'bin', 'helper']) rmSync(join(STAGE, folder), { recursive: true, force: true });
  const root = join(STAGE, 'root');
  cpSync(join(ROOT, 'build/linux/root'), root, { recursive: true, verbatimSymlinks: true });
  const put = (path, contents, mode = 0o644) => {
    mkdirSync(dirname(join(STAGE, path)), { recursive: true });
    writeFileSync(join(STAGE, path), contents);
    chmodSync(join(STAGE, path), mode);
  };
  for (const [path, contents] of Object.entries(await generated())) put(join('root', path), contents);
  for (const place of ['root/usr/libexec/flowglass', 'helper']) put(`${place}/flowglass-helper`, readFileSync(join(ROOT, helper)), 0o755); // prettier-ignore
  put('root/usr/share/icons/hicolor/scalable/apps/flowglass.svg', readFileSync(join(ROOT, 'renderer/icon.svg')));
  put('bin/flowglass', readFileSync(join(ROOT, 'build/linux/flowglass')), 0o755);
  put('bin/install-helper', installHelper(), 0o755);
  if (node !== null && existsSync(node)) put('bin/node', readFileSync(node), 0o755);
}
