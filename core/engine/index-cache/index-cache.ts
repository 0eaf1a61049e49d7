/**
 * What opening a large capture came to, kept in the user's cache folder, so that opening it again reads no packets. Never
 * beside the file. An entry that is damaged, of another build or of a file that changed is none; the folder is bounded,
 * the entries used longest ago give way.
 */
import { homedir } from 'node:os';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { crc32 } from 'node:zlib';
import type { FileKey } from './file-key.ts';

/** Raised when the form of entries changes. */
const VERSION = 1;
/** One entry, and all of them. */
const ENTRY_MAX = 256 << 20;
const FOLDER_MAX = 1 << 30;
const SUFFIX = '.fgindex';

export const cacheFolder = (): string =>
  join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'flowglass', 'captures');

export class IndexCache {
  readonly #folder: string;
  readonly #most: number;

  constructor(folder = cacheFolder(), most = FOLDER_MAX) {
    this.#folder = folder;
    this.#most = most;
  }

  /** What was stored for that state of that file; null = nothing that can be used. */
  load(key: FileKey): Uint8Array | null {
    const path = this.#path(key);
    try {
      const bytes = readFileSync(path);
      const head = headOf(key);
      if (bytes.length < head.length + 4 || bytes.compare(head, 0, head.length, 0, head.length) !== 0) return null;
      const body = bytes.subarray(head.length, bytes.length - 4);
      if (crc32(body) !== bytes.readUInt32LE(bytes.length - 4)) return null;
      const now = new Date();
      utimesSync(path, now, now);
      return body;
    } catch {
      return null; // not there, or not ours to read: made anew
    }
  }

  /** Keeps `body`; a folder that cannot be written to keeps nothing. */
  store(key: FileKey, body: Uint8Array): void {
    if (body.length > Math.min(ENTRY_MAX, this.#most)) return;
    const path = this.#path(key);
    const part = `${path}.${process.pid}`;
    const sum = Buffer.alloc(4);
    sum.writeUInt32LE(crc32(body));
    try {
      mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
      writeFileSync(part, Buffer.concat([headOf(key), body, sum]), { mode: 0o600 });
      renameSync(part, path);
      this.#bound(path);
    } catch {
      rmSync(part, { force: true });
    }
  }

  #path(key: FileKey): string {
    return join(this.#folder, `${key.name}${SUFFIX}`);
  }

  /** Takes away what was used longest ago, and what a crash left half written. */
  #bound(kept: string): void {
    const entries = readdirSync(this.#folder).map((name) => {
      const path = join(this.#folder, name);
      const { size, mtimeMs } = statSync(path);
      return { path, size, mtimeMs };
    });
    let total = 0;
    entries.sort((a, b) => Number(b.path === kept) - Number(a.path === kept) || b.mtimeMs - a.mtimeMs);
    for (const { path, size } of entries) {
      total += size;
      if (total > this.#most || !path.endsWith(SUFFIX)) rmSync(path, { force: true });
    }
  }
}

const headOf = (key: FileKey): Buffer => Buffer.from(`flowglass index ${VERSION} ${build()} ${key.state}\n`);

let known: string | null = null;

/**
 * The build at hand, by the newest of the files that decide what packets come to: another build may see more in them, and
 * must not be answered by this one.
 */
function build(): string {
  if (known !== null) return known;
  const core = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
  let newest = 0;
  let size = 0;
  for (const folder of ['capture', 'dissect', 'flow', 'names', 'tracker', 'timeline', 'trouble', 'engine']) {
    for (const name of readdirSync(join(core, folder))) {
      const info = statSync(join(core, folder, name));
      newest = Math.max(newest, info.mtimeMs);
      size += info.size;
    }
  }
  return (known = `${newest} ${size}`);
}
