/** The clipboard: what was copied is said where everything is said. */
import { t, type PlainKey } from '../language/language.ts';
import { useEngine } from '../stores/engine.ts';

/** Puts a text on the clipboard and says so with `done`. False = the browser refused. */
export async function copyText(text: string, done: PlainKey): Promise<boolean> {
  const engine = useEngine();
  try {
    await navigator.clipboard.writeText(text);
    engine.notice = { level: 'info', code: 'copied', what: t(done), where: null, hint: null };
    return true;
  } catch {
    engine.notice = {
      level: 'error',
      code: 'copy',
      what: t('copied.refused'),
      where: null,
      hint: t('copied.refusedHint'),
    };
    return false;
  }
}
