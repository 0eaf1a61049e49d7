// Writes core/abi/generated.ts from bpf/abi.h, by way of the BTF of a compiled object: no structure is typed twice.
//
//   node build/abi.mjs            generate; fail on implicit padding, or when the layout is not that of bpf/abi.layout
//   node build/abi.mjs --accept   take the present layout into bpf/abi.layout
//
// bpf/abi.layout begins with `version N` or `version N unreleased`. A released version is never accepted twice: another
// layout needs a higher FG_ABI_VERSION.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { readBtf } from './btf.mjs';
import { BuildError, ROOT, clang, run, runAsScript } from './tools.mjs';

const TYPES = ['8 char', '16 short', '32 int', '64 long long']
  .map((entry) => entry.split(/ (.*)/))
  .map(([bits, name]) => `typedef unsigned ${name} __u${bits}; typedef signed ${name} __s${bits};`)
  .join('\n');

/** Compiles one object that has every struct and enum of the header, and reads structs, enums and numeric defines from it. */
export function readAbi(header) {
  const text = readFileSync(header, 'utf8');
  const declarations = [...text.matchAll(/^(struct|enum) (fg_\w+) \{/gm)].map(([, kind, name]) => `${kind} ${name}`);
  const source = [TYPES, `#include "${header}"`, ...declarations.map((type, i) => `${type} variable${i};`)].join('\n');
  const directory = mkdtempSync(join(tmpdir(), 'flowglass-abi-'));
  try {
    const object = join(directory, 'abi.o');
    run(clang(), ['-g', '-O2', '-target', 'bpf', '-x', 'c', '-c', '-', '-o', object], { input: `${source}\n` });
    const { structs, enums } = readBtf(readFileSync(object), 'fg_');
    const found = new Set([...structs.map((s) => `struct ${s.name}`), ...enums.map((e) => `enum ${e.name}`)]);
    const missing = declarations.filter((type) => !found.has(type));
    if (missing.length > 0) throw new BuildError(`${header}: no BTF for ${missing.join(', ')}`);
    const defines = [...text.matchAll(/^#define (FG_\w+) (0x[0-9a-fA-F]+|\d+)[uUlL]*(?=\s|$)/gm)].map(
      ([, name, value]) => ({
        name,
        value: Number(value),
      }),
    );
    return { structs, enums, defines };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Sentences about members that do not follow each other without a gap; empty when all padding is spelled out. */
export function implicitPadding({ structs }) {
  const faults = [];
  for (const { name, size, members } of structs) {
    let end = 0;
    for (const member of members) {
      if (member.offset !== end)
        faults.push(`struct ${name} has ${member.offset - end} bytes of implicit padding before ${member.name}`);
      if (member.offset % member.align !== 0)
        faults.push(`struct ${name}: ${member.name} is not on its natural alignment`);
      end = member.offset + member.size;
    }
    if (end !== size) faults.push(`struct ${name} has ${size - end} bytes of implicit padding at its end`);
  }
  return faults;
}

/** The number of FG_ABI_VERSION. */
export function versionOf({ defines }) {
  const version = defines.find((define) => define.name === 'FG_ABI_VERSION')?.value;
  if (version === undefined) throw new BuildError('bpf/abi.h does not define FG_ABI_VERSION');
  return version;
}

/** The layout as text for bpf/abi.layout, without its first line. */
export function layoutText({ structs, enums }) {
  const lines = [];
  for (const { name, size, members } of structs) {
    lines.push(`struct ${name} ${size}`);
    for (const member of members) {
      lines.push(
        `  ${member.offset} ${member.size} ${member.name}${member.structure === null ? '' : ` struct ${member.structure}`}`,
      );
    }
  }
  for (const { name, members } of enums) {
    lines.push(`enum ${name}`);
    for (const member of members) lines.push(`  ${member.value} ${member.name}`);
  }
  return `${lines.join('\n')}\n`;
}

/**
 * Decides whether a layout may be built (accept = false) or taken into the layout file (accept = true).
 * Returns the text that the file should have, or throws a BuildError that says what to do.
 */
export function checkLayout(abi, committed, accept) {
  const version = versionOf(abi);
  const text = layoutText(abi);
  const fresh = `version ${version} unreleased\n${text}`;
  if (committed === null) {
    if (accept) return fresh;
    throw new BuildError('bpf/abi.layout is missing: node build/abi.mjs --accept');
  }
  const [, number, unreleased] = /^version (\d+)( unreleased)?\n/.exec(committed) ?? [];
  if (number === undefined) throw new BuildError('bpf/abi.layout does not begin with "version N"');
  const same = committed.slice(committed.indexOf('\n') + 1) === text;
  if (same && Number(number) === version) return committed;
  if (version < Number(number))
    throw new BuildError(`FG_ABI_VERSION ${version} is lower than bpf/abi.layout's ${number}`);
  if (version > Number(number)) {
    if (accept) return fresh;
    throw new BuildError(`FG_ABI_VERSION is now ${version}, bpf/abi.layout has ${number}: node build/abi.mjs --accept`);
  }
  if (unreleased === undefined) {
    throw new BuildError(`the layout of bpf/abi.h changed, but version ${version} is released: raise FG_ABI_VERSION, then node build/abi.mjs --accept`); // prettier-ignore
  }
  if (accept) return fresh;
  throw new BuildError(`the layout of bpf/abi.h is not that of bpf/abi.layout: raise FG_ABI_VERSION, or, as version ${version} is not released yet, node build/abi.mjs --accept`); // prettier-ignore
}

const upperSnake = (name) => name.replace(/^fg_/, '').toUpperCase();
const camel = (name) => name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase());

/** core/abi/generated.ts. */
export function typescript({ structs, enums, defines }) {
  const lines = ['// Generated from bpf/abi.h by build/abi.mjs. Offsets and sizes in bytes.', ''];
  const names = new Set();
  const declare = (name) => {
    if (names.has(name)) throw new BuildError(`two things of bpf/abi.h would both be called ${name}`);
    names.add(name);
    return name;
  };
  for (const { name, value } of defines) lines.push(`export const ${declare(name.replace(/^FG_/, ''))} = ${value};`);
  for (const { name, members } of enums) {
    lines.push('', `// enum ${name}`);
    for (const member of members)
      lines.push(`export const ${declare(member.name.replace(/^FG_/, ''))} = ${member.value};`);
  }
  for (const { name, size, members } of structs) {
    const plain = upperSnake(name); // a command's number and its structure have one name in C
    const own = declare(names.has(plain) ? `${plain}_LAYOUT` : plain);
    lines.push('', `/** struct ${name} */`, `export const ${own} = {`, `  size: ${size},`);
    for (const member of members) {
      if (member.name === 'size') throw new BuildError(`struct ${name} has a member called size`);
      lines.push(`  ${camel(member.name)}: ${member.offset},`);
    }
    lines.push('} as const;');
  }
  return `${lines.join('\n')}\n`;
}

/** Generates core/abi/generated.ts; true when it changed. */
export function generateAbi({ accept = false, root = ROOT } = {}) {
  const abi = readAbi(join(root, 'bpf/abi.h'));
  const faults = implicitPadding(abi);
  if (faults.length > 0) throw new BuildError(`bpf/abi.h: ${faults.join('; ')}`);
  const layout = join(root, 'bpf/abi.layout');
  const committed = existsSync(layout) ? readFileSync(layout, 'utf8') : null;
  const text = checkLayout(abi, committed, accept);
  if (text !== committed) writeFileSync(layout, text);
  const target = join(root, 'core/abi/generated.ts');
  const generated = typescript(abi);
  if (existsSync(target) && readFileSync(target, 'utf8') === generated) return false;
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, generated);
  return true;
}

await runAsScript(import.meta.url, (args) => generateAbi({ accept: args.includes('--accept') }));
