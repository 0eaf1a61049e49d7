/** What the person told this page of networks: the files are kept in this browser, the engine opens them. */
import { defineStore } from 'pinia';
import { ref, shallowRef, watch } from 'vue';
import type { DatabasesAnswer } from '../../core/contract/answers.ts';
import { useEngine } from './engine.ts';
import { recall, remember } from './remembered.ts';

const KEY = 'flowglass.knowledge';

interface Stored {
  databases: string[];
}
const isStored = (value: unknown): value is Stored =>
  typeof value === 'object' &&
  value !== null &&
  'databases' in value &&
  Array.isArray(value.databases) &&
  value.databases.every((path) => typeof path === 'string');

export const useKnowledge = defineStore('knowledge', () => {
  const engine = useEngine();
  const databases = ref<string[]>(recall(KEY, { databases: [] }, isStored).databases);
  /** What the engine uses. */
  const inUse = shallowRef<DatabasesAnswer>([]);

  async function tellEngine(): Promise<void> {
    inUse.value = (await engine.act('databases', { paths: databases.value })) ?? [];
  }
  watch(
    () => engine.connected,
    (connected) => {
      if (connected) void tellEngine();
    },
    { immediate: true },
  );

  async function useDatabases(paths: string[]): Promise<void> {
    databases.value = paths;
    remember(KEY, { databases: paths });
    await tellEngine();
  }
  return { databases, inUse, useDatabases };
});
