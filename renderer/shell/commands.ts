/**
 * Every command of the app with its key: the keyboard, the palette and the dialog of all keys read this one list. A key is
 * written as it is shown: "Ctrl K", "Shift N", "/", "Space".
 */
import { openExport } from '../export/open-export.ts';
import { canSave, saveWhatHappened, togglePause } from '../flight/flight.ts';
import type { useEngine } from '../stores/engine.ts';
import type { useFilter } from '../stores/filter.ts';
import type { useGraph } from '../stores/graph.ts';
import type { useLanes } from '../stores/lanes.ts';
import type { useReplay } from '../stores/replay.ts';
import type { useSelection } from '../stores/selection.ts';
import type { useSettings } from '../stores/settings.ts';
import type { useShell } from '../stores/shell.ts';
import type { useTable } from '../stores/table.ts';

export interface CommandContext {
  engine: ReturnType<typeof useEngine>;
  filter: ReturnType<typeof useFilter>;
  graph: ReturnType<typeof useGraph>;
  lanes: ReturnType<typeof useLanes>;
  replay: ReturnType<typeof useReplay>;
  selection: ReturnType<typeof useSelection>;
  settings: ReturnType<typeof useSettings>;
  shell: ReturnType<typeof useShell>;
  table: ReturnType<typeof useTable>;
}

export interface Command {
  id: string;
  /** What it does, as the palette and the dialog of all keys write it. */
  title: string;
  keys?: string;
  /** Another key for the same, for hands that know it from elsewhere; works in text fields too. */
  also?: string;
  /** Its key works in text fields too. */
  inText?: boolean;
  /** False while it would do nothing. */
  when?: (context: CommandContext) => boolean;
  /** `false` = nothing was done, and the key may mean something to others. */
  run: (context: CommandContext) => unknown;
}

const STEP_NS = 1e9;
const live = ({ engine }: CommandContext): boolean => engine.state.mode === 'live';
const hasSource = ({ engine }: CommandContext): boolean =>
  engine.state.mode === 'live' || engine.state.mode === 'replay';
/** The graph is on the screen. */
const exploring = (context: CommandContext): boolean =>
  hasSource(context) && context.shell.place === 'explore' && context.selection.opened < 0;
const past = ({ replay }: CommandContext): boolean => replay.inPast;
const tell = (name: string) => (): boolean => document.dispatchEvent(new CustomEvent(`flowglass:${name}`));

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

/** Backs out one level: dialog, selection, range. */
function back({ shell, selection, lanes, replay }: CommandContext): boolean {
  if (shell.menu) shell.menu = null;
  else if (shell.overlay) shell.overlay = null;
  else return selection.back() || lanes.clearPins() || replay.clearRange();
  return true;
}

const THEMES = [
  ['system', 'theme: as the system'],
  ['dark', 'theme: dark'],
  ['light', 'theme: light'],
  ['hc', 'theme: high contrast'],
] as const;

const GRAPHS = [
  ['columns', 'graph: processes left, peers right'],
  ['free', 'graph: free, who talks to whom'],
  ['table', 'graph: as a table'],
] as const;

export const COMMANDS: readonly Command[] = [
  { id: 'palette', title: 'all commands', keys: 'Ctrl K', inText: true, run: ({ shell }) => shell.toggle('palette') },
  { id: 'undo', title: 'undo', keys: 'Ctrl Z', run: ({ shell }) => shell.undo() },
  {
    id: 'filter',
    title: 'filter',
    keys: '/',
    when: hasSource,
    run: () => document.querySelector<HTMLElement>('#filter-input')?.focus(),
  },
  { id: 'toggle', title: 'pause or play', keys: 'Space', when: hasSource, run: ({ replay }) => replay.toggle() },
  {
    id: 'record',
    title: 'record, stop recording',
    keys: 'R',
    when: live,
    run: ({ engine }) => engine.toggleRecording(),
  },
  {
    id: 'record.pause',
    title: 'pause the recording, go on recording',
    keys: 'Shift R',
    when: ({ engine }) => engine.state.recording !== null,
    run: ({ engine }) => togglePause(engine),
  },
  {
    id: 'flight.save',
    title: 'save what just happened',
    keys: 'Ctrl S',
    inText: true,
    when: ({ engine }) => canSave(engine),
    run: ({ engine }) => saveWhatHappened(engine),
  },
  {
    id: 'flight',
    title: 'flight recorder and triggers',
    keys: 'B',
    when: ({ engine }) => engine.state.flight !== null,
    run: ({ shell }) => shell.toggle('flight'),
  },
  {
    id: 'trouble.next',
    title: 'next trouble',
    keys: 'N',
    when: hasSource,
    run: ({ replay }) => replay.trouble('next'),
  },
  {
    id: 'trouble.previous',
    title: 'previous trouble',
    keys: 'Shift N',
    when: hasSource,
    run: ({ replay }) => replay.trouble('previous'),
  },
  { id: 'step.back', title: 'a second back', keys: '←', when: hasSource, run: ({ replay }) => replay.step(-STEP_NS) },
  { id: 'step.on', title: 'a second on', keys: '→', when: hasSource, run: ({ replay }) => replay.step(STEP_NS) },
  {
    id: 'step.back10',
    title: 'ten seconds back',
    keys: 'Shift ←',
    when: hasSource,
    run: ({ replay }) => replay.step(-10 * STEP_NS),
  },
  {
    id: 'step.on10',
    title: 'ten seconds on',
    keys: 'Shift →',
    when: hasSource,
    run: ({ replay }) => replay.step(10 * STEP_NS),
  },
  { id: 'jump', title: 'go to a time', keys: 'G', when: past, run: ({ replay }) => (replay.jumping = true) },
  { id: 'range.from', title: 'range starts here', keys: '[', when: past, run: ({ replay }) => replay.setEdge('from') },
  { id: 'range.to', title: 'range ends here', keys: ']', when: past, run: ({ replay }) => replay.setEdge('to') },
  {
    id: 'range.zoom',
    title: 'zoom to the range',
    keys: 'Z',
    when: ({ replay }) => replay.range !== null,
    run: ({ replay }) => replay.zoomToRange(),
  },
  {
    id: 'pin',
    title: 'pin a moment, and a second one to measure',
    keys: 'P',
    when: hasSource,
    run: ({ lanes }) => lanes.pin(),
  },
  {
    id: 'lane.keep',
    title: 'keep the lane of the selected flow in place, or let it go',
    keys: 'K',
    when: ({ selection }) => selection.flow >= 0,
    run: ({ lanes, selection }) => lanes.keep(selection.flow, !lanes.isKept(selection.flow)),
  },
  { id: 'slower', title: 'slower', keys: '<', when: past, run: ({ replay }) => replay.stepSpeed(-1) },
  { id: 'faster', title: 'faster', keys: '>', when: past, run: ({ replay }) => replay.stepSpeed(1) },
  {
    id: 'stop-reading',
    title: 'stop reading the file, keep what was read',
    when: ({ engine }) => engine.replaying && engine.state.opening !== null,
    run: ({ engine }) => engine.act('stopReading', {}),
  },
  { id: 'live', title: 'back to live', keys: 'L', when: live, run: ({ engine }) => engine.act('live', {}) },
  { id: 'escape', title: 'back out one level', keys: 'Esc', run: back },
  {
    id: 'show',
    title: 'highlight or only matches',
    keys: 'H',
    when: hasSource,
    run: ({ selection }) => (selection.show = selection.show === 'all' ? 'matches' : 'all'),
  },
  {
    id: 'filter.clear',
    title: 'clear the filter',
    when: ({ engine }) => engine.state.filter !== '',
    run: ({ filter }) => filter.set(''),
  },
  { id: 'filter.saved', title: 'saved filters and history', when: hasSource, run: tell('saved-filters') },
  {
    id: 'open-flow',
    title: 'open the selected flow',
    when: ({ selection }) => selection.flow >= 0,
    run: ({ selection }) => selection.open(selection.flow),
  },
  {
    id: 'stream',
    title: 'follow stream',
    keys: 'F',
    when: ({ selection }) => selection.flow >= 0,
    run: ({ selection }) => selection.followStream(),
  },
  {
    id: 'graph.find',
    title: 'find a process or peer',
    keys: '.',
    when: exploring,
    run: ({ graph }) => (graph.searching = true),
  },
  ...GRAPHS.map(([form, title]): Command => ({
    id: `graph.${form}`,
    title,
    when: exploring,
    run: ({ graph }) => (graph.form = form),
  })),
  {
    id: 'graph.peers',
    title: 'graph: all peers, or folded',
    when: exploring,
    run: ({ graph }) => graph.toggleFold(1),
  },
  { id: 'columns', title: 'choose columns', when: hasSource, run: tell('columns') },
  { id: 'columns.reset', title: 'columns as at first', when: hasSource, run: ({ table }) => table.reset() },
  { id: 'explore', title: 'explore', keys: '1', when: hasSource, run: ({ shell }) => (shell.place = 'explore') },
  { id: 'trouble', title: 'trouble', keys: '2', when: hasSource, run: ({ shell }) => (shell.place = 'trouble') },
  { id: 'sessions', title: 'sessions', keys: '3', run: ({ shell }) => (shell.place = 'sessions') },
  { id: 'panel.next', title: 'next panel', keys: 'F6', inText: true, run: () => nextPanel(false) },
  { id: 'panel.previous', title: 'previous panel', keys: 'Shift F6', inText: true, run: () => nextPanel(true) },
  { id: 'open', title: 'open a file', keys: 'Ctrl O', inText: true, run: tell('open') },
  { id: 'export', title: 'export', keys: 'E', also: 'Ctrl E', when: hasSource, run: openExport },
  { id: 'settings', title: 'settings', keys: 'Ctrl ,', inText: true, run: ({ shell }) => shell.toggle('settings') },
  { id: 'theme', title: 'next theme', keys: 'T', run: ({ settings }) => settings.nextTheme() },
  ...THEMES.map(([theme, title]): Command => ({
    id: `theme.${theme}`,
    title,
    run: ({ settings }) => (settings.theme = theme),
  })),
  {
    id: 'zone',
    title: 'local time or UTC',
    run: ({ settings }) => (settings.zone = settings.zone === 'utc' ? 'local' : 'utc'),
  },
  { id: 'keys', title: 'all keys', keys: '?', run: ({ shell }) => shell.toggle('keys') },
];

export const commandOf = (id: string): Command => {
  const found = COMMANDS.find((command) => command.id === id);
  if (!found) throw new Error(`no command ${id}`);
  return found;
};
