/** The recordings of the engine's machine: listed at once, what is in each asked for one after the other. */
import { defineStore } from 'pinia';
import { ref, shallowRef } from 'vue';
import type { SessionAnswer, SessionFactsAnswer, SessionsAnswer } from '../../core/contract/sessions.ts';
import { RequestError } from '../engine/client.ts';
import { useEngine } from '../stores/engine.ts';
import { useShell } from '../stores/shell.ts';
import { visibleText } from '../draw/format.ts';
import { t } from '../language/language.ts';

export type SessionFacts = SessionFactsAnswer | null;

const sentence = ({ trouble: { what, hint } }: RequestError): string => [what, hint].filter((part) => part).join(': ');

export const useSessions = defineStore('sessions', () => {
  const engine = useEngine();
  const shell = useShell();
  const answer = shallowRef<SessionsAnswer | null>(null);
  /** Why there is no list. */
  const problem = ref('');
  /** By path; what is not here was not asked for yet. */
  const facts = shallowRef<ReadonlyMap<string, SessionFacts>>(new Map());
  /** Counts what was asked for: an earlier answer is forgotten. */
  let asked = 0;

  async function load(): Promise<void> {
    const mine = ++asked;
    try {
      const list = await engine.request('sessions', {});
      if (mine !== asked) return;
      [answer.value, problem.value] = [list, list.problem ?? ''];
      void learn(mine, list.sessions);
    } catch (error) {
      if (mine === asked && error instanceof RequestError) problem.value = sentence(error);
      // A lost connection: what is shown stays, and is asked for again.
    }
  }

  /** Files that did not change keep what is known of them while it is asked for again. */
  async function learn(mine: number, list: readonly SessionAnswer[]): Promise<void> {
    for (const { path } of list) {
      const known = await engine.request('sessionFacts', { path }).catch(() => null);
      if (mine !== asked) return;
      facts.value = new Map(facts.value).set(path, known);
    }
  }
  /** Nobody looks any more. */
  const forget = (): void => void asked++;

  /** Failures are said by the notice bar. */
  async function rename(path: string, name: string): Promise<string | null> {
    const done = await engine.act('sessionRename', { path, name });
    await load();
    if (done && done.path !== path) {
      const before = path.slice(path.lastIndexOf('/') + 1);
      shell.did(t('sessions.renamed', { name: visibleText(before, 60) }), () => rename(done.path, before), true);
    }
    return done?.path ?? null;
  }
  async function trash({ path, name }: SessionAnswer): Promise<void> {
    const list = answer.value?.sessions ?? [];
    await engine.act('sessionTrash', { path });
    await load();
    const gone = list.some((each) => each.path === path) && !answer.value?.sessions.some((each) => each.path === path);
    if (!gone) return;
    shell.did(t('sessions.trashed', { name: visibleText(name, 60) }), async () => {
      await engine.act('sessionRestore', { path });
      await load();
    });
  }

  return { answer, problem, facts, load, forget, rename, trash };
});
