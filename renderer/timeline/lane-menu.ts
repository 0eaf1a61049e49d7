/** What can be done with a lane: kept in place, moved, opened. */
import { t } from '../language/language.ts';
import type { useLanes } from '../stores/lanes.ts';
import type { useSelection } from '../stores/selection.ts';
import { SEPARATOR, type OpenMenu } from '../stores/shell.ts';

export function laneMenu(
  flow: number,
  shown: readonly number[],
  lanes: ReturnType<typeof useLanes>,
  selection: ReturnType<typeof useSelection>,
): OpenMenu['items'] {
  const place = shown.indexOf(flow);
  const kept = lanes.isKept(flow);
  return [
    { label: t('timeline.details'), keys: 'Enter', run: () => selection.open(flow) },
    SEPARATOR,
    { label: t(kept ? 'timeline.release' : 'timeline.keep'), keys: 'K', run: () => lanes.keep(flow, !kept) },
    { label: t('timeline.up'), keys: 'Alt ↑', disabled: place <= 0, run: () => lanes.move(flow, -1, shown) },
    {
      label: t('timeline.down'),
      keys: 'Alt ↓',
      disabled: place < 0 || place === shown.length - 1,
      run: () => lanes.move(flow, 1, shown),
    },
  ];
}
