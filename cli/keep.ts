/** `record --keep` and `--when`: what is kept, what has it written, and what is said of it. */
import type { Recording } from '../core/engine/recorder.ts';
import { leftRings } from '../core/flight-recorder/paths.ts';
import type { RingLimits } from '../core/flight-recorder/ring.ts';
import type { Fired } from '../core/flight-recorder/trigger-watch.ts';
import { requireTrigger, type Trigger } from '../core/flight-recorder/trigger.ts';
import type { Joined } from '../core/session/join.ts';
import { usageError, type Given } from './command.ts';
import { badValue, parseDuration, parseRotation, sizeText } from './quantities.ts';
import { note } from './terminal.ts';

export const KEEP_OPTIONS = {
  keep: { value: 'TIME|SIZE', help: 'keep only the last 5m, or 500MB, and write it when asked' },
  when: { value: 'TRIGGER', multiple: true, help: 'write what is kept when this happens (without --keep: 1m)' },
  'when-for': { value: 'TIME', help: 'go on recording for so long after a trigger (default 30s)' },
} as const;

export const KEEP_DETAILS = `\
With --keep nothing is written but the last 5m (or 500MB): SIGUSR1, or a trigger, writes it into FILE-00001 and so on.
A trigger is a filter, of a flow or with "session:" of all of them, e.g. 'rtt.p99 > 200ms', 'retransmits > 20 within 1s',
'session: resets > 50 within 10s', or 'new peer' (docs/filter.md).`;

/** What --keep, --when and --when-for ask for. */
export interface Kept {
  readonly limits: RingLimits;
  readonly triggers: readonly Trigger[];
  readonly afterMs: number;
}

/** Of --keep with a time: what it may take up on the disk all the same. */
const KEEP_MAX_BYTES = 1e9;
const KEEP_MIN_MS = 1000;
const KEEP_MIN_BYTES = 1e6;
const AFTER_MS = 30_000;

/** Options of the flight recorder; null without them. */
export function readKeep(given: Given): Kept | null {
  const texts = given.texts('when');
  const keep = given.text('keep') ?? (texts.length > 0 ? '1m' : undefined);
  const after = given.text('when-for');
  if (after !== undefined && texts.length === 0) throw usageError('--when-for needs --when', 'command line', "say what starts a recording, e.g. --when 'rtt.p99 > 200ms'"); // prettier-ignore
  if (keep === undefined) return null;
  const alone = ['rotate', 'ring'].find((name) => given.has(name));
  if (alone !== undefined) throw usageError(`--keep and --${alone} exclude each other`, 'command line', 'give one of them: what --keep holds is bounded by itself'); // prettier-ignore
  if (given.text('write') === '-') throw usageError('--keep needs files', 'standard output', 'give -w a file name');
  return {
    limits: readLimits(keep),
    triggers: texts.map((text) => requireTrigger(text, '--when')),
    afterMs: after === undefined ? AFTER_MS : parseDuration('--when-for', after),
  };
}

function readLimits(text: string): RingLimits {
  const length = parseRotation('--keep', text);
  const tooLittle = 'ms' in length ? length.ms < KEEP_MIN_MS : length.bytes < KEEP_MIN_BYTES;
  if (tooLittle) throw badValue('--keep', text, 'give at least 1s or 1MB');
  return 'ms' in length ? { ms: length.ms, bytes: KEEP_MAX_BYTES } : { ms: null, bytes: length.bytes };
}

/** What is held, and how to have it written. */
export function keptText({ limits, triggers }: Kept): string {
  const length = limits.ms === null ? sizeText(limits.bytes) : `${limits.ms / 1000} s`;
  const when = triggers.length === 0 ? '' : `, or when ${triggers.map(({ text }) => text).join(', or when ')}`;
  return `and keeping the last ${length} only: kill -USR1 ${process.pid} writes it${when}`;
}

/** Says which rings were left behind by recorders of the same file that were killed. */
export function tellLeftRings(path: string): void {
  for (const folder of leftRings(path))
    note('warning', `a recorder that was killed left its last minutes in ${folder}: its files open; delete it when you need them no more`); // prettier-ignore
}

export function tellFired({ evidence, trigger }: Fired, path: string | null): void {
  note('warning', `${trigger.text}: ${evidence}${path === null ? '' : `, recording into ${path}`}`);
}

/** A file that was written from what was kept, and from when on it tells. */
export function tellSaved({ path, bytes, fromNs, toNs, counts }: Joined, recording: Recording): void {
  const wallNs = recording.wallNs(fromNs);
  const from = wallNs === null ? '' : ` from ${new Date(Number(wallNs / 1_000_000n)).toISOString()} on`;
  note('warning', `wrote ${path} (${sizeText(bytes)}, ${counts.packets} packet records, ${(Number(toNs - fromNs) / 1e9).toFixed(1)} s${from})`); // prettier-ignore
}

/** A failure that does not end the recording. */
export function complain(error: unknown): void {
  note('error', error instanceof Error ? error.message : String(error));
}
