import { createReadStream, createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { errnoText, FlowglassError } from '../errors.ts';
import { TOTALS_FILTERED, TOTALS_LOST_FRAMES, TOTALS_LOST_PACKETS } from '../flow/interfaces.ts';
import type { FlowModel } from '../flow/model.ts';
import { Reducer } from '../flow/reducer.ts';
import { Session } from '../session/reader.ts';
import type { SummarySource } from '../summary/source.ts';
import { openForeign } from '../tracker/open-foreign.ts';

const REDUCERS = {
  fresh: (): Reducer => new Reducer(Infinity),
  restore: (state: Uint8Array): Reducer => Reducer.restore(state, Infinity),
};

/** The state at the end of a session of ours, and what its writer counted. */
async function openSession(session: Session): Promise<SummarySource> {
  let { model } = (await session.replay(REDUCERS)).reducer;
  // The newest keyframe lacks what was folded by then: all of it is read.
  if (model.folded.total > 0) ({ model } = (await session.replay(REDUCERS, null, { fromStart: true })).reducer);
  const { captured, header } = session;
  addWriterCounts(model, captured);
  const { originNs } = model.clock; // the first clock reading, also in later files of a ring: their totals count from there
  return {
    model,
    startedNs: originNs === null ? null : model.clock.wallNs(0),
    durationNs: originNs === null ? 0n : session.toNs - originNs,
    host: header.host,
    application: header.application,
    captured,
    late: captured.late,
    truncated: session.truncated || session.damagedBlocks > 0,
    damage: sessionDamage(session),
  };
}

/** One sentence on a session that was not closed or is damaged, null for a whole one. */
export function sessionDamage(session: Session): string | null {
  const { truncated, cutAt, damagedBlocks, captured } = session;
  if (!truncated && damagedBlocks === 0) return null;
  const kept = `everything up to the last flush is here, ${captured.packets} packets`;
  if (damagedBlocks > 0)
    return `${damagedBlocks} blocks of the recording are damaged or missing: what the others hold is here`;
  return cutAt === null ? `the recording was not closed: ${kept}` : `cut short at byte ${cutAt}: ${kept}`;
}

/** Packets that reached the recorder but not the file: lost on a full disk, or kept out by the exact filter. */
function addWriterCounts(
  model: FlowModel,
  {
    lostPackets,
    lostFrames,
    filtered,
  }: { readonly lostPackets: number; readonly lostFrames: number; readonly filtered: number },
): void {
  const add = (field: number, count: number): void => {
    if (count > 0) model.interfaces.addTotal(0, field, count);
  };
  add(TOTALS_LOST_FRAMES, lostFrames);
  add(TOTALS_LOST_PACKETS, lostPackets);
  add(TOTALS_FILTERED, filtered);
}

/** Whether `path` is a pipe, which can be read once only; `-` is standard input. */
export async function isPipe(path: string): Promise<boolean> {
  if (path === '-') return true;
  const info = await stat(path).catch(() => null); // what is not there is told by who opens it
  return info?.isFIFO() ?? false;
}

/** Standard input (`-`) or another pipe as a file, for what is read twice or from its end (sessions of ours, by their index). */
export async function spool<T>(from: string, use: (path: string) => Promise<T>): Promise<T> {
  const name = from === '-' ? 'standard input' : from;
  const directory = mkdtempSync(join(tmpdir(), 'flowglass-stdin-'));
  const path = join(directory, basename(name));
  try {
    await pipeline(from === '-' ? process.stdin : createReadStream(from), createWriteStream(path, { mode: 0o600 }));
    return await use(path);
  } catch (error) {
    if (error instanceof FlowglassError) {
      throw new FlowglassError({ ...error, code: error.code, where: name, cause: error });
    }
    throw new FlowglassError({
      code: 'unreadable-file',
      what: errnoText(error),
      where: name,
      hint: 'give the path of a capture file instead',
      cause: error,
    });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/**
 * Reads any capture file to its end: a session of ours by its own records, everything else from its packets. `-` is
 * standard input. Throws a FlowglassError when it cannot be opened or is no capture; a cut one gives what is whole,
 * with `truncated`.
 */
export async function openCapture(path: string): Promise<SummarySource> {
  if (await isPipe(path)) return spool(path, openCapture);
  const session = await Session.open(path);
  if (session === null) return (await openForeign(path)).source;
  try {
    return await openSession(session);
  } finally {
    await session.close();
  }
}
