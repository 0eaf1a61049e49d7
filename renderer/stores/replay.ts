/** The time cursor as the page moves it: play, speed, steps, jumps, and the chosen range of time. */
import { defineStore } from 'pinia';
import { computed, ref, watch } from 'vue';
import { useEngine } from './engine.ts';

/** Speeds offered, slowest first. */
export const SPEEDS = [0.1, 0.25, 0.5, 1, 2, 4, 10, 25, 50, 100] as const;

export interface TimeRange {
  fromNs: number;
  toNs: number;
}

export const useReplay = defineStore('replay', () => {
  const engine = useEngine();
  const clock = computed(() => engine.state.clock);
  /** The speed that the next play has. */
  const speed = ref(1);
  /** The range while it is dragged; null = as the engine has it. */
  const dragged = ref<TimeRange | null>(null);
  /** The field for a typed time is open. */
  const jumping = ref(false);

  /** The chosen range of time, session ns; null = none. Exports and pictures of "the range" mean this one. */
  const range = computed<TimeRange | null>(() => dragged.value ?? engine.state.range);
  /** What the timeline shows; null = the last minute live, the whole session in replay. */
  const shown = ref<TimeRange | null>(null);
  /** The past is looked at, of a recording or of what is being watched. */
  const inPast = computed(() => engine.replaying || (engine.state.mode === 'live' && !clock.value.following));

  // Another source: nothing of the old one's times means anything.
  watch(
    () => `${engine.state.mode} ${engine.state.source?.path ?? engine.state.source?.name ?? ''}`,
    () => {
      shown.value = dragged.value = null;
      jumping.value = false;
    },
  );
  watch(inPast, () => (jumping.value = false));

  const within = (atNs: number): number => Math.min(clock.value.endNs, Math.max(clock.value.startNs, atNs));

  function toggle(): void {
    const { playing, following } = clock.value;
    if (playing || (engine.state.mode === 'live' && following)) void engine.act('pause', {});
    else void engine.act('play', { rate: speed.value });
  }
  function setSpeed(next: number): void {
    speed.value = next;
    if (clock.value.playing) void engine.act('play', { rate: next });
  }
  function stepSpeed(by: 1 | -1): void {
    const at = SPEEDS.findIndex((each) => each >= speed.value);
    setSpeed(SPEEDS[Math.min(SPEEDS.length - 1, Math.max(0, at + by))] as number);
  }
  /** Where the cursor was asked to go and is not yet known to be, ns: the next step goes on from there. NaN = nowhere. */
  let asked = NaN;
  let answered = false;
  watch(clock, ({ cursorNs }) => {
    if (answered || cursorNs === asked) asked = NaN;
  });
  function seek(atNs: number): void {
    const to = within(atNs);
    asked = to;
    answered = false;
    void engine.act('seek', { atNs: to }).then(() => (answered ||= asked === to));
  }
  const step = (byNs: number): void => seek((Number.isNaN(asked) ? clock.value.cursorNs : asked) + byNs);
  const trouble = (direction: 'next' | 'previous'): void => void engine.act('trouble', { direction });

  async function setRange(next: TimeRange | null): Promise<void> {
    await engine.act('range', { range: next });
    dragged.value = null;
  }
  /** Puts one end of the range at the cursor; the other end stays, or is the session's where it would be passed. */
  function setEdge(edge: 'from' | 'to'): void {
    const { startNs, endNs, cursorNs } = clock.value;
    const old = engine.state.range ?? { fromNs: startNs, toNs: endNs };
    const next =
      edge === 'from'
        ? { fromNs: cursorNs, toNs: old.toNs > cursorNs ? old.toNs : endNs }
        : { fromNs: old.fromNs < cursorNs ? old.fromNs : startNs, toNs: cursorNs };
    if (next.toNs > next.fromNs) void setRange(next);
  }
  function zoomToRange(): void {
    if (range.value) shown.value = { ...range.value };
  }
  /** False when there was no range to clear. */
  function clearRange(): boolean {
    if (range.value === null) return false;
    void setRange(null);
    return true;
  }

  return {
    speed,
    dragged,
    jumping,
    range,
    shown,
    inPast,
    toggle,
    setSpeed,
    stepSpeed,
    seek,
    step,
    trouble,
    setRange,
    setEdge,
    clearRange,
    zoomToRange,
  };
});
