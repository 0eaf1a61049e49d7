/** Completion in a line that is typed: what the word under the cursor could become, chosen by arrow keys, Tab or Enter. */
import { computed, nextTick, ref, type ComputedRef, type Ref } from 'vue';
import type { CompletionAnswer, FilterAnswer } from '../../core/contract/answers.ts';

type Item = CompletionAnswer['items'][number];

/** What is wrong with what is typed, and where; from the engine. */
export type Problem = Extract<FilterAnswer, { ok: false }>;

export interface CompletionOptions {
  text: Ref<string>;
  input: Readonly<Ref<HTMLInputElement | null>>;
  problem: Readonly<Ref<Problem | null>>;
  /** Most that are shown at once. */
  most: number;
  ask: (text: string, cursor: number) => Promise<CompletionAnswer | null>;
  /** The text became another by taking a completion. */
  changed: () => void;
}

export interface Completion {
  items: ComputedRef<readonly Item[]>;
  /** Whether the list is to be seen. */
  suggesting: ComputedRef<boolean>;
  /** Place of the one that Enter takes; −1 = none. */
  chosen: Ref<number>;
  suggest: () => Promise<void>;
  suggestNothing: () => void;
  accept: (index: number) => void;
  /** Whether the list had a use for the key. */
  onKey: (key: string) => boolean;
}

export function useCompletion({ text, input, problem, most, ask, changed }: CompletionOptions): Completion {
  const answer = ref<CompletionAnswer | null>(null);
  const chosen = ref(-1);
  const items = computed(() => answer.value?.items.slice(0, most) ?? []);
  /** A word that is being typed is not wrong yet: what it could become is shown instead. */
  const suggesting = computed(() => {
    if (items.value.length === 0) return false;
    const { value } = problem;
    return value === null || value.position + value.length >= text.value.trimEnd().length;
  });

  /** An answer that comes when nothing is to be suggested any more is late. */
  let asked = 0;
  async function suggest(): Promise<void> {
    const mine = ++asked;
    chosen.value = -1;
    const found = await ask(text.value, input.value?.selectionStart ?? text.value.length);
    if (mine === asked) answer.value = found;
  }
  function suggestNothing(): void {
    asked++;
    answer.value = null;
    chosen.value = -1;
  }
  function accept(index: number): void {
    const [found, item] = [answer.value, items.value[index]];
    if (!found || !item) return;
    const before = text.value.slice(0, found.from) + item.text;
    text.value = before + text.value.slice(found.to);
    suggestNothing();
    changed();
    void nextTick(() => {
      input.value?.focus();
      input.value?.setSelectionRange(before.length, before.length);
    });
  }
  function onKey(key: string): boolean {
    if (!suggesting.value) return false;
    const count = items.value.length;
    if (key === 'ArrowDown') chosen.value = (chosen.value + 1) % count;
    else if (key === 'ArrowUp') chosen.value = (chosen.value < 0 ? count : chosen.value) - 1;
    else if ((key === 'Enter' || key === 'Tab') && chosen.value >= 0) accept(chosen.value);
    else if (key === 'Escape') suggestNothing();
    else return false;
    return true;
  }
  return { items, suggesting, chosen, suggest, suggestNothing, accept, onKey };
}
