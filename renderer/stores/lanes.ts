/** Lanes kept in place and moments pinned on the timeline, for the session that is looked at. */
import { defineStore } from 'pinia';
import { computed, ref, shallowRef, watch } from 'vue';
import type { MeasureAnswer } from '../../core/contract/answers.ts';
import { useEngine } from './engine.ts';
import { recall, remember } from './remembered.ts';
import { useSelection } from './selection.ts';

const KEY = 'flowglass.lanes';
/** Sessions whose lanes are remembered, newest last. */
const SESSIONS_MAX = 50;
const KEPT_MAX = 100;
type Remembered = [session: string, flows: number[]][];
const isRemembered = (value: unknown): value is Remembered =>
  Array.isArray(value) &&
  value.every(
    (entry: unknown) =>
      Array.isArray(entry) &&
      typeof entry[0] === 'string' &&
      Array.isArray(entry[1]) &&
      entry[1].every((flow: unknown) => Number.isInteger(flow) && Number(flow) >= 0),
  );

export const useLanes = defineStore('lanes', () => {
  const engine = useEngine();
  const selection = useSelection();
  /** Flows whose lanes stay where they are, in that order, above the others. */
  const kept = shallowRef<readonly number[]>([]);
  /** Two at most, session ns. */
  const pins = shallowRef<readonly number[]>([]);
  /** What passed between two pins; null = not known yet. */
  const between = shallowRef<MeasureAnswer | null>(null);
  const session = computed(() => {
    const { source, clock } = engine.state;
    return source && `${source.path ?? source.name} ${clock.epochNs}`;
  });
  watch(
    session,
    (now) => {
      kept.value = recall(KEY, [], isRemembered).find(([name]) => name === now)?.[1] ?? [];
      pins.value = [];
    },
    { immediate: true },
  );

  function keepAll(flows: readonly number[]): void {
    kept.value = flows.slice(0, KEPT_MAX);
    const others = recall(KEY, [], isRemembered).filter(([name]) => name !== session.value);
    if (session.value && flows.length > 0) others.push([session.value, [...kept.value]]);
    remember(KEY, others.slice(-SESSIONS_MAX));
  }
  const isKept = (flow: number): boolean => kept.value.includes(flow);
  const keep = (flow: number, on: boolean): void =>
    keepAll(on ? [...kept.value, flow] : kept.value.filter((each) => each !== flow));
  /** Puts a lane at a place among the lanes as they are shown; that one and those above it stay where they are. */
  function moveTo(flow: number, place: number, shown: readonly number[]): void {
    const order = shown.filter((each) => each !== flow);
    order.splice(place, 0, flow);
    keepAll(order.slice(0, Math.max(place + 1, kept.value.length + (isKept(flow) ? 0 : 1))));
  }
  /** False when it has nowhere to go. */
  function move(flow: number, by: 1 | -1, shown: readonly number[]): boolean {
    const place = shown.indexOf(flow) + by;
    if (flow < 0 || !shown.includes(flow) || place < 0 || place >= shown.length) return false;
    moveTo(flow, place, shown);
    return true;
  }

  /** Pins a moment: the crosshair's, else the cursor's. A third begins anew. */
  function pin(): void {
    const { hoverNs } = selection;
    const atNs = Number.isNaN(hoverNs) ? engine.state.clock.cursorNs : hoverNs;
    pins.value = pins.value.length === 1 ? [...pins.value, atNs] : [atNs];
  }
  /** False when none was there. */
  function clearPins(): boolean {
    if (pins.value.length === 0) return false;
    pins.value = [];
    return true;
  }

  const busy = ref(0);
  watch([pins, () => selection.flow], async ([two, flow]) => {
    between.value = null;
    if (two.length < 2) return;
    const mine = ++busy.value;
    const answer = await engine.act('measure', {
      flow: flow < 0 ? null : flow,
      fromNs: Math.min(...two),
      toNs: Math.max(...two),
    });
    if (mine === busy.value) between.value = answer;
  });

  return { kept, pins, between, isKept, keep, moveTo, move, pin, clearPins };
});
