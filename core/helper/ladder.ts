/**
 * How this user reaches the capture helper, in order: directly (root, or a member of the group flowglass, through the file's
 * capabilities) → pkexec on the installed helper, with our own polkit action → one sudo line.
 */
import { accessSync, constants, existsSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { programPath } from '../system/programs.ts';

/** Where a package puts the helper (root:flowglass 0750, with file capabilities). */
export const INSTALLED_HELPER = '/usr/libexec/flowglass/flowglass-helper';

export type Rung =
  /** Started as it is. */
  | { readonly kind: 'direct'; readonly helper: string }
  /** polkit decides, and may ask for a password. */
  | { readonly kind: 'pkexec'; readonly helper: string; readonly pkexec: string };

/** What the ladder looks at. */
export interface LadderFacts {
  readonly root: boolean;
  /** FLOWGLASS_HELPER. */
  readonly configured: string | null;
  /** The checkout's or the AppImage's own helper; null when there is none. */
  readonly own: string | null;
  readonly installed: 'absent' | 'runnable' | 'forbidden';
  /** Path of pkexec; null when this system has none. */
  readonly pkexec: string | null;
  /** The namespace to enter is another one: that needs CAP_SYS_ADMIN, which file capabilities do not give. */
  readonly otherNamespace: boolean;
}

/** The highest rung that can be tried; whether it holds, only trying tells. */
export function chooseRung({ root, configured, own, installed, pkexec, otherNamespace }: LadderFacts): Rung {
  if (configured !== null) return { kind: 'direct', helper: configured };
  if (root) return { kind: 'direct', helper: own ?? INSTALLED_HELPER };
  const asked = installed === 'forbidden' || (installed === 'runnable' && otherNamespace);
  if (asked && pkexec !== null) return { kind: 'pkexec', helper: INSTALLED_HELPER, pkexec };
  if (installed !== 'absent') return { kind: 'direct', helper: INSTALLED_HELPER };
  return { kind: 'direct', helper: own ?? INSTALLED_HELPER };
}

/** The helper beside the code: dist/helper of a checkout, or of an AppImage or archive. */
function ownHelper(): string | null {
  const here = fileURLToPath(new URL('.', import.meta.url)); // dist/core/helper/ or core/helper/
  const beside = [join(here, '../../helper/flowglass-helper'), join(here, '../../dist/helper/flowglass-helper')];
  return beside.find((path) => existsSync(path)) ?? null;
}

/** The helper's file, to be copied to another host: one that may be read, if there is one. */
export const helperFile = (): string => process.env['FLOWGLASS_HELPER'] || (ownHelper() ?? INSTALLED_HELPER);

/** Whether the installed helper is there, and for this user. */
export function installedHelper(): LadderFacts['installed'] {
  try {
    accessSync(INSTALLED_HELPER, constants.X_OK);
    return 'runnable';
  } catch {
    return existsSync(INSTALLED_HELPER) ? 'forbidden' : 'absent';
  }
}

/** The rung for this user on this machine. */
export function findRung({ otherNamespace = false } = {}): Rung {
  return chooseRung({
    root: process.getuid?.() === 0,
    configured: process.env['FLOWGLASS_HELPER'] || null,
    own: ownHelper(),
    installed: installedHelper(),
    pkexec: programPath('pkexec', `${process.env['PATH'] ?? ''}:/usr/bin`),
    otherNamespace,
  });
}

/** Name of this user, for sentences; its number where the system knows no name. */
export function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? '?');
  }
}

/** The helper is installed, but not for this user: what to type. */
export const joinGroupCommand = (): string => `sudo usermod -aG flowglass ${userName()}`;
