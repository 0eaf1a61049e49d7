/** Which file an index was made of: another file, or the same one changed, has another key. */
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';

/** Looked at from either end. */
const SAMPLE = 64 << 10;

export interface FileKey {
  /** Name of the entry: the file's place on its device, so that a changed file takes the place of its former self. */
  readonly name: string;
  /** Everything that tells whether it changed: size, time, first and last bytes. */
  readonly state: string;
  readonly bytes: number;
}

/** null for what is no regular file, or cannot be read. */
export async function fileKey(path: string): Promise<FileKey | null> {
  const file = await open(path, 'r').catch(() => null);
  if (file === null) return null;
  try {
    const info = await file.stat({ bigint: true });
    if (!info.isFile()) return null;
    const bytes = Number(info.size);
    const hash = createHash('sha256');
    const sample = Buffer.alloc(Math.min(SAMPLE, bytes));
    for (const at of [0, Math.max(0, bytes - SAMPLE)]) {
      const { bytesRead } = await file.read(sample, 0, sample.length, at);
      hash.update(sample.subarray(0, bytesRead));
    }
    const name = createHash('sha256').update(`${info.dev} ${info.ino}`).digest('hex').slice(0, 32);
    return { name, state: `${info.size} ${info.mtimeNs} ${info.ctimeNs} ${hash.digest('hex')}`, bytes };
  } catch {
    return null;
  } finally {
    await file.close();
  }
}
