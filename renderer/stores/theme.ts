/** Dark, light or high contrast; follows the system until the person chooses. */
export type Theme = 'dark' | 'light' | 'hc';
export type ThemeChoice = Theme | 'system';
const KEY = 'flowglass.theme';

export function chosenTheme(): ThemeChoice {
  const stored = localStorage.getItem(KEY);
  return stored === 'dark' || stored === 'light' || stored === 'hc' ? stored : 'system';
}

const contrast = matchMedia('(prefers-contrast: more)');
const light = matchMedia('(prefers-color-scheme: light)');

export function currentTheme(): Theme {
  const chosen = chosenTheme();
  if (chosen !== 'system') return chosen;
  if (contrast.matches) return 'hc';
  return light.matches ? 'light' : 'dark';
}

export function applyTheme(theme?: ThemeChoice): void {
  if (theme === 'system') localStorage.removeItem(KEY);
  else if (theme) localStorage.setItem(KEY, theme);
  document.documentElement.dataset['theme'] = currentTheme();
  dispatchEvent(new Event('flowglass:theme'));
}
for (const query of [contrast, light]) query.addEventListener('change', () => applyTheme());
