/** Invented recordings for pictures and for the accessibility of the list. */
import type { SessionFactsAnswer, SessionsAnswer } from '../../core/contract/sessions.ts';
import { recent } from './fake-answers.ts';

const FOLDER = '/var/lib/flowglass';

export const fakeSessions = (): SessionsAnswer => ({
  folder: FOLDER,
  problem: null,
  sessions: recent().map((each, i) => ({ ...each, folder: FOLDER, use: i === 2 ? 'open' : null })),
});

export function fakeFacts(path: string): SessionFactsAnswer {
  const at = fakeSessions().sessions.findIndex((session) => session.path === path);
  const known = at < 4;
  return {
    ours: known,
    problem: known ? (at === 1 ? 'the recording was not closed: everything up to the last flush is here' : null) : 'not a recording of Flowglass: read when it is opened', // prettier-ignore
    host: known ? 'web-03' : null,
    started: known ? '2026-11-24T09:00:00.000Z' : null,
    durationNs: known ? (at + 1) * 271e9 : null,
    interfaces: known ? ['eth0', 'docker0'].slice(at % 2) : [],
    packets: known ? 120_400 * (at + 1) : null,
    flows: known ? 1840 * (at + 1) : null,
    troubled: known ? at * 7 : null,
  };
}
