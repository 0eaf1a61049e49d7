/** The clipboard: what was copied is said where everything is said. */
import { useEngine } from '../stores/engine.ts';

/** Puts a text on the clipboard and says so; `what` completes the sentence "Copied …". False = the browser refused. */
export async function copyText(text: string, what: string): Promise<boolean> {
  const engine = useEngine();
  try {
    await navigator.clipboard.writeText(text);
    engine.notice = { level: 'info', code: 'copied', what: `Copied ${what}`, where: null, hint: null };
    return true;
  } catch {
    engine.notice = {
      level: 'error',
      code: 'copy',
      what: 'Nothing was copied: the browser does not let this page write to the clipboard',
      where: null,
      hint: 'open the page over localhost or https',
    };
    return false;
  }
}
