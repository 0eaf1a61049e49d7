// Compiles the kernel programs and the helper:
//   dist/bpf/flowglass.bpf.o      all of bpf/*.bpf.c, linked
//   dist/bpf/flowglass.skel.h     the same, embedded in a header for libbpf
//   dist/helper/flowglass-helper  static-pie, so that it runs on any distribution and under file capabilities
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { filesIn, step } from './stamp.mjs';
import { BuildError, ROOT, clang, run, runAsScript, which } from './tools.mjs';

const TARGET_ARCH = { x64: 'x86', arm64: 'arm64' };

/** bpftool that runs: Ubuntu's /usr/sbin/bpftool is a script that needs linux-tools of the running kernel. */
export function bpftool() {
  const path = which('bpftool');
  if (path === null) throw new BuildError('bpftool is missing: apt-get install bpftool (Ubuntu: linux-tools-generic)');
  return path;
}

/** Compiles and links the kernel programs into `folder`, for registers of the processor `define`. True when it did. */
export function compilePrograms({ name, define, include, folder }) {
  const sources = filesIn('bpf', (file) => file.endsWith('.bpf.c'));
  if (sources.length === 0) throw new BuildError('bpf/ holds no kernel program (*.bpf.c)');
  const compiler = clang();
  const flags = ['-g', '-O2', '-mcpu=v3', '-target', 'bpf', `-D__TARGET_ARCH_${define}`, '-Wall', '-Wextra', '-Werror', '-Ibpf', `-I${include}`]; // prettier-ignore
  const [object, skeleton] = [`${folder}/flowglass.bpf.o`, `${folder}/flowglass.skel.h`];
  const inputs = { files: filesIn('bpf', (file) => /\.[ch]$/.test(file)), text: [compiler, ...flags].join(' '), outputs: [object, skeleton] }; // prettier-ignore
  return step(name, inputs, () => {
    mkdirSync(join(ROOT, folder), { recursive: true });
    const objects = sources.map((source) => {
      const output = source.replace(/^bpf\/(.*)\.bpf\.c$/, `${folder}/$1.o`);
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

function buildPrograms() {
  const define = TARGET_ARCH[process.arch];
  if (define === undefined)
    throw new BuildError(`kernel programs are not built for ${process.arch}; x64 and arm64 are`);
  const include = `/usr/include/${run('gcc', ['-print-multiarch']).trim()}`;
  return compilePrograms({ name: 'bpf', define, include, folder: 'dist/bpf' });
}

/** Compiler flags of the helper; the sanitizer build of the tests uses the same warnings. */
export const HELPER_WARNINGS = ['-std=gnu17', '-Wall', '-Wextra', '-Werror', '-Wconversion'];

/**
 * Compiles and links the helper, by the compiler whose name begins with `prefix`, around the skeleton in `skeletons`. True when
 * it did.
 */
export function compileHelper({ name, prefix, skeletons, output, include = [], linking = [], more = [] }) {
  const sources = filesIn('helper', (file) => file.endsWith('.c') && !/(^test_|[._]test\.c$)/.test(file));
  if (sources.length === 0) throw new BuildError('helper/ holds no source');
  const hardening = ['-O2', '-g', '-fPIE', '-static-pie', '-fstack-protector-strong', '-D_FORTIFY_SOURCE=2', '-Wl,-z,relro,-z,now']; // prettier-ignore
  const system = [skeletons, ...include].flatMap((folder) => ['-isystem', folder]);
  const flags = [...HELPER_WARNINGS, ...hardening, '-Ibpf', '-Ihelper', ...system, ...linking];
  const libraries = ['-lbpf', '-lelf', '-lz', ...more];
  const files = [...filesIn('helper', (file) => /\.[ch]$/.test(file)), ...filesIn('bpf', (file) => file.endsWith('.h')), `${skeletons}/flowglass.skel.h`]; // prettier-ignore
  return step(name, { files, text: [...flags, ...libraries].join(' '), outputs: [output] }, () => {
    mkdirSync(join(ROOT, dirname(output)), { recursive: true });
    run(`${prefix}gcc`, [...flags, ...sources, '-o', `${output}.debug`, ...libraries]);
    run(`${prefix}strip`, ['-o', `${output}.new`, `${output}.debug`]);
    rmSync(join(ROOT, `${output}.debug`));
    renameSync(join(ROOT, `${output}.new`), join(ROOT, output)); // rename: a running helper keeps its file
  });
}

function buildHelper() {
  // libelf.a of Debian 13 and Ubuntu 24.04 calls zstd; it is there exactly where it is needed.
  const multiarch = run('gcc', ['-print-multiarch']).trim();
  const more = existsSync(`/usr/lib/${multiarch}/libzstd.a`) ? ['-lzstd'] : [];
  return compileHelper({ name: 'helper', prefix: '', skeletons: 'dist/bpf', output: 'dist/helper/flowglass-helper', more }); // prettier-ignore
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
