/**
 * The file that an export is made from. Of what is watched and not recorded, packets are in the flight recorder's ring:
 * a copy of what it keeps is made for the export and removed after it.
 */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { FlowglassError } from '../errors.ts';
import { inPrivateFolder } from '../export/share.ts';
import type { Ring, Source } from './source.ts';

/** Its bytes, about; throws FlowglassError when no packets are stored anywhere. */
export function exportedBytes(source: Source, packets: boolean): number {
  const path = source.exported(packets);
  return path === null ? ringOf(source).bytes : (statSync(path, { throwIfNoEntry: false })?.size ?? 0);
}

/** Gives `use` its path. Throws FlowglassError when no packets are stored anywhere, and what `use` throws. */
export async function withExported<T>(source: Source, packets: boolean, use: (path: string) => Promise<T>): Promise<T> {
  const path = source.exported(packets);
  if (path !== null) return use(path);
  const ring = ringOf(source);
  return inPrivateFolder(async (folder) => {
    const copy = join(folder, 'kept.pcapng');
    await ring.save(copy);
    return use(copy);
  });
}

function ringOf({ ring, name }: Source): Ring {
  if (ring) return ring;
  throw new FlowglassError({
    code: 'no-packets',
    what: 'no packets are stored of what is watched',
    where: name,
    hint: 'record or let the flight recorder keep them first, or export the flows',
  });
}
