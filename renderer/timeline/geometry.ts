/** Where things of the timeline stand: heatmap above, one axis, one lane a flow below. */

export interface TimelineGeometry {
  width: number;
  height: number;
  /** Label column at the left, value column at the right. */
  gutter: number;
  rightGutter: number;
  heatHeight: number;
}

export const AXIS = 22;
/** Few lanes do not grow to fill the pane: a taller lane tells no more. */
const TALL_MAX = 150;
const LANE_MAX = 92;

export const plotWidth = ({ width, gutter, rightGutter }: TimelineGeometry): number =>
  Math.max(10, width - gutter - rightGutter);

/** Tops of the lanes, and the end of the last: the one numbered `tall` (the selected, or the first) has more room. */
export function laneTops(geometry: TimelineGeometry, lanes: number, tall = 0): number[] {
  const top = geometry.heatHeight + AXIS + 6;
  const room = geometry.height - top;
  if (lanes === 0) return [top];
  const share = lanes > 2 && room > 240 ? 0.28 : 1 / lanes;
  const high = Math.min(TALL_MAX, room * share);
  const rest = lanes > 1 ? Math.min(LANE_MAX, (room - high) / (lanes - 1)) : 0;
  const tops = [top];
  for (let i = 0; i < lanes; i++) tops.push(Math.round((tops[i] as number) + (i === tall ? high : rest)));
  return tops;
}

/** How many lanes fit without their labels touching. */
export const lanesThatFit = (geometry: TimelineGeometry): number =>
  Math.max(1, Math.min(12, Math.floor((geometry.height - geometry.heatHeight - AXIS - 6) / 50)));

/** x of a session time. */
export const xOf =
  (geometry: TimelineGeometry, { fromNs, toNs }: { fromNs: number; toNs: number }) =>
  (ns: number): number =>
    geometry.gutter + ((ns - fromNs) / (toNs - fromNs)) * plotWidth(geometry);
