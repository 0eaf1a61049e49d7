// Compiles the kernel programs and the helper:
//   dist/bpf/flowglass.bpf.o      all of bpf/*.bpf.c, linked
//   dist/bpf/flowglass.skel.h     the same, embedded in a header for libbpf
//   dist/helper/flowglass-helper  static-pie, so that it runs on any distribution and under file capabilities
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { filesIn, step } from './stamp.mjs';
import { BuildError, ROOT, clang, run, runAsScript, which } from './tools.mjs';

const TARGET_ARCH = { x64: 'x86', arm64: 'arm64' };

/** bpftool that runs: Ubuntu's /usr/sbin/bpftool is a script that needs linux-tools of the running kernel. */
export function bpftool() {
  const path = which('bpftool');
  if (path === null) throw new BuildError('bpftool is missing: apt-get install bpftool (Ubuntu: linux-tools-generic)');
  return path;
}

function buildPrograms() {
  const sources = filesIn('bpf', (name) => name.endsWith('.bpf.c'));
  if (sources.length === 0) throw new BuildError('bpf/ holds no kernel program (*.bpf.c)');
  const arch = TARGET_ARCH[process.arch];
  if (arch === undefined) throw new BuildError(`kernel programs are not built for ${process.arch}; x64 and arm64 are`);
  const compiler = clang();
  const multiarch = run('gcc', ['-print-multiarch']).trim();
  const flags = ['-g', '-O2', '-mcpu=v3', '-target', 'bpf', `-D__TARGET_ARCH_${arch}`, '-Wall', '-Wextra', '-Werror', '-Ibpf', `-I/usr/include/${multiarch}`]; // prettier-ignore
  const [object, skeleton] = ['dist/bpf/flowglass.bpf.o', 'dist/bpf/flowglass.skel.h'];
  const inputs = { files: filesIn('bpf', (name) => /\.[ch]$/.test(name)), text: [compiler, ...flags].join(' '), outputs: [object, skeleton] }; // prettier-ignore
  return step('bpf', inputs, () => {
    mkdirSync(join(ROOT, 'dist/bpf'), { recursive: true });
    const objects = sources.map((source) => {
      const output = source.replace(/^bpf\/(.*)\.bpf\.c$/, 'dist/bpf/$1.o');
      run(compiler, [...flags, '-c', source, '-o', output]);
      return output;
    });
    run(bpftool(), ['gen', 'object', `${object}.new`, ...objects]);
    renameSync(join(ROOT, `${object}.new`), join(ROOT, object));
    const text = run(bpftool(), ['gen', 'skeleton', object, 'name', 'flowglass']);
    writeFileSync(join(ROOT, `${skeleton}.new`), text);
    renameSync(join(ROOT, `${skeleton}.new`), join(ROOT, skeleton));
  });
}

/** Compiler flags of the helper; the sanitizer build of the tests uses the same warnings. */
export const HELPER_WARNINGS = ['-std=gnu17', '-Wall', '-Wextra', '-Werror', '-Wconversion'];

function buildHelper() {
  const sources = filesIn('helper', (name) => name.endsWith('.c') && !/(^test_|[._]test\.c$)/.test(name));
  if (sources.length === 0) throw new BuildError('helper/ holds no source');
  const output = 'dist/helper/flowglass-helper';
  const hardening = ['-O2', '-g', '-fPIE', '-static-pie', '-fstack-protector-strong', '-D_FORTIFY_SOURCE=2', '-Wl,-z,relro,-z,now']; // prettier-ignore
  // libelf.a of Debian 13 and Ubuntu 24.04 calls zstd; it is there exactly where it is needed.
  const multiarch = run('gcc', ['-print-multiarch']).trim();
  const zstd = existsSync(`/usr/lib/${multiarch}/libzstd.a`) ? ['-lzstd'] : [];
  const flags = [...HELPER_WARNINGS, ...hardening, '-Ibpf', '-Ihelper', '-isystem', 'dist/bpf'];
  const libraries = ['-lbpf', '-lelf', '-lz', ...zstd];
  const files = [...filesIn('helper', (name) => /\.[ch]$/.test(name)), ...filesIn('bpf', (name) => name.endsWith('.h')), 'dist/bpf/flowglass.skel.h']; // prettier-ignore
  return step('helper', { files, text: [...flags, ...libraries].join(' '), outputs: [output] }, () => {
    mkdirSync(join(ROOT, 'dist/helper'), { recursive: true });
    run('gcc', [...flags, ...sources, '-o', `${output}.debug`, ...libraries]);
    run('strip', ['-o', `${output}.new`, `${output}.debug`]);
    rmSync(join(ROOT, `${output}.debug`));
    renameSync(join(ROOT, `${output}.new`), join(ROOT, output)); // rename: a running helper keeps its file
  });
}

/**
 * How many instructions the verifier of the running kernel followed for each kernel program, most first; null where this
 * user may not load them. test/helper/verifier.test.ts holds them to a limit.
 */
export function verifiedInstructions() {
  const probe = spawnSync(join(ROOT, 'dist/helper/flowglass-helper'), ['--probe'], { encoding: 'utf8' });
  if (probe.status !== 0) return null;
  return Object.entries(JSON.parse(probe.stdout).verified).sort(([, a], [, b]) => b - a);
}

/** Builds what changed; the names of what was built. */
export function buildNative() {
  const programs = buildPrograms();
  const built = [programs && 'kernel programs', buildHelper() && 'helper'].filter((name) => name !== false);
  const counts = programs ? verifiedInstructions() : null;
  if (counts !== null) {
    const text = counts.map(([name, count]) => `${name} ${count}`).join(', ');
    process.stderr.write(`instructions the verifier followed, of 1,000,000: ${text}\n`);
  }
  return built;
}

await runAsScript(import.meta.url, () => {
  const built = buildNative();
  const size = statSync(join(ROOT, 'dist/helper/flowglass-helper')).size;
  process.stdout.write(
    `${built.length === 0 ? 'nothing changed' : `built ${built.join(', ')}`} (helper ${Math.round(size / 1024)} KiB)\n`,
  );
});
