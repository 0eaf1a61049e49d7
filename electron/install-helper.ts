/**
 * Installs the capture helper of an AppImage or archive where packages put it, as root, asking for a password once
 * (sudo-prompt, over polkit). docs/decisions/0090-installing-the-helper.md says what is guarded against, and how.
 */
import { createHash } from 'node:crypto';
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { errnoText, printable } from '../core/errors.ts';

/** How it went, for a person. */
export interface Installed {
  done: boolean;
  text: string;
}

export interface HelperInstaller {
  install(): Promise<Installed>;
}

/** sudo-prompt's one function. */
export type Prompt = (
  command: string,
  options: { name: string },
  done: (error?: Error, stdout?: string | Buffer, stderr?: string | Buffer) => void,
) => void;

export interface InstallerOptions {
  prompt: Prompt;
  /** The helper of this AppImage or archive, and the script that installs it. */
  helper: string;
  script: string;
  uid: number;
}

/** Characters that mean nothing to any shell, however often it is asked: sudo-prompt's command goes through two. */
const HARMLESS = /^[A-Za-z0-9_./+=-]+$/;

function harmless(word: string): string {
  if (!HARMLESS.test(word)) throw new Error(`a folder for temporary files with a plain name is needed, ${word} is none: set TMPDIR`); // prettier-ignore
  return word;
}

/**
 * The command that root runs. The script travels in it and the helper's digest too, so that nobody can change either between
 * the password and its use; the helper itself is read from a copy, as root cannot read into an AppImage.
 */
export function installCommand(script: Buffer, helper: Buffer, copy: string, uid: number): string {
  const digest = createHash('sha256').update(helper).digest('hex');
  return `echo ${script.toString('base64')} | base64 -d | /bin/sh -s -- ${[copy, digest, String(uid)].map(harmless).join(' ')}`;
}

/** What sudo-prompt says, as a sentence. */
function refusal(message: string): string {
  if (/did not grant permission/i.test(message)) return 'The password was not given, or this user may not; nothing was changed.'; // prettier-ignore
  if (/no polkit authentication agent/i.test(message)) return 'There is nobody to ask for a password on this desktop (no polkit agent); nothing was changed.'; // prettier-ignore
  if (/unable to find pkexec/i.test(message)) return 'There is no polkit (pkexec) here; install it, or the deb or rpm of Flowglass.'; // prettier-ignore
  return printable(message);
}

/** Last line that the script wrote. */
const lastLine = (text: string): string => printable(text.trim().split('\n').at(-1) ?? '').replace(/^flowglass: /, '');

export function helperInstaller({ prompt, helper, script, uid }: InstallerOptions): HelperInstaller {
  const ask = (command: string): Promise<Installed> =>
    new Promise((resolve) => {
      // The shell that sudo-prompt starts enters our working directory by its name, whatever characters that has.
      process.chdir('/');
      delete process.env['SHELL']; // pkexec starts nothing for a shell that /etc/shells does not list
      prompt(command, { name: 'Flowglass' }, (error, stdout, stderr) => {
        const said = lastLine(String(stderr ?? ''));
        if (!error) resolve({ done: true, text: lastLine(String(stdout ?? '')) });
        else resolve({ done: false, text: /^Command failed/.test(error.message) && said !== '' ? said : refusal(error.message) }); // prettier-ignore
      });
    });
  return {
    install: async () => {
      let folder: string | null = null;
      try {
        folder = mkdtempSync(join(tmpdir(), 'flowglass-install-'));
        const copy = join(folder, 'flowglass-helper');
        copyFileSync(helper, copy);
        return await ask(installCommand(readFileSync(script), readFileSync(helper), copy, uid));
      } catch (error) {
        return { done: false, text: error instanceof Error && !('errno' in error) ? error.message : errnoText(error) };
      } finally {
        if (folder !== null) rmSync(folder, { recursive: true, force: true });
      }
    },
  };
}
