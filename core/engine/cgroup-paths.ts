/** Paths of control groups by number: on cgroup2 the number is the inode of the group's directory (kernfs). */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { cgroupFrame, FRAME_CGROUP, FRAME_CONTAINER } from '../flow/process-records.ts';
import type { Reducer } from '../flow/reducer.ts';
import type { FrameSink } from '../wire/frames.ts';
import { ContainerNames } from './container-names.ts';
import { cgroup2Mount } from '../system/kernel.ts';

/** Directories looked at for one number at most: a machine with more groups than that keeps some without a name. */
const DIRECTORIES_MAX = 20_000;
/** One that cannot be found is given up after this long. */
const PATIENCE_MS = 4000;
/** Between two searches there is at least this much, and twenty times what the last one took: 5 % of a core at most. */
const SEARCH_LEAST_MS = 50;
const SEARCH_SHARE = 20;

class CgroupPaths {
  private readonly mount = cgroup2Mount();
  private readonly known = new Map<bigint, string>();
  private searchAfter = -Infinity;

  /** The path within the hierarchy (`/system.slice/ssh.service`), null when the group is gone or cannot be seen. */
  pathOf(id: bigint): string | null {
    const found = this.known.get(id);
    if (found !== undefined) return found;
    const now = performance.now();
    if (this.mount === null || now < this.searchAfter) return null;
    this.search(this.mount);
    const done = performance.now();
    this.searchAfter = done + Math.max(SEARCH_LEAST_MS, (done - now) * SEARCH_SHARE);
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

/** Names control groups as the reducer hears of them; one that cannot be found is looked for once more, then given up. */
export class CgroupNames {
  private readonly paths = new CgroupPaths();
  private readonly waiting = new Map<bigint, number>();
  private readonly containers = new ContainerNames();

  /** Gives `sink` a frame with the path of each group found since the last call, and what is known of containers. */
  name(reducer: Reducer, sink: FrameSink): void {
    const now = performance.now();
    for (const id of reducer.takeUnnamedCgroups()) this.waiting.set(id, now);
    for (const [id, since] of this.waiting) {
      const path = this.paths.pathOf(id);
      if (path === null && now - since < PATIENCE_MS) continue;
      this.waiting.delete(id);
      if (path === null) continue;
      tell(sink, FRAME_CGROUP, id, path);
      this.containers.add(id, path);
    }
    this.containers.tell((id, details) => tell(sink, FRAME_CONTAINER, id, details));
  }
}

function tell(sink: FrameSink, type: number, id: bigint, text: string): void {
  const bytes = cgroupFrame(id, text);
  sink(type, bytes, new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0, bytes.length);
}
