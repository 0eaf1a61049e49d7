/** The keyboard map. Letters act only outside text fields; a component with own keys stops the event first. */
import { openExport } from '../export/open-export.ts';
import { useEngine } from '../stores/engine.ts';
import { useReplay } from '../stores/replay.ts';

export interface KeyActions {
  place(place: 'explore' | 'sessions'): void;
  help(): void;
  /** Backs out one level; false when there was nothing to back out of. */
  escape(): boolean;
}

/** Every key the app answers to, as shown in the dialog of all keys. */
export const KEY_MAP: readonly (readonly [keys: string, what: string])[] = [
  ['/', 'filter'],
  ['Space', 'pause or play'],
  ['R', 'record, stop recording'],
  ['N', 'next trouble'],
  ['Shift N', 'previous trouble'],
  ['← →', 'step through time (Shift × 10)'],
  ['G', 'go to a time'],
  ['[ ]', 'range starts, ends here'],
  ['Z', 'zoom to the range'],
  ['< >', 'slower, faster'],
  ['L', 'back to live'],
  ['↑ ↓', 'row or node'],
  ['Enter', 'open the selected flow'],
  ['Esc', 'back out one level'],
  ['H', 'highlight or only matches'],
  ['O', 'only this flow'],
  ['1 2', 'explore, sessions'],
  ['F6', 'next panel'],
  ['Ctrl O', 'open a file'],
  ['E', 'export'],
  ['T', 'theme'],
  ['?', 'all keys'],
];

const STEP_NS = 1e9;

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
  );
}

/** Moves focus to the next panel: anything with data-panel. */
function nextPanel(backwards: boolean): void {
  const panels = [...document.querySelectorAll<HTMLElement>('[data-panel]')].filter(
    (panel) => panel.offsetParent !== null,
  );
  if (panels.length === 0) return;
  const at = panels.findIndex((panel) => panel.contains(document.activeElement));
  const next = panels[(at + (backwards ? -1 : 1) + panels.length) % panels.length] as HTMLElement;
  const inside = next.querySelector<HTMLElement>('[tabindex="0"]') ?? next.querySelector<HTMLElement>('input, button');
  (inside ?? next).focus();
}

/** Installs the global keys; returns what removes them. */
export function installKeys(actions: KeyActions): () => void {
  const engine = useEngine();
  const replay = useReplay();
  function onKey(event: KeyboardEvent): void {
    if (event.defaultPrevented) return;
    if (event.key === 'F6') {
      event.preventDefault();
      nextPanel(event.shiftKey);
      return;
    }
    if (event.ctrlKey && event.key.toLowerCase() === 'o') {
      event.preventDefault();
      document.dispatchEvent(new CustomEvent('flowglass:open'));
      return;
    }
    if (event.ctrlKey && event.key.toLowerCase() === 'e') {
      event.preventDefault();
      openExport();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (isTyping(event.target)) return;
    const { mode } = engine.state;
    const onControl =
      event.target instanceof HTMLElement && event.target.closest('button, a, [role="option"]') !== null;
    const act = keyAction();
    if (act && act() !== false) event.preventDefault();

    function keyAction(): (() => unknown) | null {
      switch (event.key) {
        case '/':
          return () => document.querySelector<HTMLElement>('#filter-input')?.focus();
        case ' ':
          if (onControl || mode === 'idle') return null;
          return () => replay.toggle();
        case 'r':
        case 'R':
          return mode === 'live' ? () => engine.toggleRecording() : null;
        case 'n':
        case 'N':
          return mode === 'idle' ? null : () => replay.trouble(event.shiftKey ? 'previous' : 'next');
        case 'ArrowLeft':
        case 'ArrowRight': {
          if (mode === 'idle') return null;
          const step = STEP_NS * (event.shiftKey ? 10 : 1) * (event.key === 'ArrowLeft' ? -1 : 1);
          return () => replay.step(step);
        }
        case 'g':
        case 'G':
          return replay.inPast ? () => (replay.jumping = true) : null;
        case '[':
        case ']':
          return replay.inPast ? () => replay.setEdge(event.key === '[' ? 'from' : 'to') : null;
        case 'z':
        case 'Z':
          return replay.range ? () => replay.zoomToRange() : null;
        case '<':
        case '>':
          return replay.inPast ? () => replay.stepSpeed(event.key === '<' ? -1 : 1) : null;
        case 'l':
        case 'L':
          return mode === 'live' ? () => engine.act('live', {}) : null;
        case 'e':
        case 'E':
          return mode === 'live' || mode === 'replay' ? openExport : null;
        case '1':
          return () => actions.place('explore');
        case '2':
          return () => actions.place('sessions');
        case 'h':
        case 'H':
          return () => document.dispatchEvent(new CustomEvent('flowglass:show'));
        case 't':
        case 'T':
          return () => document.dispatchEvent(new CustomEvent('flowglass:next-theme'));
        case '?':
          return () => actions.help();
        case 'Escape':
          return () => actions.escape();
        default:
          return null;
      }
    }
  }
  document.addEventListener('keydown', onKey);
  return () => document.removeEventListener('keydown', onKey);
}
