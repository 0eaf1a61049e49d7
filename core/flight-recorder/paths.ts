/** Where the ring lies and what the files written from it are called. */
import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';

const FOLDER = (path: string): string => `.${basename(path, extname(path))}.kept-`;

/** A hidden folder beside the files, so that a ring and what is written from it are on one disk. */
export function ringFolder(path: string): string {
  return join(dirname(path), `${FOLDER(path)}${process.pid}`);
}

/** Rings of that name that a process left behind which did not live to delete them: their files still open. */
export function leftRings(path: string): string[] {
  let names: string[];
  try {
    names = readdirSync(dirname(path));
  } catch {
    return [];
  }
  const prefix = FOLDER(path);
  return names
    .filter((name) => name.startsWith(prefix) && !existsSync(`/proc/${name.slice(prefix.length)}`))
    .map((name) => join(dirname(path), name));
}

/** NAME-00001.pcapng, NAME-00002.pcapng …: the next one that is not there, or with `force` from the first on. */
export function numberedPaths(path: string, force: boolean): () => string {
  const extension = extname(path);
  const stem = join(dirname(path), basename(path, extension));
  let number = 0;
  return () => {
    for (;;) {
      const next = `${stem}-${String(++number).padStart(5, '0')}${extension}`;
      if (force || !existsSync(next)) return next;
    }
  };
}
