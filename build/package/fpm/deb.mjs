// A .deb by dpkg-deb.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../tools.mjs';
import { describe, wrap } from './options.mjs';

const SCRIPTS = { beforeInstall: 'preinst', afterInstall: 'postinst', beforeRemove: 'prerm', afterRemove: 'postrm' };

/** The text of DEBIAN/control. */
export function control(options, installedKib) {
  const { synopsis, body } = describe(options.description);
  const fields = [
    ['Package', options.name],
    ['Version', options.iteration ? `${options.version}-${options.iteration}` : options.version],
    ['Architecture', options.architecture],
    ['Maintainer', options.maintainer],
    ['Installed-Size', installedKib],
    ['Depends', options.depends.join(', ')],
    ['Recommends', options.recommends.join(', ')],
    ['Suggests', options.suggests.join(', ')],
    ['Section', options.category ?? 'misc'],
    ['Priority', options.priority ?? 'optional'],
    ['Homepage', options.url],
    ['Description', synopsis],
  ];
  const lines = fields.filter(([, value]) => value).map(([name, value]) => `${name}: ${value}`);
  return `${[...lines, ...wrap(body).map((line) => ` ${line}`)].join('\n')}\n`;
}

/** Writes the package from the laid out tree. */
export function makeDeb(root, entries, options, output) {
  const meta = join(root, 'DEBIAN');
  mkdirSync(meta, { mode: 0o755 });
  const kib = entries.reduce((sum, { size }) => sum + Math.ceil(size / 1024), 0);
  writeFileSync(join(meta, 'control'), control(options, kib));
  for (const [option, name] of Object.entries(SCRIPTS)) {
    if (options[option]) writeFileSync(join(meta, name), readFileSync(options[option]), { mode: 0o755 });
  }
  const sums = entries
    .filter(({ link }) => !link)
    .map(({ path }) => `${createHash('md5').update(readFileSync(join(root, path))).digest('hex')}  ${path}\n`); // prettier-ignore
  writeFileSync(join(meta, 'md5sums'), sums.join(''));
  run('dpkg-deb', ['--root-owner-group', `-Z${options.debCompression ?? 'xz'}`, '--build', root, output]);
}
