/** Repeats something while the component is mounted and the page can be seen; a hidden page has no timers. */
import { onBeforeUnmount, onMounted } from 'vue';

export function whileVisible(work: () => void, periodMs: number): void {
  let timer = 0;
  const arrange = (): void => {
    clearInterval(timer);
    timer = document.hidden ? 0 : window.setInterval(work, periodMs);
  };
  const onChange = (): void => {
    if (!document.hidden) work();
    arrange();
  };
  onMounted(() => {
    arrange();
    document.addEventListener('visibilitychange', onChange);
  });
  onBeforeUnmount(() => {
    clearInterval(timer);
    document.removeEventListener('visibilitychange', onChange);
  });
}
