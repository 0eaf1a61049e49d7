/** Programs that are told of alerts: bounded in time, their whole process group ended when it is up. */
import { spawn } from 'node:child_process';
import { errnoText } from '../../errors.ts';
import type { AlertNotice } from '../notice.ts';

const STDERR_MAX = 4096;
const LAST_WORDS_MS = 200;

export interface ProgramOptions {
  readonly run: readonly string[];
  readonly input: string;
  readonly timeoutMs: number;
  readonly env?: NodeJS.ProcessEnv;
  /** Who it runs as; left out = we. */
  readonly uid?: number;
  readonly gid?: number;
}

/** Runs a program to its end; throws with one clause when it does not exit 0 in time. */
export function runProgram({ run, input, timeoutMs, ...how }: ProgramOptions, signal: AbortSignal): Promise<void> {
  const [program = '', ...args] = run;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['pipe', 'ignore', 'pipe'], detached: true, ...how });
    let said = '';
    const end = (): void => {
      if (child.pid === undefined) return;
      try {
        process.kill(-child.pid, 'SIGKILL');
      } catch {
        // already gone
      }
    };
    const timer = setTimeout(() => {
      end();
      settle(new Error(`it did not end within ${timeoutMs / 1000} s`));
    }, timeoutMs);
    function settle(error: Error | null): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      if (error === null) resolve();
      else reject(error);
    }
    signal.addEventListener('abort', end, { once: true });
    child.on('error', (error) => settle(new Error(`it cannot be run (${errnoText(error)})`)));
    // It may not read what it is given.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said = `${said}${text}`.slice(0, STDERR_MAX)));
    const ended = (status: number | null, killed: NodeJS.Signals | null): void => {
      child.stderr.destroy();
      if (status === 0) return settle(null);
      const why = said.trim().split('\n')[0] ?? '';
      settle(new Error(`it ended with ${killed ?? `status ${status}`}${why === '' ? '' : `: ${why}`}`));
    };
    child.on('close', ended);
    // What it started may hold standard error open: then its last words are waited for a moment only.
    child.on('exit', (status, killed) => setTimeout(ended, LAST_WORDS_MS, status, killed).unref());
  });
}

/** What a command finds in its environment, for scripts that read no JSON. */
export function environment(notice: AlertNotice): NodeJS.ProcessEnv {
  return {
    ...process.env,
    FLOWGLASS_ALERT: notice.alert,
    FLOWGLASS_EVENT: notice.event,
    FLOWGLASS_SEVERITY: notice.severity,
    FLOWGLASS_AT: notice.at,
    FLOWGLASS_TEXT: notice.text.replaceAll('\0', ''),
  };
}
