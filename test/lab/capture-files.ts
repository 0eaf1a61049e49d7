import { closeSync, ftruncateSync, openSync, statSync } from 'node:fs';

/** Cuts a file to the given fraction of its length: what a crash or a full disk leaves. */
export function cutFile(path: string, fraction: number): void {
  const size = Math.floor(statSync(path).size * fraction);
  const file = openSync(path, 'r+');
  ftruncateSync(file, size);
  closeSync(file);
}
