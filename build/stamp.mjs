// Remembers, in dist/.stamps/, from what each build step was made, so that nothing is built twice.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { ROOT } from './tools.mjs';

/** Files below a directory of the checkout whose name passes the test, sorted; an absent directory has none. */
export function filesIn(directory, test = () => true) {
  const top = join(ROOT, directory);
  if (!existsSync(top)) return [];
  return readdirSync(top, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && test(entry.name))
    .map((entry) => relative(ROOT, join(entry.parentPath ?? entry.path, entry.name)))
    .sort();
}

/** Runs make() unless the same inputs (contents of files, and text such as the commands used) gave the same outputs before. True when it ran. */
export function step(name, { files, text, outputs }, make) {
  const hash = createHash('sha256').update(text);
  for (const file of files) hash.update(`\0${file}\0`).update(readFileSync(join(ROOT, file)));
  const digest = hash.digest('hex');
  const stamp = join(ROOT, 'dist/.stamps', name);
  const done =
    outputs.every((output) => existsSync(join(ROOT, output))) &&
    existsSync(stamp) &&
    readFileSync(stamp, 'utf8') === digest;
  if (done) return false;
  make();
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, digest);
  return true;
}
