/** How the person wants the page to look: theme, motion, clock. Kept in this browser. */
import { defineStore } from 'pinia';
import { ref, watch } from 'vue';
import { setUtc } from '../draw/format.ts';
import { languageOf, locale, setLanguage, type LanguageChoice } from '../language/language.ts';
import { chooseMotion, type Motion } from '../draw/motion.ts';
import { applyTheme, chosenTheme, currentTheme, type Theme, type ThemeChoice } from './theme.ts';
import { recall, remember } from './remembered.ts';

export type Zone = 'local' | 'utc';

interface Stored {
  motion: Motion;
  zone: Zone;
}
const LANGUAGE_KEY = 'flowglass.language';
const isLanguage = (value: unknown): value is LanguageChoice =>
  ['system', 'en', 'zh', 'pseudo'].includes(String(value));
const KEY = 'flowglass.settings';
const DEFAULTS: Stored = { motion: 'system', zone: 'local' };
const isStored = (value: unknown): value is Stored =>
  typeof value === 'object' &&
  value !== null &&
  'motion' in value &&
  ['system', 'reduced', 'full'].includes(String(value.motion)) &&
  'zone' in value &&
  ['local', 'utc'].includes(String(value.zone));
const ORDER: readonly Theme[] = ['dark', 'light', 'hc'];

export const useSettings = defineStore('settings', () => {
  const stored = recall(KEY, DEFAULTS, isStored);
  const theme = ref<ThemeChoice>(chosenTheme());
  const motion = ref<Motion>(stored.motion);
  const zone = ref<Zone>(stored.zone);

  const language = ref<LanguageChoice>(recall(LANGUAGE_KEY, 'system', isLanguage));

  function speak(): void {
    setLanguage(languageOf(language.value, navigator.languages));
    document.documentElement.lang = locale();
  }
  speak();

  function apply(): void {
    chooseMotion(motion.value);
    setUtc(zone.value === 'utc');
  }
  apply();
  watch(theme, (next) => applyTheme(next));
  // Another window of this browser chose another language.
  addEventListener('storage', ({ key }) => {
    if (key === LANGUAGE_KEY) language.value = recall(LANGUAGE_KEY, 'system', isLanguage);
  });
  watch(language, (next) => {
    remember(LANGUAGE_KEY, next);
    speak();
    dispatchEvent(new Event('flowglass:theme')); // what is drawn on canvases is drawn anew
  });
  watch([motion, zone], () => {
    remember(KEY, { motion: motion.value, zone: zone.value });
    apply();
    dispatchEvent(new Event('flowglass:theme')); // what is drawn on canvases is drawn anew
  });

  function nextTheme(): void {
    theme.value = ORDER[(ORDER.indexOf(currentTheme()) + 1) % ORDER.length] as Theme;
  }
  return { theme, motion, zone, language, nextTheme };
});
