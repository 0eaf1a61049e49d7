/** A notice in the journal of systemd, with fields of its own, by logger (util-linux). */
import { existsSync } from 'node:fs';
import { SEVERITY } from '../../streams/syslog-message.ts';
import type { AlertNotice } from '../notice.ts';
import { runProgram } from './program.ts';

const SOCKET = '/run/systemd/journal/socket';
const TIMEOUT_MS = 5000;
const EVIDENCE_MAX = 16_384;

const PRIORITIES = { info: SEVERITY.informational, warning: SEVERITY.warning, critical: SEVERITY.critical } as const;

const oneLine = (text: string): string => text.replace(/[\u0000-\u001f]/g, ' ');

export async function writeJournal(notice: AlertNotice, signal: AbortSignal): Promise<void> {
  if (!existsSync(SOCKET)) throw new Error(`there is no journal here (${SOCKET} is not there)`);
  const fields = {
    MESSAGE: notice.text,
    PRIORITY: PRIORITIES[notice.severity],
    SYSLOG_IDENTIFIER: 'flowglass',
    FLOWGLASS_ALERT: notice.alert,
    FLOWGLASS_EVENT: notice.event,
    FLOWGLASS_SINCE: notice.since,
    FLOWGLASS_CONDITION: notice.condition,
    FLOWGLASS_FLOWS: notice.flows,
    FLOWGLASS_EVIDENCE: JSON.stringify(notice.evidence).slice(0, EVIDENCE_MAX),
  };
  const input = Object.entries(fields).map(([name, value]) => `${name}=${oneLine(String(value))}\n`);
  await runProgram({ run: ['logger', '--journald'], input: input.join(''), timeoutMs: TIMEOUT_MS }, signal);
}
