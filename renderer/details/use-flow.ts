/** Everything known of one flow, asked again once a second while it is open and live. */
import { onMounted, shallowRef, watch } from 'vue';
import type { FlowAnswer } from '../../core/contract/answers.ts';
import { whileVisible } from '../engine/while-visible.ts';
import { useEngine } from '../stores/engine.ts';

const PERIOD_MS = 1000;

export function useFlow(flow: () => number) {
  const engine = useEngine();
  const answer = shallowRef<FlowAnswer | null>(null);
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
  onMounted(() => void ask());
  whileVisible(() => void ask(), PERIOD_MS);
  // While time passes by itself, once a second is enough; a step or a seek is answered at once.
  watch(
    [
      flow,
      () => (engine.state.clock.playing || engine.state.clock.following ? 0 : engine.state.clock.cursorNs),
      () => engine.connected,
    ],
    () => void ask(),
  );
  return answer;
}
