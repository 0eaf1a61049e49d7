import { describe, expect, it } from 'vitest';
import { readFileSync } from 'node:fs';
import { COMMANDS } from './commands.ts';
import { keyMap, keyOf } from './keys.ts';

const event = (key: string, modifiers: 'ctrl' | 'shift' | '' = ''): Parameters<typeof keyOf>[0] => ({
  key,
  ctrlKey: modifiers === 'ctrl',
  metaKey: false,
  shiftKey: modifiers === 'shift',
});

describe('keyboard map', () => {
  it('names each key once, and docs/interface.md lists the same keys', () => {
    const keys = keyMap().map(([key]) => key);
    expect(new Set(keys).size).toBe(keys.length);
    const doc = readFileSync('docs/interface.md', 'utf8').replace(/ +/g, ' ');
    for (const [key, what] of keyMap()) {
      const cell = key.split(' ').map((part) => `\`${part}\``);
      expect(doc, key).toContain(`| ${cell.join(' ')} | ${what} |`);
    }
  });

  it('names a key as the list of commands does, whatever the keyboard needs Shift for', () => {
    expect(keyOf(event('k', 'ctrl'))).toBe('Ctrl K');
    expect(keyOf(event('N', 'shift'))).toBe('Shift N');
    expect(keyOf(event('n'))).toBe('N');
    expect(keyOf(event('?', 'shift'))).toBe('?');
    expect(keyOf(event('<', 'shift'))).toBe('<');
    expect(keyOf(event('ArrowLeft', 'shift'))).toBe('Shift ←');
    expect(keyOf(event('=', 'ctrl'))).toBe('Ctrl +');
    expect(keyOf(event(' '))).toBe('Space');
    expect(keyOf(event('F6', 'shift'))).toBe('Shift F6');
  });

  it('gives each command an id and a title of its own', () => {
    for (const field of ['id', 'title'] as const)
      expect(new Set(COMMANDS.map((command) => command[field])).size, field).toBe(COMMANDS.length);
  });
});
