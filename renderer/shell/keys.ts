/** The keyboard: finds the command of a key. Letters act only outside text fields; a component with own keys stops the event first. */
import { t, type PlainKey } from '../language/language.ts';
import type { Overlay } from '../stores/shell.ts';
import { COMMANDS, type Command, type CommandContext } from './commands.ts';

/** Keys that mean something inside a pane. */
const IN_PANES: readonly (readonly [keys: string, what: PlainKey])[] = [
  ['↑ ↓', 'shell.rowOrNode'],
  ['Enter', 'shell.openFlow'],
  ['O', 'shell.onlyFlow'],
  ['Shift O', 'shell.hideFlow'],
  ['C', 'shell.copyFlow'],
];

/** Every key the app answers to with what it does, as shown in the dialog of all keys. */
export const keyMap = (): (readonly [keys: string, what: string])[] => [
  ...COMMANDS.flatMap(({ keys, title }) => (keys ? [[keys, title] as const] : [])),
  ...IN_PANES.map(([keys, what]) => [keys, t(what)] as const),
];

const NAMES: Readonly<Record<string, string>> = {
  ' ': 'Space',
  Escape: 'Esc',
  ArrowLeft: '←',
  ArrowRight: '→',
};
const LETTER_OR_ARROW = /^([A-Z]|F\d+|←|→)$/;

/** The key of an event as COMMANDS writes it. */
export function keyOf(event: Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'metaKey' | 'shiftKey'>): string {
  const named = NAMES[event.key] ?? (event.key.length === 1 ? event.key.toUpperCase() : event.key);
  const key = named === '=' && (event.ctrlKey || event.metaKey) ? '+' : named;
  return [
    ...(event.ctrlKey || event.metaKey ? ['Ctrl'] : []),
    // Of other keys Shift is part of what they write: "?" is "?" on every keyboard.
    ...(event.shiftKey && LETTER_OR_ARROW.test(key) ? ['Shift'] : []),
    key,
  ].join(' ');
}

const BY_KEY = new Map(
  COMMANDS.flatMap((command) => [command.keys, command.also].flatMap((key) => (key ? [[key, command] as const] : []))),
);
/** "R" with Shift is "R" unless it has a meaning of its own. */
function commandFor(key: string): Command | undefined {
  return BY_KEY.get(key) ?? BY_KEY.get(key.replace('Shift ', ''));
}

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
  );
}

/** Commands that work while a dialog or menu is open: another dialog takes its place. */
const STAYS: ReadonlySet<string> = new Set(['escape', 'palette', 'keys', 'settings', 'flight'] satisfies (
  Overlay | 'escape'
)[]);

/** Installs the global keys; returns what removes them. */
export function installKeys(context: CommandContext): () => void {
  function onKey(event: KeyboardEvent): void {
    if (event.defaultPrevented || event.altKey) return;
    const key = keyOf(event);
    const command = commandFor(key);
    if (!command || (isTyping(event.target) && !command.inText && key !== command.also)) return;
    // A dialog or menu has the keyboard to itself, except for other dialogs and for going back.
    const { shell } = context;
    if ((shell.overlay || shell.menu) && !STAYS.has(command.id)) return;
    // Any other dialog too, whoever opened it, without exceptions: it may be in the middle of something.
    if (!shell.overlay && document.querySelector('dialog:modal') !== null) return;
    const onControl =
      event.target instanceof HTMLElement && event.target.closest('button, a, [role="option"]') !== null;
    if (event.key === ' ' && onControl) return;
    if (command.when && !command.when(context)) {
      if (command.inText) event.preventDefault();
      return;
    }
    if (command.run(context) !== false) event.preventDefault();
  }
  document.addEventListener('keydown', onKey);
  return () => document.removeEventListener('keydown', onKey);
}
