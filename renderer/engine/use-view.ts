/**
 * A view bound to a component: opened when mounted, its parameters followed, closed when unmounted. The callback runs
 * after each update with the page's tables; what it draws should be scheduled (draw/frame.ts). With reduced motion the
 * callback runs at most once a second, but at once for the first update after the parameters changed.
 */
import { onBeforeUnmount, onMounted, watch } from 'vue';
import type { ViewParamsInput } from '../../core/contract/requests.ts';
import type { ViewState } from '../../core/contract/view-codec.ts';
import { isCalm } from '../draw/motion.ts';
import { useEngine } from '../stores/engine.ts';

const CALM_MS = 1000;

export function useView(params: () => ViewParamsInput, onUpdate: (state: ViewState) => void): void {
  const store = useEngine();
  let handle: { update(params: ViewParamsInput): void; close(): void } | null = null;
  let due = 0;
  let timer = 0;
  function updated(state: ViewState): void {
    const wait = isCalm() ? due - performance.now() : 0;
    if (wait <= 0) {
      clearTimeout(timer);
      timer = 0;
      due = performance.now() + CALM_MS;
      onUpdate(state);
    } else if (!timer) {
      timer = window.setTimeout(() => {
        timer = 0;
        updated(state);
      }, wait);
    }
  }
  onMounted(() => {
    handle = store.engine().openView(params(), updated);
  });
  watch(params, (next, previous) => {
    if (JSON.stringify(next) === JSON.stringify(previous)) return;
    due = 0;
    handle?.update(next);
  });
  // A change of what is shown is an answer to the person: it does not wait.
  watch(
    [() => store.state.filter, () => store.state.mode, () => store.state.range, () => store.state.clock.following],
    () => (due = 0),
  );
  onBeforeUnmount(() => {
    clearTimeout(timer);
    handle?.close();
  });
}
