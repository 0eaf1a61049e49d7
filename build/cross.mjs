// The helper for the other processor, by Debian's cross compiler: dist/arm64/flowglass-helper on x86-64. Its static libraries
// come from Debian's packages for that architecture, unpacked below dist/ and never installed.
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { aptOptions, debianSource, unpackPackages } from './debian-archive.mjs';
import { compileHelper, compilePrograms } from './native.mjs';
import { BuildError, ROOT, runAsScript, which } from './tools.mjs';

/** Debian's names of arm64, and of its cross tools. */
const ARM64 = { debian: 'arm64', triplet: 'aarch64-linux-gnu' };
const LIBRARIES = ['libbpf-dev', 'libelf-dev', 'zlib1g-dev'];

/** Headers and static libraries of that architecture: the folder that they are in. */
function libraries({ debian }) {
  const place = join(ROOT, 'dist', debian, 'sysroot');
  if (existsSync(place)) return place;
  const work = mkdtempSync(join(tmpdir(), 'flowglass-sysroot-'));
  try {
    const [suite] = debianSource().suites;
    const options = aptOptions({ suite, architecture: debian, work });
    mkdirSync(join(ROOT, 'dist', debian), { recursive: true });
    const into = `${place}.new`;
    rmSync(into, { recursive: true, force: true });
    unpackPackages(LIBRARIES, { options, work, into });
    renameSync(into, place); // whole or not at all
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return place;
}

/** Builds what changed; path of the helper for arm64. */
export function crossBuild() {
  const { debian, triplet } = ARM64;
  if (process.arch === 'arm64') throw new BuildError('this machine is arm64: npm run build makes its helper');
  if (which(`${triplet}-gcc`) === null) throw new BuildError(`${triplet}-gcc is missing: apt-get install gcc-${triplet}`); // prettier-ignore
  const sysroot = libraries(ARM64);
  const include = join(sysroot, 'usr/include');
  const folder = `dist/${debian}`;
  compilePrograms({ name: `bpf-${debian}`, define: 'arm64', include: join(include, triplet), folder });
  const output = `${folder}/flowglass-helper`;
  const linking = [`-L${join(sysroot, 'usr/lib', triplet)}`];
  compileHelper({ name: `helper-${debian}`, prefix: `${triplet}-`, skeletons: folder, output, include: [include], linking }); // prettier-ignore
  return output;
}

await runAsScript(import.meta.url, () => {
  process.stdout.write(`${crossBuild()}\n`);
});
