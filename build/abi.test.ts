import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { generateAbi } from './abi.mjs';

const HEADER = `#define FG_ABI_VERSION 1
#define FG_MAGIC 0x10U /* magic */
enum fg_color { FG_COLOR_RED = 1, FG_COLOR_NONE = -1 };
struct fg_inner { __u32 first_part; __u32 second; };
struct fg_outer { __u64 at_ns; struct fg_inner inner; __u8 name[4]; __u8 tail[4]; };
`.replace(/ \{ /g, ' {\n');

let root: string;
const header = (text: string): void => writeFileSync(join(root, 'bpf/abi.h'), text);
const layout = (): string => readFileSync(join(root, 'bpf/abi.layout'), 'utf8');

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'flowglass-abi-test-'));
  mkdirSync(join(root, 'bpf'));
  header(HEADER);
  generateAbi({ root, accept: true });
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

describe('the ABI generator', () => {
  it('writes offsets, enum values and numbers as the compiler laid them out', () => {
    const text = readFileSync(join(root, 'core/abi/generated.ts'), 'utf8');
    expect(text).toContain('export const MAGIC = 16;');
    expect(text).toContain('export const COLOR_NONE = -1;');
    expect(text).toMatch(/export const INNER = \{\n {2}size: 8,\n {2}firstPart: 0,\n {2}second: 4,\n\}/);
    expect(text).toMatch(
      /export const OUTER = \{\n {2}size: 24,\n {2}atNs: 0,\n {2}inner: 8,\n {2}name: 16,\n {2}tail: 20,\n\}/,
    );
  });

  it('leaves an unchanged file alone and says so', () => {
    expect(generateAbi({ root })).toBe(false);
  });

  it('refuses a hole between members', () => {
    header(HEADER.replace('__u32 first_part; __u32 second;', '__u8 first_part; __u32 second;'));
    expect(() => generateAbi({ root, accept: true })).toThrow(
      'struct fg_inner has 3 bytes of implicit padding before second',
    );
  });

  it('refuses a hole at the end', () => {
    header(HEADER.replace('__u8 tail[4];', '__u8 tail[3];'));
    expect(() => generateAbi({ root, accept: true })).toThrow(
      'struct fg_outer has 1 bytes of implicit padding at its end',
    );
  });

  it('refuses a changed structure without a version bump, and accepts it with one', () => {
    writeFileSync(join(root, 'bpf/abi.layout'), layout().replace(' unreleased', ''));
    const changed = HEADER.replace('__u8 name[4]; __u8 tail[4];', '__u8 name[8];');
    header(changed);
    expect(() => generateAbi({ root })).toThrow('version 1 is released: raise FG_ABI_VERSION');
    expect(() => generateAbi({ root, accept: true })).toThrow('version 1 is released');
    header(changed.replace('VERSION 1', 'VERSION 2'));
    expect(() => generateAbi({ root })).toThrow('--accept');
    generateAbi({ root, accept: true });
    expect(layout()).toMatch(/^version 2 unreleased\n/);
    expect(layout()).toContain('  16 8 name');
  });

  it('refuses a renumbered enum and an unaccepted change of an unreleased version', () => {
    header(HEADER.replace('RED = 1', 'RED = 2'));
    expect(() => generateAbi({ root })).toThrow('is not that of bpf/abi.layout');
  });

  it('refuses pointers and bit fields', () => {
    header(HEADER.replace('__u64 at_ns;', 'void *at_ns;'));
    expect(() => generateAbi({ root, accept: true })).toThrow('a pointer cannot cross the wire');
    header(HEADER.replace('__u32 first_part;', '__u32 first_part:8;'));
    expect(() => generateAbi({ root, accept: true })).toThrow('bit field');
  });
});
