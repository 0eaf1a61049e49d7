import type { CompletionAnswer } from '../contract/answers.ts';
import type { Suggestion } from '../filter/filter.ts';

const ITEMS_MAX = 20;

/** What can stand at the cursor, as pages get it. */
export function completionAnswer(items: readonly Suggestion[], cursor: number): CompletionAnswer {
  const [first] = items;
  return {
    from: first?.start ?? cursor,
    to: first?.end ?? cursor,
    items: items
      .filter(({ start, end }) => start === first?.start && end === first.end)
      .slice(0, ITEMS_MAX)
      .map(({ insert, doc }) => ({ text: insert, detail: doc })),
  };
}
