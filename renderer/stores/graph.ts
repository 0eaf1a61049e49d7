/** The graph as the person arranged it: grouping, which of its forms, what is pinned, open or looked for. */
import { defineStore } from 'pinia';
import { reactive, ref, shallowRef } from 'vue';

export const GRAPH_FORMS = ['columns', 'free', 'table'] as const;
export type GraphForm = (typeof GRAPH_FORMS)[number];
export const LEFT_GROUPS = ['process', 'unit', 'user'] as const;
export type LeftGroup = (typeof LEFT_GROUPS)[number];
export const RIGHT_GROUPS = ['name', 'domain', 'network', 'owner', 'label'] as const;
export type RightGroup = (typeof RIGHT_GROUPS)[number];

export const useGraph = defineStore('graph', () => {
  const form = ref<GraphForm>('columns');
  const groupLeft = ref<LeftGroup>('unit');
  const groupRight = ref<RightGroup>('name');
  /** Ids of pinned nodes (rows.ts). */
  const pins = reactive(new Set<string>());
  /** First row shown of the processes and of the peers that did not fit; −1 = they are folded. */
  const opened = shallowRef<readonly [number, number]>([-1, -1]);
  /** The free form leaves nothing out. */
  const everyNode = ref(false);
  /** The search field is open. */
  const searching = ref(false);
  /** What is looked for; '' = nothing. */
  const find = ref('');

  function togglePin(id: string): void {
    if (!pins.delete(id)) pins.add(id);
  }
  /** Opens what is folded on a side, or folds it again. */
  function toggleFold(side: number): void {
    const next: [number, number] = [...opened.value];
    next[side as 0 | 1] = next[side as 0 | 1] < 0 ? 0 : -1;
    opened.value = next;
  }
  /** Moves the rows of an open side; `most` = the greatest first row. */
  function scroll(side: number, by: number, most: number): void {
    const at = opened.value[side as 0 | 1];
    const to = Math.min(most, Math.max(0, at + by));
    if (at < 0 || to === at) return;
    const next: [number, number] = [...opened.value];
    next[side as 0 | 1] = to;
    opened.value = next;
  }

  return { form, groupLeft, groupRight, pins, opened, everyNode, searching, find, togglePin, toggleFold, scroll };
});
