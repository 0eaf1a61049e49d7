import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TOKEN_BYTES } from '../abi/generated.ts';
import { EXIT_PERMISSION, FlowglassError, errnoText, printable } from '../errors.ts';
import { findRung, INSTALLED_HELPER, joinGroupCommand, userName, type Rung } from './ladder.ts';
import { mountOptions } from '../system/mounts.ts';
import { permissionMissing } from './permission.ts';
import { PASSWORD_MS, pkexecError, spawnPkexec, terminalAgent } from './pkexec.ts';

/** ssh(1): its own failures, as opposed to those of the command. The helper has no such status. */
export const SSH_FAILED = 255;
/** `code` of the error when the way to a helper elsewhere was lost. */
export const CONNECTION_LOST = 'connection-lost';

/** Longest path that fits sockaddr_un (unix(7)), without its NUL. */
const SOCKET_PATH_MAX = 107;

/** A helper that has connected but not been told anything yet. */
export interface LaunchedHelper {
  readonly child: ChildProcess;
  readonly socket: Socket;
  readonly token: Uint8Array;
  /** What it wrote to standard error so far (at most 16 KiB). */
  errorText(): string;
}

/** What to start and where it works. */
export interface LaunchOptions {
  /** Path of the executable, started as it is; default: what the ladder finds (ladder.ts). */
  readonly helperPath?: string;
  /** Namespace to enter, as a path for setns(2); default: that of this process. */
  readonly netnsPath?: string;
  /** Starts it elsewhere, so that it connects to `socketPath` here; then `helperPath` is not used. */
  readonly start?: (socketPath: string, args: readonly string[]) => ChildProcess;
  /** How long it may take to connect; default 20 s (a loaded machine, a slow VM). */
  readonly connectTimeoutMs?: number;
}

/** A helper is given this long to connect (a loaded machine, a slow VM). */
const CONNECT_MS = 20_000;

/** A new directory that only we can enter, for one socket. */
function privateDirectory(): string {
  const bases = [process.env['XDG_RUNTIME_DIR'], tmpdir(), '/tmp'].filter((base) => base !== undefined && base !== '');
  let failure: unknown = null;
  for (const base of bases) {
    const template = join(base ?? '', 'flowglass-');
    if (template.length + 6 + '/socket'.length > SOCKET_PATH_MAX) continue;
    try {
      return mkdtempSync(template); // 0700 by mkdtemp(3)
    } catch (error) {
      failure = error;
    }
  }
  throw new FlowglassError({
    code: 'no-runtime-directory',
    what: `a directory for the helper's socket cannot be made (${errnoText(failure)})`,
    where: bases.join(', '),
    hint: 'set XDG_RUNTIME_DIR to a directory of yours with a short path',
  });
}

/** Last line of what the helper wrote, without its own prefix. */
export function lastLine(text: string): string {
  const line = text.trim().split('\n').at(-1) ?? '';
  return printable(line.replace(/^flowglass(-helper)?: /, '').trim());
}

/** Why the installed helper lacks the capabilities that its file has; null where no mount option makes them void. */
function capabilitiesVoid(): string | null {
  const { kind, helper } = findRung();
  if (kind !== 'direct' || process.getuid?.() === 0 || !mountOptions(helper).includes('nosuid')) return null;
  return 'the capture helper lies on a file system mounted nosuid, where its capabilities do not count';
}

/** The sentence for a helper elsewhere that is out of reach; `text` is what ssh said last, or nothing. */
export function connectionLost(text: string): FlowglassError {
  return new FlowglassError({
    code: CONNECTION_LOST,
    what: text === '' ? 'the connection was lost' : `the connection was lost (${text})`,
    where: 'ssh',
    hint: 'see that ssh reaches the host by itself',
  });
}

/** The sentence for a helper that ended: `text` is what it said last. */
export function endedError(code: number | null, signal: string | null, text: string): FlowglassError {
  if (signal !== null) {
    return new FlowglassError({
      code: 'helper-killed',
      what: `the capture helper was ended by ${signal}`,
      where: 'flowglass-helper',
      hint: 'see the kernel log (dmesg) if nobody did that on purpose, and record again',
    });
  }
  if (code === SSH_FAILED) return connectionLost(text);
  if (code === 3) {
    const lacking = capabilitiesVoid() ?? text.replace(/, run as root.*$/, ''); // what to do is said once, below
    return permissionMissing(
      lacking === '' ? 'capturing needs more privilege than this user has' : lacking,
      'flowglass-helper',
    );
  }
  return new FlowglassError({
    code: 'helper-failed',
    what: text === '' ? `the capture helper failed with status ${code}` : text,
    where: 'flowglass-helper',
    hint: 'see what works here with flowglass doctor',
  });
}

function spawnError(error: unknown, path: string): FlowglassError {
  const name = error instanceof Error && 'code' in error ? error.code : '';
  if (name === 'EACCES' || name === 'EPERM') {
    const what = `the capture helper only answers users in the group flowglass, and ${userName()} is not in it; opening files still works`;
    const hint = `run: ${joinGroupCommand()}, and sign in again`;
    if (path === INSTALLED_HELPER) return new FlowglassError({ code: 'permission', what, where: path, hint, exitCode: EXIT_PERMISSION }); // prettier-ignore
    return permissionMissing('the capture helper may not be run by this user', path);
  }
  return new FlowglassError({
    code: 'helper-missing',
    what: `the capture helper cannot be started (${errnoText(error)})`,
    where: path,
    hint: 'run npm run build, or install the flowglass package',
    cause: error,
  });
}

/**
 * Starts the helper and waits until it has connected. The socket lies in a 0700 directory that is gone when this
 * returns; the one-time token travels over the helper's standard input, which stays open: its end tells the helper to
 * detach, however this process ends.
 */
export async function launchHelper(options: LaunchOptions = {}): Promise<LaunchedHelper> {
  const { helperPath, netnsPath, start } = options;
  const rung: Rung =
    start !== undefined
      ? { kind: 'direct', helper: 'flowglass-helper' }
      : helperPath === undefined
        ? findRung({ otherNamespace: netnsPath !== undefined })
        : { kind: 'direct', helper: helperPath };
  if (start === undefined) refuseNoexec(rung.helper);
  const token = randomBytes(TOKEN_BYTES);
  const directory = privateDirectory();
  const server = createServer();
  const agent = rung.kind === 'pkexec' ? await terminalAgent() : null;
  try {
    const socketPath = join(directory, 'socket');
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(socketPath, resolve));
    const netns = netnsPath === undefined ? [] : ['--netns', netnsPath];
    const child = start?.(socketPath, netns) ?? startProcess(rung, ['--socket', socketPath, ...netns]);
    const limitMs = options.connectTimeoutMs ?? (rung.kind === 'pkexec' ? PASSWORD_MS : CONNECT_MS);
    return await connected(server, child, { rung, token, socketPath, limitMs });
  } finally {
    agent?.end();
    server.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Where nothing can be started, neither the group nor a password helps. */
function refuseNoexec(path: string): void {
  if (!mountOptions(path).includes('noexec')) return;
  throw new FlowglassError({
    code: 'helper-noexec',
    what: 'the capture helper lies on a file system mounted noexec, where nothing can be started',
    where: path,
    hint: 'mount that without noexec, or install Flowglass elsewhere; opening files works',
  });
}

/** A process group of its own: Ctrl-C reaches us alone, and we end the helper in order. */
function startProcess(rung: Rung, args: readonly string[]): ChildProcess {
  if (rung.kind === 'pkexec') return spawnPkexec(rung.pkexec, rung.helper, args);
  return spawn(rung.helper, args, { stdio: ['pipe', 'ignore', 'pipe'], detached: true });
}

/** A helper that was started and has not connected yet. */
interface Starting {
  readonly rung: Rung;
  readonly token: Uint8Array;
  readonly socketPath: string;
  readonly limitMs: number;
}

function connected(server: Server, child: ChildProcess, starting: Starting): Promise<LaunchedHelper> {
  const { rung, token, socketPath, limitMs } = starting;
  let errors = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-16384);
  });
  child.stdin?.on('error', () => undefined); // it ended before reading its token: 'close' below says why
  child.stdin?.write(token);
  const ended = (code: number | null, signal: string | null): FlowglassError =>
    (rung.kind === 'pkexec' ? pkexecError(code, lastLine(errors)) : null) ?? endedError(code, signal, lastLine(errors));
  return new Promise((resolve, reject) => {
    const fail = (error: FlowglassError): void => {
      clearTimeout(timer);
      child.stdin?.destroy();
      child.kill('SIGKILL');
      reject(error);
    };
    const timer = setTimeout(() => {
      fail(
        new FlowglassError({
          code: 'helper-silent',
          what: `the capture helper did not connect within ${limitMs / 1000} s`,
          where: rung.helper,
          hint: 'see what works here with flowglass doctor',
        }),
      );
    }, limitMs);
    child.once('error', (error) => fail(spawnError(error, rung.helper)));
    child.once('close', (code, signal) => fail(ended(code, signal)));
    server.once('error', (error) => {
      fail(new FlowglassError({ code: 'helper-failed', what: errnoText(error), where: socketPath, hint: 'try again' }));
    });
    server.once('connection', (socket) => {
      clearTimeout(timer);
      child.removeAllListeners('error').on('error', () => undefined);
      child.removeAllListeners('close');
      server.removeAllListeners('error').on('error', () => undefined);
      resolve({ child, socket, token, errorText: () => errors });
    });
  });
}
