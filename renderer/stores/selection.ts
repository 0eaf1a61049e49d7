/** What several panes share: the selected flow or edge, what is hovered, and how the filter is shown. */
import { defineStore } from 'pinia';
import { ref } from 'vue';

export const useSelection = defineStore('selection', () => {
  /** Selected flow index, −1 = none. */
  const flow = ref(-1);
  /** Selected graph edge key, −1 = none. */
  const edge = ref(-1);
  /** Id of the selected node of the graph (graph/rows.ts), '' = none. */
  const node = ref('');
  /** Flow whose details are open, −1 = none. */
  const opened = ref(-1);
  /** What the details pane shows of the opened flow. */
  const detail = ref<'packets' | 'stream'>('packets');
  /** Session time under the crosshair, NaN = none. */
  const hoverNs = ref(NaN);
  const show = ref<'matches' | 'all'>('all');

  function select(nextFlow: number, nextEdge = -1): void {
    flow.value = nextFlow;
    edge.value = nextEdge;
    node.value = '';
  }

  function selectNode(id: string): void {
    select(-1);
    node.value = id;
  }

  function open(nextFlow: number): void {
    select(nextFlow);
    opened.value = nextFlow;
  }

  /** Backs out one level; false when there was nothing to back out of. */
  function back(): boolean {
    if (opened.value >= 0) opened.value = -1;
    else if (flow.value >= 0 || edge.value >= 0 || node.value !== '') select(-1);
    else return false;
    return true;
  }

  /** Opens what both sides of the selected flow said. */
  function followStream(): void {
    detail.value = 'stream';
    if (opened.value < 0) open(flow.value);
  }

  return { flow, edge, node, opened, detail, followStream, hoverNs, show, select, selectNode, open, back };
});
