/** Whether things may move: as the system says, unless the person chose otherwise in Settings. */
export type Motion = 'system' | 'reduced' | 'full';

const query = matchMedia('(prefers-reduced-motion: reduce)');
let chosen: Motion = 'system';

export function chooseMotion(motion: Motion): void {
  chosen = motion;
  document.documentElement.dataset['motion'] = motion; // for base.css
}

/** Nothing eases, and values change once a second. */
export const isCalm = (): boolean => chosen === 'reduced' || (chosen === 'system' && query.matches);
