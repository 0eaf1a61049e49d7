/** One scheduler for all drawing: at most one call a frame per drawer, 30 a second, 4 when unfocused, none when hidden. */
const FOCUSED_MS = 33;
const UNFOCUSED_MS = 250;
const waiting = new Set<() => void>();
let scheduled = false;
let last = 0;
let timer = 0;

function run(now: number): void {
  scheduled = false;
  const wait = (document.hasFocus() ? FOCUSED_MS : UNFOCUSED_MS) - (now - last);
  if (wait > 1) {
    arm(wait);
    return;
  }
  last = now;
  const drawers = [...waiting];
  waiting.clear();
  for (const draw of drawers) draw();
}

function arm(delay: number): void {
  if (scheduled || document.hidden) return;
  scheduled = true;
  if (delay > 16) timer = window.setTimeout(() => requestAnimationFrame(run), delay - 8);
  else requestAnimationFrame(run);
}

document.addEventListener('visibilitychange', () => {
  if (document.hidden) {
    clearTimeout(timer);
    scheduled = false;
  } else if (waiting.size) arm(0);
});

/** Asks for one call of `draw` in the next frame; the same function is called once however often it asks. */
export function schedule(draw: () => void): void {
  waiting.add(draw);
  arm(0);
}

/** Takes a drawer back, for unmounting. */
export function unschedule(draw: () => void): void {
  waiting.delete(draw);
}
