/** What the engine and the desktop app remember between two runs: small JSON files in a folder of the user. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import type { z } from 'zod';

/** Of Flowglass, by the XDG Base Directory Specification. */
export const stateFolder = (): string =>
  join(process.env['XDG_STATE_HOME'] || join(homedir(), '.local/state'), 'flowglass');

/** null when it is not there, cannot be read, or is of another form. */
export function readState<T>(path: string, schema: z.ZodType<T>): T | null {
  try {
    return schema.safeParse(JSON.parse(readFileSync(path, 'utf8'))).data ?? null;
  } catch {
    return null;
  }
}

/** Written whole beside and renamed, so that a crash leaves the old one; 0600. Throws what the file system says. */
export function writeWhole(path: string, value: unknown): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(`${path}.new`, JSON.stringify(value), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** The same; without a writable home nothing is remembered. */
export function writeState(path: string, value: unknown): void {
  try {
    writeWhole(path, value);
  } catch {
    // It is a convenience.
  }
}
