import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { FIELDS, findField, findProtocol, PROTOCOL_ALIASES, PROTOCOLS } from './fields.ts';
import { parse } from './parse.ts';
import { explain } from './problem.ts';

const text = readFileSync(new URL('../../docs/filter.md', import.meta.url), 'utf8');
const examples = [...text.matchAll(/```filter\n([\s\S]*?)```/g)].flatMap((block) =>
  (block[1] ?? '').trim().split('\n'),
);

/** Rows of tables: the cells, without code marks. */
const rows = text
  .split('\n')
  .filter((line) => line.startsWith('| '))
  .map((line) => line.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll('\\|', '|')));

/** The code words of a cell. */
function words(cell: string | undefined): string[] {
  return [...(cell ?? '').matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? '');
}

describe('docs/filter.md', () => {
  it.each(examples)('has an example that parses: %s', (example) => {
    const result = parse(example);
    expect(result.ok ? '' : explain(result.problem)).toBe('');
  });

  it('documents each field with its type, meaning and every alias', () => {
    for (const spec of FIELDS) {
      const row = rows.find((cells) => words(cells[1])[0] === spec.name && cells.length === 6);
      expect(row, spec.name).toBeDefined();
      expect(words(row?.[2])).toEqual([...spec.aliases]);
      expect(row?.[3]).toBe(spec.type === 'enum' ? 'word' : spec.type === 'instant' ? 'time' : nameOf(spec.type));
      expect(row?.[4]).toBe(spec.doc);
      for (const value of spec.values) expect(text).toContain(`\`${value}\``);
    }
  });

  it('documents no field or protocol that does not exist', () => {
    const section = text.slice(text.indexOf('## Fields'), text.indexOf('## Examples'));
    for (const [, name] of section.matchAll(/^\| `([^`]+)`/gm)) expect(findField(name ?? ''), name).not.toBeNull();
    for (const name of [...PROTOCOLS.keys(), ...PROTOCOL_ALIASES.keys()]) expect(findProtocol(name)).not.toBeNull();
    for (const name of PROTOCOLS.keys()) expect(text).toMatch(new RegExp(`^\\| \`${name}\`\\s+\\|`, 'm'));
  });

  it('shows the answers that mistakes really get', () => {
    const section = text.slice(text.indexOf('## Mistakes'), text.indexOf('## What the kernel'));
    const mistakes = [...section.matchAll(/^\| `([^`]+)`\s+\| (character .*?)\s+\|$/gm)];
    expect(mistakes.length).toBeGreaterThan(4);
    for (const [, written, answer] of mistakes) {
      const result = parse(written ?? '');
      expect(result.ok ? 'no problem' : explain(result.problem)).toBe(answer?.replaceAll('\\|', '|'));
    }
  });
});

function nameOf(type: string): string {
  return type === 'count' || type === 'port' ? 'number' : type;
}
