/**
 * Names containers as their control groups become known: from the runtime's files at once, from its socket when they do
 * not tell. Files of a container are written about when its first process starts, so what is missing is looked for again.
 */
import type { ContainerId } from '../processes/cgroup-path.ts';
import { containerOf } from '../processes/cgroup-path.ts';
import { detailsText, filledUp, NO_DETAILS, type ContainerDetails } from '../processes/container-details.ts';
import { ContainerFiles } from '../system/container-files.ts';
import { askRuntime } from '../system/container-socket.ts';

const PATIENCE_MS = 4000;
const AGAIN_MS = 500;

interface Waiting {
  readonly container: ContainerId;
  readonly uid: number | null;
  readonly sinceMs: number;
  nextMs: number;
  asking: boolean;
  found: ContainerDetails;
  told: string;
}

export class ContainerNames {
  readonly #files: ContainerFiles;
  readonly #ask: typeof askRuntime;
  readonly #waiting = new Map<bigint, Waiting>();

  constructor(files = new ContainerFiles(), ask = askRuntime) {
    this.#files = files;
    this.#ask = ask;
  }

  /** A control group has this path: if it is a container's, its name is looked for. */
  add(cgroup: bigint, path: string): void {
    const container = containerOf(path);
    if (container === null) return;
    const uid = /\/user-(\d+)\.slice\//.exec(path)?.[1];
    const now = performance.now();
    this.#waiting.set(cgroup, {
      container,
      uid: uid === undefined ? null : Number(uid),
      sinceMs: now,
      nextMs: now,
      asking: false,
      found: NO_DETAILS,
      told: detailsText(NO_DETAILS),
    });
  }

  /** Tells of each container what was found since the last call. */
  tell(told: (cgroup: bigint, details: string) => void): void {
    const now = performance.now();
    for (const [cgroup, each] of this.#waiting) {
      if (now >= each.nextMs && !each.asking) this.#look(each);
      const text = detailsText(each.found);
      if (text !== each.told) {
        each.told = text;
        told(cgroup, text);
      }
      const complete = each.found.name !== null && (each.container.podUid === null || each.found.pod !== null);
      if (complete || (now - each.sinceMs > PATIENCE_MS && !each.asking)) this.#waiting.delete(cgroup);
    }
  }

  #look(each: Waiting): void {
    each.nextMs = performance.now() + AGAIN_MS;
    each.found = filledUp(this.#files.read(each.container, each.uid), each.found);
    if (each.found.name !== null) return;
    each.asking = true;
    void this.#ask(each.container, each.uid).then((answer) => {
      each.found = filledUp(each.found, answer);
      each.asking = false;
    });
  }
}
