// The tar.gz: the folder that electron-builder made, without what belongs to packages of a distribution.
import { join } from 'node:path';
import { run } from '../tools.mjs';

const OTHERS = ['apparmor-profile', 'app-update.yml', 'package-type'];

/** Packs what electron-builder laid out in `output`; the same contents give the same bytes. */
export function makeArchive(output, { version, seconds }, arch) {
  const folder = arch === 'x64' ? 'linux-unpacked' : `linux-${arch}-unpacked`;
  const name = `flowglass-${version}${arch === 'x64' ? '' : `-${arch}`}`;
  const file = join(output, `${name}.tar.gz`);
  run('tar', ['--create', '--use-compress-program=gzip -9n', `--file=${file}`, '--sort=name', '--format=gnu', '--owner=0', '--group=0', '--numeric-owner', `--mtime=@${seconds}`, `--transform=s,^${folder},${name},`, ...OTHERS.map((each) => `--exclude=${folder}/resources/${each}`), '-C', output, folder]); // prettier-ignore
}
