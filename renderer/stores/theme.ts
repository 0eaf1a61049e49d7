/** Dark, light or high contrast; follows the system until the person chooses. */
export type Theme = 'dark' | 'light' | 'hc';
const KEY = 'flowglass.theme';

export function currentTheme(): Theme {
  const stored = localStorage.getItem(KEY);
  if (stored === 'dark' || stored === 'light' || stored === 'hc') return stored;
  if (matchMedia('(prefers-contrast: more)').matches) return 'hc';
  return matchMedia('(prefers-color-scheme: light)').matches ? 'light' : 'dark';
}

export function applyTheme(theme?: Theme): void {
  if (theme) localStorage.setItem(KEY, theme);
  document.documentElement.dataset['theme'] = currentTheme();
  dispatchEvent(new Event('flowglass:theme'));
}

export function nextTheme(): void {
  const order: Theme[] = ['dark', 'light', 'hc'];
  applyTheme(order[(order.indexOf(currentTheme()) + 1) % order.length] as Theme);
}
