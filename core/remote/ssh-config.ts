/** Names that the user gave to hosts in ssh's configuration, for suggestions: ssh itself reads the rest. */
import { readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, isAbsolute, join } from 'node:path';

const HOSTS_MAX = 200;
/** ssh gives up there, too (readconf.c). */
const DEPTH_MAX = 16;

/** Names after `Host` in the configuration and what it includes, in order; patterns are left out. What cannot be read is none. */
export function sshHosts(file = join(homedir(), '.ssh/config')): string[] {
  const found = new Set<string>();
  read(file, dirname(file), found, 0);
  return [...found].slice(0, HOSTS_MAX);
}

function read(file: string, folder: string, found: Set<string>, depth: number): void {
  for (const line of linesOf(file)) {
    const [, keyword = '', rest = ''] = /^\s*(\w+)(?:\s+|\s*=\s*)(.+?)\s*$/.exec(line) ?? [];
    const words = rest.split(/\s+/).map((word) => word.replace(/^"(.*)"$/, '$1'));
    if (keyword.toLowerCase() === 'host') for (const word of words) if (/^[\w.@-]+$/.test(word)) found.add(word);
    if (keyword.toLowerCase() === 'include' && depth < DEPTH_MAX)
      for (const word of words) for (const path of matching(word, folder)) read(path, folder, found, depth + 1);
  }
}

function linesOf(file: string): string[] {
  try {
    return readFileSync(file, 'utf8')
      .slice(0, 1 << 20)
      .split('\n');
  } catch {
    return [];
  }
}

/** Files that an Include names; a `*` may stand in the last part. */
function matching(word: string, folder: string): string[] {
  const home = word.startsWith('~/') ? join(homedir(), word.slice(2)) : word;
  const path = isAbsolute(home) ? home : join(folder, home);
  const name = basename(path);
  if (!name.includes('*')) return [path];
  const pattern = new RegExp(`^${name.split('*').map((part) => part.replace(/[^\w-]/g, '\\$&')).join('.*')}$`); // prettier-ignore
  try {
    return readdirSync(dirname(path)).filter((each) => pattern.test(each)).sort().map((each) => join(dirname(path), each)); // prettier-ignore
  } catch {
    return [];
  }
}
