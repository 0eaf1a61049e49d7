/**
 * The helper through pkexec: polkit decides by our own action (org.flowglass.helper.capture), and its agent asks for the
 * password: the desktop's, or in a terminal pkttyagent, registered for this process alone. pkexec's own text agent is never
 * used: it needs a login session, and would read our standard input, which carries the token.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { FlowglassError, EXIT_PERMISSION } from '../errors.ts';
import { programPath } from '../system/programs.ts';
import { joinGroupCommand } from './ladder.ts';
import { sudoLine } from './permission.ts';

/** pkttyagent says that it is registered by closing a descriptor; without polkit it ends. */
const AGENT_MS = 5000;
/** People type their password in this time. */
export const PASSWORD_MS = 180_000;

/** pkexec(1): 126 = the dialog was dismissed, 127 = not authorised, or could not be tried. */
const DISMISSED = 126;
const NOT_AUTHORISED = 127;

/** An agent for passwords that is ours, until it is ended. */
export interface Agent {
  end(): void;
}

/** True when there is a terminal to ask at. */
function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r+'));
    return true;
  } catch {
    return false;
  }
}

/**
 * Registers pkttyagent for this process where there is a terminal; the desktop app, whose engine runs within Electron,
 * leaves it to the desktop's agent. Not with `--fallback`: polkit 122 then looks for a login session, and finds nobody
 * where there is none (a container, a plain ssh server).
 */
export async function terminalAgent(): Promise<Agent | null> {
  const program = programPath('pkttyagent', `${process.env['PATH'] ?? ''}:/usr/bin`);
  if (program === null || process.versions['electron'] !== undefined || !hasTerminal()) return null;
  const child = spawn(program, ['--process', String(process.pid), '--notify-fd', '3'], {
    stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
  });
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, AGENT_MS);
    const done = (): void => {
      clearTimeout(timer);
      resolve();
    };
    child.once('error', done);
    child.once('exit', done);
    child.stdio[3]?.once('close', done).on('error', done);
    (child.stdio[3] as NodeJS.ReadableStream | undefined)?.resume();
  });
  return { end: () => void child.kill() };
}

/** Starts the helper through pkexec. A SHELL that /etc/shells does not list would be refused, so it is not handed over. */
export function spawnPkexec(pkexec: string, helper: string, args: readonly string[]): ChildProcess {
  const { SHELL: _, ...env } = process.env;
  return spawn(pkexec, ['--disable-internal-agent', helper, ...args], { stdio: ['pipe', 'ignore', 'pipe'], detached: true, env }); // prettier-ignore
}

const refused = (what: string, hint: string): FlowglassError =>
  new FlowglassError({ code: 'permission', what, where: 'polkit', hint, exitCode: EXIT_PERMISSION });

/** The sentence for a pkexec that ended without a helper; null when it is the helper's own end. */
export function pkexecError(code: number | null, text: string): FlowglassError | null {
  const instead = `or join the group once and for all: ${joinGroupCommand()}, then sign in again`;
  if (code === DISMISSED)
    return refused('nothing is captured, the password was not given; opening files still works', `try again, ${instead}`); // prettier-ignore
  if (code !== NOT_AUTHORISED) return null;
  if (/no authentication agent found|no session for/i.test(text))
    return refused('nothing is captured, there is nobody to ask for a password here; opening files still works', `run ${sudoLine()}, ${instead}`); // prettier-ignore
  if (/not authorized|incident has been reported/i.test(text))
    return refused('nothing is captured, the password was wrong or this user may not; opening files still works', `try again with an administrator's password, ${instead}`); // prettier-ignore
  return refused(`nothing is captured, polkit cannot be asked (${text === '' ? 'it said nothing' : text})`, `run ${sudoLine()}, ${instead}`); // prettier-ignore
}
