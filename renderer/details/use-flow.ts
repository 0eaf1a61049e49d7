/** Everything known of one flow, asked again once a second while it is open and live. */
import { onBeforeUnmount, onMounted, shallowRef, watch } from 'vue';
import type { FlowAnswer } from '../../core/contract/answers.ts';
import { useEngine } from '../stores/engine.ts';

const PERIOD_MS = 1000;

export function useFlow(flow: () => number) {
  const engine = useEngine();
  const answer = shallowRef<FlowAnswer | null>(null);
  let timer = 0;
  async function ask(): Promise<void> {
    const wanted = flow();
    if (wanted < 0) {
      answer.value = null;
      return;
    }
    try {
      const next = await engine.request('flow', { flow: wanted });
      if (wanted === flow()) answer.value = next;
    } catch {
      // The connection was lost: what is shown stays until it is back.
    }
  }
  onMounted(() => {
    void ask();
    timer = window.setInterval(() => !document.hidden && void ask(), PERIOD_MS);
  });
  watch([flow, () => engine.state.clock.cursorNs], () => void ask());
  onBeforeUnmount(() => clearInterval(timer));
  return answer;
}
