import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compilePattern } from './pattern.ts';

function found(pattern: string, subject: string): boolean {
  const compiled = compilePattern(pattern);
  if (typeof compiled === 'string') throw new Error(compiled);
  return compiled.test(subject);
}

const { regex } = fc.letrec<{ regex: string }>((tie) => {
  const atom = fc.constantFrom(
    'a',
    'b',
    'B',
    '.',
    '\\d',
    '\\w',
    '[ab]',
    '[^a]',
    '[A-C1]',
    '1',
    '\\s',
    ' ',
    '\\b',
    '^',
    '$',
    '\\.',
  );
  const count = fc.constantFrom('*', '+', '?', '{2}', '{1,}', '{0,2}', '*?', '+?');
  return {
    regex: fc.oneof(
      { maxDepth: 4 },
      atom,
      fc.tuple(tie('regex'), tie('regex')).map(([a, b]) => a + b),
      fc.tuple(tie('regex'), tie('regex')).map(([a, b]) => `(${a}|${b})`),
      fc.tuple(tie('regex'), count).map(([a, c]) => `(?:${a})${c}`),
    ),
  };
});

describe('patterns', () => {
  it('find what RegExp finds', () => {
    const subjects = fc.string({ unit: fc.constantFrom('a', 'b', 'A', 'B', '1', ' ', '.', '\n', 'c'), maxLength: 12 });
    fc.assert(
      fc.property(regex, subjects, fc.boolean(), (pattern, subject, sensitive) => {
        const expected = new RegExp(pattern, sensitive ? 'u' : 'iu').test(subject);
        expect(found(sensitive ? `(?-i)${pattern}` : pattern, subject)).toBe(expected);
      }),
      { numRuns: 5000 },
    );
  });

  it('ignore case unless told otherwise', () => {
    expect(found('^CURL$', 'curl')).toBe(true);
    expect(found('(?-i)^CURL$', 'curl')).toBe(false);
    expect(found('straße', 'STRASSE')).toBe(false);
    expect(found('É', 'é')).toBe(true);
  });

  it('see a character outside the BMP as one', () => {
    expect(found('^.$', '😀')).toBe(true);
    expect(found('^[😀-😂]$', '😁')).toBe(true);
  });

  it('take no longer for a hostile subject than its length asks', () => {
    const started = performance.now();
    expect(found('(a+)+$', `${'a'.repeat(4000)}b`)).toBe(false);
    expect(found('(a|aa)*(a|aa)*(a|aa)*c', 'a'.repeat(4000))).toBe(false);
    expect(performance.now() - started).toBeLessThan(5000);
  });

  it.each([
    ['(a', 'this pattern has a ( without its )'],
    ['a)', 'this pattern has a ) without its ('],
    ['[a', 'this pattern has a [ without its ]'],
    ['*a', 'in this pattern * has nothing to repeat; write \\* for the character'],
    ['a{5,2}', 'a count like {5,2} has its numbers the wrong way round'],
    ['(a)\\1', 'patterns have no back-references'],
    ['(?=a)', 'patterns have no look-around and no named groups, only ( ) and (?: )'],
    ['((a{200}){200}){200}', 'this pattern is too large'],
    ['a'.repeat(1001), 'a pattern has at most 1000 characters'],
    ['a\\', 'this pattern ends in a lone backslash'],
  ])('refuse %j', (pattern, message) => {
    expect(compilePattern(pattern)).toBe(message);
  });
});
