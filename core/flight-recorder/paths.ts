/** Where the ring lies and what the files written from it are called. */
import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import { numberedPath } from '../session/numbered-path.ts';

const prefixOf = (path: string): string => `.${basename(path, extname(path))}.kept-`;

/** What the hidden folder beside the files begins with: a ring and what is written from it are on one disk. */
export function ringPrefix(path: string): string {
  return join(dirname(path), `${prefixOf(path)}${process.pid}-`);
}

/** Rings of that name that a process left behind which did not live to delete them: their files still open. */
export function leftRings(path: string): string[] {
  let names: string[];
  try {
    names = readdirSync(dirname(path));
  } catch {
    return [];
  }
  const prefix = prefixOf(path);
  const left = (name: string): boolean => {
    const [, pid] = /^(\d+)-/.exec(name.slice(prefix.length)) ?? [];
    return name.startsWith(prefix) && pid !== undefined && !existsSync(`/proc/${pid}`);
  };
  return names.filter(left).map((name) => join(dirname(path), name));
}

/** NAME-00001.pcapng, NAME-00002.pcapng …: the next one that is not there, or with `force` from the first on. */
export function numberedPaths(path: string, force: boolean): () => string {
  let number = 0;
  return () => {
    for (;;) {
      const next = numberedPath(path, ++number);
      if (force || !existsSync(next)) return next;
    }
  };
}
