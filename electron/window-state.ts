/** Where the window was, and where it may be: displays come and go between two starts. */
import { z } from 'zod';
import type { Rectangle } from './electron-api.ts';
import { readState, writeState } from '../core/system/state-file.ts';

export const MIN_WIDTH = 960;
export const MIN_HEIGHT = 600;
const DEFAULT_WIDTH = 1440;
const DEFAULT_HEIGHT = 900;
/** So much of the title bar must be on a display for a person to move the window. */
const REACHABLE_WIDTH = 120;
const REACHABLE_HEIGHT = 32;

const coordinate = z.number().int().min(-100_000).max(100_000);
const windowState = z.object({
  x: coordinate,
  y: coordinate,
  width: z.number().int().min(1).max(100_000),
  height: z.number().int().min(1).max(100_000),
  maximized: z.boolean(),
});
export type WindowState = z.output<typeof windowState>;

export const readWindowState = (file: string): WindowState | null => readState(file, windowState);
export const writeWindowState = (file: string, state: WindowState): void => writeState(file, state);

const overlap = (from: number, size: number, otherFrom: number, otherSize: number): number =>
  Math.min(from + size, otherFrom + otherSize) - Math.max(from, otherFrom);

/**
 * Bounds for a window on these work areas (the first is the primary one): never larger than its display, its title bar
 * within reach, else centred on the primary display.
 */
export function placeWindow(wanted: Rectangle | null, workAreas: readonly Rectangle[]): Rectangle {
  const primary = workAreas[0] ?? { x: 0, y: 0, width: DEFAULT_WIDTH, height: DEFAULT_HEIGHT };
  const home = wanted
    ? workAreas.find(
        (area) =>
          overlap(wanted.x, wanted.width, area.x, area.width) >= REACHABLE_WIDTH &&
          overlap(wanted.y, REACHABLE_HEIGHT, area.y, area.height) >= REACHABLE_HEIGHT,
      )
    : undefined;
  const area = home ?? primary;
  const width = Math.min(Math.max(wanted?.width ?? DEFAULT_WIDTH, MIN_WIDTH), area.width);
  const height = Math.min(Math.max(wanted?.height ?? DEFAULT_HEIGHT, MIN_HEIGHT), area.height);
  if (home && wanted) return { x: wanted.x, y: wanted.y, width, height };
  return {
    x: Math.round(area.x + (area.width - width) / 2),
    y: Math.round(area.y + (area.height - height) / 2),
    width,
    height,
  };
}
