/** A notice on the desktop of the person who started this, by notify-send (libnotify). */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { AlertNotice } from '../notice.ts';
import { runProgram } from './program.ts';

const URGENCY = { info: 'low', warning: 'normal', critical: 'critical' } as const;
const TIMEOUT_MS = 5000;

/** Who called sudo or pkexec; null = nobody did. */
function caller(): { uid: number; gid: number } | null {
  const uid = Number(process.env['SUDO_UID'] ?? process.env['PKEXEC_UID'] ?? NaN);
  const gid = Number(process.env['SUDO_GID'] ?? uid);
  return process.geteuid?.() === 0 && Number.isInteger(uid) && Number.isInteger(gid) ? { uid, gid } : null;
}

/** The session bus of whoever is to see it: root has none of its own. */
function busOf(uid: number): string | null {
  const own = uid === process.getuid?.() ? process.env['XDG_RUNTIME_DIR'] : undefined;
  const socket = join(own ?? `/run/user/${uid}`, 'bus');
  return process.env['DBUS_SESSION_BUS_ADDRESS'] ?? (existsSync(socket) ? `unix:path=${socket}` : null);
}

/** Address of the session bus of the person who started this; null = there is no session. */
export const sessionBus = (): string | null => busOf(caller()?.uid ?? process.getuid?.() ?? 0);

export function notifyDesktop(notice: AlertNotice, signal: AbortSignal): Promise<void> {
  const who = caller();
  const bus = sessionBus();
  if (bus === null) return Promise.reject(new Error('there is no desktop session here'));
  const title = `${notice.alert} (${notice.severity})`;
  // The body may hold what the wire said: servers show it as markup.
  const body = notice.text.replace(/[<>&]/g, (c) => ({ '<': '&lt;', '>': '&gt;', '&': '&amp;' })[c] ?? c);
  return runProgram(
    {
      run: ['notify-send', '--app-name=Flowglass', '--urgency', URGENCY[notice.severity], '--', title, body],
      input: '',
      timeoutMs: TIMEOUT_MS,
      env: { ...process.env, DBUS_SESSION_BUS_ADDRESS: bus },
      ...(who ?? {}),
    },
    signal,
  );
}
