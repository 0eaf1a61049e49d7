import type { CaptureResult } from './parser.ts';

/**
 * One sentence for a capture that was cut or damaged: the first thing that is wrong, its byte offset (in the decompressed
 * file), and what could be read all the same. Null when nothing was lost.
 */
export function damageOf(result: CaptureResult): string | null {
  const first = result.problems.find(({ damage }) => damage);
  if (first === undefined) return null;
  const where = first.what.includes(` byte ${first.at}`) ? '' : ` at byte ${first.at}`;
  const packets = result.packets === 1 ? '1 packet was' : `${result.packets} packets were`;
  const lost = result.damaged > 0 ? `, ${result.damaged} could not be` : '';
  const more = result.problemCount > 1 ? ` (the first of ${result.problemCount} faults)` : '';
  return `${first.what}${where}${more}: ${packets} read${lost}`;
}
