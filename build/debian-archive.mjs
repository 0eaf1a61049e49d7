// Packages of Debian's other suites and architectures, from where this machine's apt gets Debian. Nothing is installed, and
// apt's own lists stay as they are.
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BuildError, run } from './tools.mjs';

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** Where apt gets Debian from, and the suites that its lists have, its own first. */
export function debianSource() {
  const format = '$(REPO_URI) $(CODENAME)';
  const lines = run('apt-get', ['indextargets', '--format', format, 'Created-By: Packages', 'Origin: Debian', 'Label: Debian', 'Component: main']); // prettier-ignore
  const targets = lines.trim().split('\n').map((line) => line.split(' ')); // prettier-ignore
  const uri = targets[0]?.[0] ?? '';
  if (uri === '') throw new BuildError('the lists of apt know no Debian: apt-get update');
  return { uri, suites: targets.map(([, suite = '']) => suite) };
}

/** Options with which apt looks into that suite for that architecture (Debian's name), by lists below the folder `work`. */
export function aptOptions({ suite, architecture, work }) {
  const source = join(work, 'sources.list');
  writeFileSync(source, `deb [arch=${architecture} signed-by=${KEYRING}] ${debianSource().uri} ${suite} main\n`);
  mkdirSync(join(work, 'lists/partial'), { recursive: true });
  writeFileSync(join(work, 'status'), '');
  const settings = [`Dir::Etc::SourceList=${source}`, 'Dir::Etc::SourceParts=/dev/null', `Dir::State::Lists=${join(work, 'lists')}`, `Dir::State::status=${join(work, 'status')}`, 'Dir::Cache::pkgcache=', 'Dir::Cache::srcpkgcache=', `APT::Architecture=${architecture}`, `APT::Architectures=${architecture}`, 'APT::Sandbox::User=root', 'Acquire::Languages=none']; // prettier-ignore
  const options = settings.flatMap((setting) => ['-o', setting]);
  run('apt-get', [...options, '-qq', 'update']);
  return options;
}

/** Downloads packages into `work`, by the options of `aptOptions` (none: by apt's own lists), and unpacks them below `into`. */
export function unpackPackages(names, { options, work, into }) {
  run('apt-get', [...options, '-q', 'download', ...names], { cwd: work });
  for (const file of readdirSync(work).filter((name) => name.endsWith('.deb')))
    run('dpkg-deb', ['-x', join(work, file), into]);
}
