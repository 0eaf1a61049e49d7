import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** An unpacked kernel package: boot/vmlinuz-* and lib/modules/VERSION with modules.dep. */
export interface Kernel {
  directory: string;
  version: string;
  image: string;
}

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

/**
 * The kernel behind one of Debian's meta packages (`linux-image-cloud-amd64`: 6.1 on Debian 12), downloaded with
 * apt-get and unpacked once into the user's cache directory, outside the repository. Nothing is installed.
 */
export function debianKernel(meta = 'linux-image-cloud-amd64'): Kernel {
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'flowglass/kernels');
  const name = /Depends: (linux-image-\S+)/.exec(run('apt-cache', ['depends', meta]))?.[1];
  if (name === undefined) throw new Error(`${meta}: this distribution has no such kernel package, try apt-get update`);
  const directory = join(cache, name);
  if (existsSync(directory)) return describeKernel(directory);
  mkdirSync(cache, { recursive: true });
  const work = mkdtempSync(join(cache, '.unpack-'));
  try {
    run('apt-get', ['-q', 'download', name], work);
    const archive = readdirSync(work).find((file) => file.endsWith('.deb')) ?? '';
    run('dpkg-deb', ['-x', archive, 'kernel'], work);
    run('busybox', ['depmod', '-b', join(work, 'kernel'), describeKernel(join(work, 'kernel')).version]);
    renameSync(join(work, 'kernel'), directory); // whole or not at all
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return describeKernel(directory);
}
