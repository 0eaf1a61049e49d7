/**
 * Keeps the address of the page in step with the screen, and the screen with an address that is opened. Times and flows of
 * another source are left out, with a notice; so is what cannot be read.
 */
import { computed, onBeforeUnmount, watch } from 'vue';
import type { CommandContext } from './commands.ts';
import { decodeUrl, encodeUrl, type UrlState } from './url-state.ts';
import { t } from '../language/language.ts';

/** The address follows once nothing changed for this long. */
const SETTLE_MS = 250;

export function useUrlState(context: CommandContext): void {
  const { engine, filter, replay, selection, shell, table, graph } = context;
  /** The address that the page was opened with was carried out. */
  let arrived = false;
  let timer = 0;
  const source = computed(() => (engine.state.mode === 'live' || engine.state.mode === 'replay' ? (engine.state.source?.name ?? '') : null)); // prettier-ignore

  const current = computed((): UrlState | null => {
    if (source.value === null) return null;
    const { clock, range, filter: text } = engine.state;
    const still = replay.inPast && !clock.playing;
    return {
      of: source.value,
      view: shell.place,
      filter: text,
      show: selection.show,
      ...(still ? { cursorNs: clock.cursorNs } : {}),
      ...(range ? { range } : {}),
      ...(replay.shown ? { zoom: replay.shown } : {}),
      ...(selection.flow >= 0 ? { flow: selection.flow, open: selection.opened >= 0 } : {}),
      sort: table.sort,
      ...(table.arranged ? { columns: table.arranged } : {}),
      ...(table.group ? { group: table.group } : {}),
      graph: graph.form,
      left: graph.groupLeft,
      right: graph.groupRight,
    };
  });

  function write(): void {
    if (!arrived || current.value === null) return;
    const fragment = encodeUrl(current.value);
    if (`#${fragment}` !== location.hash) history.replaceState(history.state, '', `#${fragment}`);
  }
  watch(
    () => current.value && encodeUrl(current.value),
    () => {
      clearTimeout(timer);
      timer = window.setTimeout(write, SETTLE_MS);
    },
  );

  /** What the address says of this page only. */
  function arrange(state: UrlState): void {
    shell.place = state.view ?? 'explore';
    selection.show = state.show ?? 'all';
    table.sort = state.sort ?? [];
    table.groupBy(state.group ?? null);
    if (state.columns) table.showOnly(state.columns);
    graph.form = state.graph ?? 'columns';
    graph.groupLeft = state.left ?? 'unit';
    graph.groupRight = state.right ?? 'name';
  }
  /** What it says of the source; gives the names of what could not be done. */
  async function lookAt(state: UrlState): Promise<string[]> {
    const failed: string[] = [];
    if (state.filter !== undefined && (await filter.set(state.filter))?.ok !== true) failed.push('filter');
    const foreign = state.of !== undefined && state.of !== source.value;
    if (foreign) return [...failed, ...(['t', 'range', 'flow'] as const).filter((name) => state[name === 't' ? 'cursorNs' : name] !== undefined)]; // prettier-ignore
    if (state.range) await replay.setRange(state.range);
    if (state.cursorNs !== undefined) await engine.act('seek', { atNs: state.cursorNs });
    if (state.zoom) replay.shown = state.zoom;
    if (state.flow === undefined) return failed;
    const there = await engine.request('flow', { flow: state.flow }).catch(() => null);
    if (there === null) return [...failed, 'flow'];
    if (state.open) selection.open(state.flow);
    else selection.select(state.flow);
    return failed;
  }

  async function arrive(): Promise<void> {
    const { state, ignored } = decodeUrl(location.hash);
    if (location.hash.length > 1) {
      arrange(state);
      const failed = await lookAt(state);
      const left = [...new Set([...ignored, ...failed])];
      if (left.length > 0)
        engine.notice = {
          level: 'warning',
          code: 'address',
          what: t('shell.addressPart', { left: left.join(', ') }),
          where:
            state.of !== undefined && state.of !== source.value ? t('shell.addressOf', { source: state.of }) : null,
          hint: t('shell.addressRest'),
        };
    }
    arrived = true;
    write();
  }
  const again = (): void => void arrive();
  // An address means something once there is a source.
  watch(
    source,
    (name) => {
      if (name !== null && !arrived) void arrive();
    },
    { immediate: true },
  );
  addEventListener('hashchange', again);
  onBeforeUnmount(() => {
    removeEventListener('hashchange', again);
    clearTimeout(timer);
  });
}
