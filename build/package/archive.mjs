// The tar.gz: the folder that electron-builder made, without what belongs to packages of a distribution.
import { join } from 'node:path';
import { run } from '../tools.mjs';

const OTHERS = ['apparmor-profile', 'app-update.yml', 'package-type'];

/** Packs `output`/linux-unpacked; the same contents give the same bytes. */
export function makeArchive(output, { version, seconds }) {
  const name = `flowglass-${version}`;
  const file = join(output, `${name}.tar.gz`);
  run('tar', ['--create', '--use-compress-program=gzip -9n', `--file=${file}`, '--sort=name', '--format=gnu', '--owner=0', '--group=0', '--numeric-owner', `--mtime=@${seconds}`, `--transform=s,^linux-unpacked,${name},`, ...OTHERS.map((each) => `--exclude=linux-unpacked/resources/${each}`), '-C', output, 'linux-unpacked']); // prettier-ignore
}
