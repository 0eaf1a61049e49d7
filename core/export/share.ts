/** Sharing safely: looks at all of the capture first, so that what would leave is known before anything is written. */
import { rmSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Session } from '../session/reader.ts';
import { copyCapture, type CopyResult, type Removed } from '../share/copy.ts';
import { keyFrom, newKey } from '../share/key.ts';
import { Pseudonyms } from '../share/pseudonyms.ts';
import type { ProcessOf } from './packets.ts';
import type { MakeSelection } from './selection.ts';

/** What a copy would have in it. */
export interface SharePreview {
  /** Kind of what is replaced, how many different ones there are, and some of them: before → after. */
  readonly replaced: readonly { readonly kind: string; readonly count: number; readonly examples: readonly (readonly [string, string])[] }[]; // prettier-ignore
  readonly removed: Readonly<Removed>;
  readonly packets: number;
  /** Size of the copy as pcapng. */
  readonly bytes: number;
  /** Our records (processes, states, timeline) go with it. */
  readonly records: boolean;
  readonly truncated: boolean;
}

export interface ShareJob {
  readonly path: string;
  readonly name: string;
  readonly select: MakeSelection;
  /** Everything is shared: records of ours can go with it. */
  readonly all: boolean;
  readonly processOf: ProcessOf | null;
  /** null = a key that nobody keeps. */
  readonly keyFile: string | null;
  readonly signal?: AbortSignal | undefined;
  readonly progress?: ((bytes: number, total: number) => void) | undefined;
}

/** A throw-away key under which a pseudonym is an address of the capture is not used; so often another one is tried. */
const KEYS_MAX = 64;

/** Looks at the capture, and makes the copy when `write` is given. */
export async function shareCapture(job: ShareJob, write: ((bytes: Uint8Array) => void) | null): Promise<SharePreview> {
  const session = job.all ? await Session.open(job.path) : null;
  try {
    let key = job.keyFile === null ? newKey() : keyFrom(job.keyFile);
    const copy = (names: Pseudonyms, to: (bytes: Uint8Array) => void, before: CopyResult | null): Promise<CopyResult> =>
      copyCapture({
        path: job.path,
        name: job.name,
        selection: job.select(),
        session,
        processOf: job.processOf,
        names,
        firstNs: before?.firstNs ?? null,
        write: to,
        signal: job.signal,
        // Looking and writing are half of the way each.
        progress: (bytes, total) =>
          job.progress?.(write === null ? bytes : (bytes + (before === null ? 0 : total)) / 2, total),
      });
    let names = new Pseudonyms(key);
    let done = await copy(names, () => undefined, null);
    if (job.keyFile === null) {
      let { addresses } = names;
      for (let tries = 0; addresses.collides && tries < KEYS_MAX; tries++)
        addresses = addresses.again((key = newKey()));
    }
    if (write !== null || names.addresses.collides) {
      names = new Pseudonyms(key);
      done = await copy(names, write ?? (() => undefined), done);
    }
    return {
      replaced: names.replaced().map(({ kind, replaced }) => ({ kind, ...replaced })),
      removed: done.removed,
      packets: done.packets,
      bytes: done.bytes,
      records: session !== null,
      truncated: done.read.truncated || (session?.truncated ?? false),
    };
  } finally {
    await session?.close();
  }
}

/** A folder for what is in between, gone afterwards. */
export async function inPrivateFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'flowglass-export-'));
  try {
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
