/** `flowglass [FILE]`: the app. The desktop shell when it is there and can be shown, else the same interface in the browser. */
import { spawn } from 'node:child_process';
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FlowglassError } from '../core/errors.ts';
import { printable } from '../core/errors.ts';
import { runServer } from './serve/command.ts';
import { note, print } from './terminal.ts';

/** Why the desktop shell cannot be used here; null when it can. */
export function whyNoDesktop(): string | null {
  if (!process.env['DISPLAY'] && !process.env['WAYLAND_DISPLAY']) return 'there is no display';
  if (electronBinary() === null) {
    const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
    const old = major < 22 || (major === 22 && minor < 12);
    return old
      ? `Electron is not installed, and Node ${process.versions.node} is too old to fetch it (22.12 is needed)`
      : 'Electron is not installed (npx install-electron fetches it)';
  }
  if (process.getuid?.() === 0) return 'Electron does not run as root';
  return null;
}

/** Electron's own binary within its package; it is fetched on first use and may never have been. */
function electronBinary(): string | null {
  for (const up of ['../../node_modules/electron/dist/electron', '../node_modules/electron/dist/electron']) {
    const path = fileURLToPath(new URL(up, import.meta.url));
    if (existsSync(path)) return path;
  }
  return null;
}

function onPath(program: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Opens an address in the person's browser; false when there is no way to. */
function openBrowser(url: string): boolean {
  if ((!process.env['DISPLAY'] && !process.env['WAYLAND_DISPLAY']) || process.getuid?.() === 0 || !onPath('xdg-open'))
    return false;
  const child = spawn('xdg-open', [url], { detached: true, stdio: 'ignore' });
  child.on('error', () => undefined);
  child.unref();
  return true;
}

/** Runs the app until it is closed. `file` = a capture to open first. */
export async function runApp(file: string | undefined): Promise<void> {
  if (file !== undefined && !statSync(file, { throwIfNoEntry: false })?.isFile())
    throw new FlowglassError({
      code: 'unreadable-file',
      what: 'no such file, and no such command',
      where: printable(file),
      hint: 'give a capture file, or see flowglass --help',
    });
  const why = whyNoDesktop();
  const binary = electronBinary();
  if (why === null && binary !== null) {
    note('warning', 'opening the desktop app');
    const root = fileURLToPath(new URL('../../', import.meta.url));
    const child = spawn(binary, [root, ...(file === undefined ? [] : [resolve(file)])], { stdio: 'inherit' });
    const code = await new Promise<number>((done) => child.once('close', (status) => done(status ?? 1)));
    if (code !== 0)
      throw new FlowglassError({
        code: 'desktop',
        what: `the desktop app ended with status ${code}`,
        where: 'electron',
        hint: 'run flowglass serve and use the browser',
      });
    return;
  }
  const ended = new Promise<void>((done) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => done());
  });
  await runServer({ file, interfaces: [], all: false, netns: null, host: '127.0.0.1', port: 0 }, ended, async (url) => {
    const opened = openBrowser(url);
    note(
      'warning',
      `using the browser because ${why ?? 'there is no desktop app'}; ${opened ? 'it opens by itself' : 'open the address below'}, Ctrl-C ends`,
    );
    await print(`${url}\n`);
  });
}
