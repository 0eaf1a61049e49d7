// Everything of others that a package holds: what the lists of licences and the bill of materials are made from.
//   - modules that the packaged code loads: production dependencies of the lock file
//   - modules that are bundled into the page: what the bundler itself says (renderer/vite.config.ts)
//   - libraries that are linked into the helper: the distribution's, by their Debian packages
//   - Electron, with Chromium and Node within it
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { BuildError, ROOT, run } from '../tools.mjs';

export const BUNDLED = 'dist/bundled-modules.json';
/** Linked statically into the helper. */
const LIBRARIES = [['libbpf-dev', 'LGPL-2.1-only OR BSD-2-Clause'], ['libelf-dev', 'GPL-2.0-or-later OR LGPL-3.0-or-later'], ['zlib1g-dev', 'Zlib'], ['libc6-dev', 'LGPL-2.1-or-later']]; // prettier-ignore

const json = (path) => JSON.parse(readFileSync(join(ROOT, path), 'utf8'));

/** Text of the licence that lies in a module's folder; null where the author put none. */
function licenceText(folder) {
  const files = readdirSync(join(ROOT, folder)).filter((name) => /^(licen[cs]e|copying|notice)/i.test(name)).sort(); // prettier-ignore
  const texts = files.map((name) => readFileSync(join(ROOT, folder, name), 'utf8').trim());
  return texts.length === 0 ? null : texts.join('\n\n');
}

function moduleAt(folder, scope) {
  const { name, version, license } = json(`${folder}/package.json`);
  if (typeof license !== 'string') throw new BuildError(`${folder}: its package.json names no licence; look it up before it is shipped`); // prettier-ignore
  return { name, version, licence: license, scope, purl: `pkg:npm/${name.replace('@', '%40')}@${version}`, text: licenceText(folder) }; // prettier-ignore
}

/** Folders of the production dependencies. */
export const loaded = () =>
  Object.entries(json('package-lock.json').packages)
    .filter(([path, { dev, devOptional, optional }]) => path !== '' && !dev && !devOptional && !optional)
    .map(([path]) => path);

function library([name, licence]) {
  const version = run('dpkg-query', ['-W', '-f=${Version}', name]).trim();
  const copyright = `/usr/share/doc/${name}/copyright`;
  return {
    name: name.replace(/-dev$/, ''),
    version,
    licence,
    scope: 'helper',
    purl: `pkg:deb/debian/${name}@${encodeURIComponent(version)}`,
    text: existsSync(copyright) ? readFileSync(copyright, 'utf8').trim() : null,
  };
}

function electron() {
  const { version } = json('node_modules/electron/package.json');
  const text = 'See LICENSE.electron.txt and LICENSES.chromium.html beside the program.';
  return { name: 'electron', version, licence: 'MIT', scope: 'app', purl: `pkg:npm/electron@${version}`, text };
}

/** All components, each once, by name. */
export function components() {
  const bundled = json(BUNDLED).map((folder) => moduleAt(folder, 'page'));
  const modules = loaded().map((folder) => moduleAt(folder, 'app'));
  const found = [electron(), ...modules, ...bundled, ...LIBRARIES.map(library)];
  const unique = new Map(found.map((component) => [component.purl, component]));
  return [...unique.values()].sort((a, b) => (a.purl < b.purl ? -1 : 1));
}
