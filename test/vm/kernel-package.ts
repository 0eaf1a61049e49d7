import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { aptOptions, debianSource, unpackPackages } from '../../build/debian-archive.mjs';

/** An unpacked kernel package: boot/vmlinuz-* and lib/modules/VERSION with modules.dep. */
export interface Kernel {
  directory: string;
  version: string;
  image: string;
}

/** Debian's suites by name, with the kernels that they bring: 5.10, 6.1, 6.12. */
export type Suite = 'bullseye' | 'bookworm' | 'trixie';

const META = 'linux-image-cloud-amd64';
const CACHE = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'flowglass/kernels');

function run(program: string, args: readonly string[], cwd?: string): string {
  const result = spawnSync(program, args, {
    encoding: 'utf8',
    timeout: 180_000,
    ...(cwd === undefined ? {} : { cwd }),
  });
  if (result.status !== 0) {
    throw new Error(`${program} ${args.join(' ')}: ${result.error?.message ?? result.stderr.trim()}`);
  }
  return result.stdout;
}

function describeKernel(directory: string): Kernel {
  const version = readdirSync(join(directory, 'lib/modules'))[0] ?? '';
  return { directory, version, image: join(directory, 'boot', `vmlinuz-${version}`) };
}

/** Downloads and unpacks the suite's kernel into the folder `kernel` below `work`; the name of its package. */
function unpackKernel(suite: Suite, work: string): string {
  const own = debianSource().suites.includes(suite);
  const options = own ? [] : aptOptions({ suite, architecture: 'amd64', work });
  const name = /Depends: (linux-image-\S+)/.exec(run('apt-cache', [...options, 'depends', META]))?.[1];
  if (name === undefined) throw new Error(`${suite} has no ${META}: try apt-get update`);
  const kernel = join(work, 'kernel');
  unpackPackages([name], { options, work, into: kernel });
  if (!existsSync(join(kernel, 'lib'))) renameSync(join(kernel, 'usr/lib'), join(kernel, 'lib'));
  run('find', ['lib/modules', '-name', '*.ko.xz', '-exec', 'xz', '--decompress', '{}', '+'], kernel);
  run('busybox', ['depmod', '-b', kernel, describeKernel(kernel).version]);
  return name;
}

/**
 * The cloud kernel of one of Debian's suites, fetched with apt-get from where this machine gets Debian, and unpacked once into
 * the user's cache folder, outside the repository. Nothing is installed, and apt's own lists stay as they are.
 */
export function debianKernel(suite: Suite = 'bookworm'): Kernel {
  const known = join(CACHE, suite);
  if (existsSync(known)) return describeKernel(known);
  mkdirSync(CACHE, { recursive: true });
  const work = mkdtempSync(join(CACHE, '.unpack-'));
  try {
    const name = unpackKernel(suite, work);
    if (!existsSync(join(CACHE, name))) renameSync(join(work, 'kernel'), join(CACHE, name)); // whole or not at all
    rmSync(known, { force: true });
    symlinkSync(name, known);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return describeKernel(known);
}

/** The same for a suite that may be out of reach, as old ones leave the mirrors: null then, and said. */
export function kernelInReach(suite: Suite): Kernel | null {
  try {
    return debianKernel(suite);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    process.stderr.write(`NOT TESTED: the kernel of Debian ${suite} could not be fetched (${why})\n`);
    return null;
  }
}
