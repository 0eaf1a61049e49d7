/**
 * The user's trash, by the FreeDesktop.org Trash specification 1.0: file managers show what is put there, and can take it
 * back. A file goes to the trash of its own file system, so that it is renamed and never copied.
 */
import { lstatSync, mkdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, extname, join, relative } from 'node:path';
import { errnoName } from '../../errors.ts';

export interface Trashed {
  /** Where it was. */
  readonly path: string;
  /** Where it is now, and the file that says where it was. */
  readonly file: string;
  readonly info: string;
}

const uid = (): number => process.getuid?.() ?? 0;
const homeTrash = (): string => join(process.env['XDG_DATA_HOME'] || join(homedir(), '.local/share'), 'Trash');

/** Throws errors of the file system. */
export function toTrash(path: string): Trashed {
  try {
    return moveTo(homeTrash(), path, path);
  } catch (error) {
    if (errnoName(error) !== 'EXDEV') throw error;
  }
  const top = topOf(path);
  return moveTo(trashOf(top), path, relative(top, path));
}

/** Puts it back; throws errors of the file system, EEXIST when something else has its name now. */
export function fromTrash({ path, file, info }: Trashed): void {
  if (lstatSync(path, { throwIfNoEntry: false })) throw Object.assign(new Error('file exists'), { code: 'EEXIST' });
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  renameSync(file, path);
  rmSync(info, { force: true });
}

/** The highest folder of the file system that a path is on. */
function topOf(path: string): string {
  const { dev } = statSync(dirname(path));
  let top = dirname(path);
  while (dirname(top) !== top && statSync(dirname(top)).dev === dev) top = dirname(top);
  return top;
}

/** The user's trash at the top of a file system: in the one for everybody where an administrator made it, else beside it. */
function trashOf(top: string): string {
  const shared = join(top, '.Trash');
  const info = lstatSync(shared, { throwIfNoEntry: false });
  const sticky = info?.isDirectory() === true && (info.mode & 0o1000) !== 0;
  return sticky ? join(shared, String(uid())) : join(top, `.Trash-${uid()}`);
}

/** `said` = the path as the info file has it. */
function moveTo(trash: string, path: string, said: string): Trashed {
  for (const part of ['files', 'info']) mkdirSync(join(trash, part), { recursive: true, mode: 0o700 });
  const now = new Date(Date.now() - new Date().getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
  const text = `[Trash Info]\nPath=${said.split('/').map(encodeURIComponent).join('/')}\nDeletionDate=${now}\n`;
  const [ending, stem] = [extname(path), basename(path, extname(path))];
  for (let n = 1; ; n++) {
    const name = n === 1 ? `${stem}${ending}` : `${stem} ${n}${ending}`;
    const info = join(trash, 'info', `${name}.trashinfo`);
    const file = join(trash, 'files', name);
    try {
      writeFileSync(info, text, { flag: 'wx', mode: 0o600 });
    } catch (error) {
      if (errnoName(error) === 'EEXIST') continue;
      throw error;
    }
    try {
      if (lstatSync(file, { throwIfNoEntry: false })) continue; // left without its info: kept
      renameSync(path, file);
      return { path, file, info };
    } catch (error) {
      rmSync(info, { force: true });
      throw error;
    }
  }
}
