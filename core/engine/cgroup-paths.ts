/** Paths of control groups by number: on cgroup2 the number is the inode of the group's directory (kernfs). */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { cgroup2Mount } from '../system/kernel.ts';

/** Directories looked at for one number at most: a machine with more groups than that keeps some without a name. */
const DIRECTORIES_MAX = 20_000;
const SEARCH_MS = 2000;

export class CgroupPaths {
  private readonly mount = cgroup2Mount();
  private readonly known = new Map<bigint, string>();
  private searchedAt = -Infinity;

  /** The path within the hierarchy (`/system.slice/ssh.service`), null when the group is gone or cannot be seen. */
  pathOf(id: bigint): string | null {
    const found = this.known.get(id);
    if (found !== undefined) return found;
    const now = performance.now();
    if (this.mount === null || now - this.searchedAt < SEARCH_MS) return null;
    this.searchedAt = now;
    this.search(this.mount);
    return this.known.get(id) ?? null;
  }

  private search(mount: string): void {
    const waiting = ['/'];
    for (let looked = 0; waiting.length > 0 && looked < DIRECTORIES_MAX; looked++) {
      const path = waiting.pop() as string;
      try {
        this.known.set(statSync(join(mount, path), { bigint: true }).ino, path);
        for (const entry of readdirSync(join(mount, path), { withFileTypes: true }))
          if (entry.isDirectory()) waiting.push(join(path, entry.name));
      } catch {
        // It went away, or may not be read.
      }
    }
  }
}
