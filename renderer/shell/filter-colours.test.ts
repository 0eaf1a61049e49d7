import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { HighlightRange } from '../../core/contract/answers.ts';
import { highlight } from '../../core/filter/highlight.ts';
import { movedAlong, pieces } from './filter-colours.ts';

it('keeps the colours on both sides of an edit, and none where it was made', () => {
  const before = 'tcp && process.name == "node"';
  const now = 'tcp && process.exe == "node"';
  const words = (text: string, ranges: readonly HighlightRange[]): string[] => ranges.map(({ from, to }) => text.slice(from, to)); // prettier-ignore
  const moved = movedAlong({ text: before, ranges: highlight(before) }, now);
  expect(words(now, moved)).toEqual(['tcp', '&&', '==', '"node"']);
  expect(movedAlong({ text: now, ranges: highlight(now) }, now)).toEqual(highlight(now));
});

it('pieces make up the text, whatever was edited', () => {
  const texts = fc.string({ unit: fc.constantFrom('tcp', ' ', '&&', '"', 'a', '==', '1', '.'), maxLength: 12 });
  fc.assert(
    fc.property(texts, texts, (before, now) => {
      const moved = movedAlong({ text: before, ranges: highlight(before) }, now);
      expect(pieces(now, moved).map(({ text }) => text).join('')).toBe(now); // prettier-ignore
      for (const [i, { from, to }] of moved.entries()) {
        expect(from).toBeGreaterThanOrEqual(moved[i - 1]?.to ?? 0);
        expect(to).toBeLessThanOrEqual(now.length);
      }
    }),
  );
});
