/**
 * Every command of the app with its key: the keyboard, the palette and the dialog of all keys read this one list. A key is
 * written as it is shown: "Ctrl K", "Shift N", "/", "Space".
 */
import { nextTick } from 'vue';
import { LANGUAGES_OFFERED, t } from '../language/language.ts';
import type { en } from '../language/en/index.ts';
import { openExport } from '../export/open-export.ts';
import { canSave, saveWhatHappened, togglePause } from '../flight/flight.ts';
import { groupings } from '../../core/contract/requests.ts';
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

/** A command as it is listed; its title is the message `commands.ID`. */
interface Entry {
  id: keyof typeof en.commands;
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

/** Settings, where the alerts stand. */
function showAlerts({ shell }: CommandContext): void {
  shell.overlay = 'settings';
  void nextTick(() => document.getElementById('alerts-title')?.focus());
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

/** Backs out one level: dialog, selection, range. */
function back({ shell, selection, lanes, replay }: CommandContext): boolean {
  if (shell.menu) shell.menu = null;
  else if (shell.overlay) shell.overlay = null;
  else return selection.back() || lanes.clearPins() || replay.clearRange();
  return true;
}

const THEMES = ['system', 'dark', 'light', 'hc'] as const;

const GRAPHS = ['columns', 'free', 'table'] as const;

const ENTRIES: readonly Entry[] = [
  { id: 'palette', keys: 'Ctrl K', inText: true, run: ({ shell }) => shell.toggle('palette') },
  { id: 'undo', keys: 'Ctrl Z', run: ({ shell }) => shell.undo() },
  {
    id: 'filter',
    keys: '/',
    when: hasSource,
    run: () => document.querySelector<HTMLElement>('#filter-input')?.focus(),
  },
  { id: 'toggle', keys: 'Space', when: hasSource, run: ({ replay }) => replay.toggle() },
  {
    id: 'record',
    keys: 'R',
    when: live,
    run: ({ engine }) => engine.toggleRecording(),
  },
  {
    id: 'record.pause',
    keys: 'Shift R',
    when: ({ engine }) => engine.state.recording !== null,
    run: ({ engine }) => togglePause(engine),
  },
  {
    id: 'flight.save',
    keys: 'Ctrl S',
    inText: true,
    when: ({ engine }) => canSave(engine),
    run: ({ engine }) => saveWhatHappened(engine),
  },
  {
    id: 'flight',
    keys: 'B',
    when: ({ engine }) => engine.state.flight !== null,
    run: ({ shell }) => shell.toggle('flight'),
  },
  {
    id: 'trouble.next',
    keys: 'N',
    when: hasSource,
    run: ({ replay }) => replay.trouble('next'),
  },
  {
    id: 'trouble.previous',
    keys: 'Shift N',
    when: hasSource,
    run: ({ replay }) => replay.trouble('previous'),
  },
  { id: 'step.back', keys: '←', when: hasSource, run: ({ replay }) => replay.step(-STEP_NS) },
  { id: 'step.on', keys: '→', when: hasSource, run: ({ replay }) => replay.step(STEP_NS) },
  {
    id: 'step.back10',
    keys: 'Shift ←',
    when: hasSource,
    run: ({ replay }) => replay.step(-10 * STEP_NS),
  },
  {
    id: 'step.on10',
    keys: 'Shift →',
    when: hasSource,
    run: ({ replay }) => replay.step(10 * STEP_NS),
  },
  { id: 'jump', keys: 'G', when: past, run: ({ replay }) => (replay.jumping = true) },
  { id: 'range.from', keys: '[', when: past, run: ({ replay }) => replay.setEdge('from') },
  { id: 'range.to', keys: ']', when: past, run: ({ replay }) => replay.setEdge('to') },
  {
    id: 'range.zoom',
    keys: 'Z',
    when: ({ replay }) => replay.range !== null,
    run: ({ replay }) => replay.zoomToRange(),
  },
  {
    id: 'pin',
    keys: 'P',
    when: hasSource,
    run: ({ lanes }) => lanes.pin(),
  },
  {
    id: 'lane.keep',
    keys: 'K',
    when: ({ selection }) => selection.flow >= 0,
    run: ({ lanes, selection }) => lanes.keep(selection.flow, !lanes.isKept(selection.flow)),
  },
  { id: 'slower', keys: '<', when: past, run: ({ replay }) => replay.stepSpeed(-1) },
  { id: 'faster', keys: '>', when: past, run: ({ replay }) => replay.stepSpeed(1) },
  {
    id: 'stop-reading',
    when: ({ engine }) => engine.replaying && engine.state.opening !== null,
    run: ({ engine }) => engine.act('stopReading', {}),
  },
  { id: 'live', keys: 'L', when: live, run: ({ engine }) => engine.act('live', {}) },
  { id: 'escape', keys: 'Esc', run: back },
  {
    id: 'show',
    keys: 'H',
    when: hasSource,
    run: ({ selection }) => (selection.show = selection.show === 'all' ? 'matches' : 'all'),
  },
  {
    id: 'filter.clear',
    when: ({ engine }) => engine.state.filter !== '',
    run: ({ filter }) => filter.set(''),
  },
  { id: 'filter.saved', when: hasSource, run: tell('saved-filters') },
  {
    id: 'open-flow',
    when: ({ selection }) => selection.flow >= 0,
    run: ({ selection }) => selection.open(selection.flow),
  },
  {
    id: 'stream',
    keys: 'F',
    when: ({ selection }) => selection.flow >= 0,
    run: ({ selection }) => selection.followStream(),
  },
  {
    id: 'graph.find',
    keys: '.',
    when: exploring,
    run: ({ graph }) => (graph.searching = true),
  },
  ...GRAPHS.map((form): Entry => ({
    id: `graph.${form}`,
    when: exploring,
    run: ({ graph }) => (graph.form = form),
  })),
  {
    id: 'graph.peers',
    when: exploring,
    run: ({ graph }) => graph.toggleFold(1),
  },
  ...groupings.map((by): Entry => ({ id: `group.${by}`, when: hasSource, run: ({ table }) => table.groupBy(by) })),
  { id: 'group.none', when: ({ table }) => table.group !== null, run: ({ table }) => table.groupBy(null) },
  { id: 'columns', when: hasSource, run: tell('columns') },
  { id: 'columns.reset', when: hasSource, run: ({ table }) => table.reset() },
  { id: 'explore', keys: '1', when: hasSource, run: ({ shell }) => (shell.place = 'explore') },
  { id: 'trouble', keys: '2', when: hasSource, run: ({ shell }) => (shell.place = 'trouble') },
  { id: 'sessions', keys: '3', run: ({ shell }) => (shell.place = 'sessions') },
  { id: 'recordings', run: ({ shell }) => ((shell.place = 'sessions'), (shell.recordings = true)) },
  { id: 'panel.next', keys: 'F6', inText: true, run: () => nextPanel(false) },
  { id: 'panel.previous', keys: 'Shift F6', inText: true, run: () => nextPanel(true) },
  { id: 'attach.host', keys: 'Shift A', run: ({ shell }) => shell.toggle('host') },
  { id: 'open', keys: 'Ctrl O', inText: true, run: tell('open') },
  { id: 'export', keys: 'E', also: 'Ctrl E', when: hasSource, run: openExport },
  { id: 'settings', keys: 'Ctrl ,', inText: true, run: ({ shell }) => shell.toggle('settings') },
  { id: 'alerts', run: showAlerts },
  { id: 'theme', keys: 'T', run: ({ settings }) => settings.nextTheme() },
  ...THEMES.map((theme): Entry => ({
    id: `theme.${theme}`,
    run: ({ settings }) => (settings.theme = theme),
  })),
  ...LANGUAGES_OFFERED.map((choice): Entry => ({
    id: `language.${choice}`,
    run: ({ settings }) => (settings.language = choice),
  })),
  {
    id: 'zone',
    run: ({ settings }) => (settings.zone = settings.zone === 'utc' ? 'local' : 'utc'),
  },
  { id: 'keys', keys: '?', run: ({ shell }) => shell.toggle('keys') },
];

export interface Command extends Entry {
  /** What it does, as the palette and the dialog of all keys write it, in the language chosen. */
  readonly title: string;
}

export const COMMANDS: readonly Command[] = ENTRIES.map((entry) => ({
  ...entry,
  get title() {
    return t(`commands.${entry.id}`);
  },
}));

export const commandOf = (id: string): Command => {
  const found = COMMANDS.find((command) => command.id === id);
  if (!found) throw new Error(`no command ${id}`);
  return found;
};
