import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** Top of the checkout, also when this runs as compiled JavaScript under dist/. */
export const CHECKOUT = import.meta.dirname.replace(/\/(dist\/)?test\/lab$/, '');

const SOURCES = join(CHECKOUT, 'test/lab');
const PROGRAMS = {
  server: 'programs/server.c',
  client: 'programs/client.c',
  swarm: 'programs/swarm.c',
  owners: 'programs/owners.c',
  trouble: 'programs/trouble.c',
  inject: 'programs/inject.c',
  exchange: 'programs/exchange.c',
  foreign: 'programs/foreign.c',
  relay: 'relay.c',
  attached: 'attached.c',
} as const;

export type LabProgram = keyof typeof PROGRAMS;

const built = new Map<LabProgram, string>();

/**
 * Path of one of the laboratory's C programs (`lab-server`, …), compiled on first use into dist/lab, static so that it
 * also runs in the kernel VM and starts in under a millisecond. The directory is named after the sources' hash, and the
 * finished file is renamed into place: suites that run at the same time never see half a program.
 */
export function labProgram(name: LabProgram): string {
  const known = built.get(name);
  if (known !== undefined && existsSync(known)) return known;
  const source = join(SOURCES, PROGRAMS[name]);
  const hash = createHash('sha256')
    .update(readFileSync(source))
    .update(readFileSync(join(SOURCES, 'programs/common.h')))
    .digest('hex')
    .slice(0, 12);
  const directory = join(CHECKOUT, 'dist/lab', `${name}-${hash}`);
  const path = join(directory, `lab-${name}`);
  if (!existsSync(path)) compileC([source], path, ['-static']);
  built.set(name, path);
  return path;
}

/** Compiles a C program of the tests to `path`, warnings are errors; throws with the compiler's own words. */
export function compileC(sources: string[], path: string, options: string[] = []): void {
  const directory = join(path, '..');
  mkdirSync(directory, { recursive: true });
  const work = mkdtempSync(join(directory, '.compile-'));
  try {
    const partial = join(work, 'program');
    const args = ['-O2', '-Wall', '-Wextra', '-Werror', '-D_GNU_SOURCE', '-o', partial, ...sources, ...options];
    const result = spawnSync('gcc', args, { encoding: 'utf8', timeout: 120_000 });
    if (result.status !== 0) {
      throw new Error(`cannot compile ${sources.join(' ')}: ${result.error?.message ?? result.stderr}`);
    }
    renameSync(partial, path);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
