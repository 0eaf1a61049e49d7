/** What pages ask of the recordings of this machine: only of those that the list has, wherever a path comes from. */
import { readdirSync, renameSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import {
  CAPTURE_ENDING,
  type SessionAnswer,
  type SessionAnswers,
  type SessionFactsAnswer,
  type sessionRequests,
  type SessionsAnswer,
} from '../../contract/sessions.ts';
import { errnoName, errnoText, FlowglassError } from '../../errors.ts';
import { regularFile } from '../regular-file.ts';
import { readState, writeState } from '../../system/state-file.ts';
import { sessionFacts } from './session-facts.ts';
import { fromTrash, toTrash, type Trashed } from './trash.ts';

type Requests = typeof sessionRequests;
type Handlers = { [M in keyof Requests]: (viewer: unknown, params: z.output<Requests[M]>) => Promise<SessionAnswers[M]> | SessionAnswers[M] }; // prettier-ignore

/** What of the engine and of the machine the list needs. */
export interface SessionsHost {
  readonly recordingsFolder: () => string;
  /** Paths of files that were opened lately, wherever they are. */
  readonly recentPaths: () => readonly string[];
  readonly opened: (path: string) => void;
  /** What the engine does with a file now. */
  readonly useOf: (path: string) => SessionAnswer['use'];
  /** File in which facts are remembered; null = only while the engine runs. */
  readonly memory: string | null;
}

const NAME = /^[^./\0][^/\0]*$/;
const TRASHED_MAX = 100;
const REMEMBERED_MAX = 1000;
const remembered = z.record(z.string(), z.custom<SessionFactsAnswer>((value) => typeof value === 'object' && value !== null && 'ours' in value)); // prettier-ignore

export function sessionHandlers(host: SessionsHost): Handlers {
  const trashed = new Map<string, Trashed>();
  const facts = new FactsMemory(host.memory);
  /** Refuses what the list does not have, and what is in use. */
  function free(path: string): SessionAnswer {
    const session = known(path);
    if (session.use !== null)
      throw new FlowglassError({ code: 'in-use', what: session.use === 'open' ? 'it is open' : 'it is being recorded', where: path, hint: session.use === 'open' ? 'close it first' : 'stop the recording first' }); // prettier-ignore
    return session;
  }
  function known(path: string): SessionAnswer {
    const folder = host.recordingsFolder();
    const here = CAPTURE_ENDING.test(path) && join(folder, basename(path)) === path;
    const session = here || host.recentPaths().includes(path) ? sessionAt(host, path) : null;
    if (session) return session;
    throw new FlowglassError({ code: 'no-session', what: 'is no recording of the list', where: path, hint: 'look at the list again' }); // prettier-ignore
  }
  return {
    sessions: () => listSessions(host),
    sessionFacts: (_viewer, { path }) => facts.of(known(path)),
    sessionRename: (_viewer, { path, name }) => {
      const { folder } = free(path);
      const to = join(folder, renamed(basename(path), name));
      changing(to, () => {
        if (to !== path && statSync(to, { throwIfNoEntry: false }))
          throw Object.assign(new Error(), { code: 'EEXIST' });
        renameSync(path, to);
      });
      if (folder !== host.recordingsFolder()) host.opened(to);
      return { path: to };
    },
    sessionTrash: (_viewer, { path }) => {
      free(path);
      changing(path, () => trashed.set(path, toTrash(path)));
      for (const [oldest] of trashed) if (trashed.size > TRASHED_MAX) trashed.delete(oldest);
      return null;
    },
    sessionRestore: (_viewer, { path }) => {
      const entry = trashed.get(path);
      if (!entry) throw new FlowglassError({ code: 'not-trashed', what: 'was not moved to the trash here', where: path, hint: 'look for it in the trash of the desktop' }); // prettier-ignore
      changing(path, () => fromTrash(entry));
      trashed.delete(path);
      return null;
    },
  };
}

/** Failures of the file system as sentences. */
function changing(where: string, change: () => void): void {
  try {
    change();
  } catch (error) {
    if (errnoName(error) === '') throw error;
    const hint = errnoName(error) === 'EEXIST' ? 'choose another name' : 'look at who may write in its folder';
    throw new FlowglassError({ code: 'not-changed', what: errnoText(error), where, hint, cause: error });
  }
}

/** The name asked for, with the ending of the old one when it names no capture. */
function renamed(old: string, name: string): string {
  const wanted = name.trim();
  if (!NAME.test(wanted)) throw new FlowglassError({ code: 'bad-name', what: 'is no name for a file', where: name, hint: 'leave out "/" and a dot at the beginning' }); // prettier-ignore
  return CAPTURE_ENDING.test(wanted) ? wanted : `${wanted}${CAPTURE_ENDING.exec(old)?.[0] ?? '.pcapng'}`;
}

function listSessions(host: SessionsHost): SessionsAnswer {
  const folder = host.recordingsFolder();
  let problem: string | null = null;
  let names: string[] = [];
  try {
    names = readdirSync(folder).filter((name) => CAPTURE_ENDING.test(name));
  } catch (error) {
    if (errnoName(error) !== 'ENOENT') problem = errnoText(error); // nothing was recorded yet
  }
  const paths = new Set([...names.map((name) => join(folder, name)), ...host.recentPaths()]);
  const sessions = [...paths].flatMap((path) => sessionAt(host, path) ?? []);
  sessions.sort((a, b) => (a.modified < b.modified ? 1 : -1));
  return { folder, problem, sessions };
}

/** What the list says of a file before it is read; null when there is none. */
function sessionAt(host: SessionsHost, path: string): SessionAnswer | null {
  const info = regularFile(path);
  if (info === null) return null;
  const [name, modified] = [basename(path), info.mtime.toISOString()];
  return { path, name, folder: dirname(path), modified, bytes: info.size, use: host.useOf(path) };
}

/** Facts by path, size and time of the file; one file is read at a time. */
class FactsMemory {
  readonly #file: string | null;
  #known: Map<string, SessionFactsAnswer> | null = null;
  #reading: Promise<unknown> = Promise.resolve();

  constructor(file: string | null) {
    this.#file = file;
  }

  of({ path, bytes, modified, use }: SessionAnswer): Promise<SessionFactsAnswer> {
    const answer = this.#reading.then(async () => {
      const known = (this.#known ??= new Map(Object.entries((this.#file && readState(this.#file, remembered)) || {})));
      const key = `${path} ${bytes} ${modified}`;
      const found = known.get(key);
      if (found) return found;
      const facts = await sessionFacts(path);
      if (use === 'recorded') return facts; // others in a moment
      known.set(key, facts);
      for (const [oldest] of known) if (known.size > REMEMBERED_MAX) known.delete(oldest);
      if (this.#file) writeState(this.#file, Object.fromEntries(known));
      return facts;
    });
    this.#reading = answer.catch(() => undefined);
    return answer;
  }
}
