import { MARK_KINDS } from '../../core/contract/tables.ts';
import { ReplaySource } from '../../core/engine/replay-source.ts';
import { GAP_PAUSED } from '../../core/flow/note-records.ts';

/** What a session file says of itself: what triggers and alerts saw, and when it was paused; times in seconds since the Epoch. */
export async function sessionNotes(file: string): Promise<{
  why: { text: string | null; at: number }[];
  pauses: { from: number; to: number }[];
}> {
  const { signal } = new AbortController();
  const source = (await ReplaySource.open(file, { signal, progress: () => undefined, clock: () => '' }))!;
  const seconds = (atNs: number): number => Number(source.model.clock.wallNs(atNs)) / 1e9;
  const why = source.timeline.marks.filter(({ kind }) => MARK_KINDS[kind] === 'trigger');
  const pauses = source.gaps.filter(({ stream }) => stream === GAP_PAUSED);
  await source.close();
  return {
    why: why.map(({ text, atNs }) => ({ text, at: seconds(atNs) })),
    pauses: pauses.map(({ fromNs, toNs }) => ({ from: seconds(fromNs), to: seconds(toNs) })),
  };
}
