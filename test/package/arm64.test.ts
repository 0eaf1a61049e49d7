// Packages for the other processor: the helper cross-built, and run by an emulator as far as that knows the system's calls.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { crossBuild } from '../../build/cross.mjs';
import { makePackages } from '../../build/package/package.mjs';
import { command } from '../lab/host.ts';

/** e_machine of ELF files: AArch64. */
const EM_AARCH64 = 183;
const ELF = Buffer.from('\x7fELF', 'latin1');
const HELPERS = ['usr/libexec/flowglass/flowglass-helper'];

describe.skipIf(process.arch !== 'x64')('packages for arm64', () => {
  let deb: string;
  let folder: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'flowglass-arm64-'));
    const made: string[] = await makePackages({ targets: ['deb'], arch: 'arm64' });
    deb = made[0] ?? '';
    command('dpkg-deb', ['--extract', deb, folder]);
  }, 240_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('say so, and hold no program of this processor', () => {
    expect(command('dpkg-deb', ['--field', deb, 'Architecture']).trim()).toBe('arm64');
    const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    const paths = files.map((entry) => relative(folder, join(entry.parentPath, entry.name)));
    const isElf = (path: string): boolean => readFileSync(join(folder, path)).subarray(0, 4).equals(ELF);
    expect(paths.filter(isElf)).toEqual(HELPERS);
    for (const path of HELPERS) expect(readFileSync(join(folder, path)).readUInt16LE(18), path).toBe(EM_AARCH64);
  });

  it('have a helper that starts there', () => {
    const helper = join(folder, HELPERS[0] ?? '');
    expect(readFileSync(helper).equals(readFileSync(crossBuild()))).toBe(true);
    expect(command('qemu-aarch64', [helper, '--version'])).toMatch(/^flowglass-helper 0\.1\.0 \(ABI \d+\)\n$/);
  });
});
