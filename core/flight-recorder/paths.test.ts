import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { expect, it } from 'vitest';
import { leftRings, numberedPaths, ringPrefix } from './paths.ts';

it('rings of that name whose process is gone are found; those that are in use, and others, are not', () => {
  const folder = mkdtempSync(join(tmpdir(), 'flowglass-paths-'));
  try {
    const path = join(folder, 'shop.pcapng');
    const gone = spawnSync('true').pid;
    mkdtempSync(ringPrefix(path));
    for (const name of [`.shop.kept-${gone}-abcdef`, `.other.kept-${gone}-abcdef`, '.shop.kept-x', 'shop.pcapng'])
      mkdirSync(join(folder, name));
    expect(readdirSync(folder)).toHaveLength(5);
    expect(leftRings(path).map((ring) => basename(ring))).toEqual([`.shop.kept-${gone}-abcdef`]);
    expect(leftRings(join(folder, 'not there', 'shop.pcapng'))).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it('saved files count up, over those that are there', () => {
  const folder = mkdtempSync(join(tmpdir(), 'flowglass-paths-'));
  try {
    writeFileSync(join(folder, 'shop-00002.pcapng'), '');
    const next = numberedPaths(join(folder, 'shop.pcapng'), false);
    expect([next(), next()].map((path) => basename(path))).toEqual(['shop-00001.pcapng', 'shop-00003.pcapng']);
    const forced = numberedPaths(join(folder, 'shop.pcapng'), true);
    expect([forced(), forced()].map((path) => basename(path))).toEqual(['shop-00001.pcapng', 'shop-00002.pcapng']);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
