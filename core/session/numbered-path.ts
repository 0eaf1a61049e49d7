import { basename, dirname, extname, join } from 'node:path';

/** `NAME.pcapng` → `NAME-00001.pcapng`: what the files of a recording that makes several are called. */
export function numberedPath(path: string, number: number): string {
  const extension = extname(path);
  return join(dirname(path), `${basename(path, extension)}-${String(number).padStart(5, '0')}${extension}`);
}
