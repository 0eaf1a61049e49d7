/** What the desktop app itself remembers of its user's choices; the page keeps its own. */
import { z } from 'zod';
import { readState, writeState } from '../core/system/state-file.ts';

const preferences = z.object({
  /** Look for newer versions (AppImage only). */
  updates: z.boolean(),
  /** This version of the app did not get along with the graphics hardware: it draws without. */
  softwareFor: z.string().max(100).nullable(),
});
export type Kept = z.output<typeof preferences>;

export class Preferences {
  readonly #file: string;
  #kept: Kept;

  constructor(file: string) {
    this.#file = file;
    this.#kept = readState(file, preferences) ?? { updates: true, softwareFor: null };
  }

  get<K extends keyof Kept>(name: K): Kept[K] {
    return this.#kept[name];
  }

  set<K extends keyof Kept>(name: K, value: Kept[K]): void {
    this.#kept = { ...this.#kept, [name]: value };
    writeState(this.#file, this.#kept);
  }
}
