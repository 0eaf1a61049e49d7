/** What the recording controls, the palette and the dialog of the flight recorder do. */
import type { SavedAnswer } from '../../core/contract/recording.ts';
import { formatBytes, joined } from '../draw/format.ts';
import { t } from '../language/language.ts';
import type { useEngine } from '../stores/engine.ts';

type Engine = ReturnType<typeof useEngine>;

/** `2 min`, `45 s`, `1 min 34 s`. */
export function lengthText(seconds: number): string {
  const whole = Math.round(seconds);
  const [minutes, rest] = [Math.floor(whole / 60), whole % 60];
  if (minutes === 0) return t('flight.seconds', { seconds: rest });
  return rest === 0 ? t('flight.minutes', { minutes }) : t('flight.minutesSeconds', { minutes, seconds: rest });
}

/** The usual values of a choice, and the one that is set. */
export const choices = (usual: readonly number[], now: number): number[] =>
  [...new Set([...usual, now])].sort((a, b) => a - b);

/** Something is kept that can be saved. */
export const canSave = (engine: Engine): boolean => engine.state.flight?.running === true;

/** Writes what just happened, and says where. */
export async function saveWhatHappened(engine: Engine): Promise<SavedAnswer | null> {
  if (!canSave(engine)) return null;
  const saved = await engine.act('flightSave', {});
  if (saved)
    engine.notice = {
      level: 'info',
      code: 'recorded',
      what: t('flight.saved', { length: lengthText(saved.seconds), size: joined(formatBytes(saved.bytes)) }),
      where: saved.path,
      hint: null,
    };
  return saved;
}

/** Pauses the recording under way, or goes on with it; false when there is none. */
export function togglePause(engine: Engine): boolean {
  const { recording } = engine.state;
  if (recording === null) return false;
  void engine.act('recordPause', { paused: !recording.paused });
  return true;
}
