/**
 * Each reader of foreign bytes on a bounded number of changed inputs; `npm run fuzz` goes on for as long as one likes,
 * guided by coverage. The seed is another each time and named when a property fails; FLOWGLASS_FUZZ_SEED repeats one.
 */
import { describe, expect, it } from 'vitest';
import { fuzz } from './campaign.ts';
import { TARGETS } from './targets/index.ts';

/** About a second each on a slow machine; what reads files or decompresses costs more. */
const INPUTS: Record<string, number> = { compressed: 300, session: 300, frames: 1500, keyframe: 3000, flows: 2500, capture: 2500, inspector: 3000 }; // prettier-ignore
const DEFAULT_INPUTS = 6000;

const seed = Number(process.env['FLOWGLASS_FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 31));

describe('changed inputs leave every reader whole', () => {
  it.each(TARGETS.map((target) => [target.name, target] as const))('%s', async (name, target) => {
    const wanted = INPUTS[name] ?? DEFAULT_INPUTS;
    const { inputs } = await fuzz(target, { seed, inputs: wanted });
    expect(inputs).toBeGreaterThanOrEqual(wanted);
  });
});
