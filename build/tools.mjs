// Finds the programs the build needs and says in one sentence what is missing.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Top of the checkout. */
export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

/** A failure that the developer can act on: printed as one line, without a stack. */
export class BuildError extends Error {}

/** Full path of a program on PATH, also looking in the sbin directories, which an ordinary user's PATH leaves out; null when absent. */
export function which(name) {
  const directories = [...(process.env.PATH ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin'];
  for (const directory of directories) {
    const path = join(directory, name);
    if (directory !== '' && existsSync(path)) return path;
  }
  return null;
}

/** Newest clang of at least version 19: the first that compiles our CO-RE code to -mcpu=v3 without tripping older verifiers. */
export function findClang() {
  for (let version = 30; version >= 19; version--) {
    const path = which(`clang-${version}`);
    if (path !== null) return path;
  }
  const plain = which('clang');
  if (plain !== null) {
    const banner = spawnSync(plain, ['--version'], { encoding: 'utf8' }).stdout ?? '';
    if (Number(/clang version (\d+)/.exec(banner)?.[1] ?? 0) >= 19) return plain;
  }
  return null;
}

/** As findClang, but absence is an error. */
export function clang() {
  const path = findClang();
  if (path === null) throw new BuildError('clang 19 or newer is missing: apt-get install clang-19');
  return path;
}

/** Runs a program to its end; a failure carries what it printed. */
export function run(program, args, options = {}) {
  const result = spawnSync(program, args, { cwd: ROOT, encoding: 'utf8', maxBuffer: 1 << 28, ...options });
  if (result.error !== undefined) throw new BuildError(`${program}: ${result.error.message}`);
  if (result.status !== 0) {
    throw new BuildError(
      `${program} ${args.join(' ')} failed:\n${result.stderr ?? ''}${result.stdout ?? ''}`.trimEnd(),
    );
  }
  return result.stdout;
}

/** Runs main() of a build step when its file is the one that node was given. */
export async function runAsScript(moduleUrl, main) {
  if (process.argv[1] !== fileURLToPath(moduleUrl)) return;
  try {
    await main(process.argv.slice(2));
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}
