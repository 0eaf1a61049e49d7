/** The desktop shell as the command line sees it: is it there, can it be shown, and why not. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Why npm start could not fetch Electron, told to the command it runs. */
const UNFETCHED = 'FLOWGLASS_NO_ELECTRON';

/** What decides whether the desktop shell is used. */
export interface DesktopFacts {
  /** There is a screen to show it on. */
  display: boolean;
  root: boolean;
  /** Path of Electron's binary; null when it was never fetched. */
  binary: string | null;
  /** Why it could not be fetched, if somebody tried. */
  unfetched: string | null;
  /** Electron's sandbox can be made on this system. */
  sandbox: boolean;
}

/** One clause that ends "…because"; null when the desktop shell can be used. */
export function whyNoDesktop({ display, root, binary, unfetched, sandbox }: DesktopFacts): string | null {
  if (!display) return 'there is no display';
  if (root) return 'Electron does not run as root';
  if (binary === null) return unfetched ?? 'Electron is not installed (npm start fetches it)';
  if (!sandbox) return 'this system lets no ordinary program make the sandbox that Electron needs';
  return null;
}

export function desktopFacts(): DesktopFacts {
  const binary = electronBinary();
  return {
    display: hasDisplay(),
    root: process.getuid?.() === 0,
    binary,
    unfetched: process.env[UNFETCHED] || null,
    sandbox: binary !== null && canSandbox(binary),
  };
}

export const hasDisplay = (): boolean => Boolean(process.env['DISPLAY'] || process.env['WAYLAND_DISPLAY']);

/** The app's binary in an installed package, where this file is in resources/app/dist/cli; null in a checkout. */
export function packagedBinary(): string | null {
  const resources = fileURLToPath(new URL('../../../', import.meta.url));
  if (basename(resources) !== 'resources') return null;
  const path = join(dirname(resources), 'flowglass');
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true ? path : null;
}

/** Electron's own binary: the package's, or that of its npm package, which is fetched on first use and may never have been. */
function electronBinary(): string | null {
  const packaged = packagedBinary();
  if (packaged !== null) return packaged;
  const here = ['../../node_modules/electron/dist/electron', '../node_modules/electron/dist/electron']; // from dist/cli/ or cli/
  return here.map((path) => fileURLToPath(new URL(path, import.meta.url))).find((path) => existsSync(path)) ?? null;
}

/** Chromium's sandbox needs user namespaces, or its own helper set-uid root, which a package installs and npm does not. */
function canSandbox(binary: string): boolean {
  const helper = statSync(join(dirname(binary), 'chrome-sandbox'), { throwIfNoEntry: false });
  if (helper && helper.uid === 0 && (helper.mode & 0o4001) === 0o4001) return true;
  const forbidden = [
    ['kernel/unprivileged_userns_clone', '0'], // Debian's switch
    ['user/max_user_namespaces', '0'],
    ['kernel/apparmor_restrict_unprivileged_userns', '1'], // Ubuntu from 23.10 on
  ] as const;
  return !forbidden.some(([setting, value]) => {
    try {
      return readFileSync(`/proc/sys/${setting}`, 'utf8').trim() === value;
    } catch {
      return false; // this kernel has no such switch
    }
  });
}
