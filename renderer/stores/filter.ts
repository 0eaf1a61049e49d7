/** The filter as all panes set it: history, saved filters with names, "only this" and "not this", and undo. */
import { defineStore } from 'pinia';
import { computed, ref } from 'vue';
import type { FilterAnswer } from '../../core/contract/answers.ts';
import { useEngine } from './engine.ts';
import { recall, remember } from './remembered.ts';
import { useShell } from './shell.ts';
import { t } from '../language/language.ts';

export interface SavedFilter {
  name: string;
  text: string;
}
const HISTORY_KEY = 'flowglass.filter-history';
const SAVED_KEY = 'flowglass.saved-filters';
const HISTORY_MAX = 30;

const texts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((each) => typeof each === 'string');
const filters = (value: unknown): value is SavedFilter[] =>
  Array.isArray(value) &&
  value.every(
    (each: unknown) =>
      typeof each === 'object' &&
      each !== null &&
      'name' in each &&
      typeof each.name === 'string' &&
      'text' in each &&
      typeof each.text === 'string',
  );

export const useFilter = defineStore('filter', () => {
  const engine = useEngine();
  const shell = useShell();
  /** Filters that worked, newest first. */
  const history = ref(recall(HISTORY_KEY, [], texts).slice(0, HISTORY_MAX));
  const saved = ref(recall(SAVED_KEY, [], filters));
  const current = computed(() => engine.state.filter);

  function keep(text: string): void {
    if (text.trim() === '') return;
    history.value = [text, ...history.value.filter((each) => each !== text)].slice(0, HISTORY_MAX);
    remember(HISTORY_KEY, history.value);
  }

  /** Sets the filter as a step of its own: remembered, and can be undone. null = it has a mistake. */
  async function set(text: string, what = ''): Promise<FilterAnswer | null> {
    const before = engine.state.filter;
    const answer = await engine.act('filter', { text });
    if (!answer?.ok) return answer;
    keep(text);
    if (before !== text)
      shell.did(
        what || t(text === '' ? 'filter.cleared' : 'filter.set'),
        () => engine.act('filter', { text: before }),
        what === '' && text !== '',
      );
    return answer;
  }

  /** Adds a condition by "and"; the opposite of one that is there replaces it. */
  async function narrow(condition: string, hiding: boolean): Promise<void> {
    const next = await engine.act('refine', { text: current.value, condition, hide: hiding });
    if (next !== null) await set(next, t(hiding ? 'filter.hidden' : 'filter.onlyThat', { condition }));
  }
  const only = (condition: string): void => void narrow(condition, false);
  const hide = (condition: string): void => void narrow(condition, true);

  function save(name: string, text: string): void {
    saved.value = [...saved.value.filter((each) => each.name !== name), { name, text }].sort((a, b) =>
      a.name.localeCompare(b.name),
    );
    remember(SAVED_KEY, saved.value);
  }
  function forget(name: string): void {
    const before = saved.value;
    saved.value = before.filter((each) => each.name !== name);
    remember(SAVED_KEY, saved.value);
    shell.did(t('filter.removed', { name }), () => {
      saved.value = before;
      remember(SAVED_KEY, before);
    });
  }

  return { history, saved, current, keep, set, only, hide, save, forget };
});
