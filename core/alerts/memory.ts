/** What rules on new things know, kept in a file: what was seen before a restart is not new after it. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { errnoName, errnoText } from '../errors.ts';
import { writeWhole } from '../system/state-file.ts';
import { knowNothing, type Known } from './alert-watch.ts';

const KEYS_MAX = 200_000;
const SAVE_MS = 60_000;

const memoryFile = z.strictObject({
  peer: z.array(z.string().max(512)).max(KEYS_MAX),
  network: z.array(z.string().max(512)).max(KEYS_MAX),
});

export class Memory {
  readonly known: Known;
  readonly #path: string | null;
  readonly #say: (text: string) => void;
  #saved = 0;
  #savedMs = performance.now();
  #failed = '';

  /** `path` null = nothing is kept. A file that cannot be read is said, and what it held is new again. */
  constructor(path: string | null, say: (text: string) => void) {
    this.#path = path;
    this.#say = say;
    this.known = path === null ? knowNothing() : read(path, say);
    this.#saved = this.#size;
  }

  get #size(): number {
    return this.known.peer.size + this.known.network.size;
  }

  /** Writes what grew, once a minute. */
  tick(): void {
    if (performance.now() - this.#savedMs >= SAVE_MS) this.save();
  }

  /** Writes what is known; a file that cannot be written is said once. */
  save(): void {
    this.#savedMs = performance.now();
    if (this.#path === null || this.#size === this.#saved) return;
    const { peer, network } = this.known;
    try {
      writeWhole(this.#path, { peer: [...peer], network: [...network] });
      this.#saved = this.#size;
      this.#failed = '';
    } catch (error) {
      const why = errnoText(error);
      if (why !== this.#failed) this.#say(`what alerts know cannot be kept in ${this.#path}: ${why}`);
      this.#failed = why;
    }
  }
}

function read(path: string, say: (text: string) => void): Known {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (errnoName(error) !== 'ENOENT') say(`what alerts knew cannot be read from ${path}: ${errnoText(error)}`);
    return knowNothing();
  }
  try {
    const { peer, network } = memoryFile.parse(JSON.parse(text));
    return { peer: new Set(peer), network: new Set(network) };
  } catch {
    say(`what alerts knew cannot be read from ${path}: it is no such file`);
    return knowNothing();
  }
}
