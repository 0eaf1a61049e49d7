/** Colours of a filter's text while it is typed: those the engine told last, moved along until it tells again. */
import type { HighlightRange } from '../../core/contract/answers.ts';

export interface ColouredText {
  text: string;
  ranges: readonly HighlightRange[];
}

/** What is before and after the place of an edit keeps its colour; what was edited has none. */
export function movedAlong({ text: before, ranges }: ColouredText, now: string): HighlightRange[] {
  if (before === now) return [...ranges];
  const most = Math.min(before.length, now.length);
  let head = 0;
  while (head < most && before[head] === now[head]) head++;
  let tail = 0;
  while (tail < most - head && before.at(-1 - tail) === now.at(-1 - tail)) tail++;
  const by = now.length - before.length;
  return ranges.flatMap((range) => {
    if (range.to <= head) return [range];
    if (range.from >= before.length - tail) return [{ ...range, from: range.from + by, to: range.to + by }];
    return [];
  });
}

/** The text in pieces of one colour each; '' = none. */
export function pieces(text: string, ranges: readonly HighlightRange[]): { text: string; kind: string }[] {
  const out: { text: string; kind: string }[] = [];
  let at = 0;
  for (const { from, to, kind } of ranges) {
    if (from > at) out.push({ text: text.slice(at, from), kind: '' });
    out.push({ text: text.slice(from, to), kind });
    at = to;
  }
  if (at < text.length) out.push({ text: text.slice(at), kind: '' });
  return out;
}
