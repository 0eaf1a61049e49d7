/** The range of time that a person chose: playing loops in it, and only flows that did something in it match. */
import { FlowglassError } from '../errors.ts';

/** Session times, ns; from inclusive, to exclusive. */
export interface TimeRange {
  readonly fromNs: number;
  readonly toNs: number;
}

/** Clamps a range to the session. Throws FlowglassError when nothing of it is left. */
export function rangeWithin({ fromNs, toNs }: TimeRange, startNs: number, endNs: number): TimeRange {
  const range = { fromNs: Math.max(startNs, fromNs), toNs: Math.min(endNs, toNs) };
  if (range.toNs > range.fromNs) return range;
  const backwards = toNs <= fromNs;
  throw new FlowglassError({
    code: 'bad-range',
    what: backwards ? 'a range ends after it begins' : 'the range holds nothing of this session',
    where: `${seconds(fromNs)} to ${seconds(toNs)}`,
    hint: `choose a range between ${seconds(startNs)} and ${seconds(endNs)}`,
  });
}

/** Where playing goes from `cursorNs` in a step of `byNs`: at the end of the range, back to where it begins. */
export function playedTo(cursorNs: number, byNs: number, range: TimeRange | null): number {
  const next = cursorNs + byNs;
  if (range === null || cursorNs >= range.toNs || next < range.toNs) return next;
  return range.fromNs;
}

const seconds = (ns: number): string => `${(ns / 1e9).toFixed(3)} s`;
