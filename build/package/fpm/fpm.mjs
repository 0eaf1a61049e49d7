#!/usr/bin/env node
// What electron-builder calls in place of fpm (CUSTOM_FPM_PATH): dpkg-deb and rpmbuild. So no build downloads a Ruby, and the
// packages that are built, linted and installed by the tests are those that people get. Two runs give the same bytes.
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { BuildError, runAsScript } from '../../tools.mjs';
import { makeDeb } from './deb.mjs';
import { readOptions } from './options.mjs';
import { makeRpm } from './rpm.mjs';
import { layOut } from './tree.mjs';

/** Seconds since 1970 that every file of the package shows. */
function sourceDate() {
  const epoch = Number(process.env.SOURCE_DATE_EPOCH);
  if (!Number.isInteger(epoch) || epoch <= 0) throw new BuildError('fpm: SOURCE_DATE_EPOCH is not set: start me through npm run package'); // prettier-ignore
  return epoch;
}

await runAsScript(import.meta.url, (argv) => {
  process.umask(0o022);
  const options = readOptions(argv);
  if (options.to !== 'deb' && options.to !== 'rpm') throw new BuildError(`fpm: -t ${options.to}: deb and rpm are made`);
  const epoch = sourceDate();
  const output = resolve(options.package);
  const work = mkdtempSync(join(tmpdir(), 'flowglass-package-'));
  try {
    const root = join(work, 'root');
    mkdirSync(root);
    chmodSync(root, 0o755);
    const entries = layOut(root, options, epoch);
    if (options.to === 'deb') makeDeb(root, entries, options, output);
    else makeRpm(root, entries, options, output, work);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
});
