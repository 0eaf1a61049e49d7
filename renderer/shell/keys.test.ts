import { describe, expect, it } from 'vitest';
import { readFileSync } from 'node:fs';
import { KEY_MAP } from './keys.ts';

describe('keyboard map', () => {
  it('names each key once, and docs/interface.md lists the same keys', () => {
    const keys = KEY_MAP.map(([key]) => key);
    expect(new Set(keys).size).toBe(keys.length);
    const doc = readFileSync('docs/interface.md', 'utf8').replace(/ +/g, ' ');
    for (const [key, what] of KEY_MAP) {
      const cell = key.split(' ').map((part) => `\`${part}\``);
      expect(doc, key).toContain(`| ${cell.join(' ')} | ${what} |`);
    }
  });
});
