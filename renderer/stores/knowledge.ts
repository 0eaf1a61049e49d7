/** What the person told this page of networks and names of his own: kept in this browser, the engine uses it. */
import { defineStore } from 'pinia';
import { ref, shallowRef, watch } from 'vue';
import type { DatabasesAnswer, LabelsAnswer } from '../../core/contract/answers.ts';
import { useEngine } from './engine.ts';
import { recall, remember } from './remembered.ts';

const KEY = 'flowglass.knowledge';

interface Stored {
  databases: string[];
  /** Rules for labels, the text of their file. */
  labels: string;
}
const isStored = (value: unknown): value is Stored =>
  typeof value === 'object' &&
  value !== null &&
  'databases' in value &&
  Array.isArray(value.databases) &&
  value.databases.every((path) => typeof path === 'string') &&
  'labels' in value &&
  typeof value.labels === 'string';

export const useKnowledge = defineStore('knowledge', () => {
  const engine = useEngine();
  const stored = recall(KEY, { databases: [], labels: '' }, isStored);
  const databases = ref<string[]>(stored.databases);
  const labels = ref(stored.labels);
  const labelsAnswer = shallowRef<LabelsAnswer>({ labels: [], problem: null });
  /** What the engine uses. */
  const inUse = shallowRef<DatabasesAnswer>([]);

  async function tellEngine(): Promise<void> {
    inUse.value = (await engine.act('databases', { paths: databases.value })) ?? [];
    labelsAnswer.value = (await engine.act('labels', { text: labels.value })) ?? { labels: [], problem: null };
  }
  watch(
    () => engine.connected,
    (connected) => {
      if (connected) void tellEngine();
    },
    { immediate: true },
  );

  async function keep(): Promise<void> {
    remember(KEY, { databases: databases.value, labels: labels.value });
    await tellEngine();
  }
  async function useDatabases(paths: string[]): Promise<void> {
    databases.value = paths;
    await keep();
  }
  async function useLabels(text: string): Promise<void> {
    labels.value = text;
    await keep();
  }
  return { databases, inUse, useDatabases, labels, labelsAnswer, useLabels };
});
