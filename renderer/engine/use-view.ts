/**
 * A view bound to a component: opened when mounted, its parameters followed, closed when unmounted. The callback runs
 * after each update with the page's tables; what it draws should be scheduled (draw/frame.ts).
 */
import { onBeforeUnmount, onMounted, watch } from 'vue';
import type { ViewParamsInput } from '../../core/contract/requests.ts';
import type { ViewState } from '../../core/contract/view-codec.ts';
import { useEngine } from '../stores/engine.ts';

export function useView(params: () => ViewParamsInput, onUpdate: (state: ViewState) => void): void {
  const store = useEngine();
  let handle: { update(params: ViewParamsInput): void; close(): void } | null = null;
  onMounted(() => {
    handle = store.engine().openView(params(), onUpdate);
  });
  watch(params, (next, previous) => {
    if (JSON.stringify(next) !== JSON.stringify(previous)) handle?.update(next);
  });
  onBeforeUnmount(() => handle?.close());
}
