/** The range of time that the timeline shows: zoomed and panned by wheel, touchpad, drag and keys. */
import { useEngine } from '../stores/engine.ts';
import { useReplay, type TimeRange } from '../stores/replay.ts';

/** A tenth of a microsecond. */
export const MIN_SPAN_NS = 100;
/** What one press of a key does. */
const KEY_ZOOM = 0.7;
const KEY_PAN = 0.15;
const WHEEL_ZOOM = 0.0015;
/** A pinch on a touchpad comes as a wheel with Ctrl, in smaller steps. */
const PINCH_ZOOM = 0.01;
/** Pixels of a line, for wheels that count lines. */
const LINE_PX = 16;

/** `drawn` = the range on screen, null before the first; used where none is chosen. */
export function useZoom(drawn: () => TimeRange | null) {
  const engine = useEngine();
  const replay = useReplay();

  function setRange(fromNs: number, toNs: number): void {
    const { startNs, endNs } = engine.state.clock;
    const span = Math.max(MIN_SPAN_NS, toNs - fromNs);
    if (span >= endNs - startNs && engine.replaying) {
      replay.shown = null;
      return;
    }
    const from = Math.max(0, Math.min(fromNs, Math.max(startNs, endNs - MIN_SPAN_NS)));
    replay.shown = { fromNs: from, toNs: from + span };
  }
  /** The range asked for, which the rows on screen may not have reached yet. */
  const wanted = (): TimeRange | null => replay.shown ?? drawn();
  /** Zooms around a time (NaN = the middle); a factor below 1 shows less. */
  function zoom(factor: number, aroundNs: number): void {
    const now = wanted();
    if (!now) return;
    const span = now.toNs - now.fromNs;
    const around = Number.isNaN(aroundNs) ? (now.fromNs + now.toNs) / 2 : aroundNs;
    // At the least span the point under the pointer stays as well.
    const by = Math.max(factor, MIN_SPAN_NS / span);
    setRange(around - (around - now.fromNs) * by, around + (now.toNs - around) * by);
  }
  /** Moves by a share of what is shown. */
  function pan(share: number): void {
    const now = wanted();
    if (now) setRange(now.fromNs + (now.toNs - now.fromNs) * share, now.toNs + (now.toNs - now.fromNs) * share);
  }
  function wheel(event: WheelEvent, atNs: number, width: number): void {
    const px = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? LINE_PX : 1;
    const [dx, dy] = [event.deltaX * px, event.deltaY * px];
    if (event.ctrlKey) zoom(Math.exp(dy * PINCH_ZOOM), atNs);
    else if (event.shiftKey || Math.abs(dx) > Math.abs(dy)) pan((dx || dy) / width);
    else zoom(Math.exp(dy * WHEEL_ZOOM), atNs);
  }
  /** False when the key means nothing here. */
  function key(name: string, atNs: number): boolean {
    if (name === '+' || name === '=' || name === 'w') zoom(KEY_ZOOM, atNs);
    else if (name === '-' || name === 's') zoom(1 / KEY_ZOOM, atNs);
    else if (name === 'a' || name === 'd') pan(name === 'a' ? -KEY_PAN : KEY_PAN);
    else if (name === '0') replay.shown = null;
    else return false;
    return true;
  }
  return { setRange, zoom, pan, wheel, key };
}
