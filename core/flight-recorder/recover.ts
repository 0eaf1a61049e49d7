/** Rings that a killed process left behind, made into session files. */
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { FlowglassError } from '../errors.ts';
import { type Joined, SessionJoin } from '../session/join.ts';
import { Session } from '../session/reader.ts';
import { leftRings } from './paths.ts';

/**
 * Joins the parts of each ring of that name whose process is gone into a file of `newPath`, and deletes the ring; one
 * without anything in it is deleted only. Throws FlowglassError when a file cannot be written: its ring stays then.
 */
export async function recoverRings(path: string, newPath: () => string): Promise<Joined[]> {
  const recovered: Joined[] = [];
  for (const folder of leftRings(path)) {
    const parts = await wholeParts(folder);
    if (parts.length > 0) recovered.push(await joined(parts, newPath()));
    rmSync(folder, { recursive: true, force: true });
  }
  return recovered;
}

/** The parts that can be opened, oldest first. */
async function wholeParts(folder: string): Promise<string[]> {
  const parts: string[] = [];
  for (const name of readdirSync(folder)
    .filter((each) => each.endsWith('.pcapng'))
    .sort()) {
    const part = join(folder, name);
    // The newest may have been killed before anything stood in it.
    const session = await Session.open(part).catch((error: unknown) => {
      if (error instanceof FlowglassError) return null;
      throw error;
    });
    if (session !== null) parts.push(part);
    await session?.close();
  }
  return parts;
}

async function joined(parts: readonly string[], path: string): Promise<Joined> {
  const file = new SessionJoin({ path });
  try {
    for (const part of parts) await file.add(part);
  } catch (error) {
    file.abandon();
    throw error;
  }
  return file.finish();
}
