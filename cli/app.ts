/** `flowglass [FILE]`: the app. The desktop shell when it is there and can be shown, else the same interface in the browser. */
import { spawn } from 'node:child_process';
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FlowglassError, printable } from '../core/errors.ts';
import { programPath } from '../core/system/programs.ts';
import { desktopFacts, hasDisplay, packagedBinary, whyNoDesktop } from './desktop.ts';
import { runServer, type ServeWhat } from './serve/command.ts';
import { note, print } from './terminal.ts';

/** A desktop app that ends with a failure so soon never was there (a library is missing, the display refuses). */
const SOON_MS = 5000;

/** Opens an address in the person's browser; false when there is no way to. */
function openBrowser(url: string): boolean {
  if (!hasDisplay() || process.getuid?.() === 0 || programPath('xdg-open') === null) return false;
  const child = spawn('xdg-open', [url], { detached: true, stdio: 'ignore' });
  child.on('error', () => undefined);
  child.unref();
  return true;
}

/** Runs the desktop shell to its end. Settles with why it did not start, null when it ran. */
async function runDesktop(binary: string, file: string | undefined): Promise<string | null> {
  note('warning', 'opening the desktop app');
  // A checkout's Electron is told where the app is; a package's knows. Seen from dist/cli/.
  const app = packagedBinary() === null ? [fileURLToPath(new URL('../../', import.meta.url))] : [];
  const started = performance.now();
  const child = spawn(binary, [...app, ...(file === undefined ? [] : [resolve(file)])], {
    stdio: 'inherit',
    env: { ...process.env, FLOWGLASS_NODE: process.execPath },
  });
  let asked = false;
  const stop = (signal: NodeJS.Signals): void => {
    asked = true;
    child.kill(signal);
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, stop);
  const [status, failure] = await new Promise<[number | null, string | null]>((done) => {
    child.once('error', (error) => done([null, error.message]));
    child.once('close', (code, signal) => done([code, signal]));
  });
  for (const signal of signals) process.off(signal, stop);
  if (status === 0 || asked) return null;
  const how = status === null ? `(${failure ?? 'unknown'})` : `with status ${status}`;
  if (performance.now() - started < SOON_MS) return `the desktop app did not start: it ended ${how}`;
  throw new FlowglassError({
    code: 'desktop',
    what: `the desktop app ended ${how}`,
    where: 'electron',
    hint: 'run flowglass serve and use the browser',
  });
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
  const facts = desktopFacts();
  let why = whyNoDesktop(facts);
  if (why === null && facts.binary !== null) {
    why = await runDesktop(facts.binary, file);
    if (why === null) return;
  }
  await runInBrowser({ file }, why ?? 'there is no desktop app');
}

/** Runs the interface in the browser until it is ended; `why` it is not the desktop app. */
export async function runInBrowser(what: Pick<ServeWhat, 'file' | 'follow'>, why: string): Promise<void> {
  const ended = new Promise<void>((done) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => done());
  });
  await runServer({ ...what, host: '127.0.0.1', port: 0 }, ended, async ([url = '']) => {
    const opened = openBrowser(url);
    note(
      'warning',
      `using the browser because ${why}; ${opened ? 'it opens by itself' : 'open the address below'}, Ctrl-C ends`,
    );
    await print(`${url}\n`);
  });
}
