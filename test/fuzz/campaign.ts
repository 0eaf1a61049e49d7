/** Runs one target on its seeds and on changes of them, for a number of inputs or some time. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Coverage } from './coverage.ts';
import { firstDifference, LONGEST, mutate, Random } from './mutate.ts';
import type { Target } from './target.ts';
import { Watchdog } from './watchdog.ts';

/** The checkout, whether this runs as TypeScript or compiled below dist/. */
export const ROOT = fileURLToPath(new URL('../../', import.meta.url)).replace(/\/dist\/$/, '/');
export const RESULTS = join(ROOT, 'test-results/fuzz');

/** An input that must end within this much processor time. Not wall time: the machine may be busy. */
const INPUT_CPU_MS = 5_000;
/** Looked at together when new code is searched for: asking the counters costs as much as some hundred inputs. */
const BATCH = 100;
const POPULATION_MAX = 4_000;

export interface Limits {
  readonly seed: number;
  readonly inputs?: number;
  readonly seconds?: number;
  /** Keep inputs that reach code which none before had reached; in the folder `corpus` too. */
  readonly coverage?: Coverage;
  readonly corpus?: string;
  readonly progress?: (inputs: number, population: number, blocks: number) => void;
}

export interface Outcome {
  readonly inputs: number;
  readonly blocks: number;
}

const filesIn = (folder: string): Uint8Array[] =>
  existsSync(folder)
    ? readdirSync(folder)
        .sort()
        .map((name) => new Uint8Array(readFileSync(join(folder, name))))
    : [];

const nameOf = (bytes: Uint8Array): string => createHash('sha1').update(bytes).digest('hex').slice(0, 12);

export const regressions = (target: Target): Uint8Array[] => filesIn(join(ROOT, 'test/fuzz/regressions', target.name));

class Campaign {
  readonly target: Target;
  readonly limits: Limits;
  readonly random: Random;
  readonly population: Uint8Array[];
  readonly watchdog: Watchdog;
  inputs = 0;

  constructor(target: Target, limits: Limits) {
    this.target = target;
    this.limits = limits;
    this.random = new Random(limits.seed);
    mkdirSync(RESULTS, { recursive: true });
    this.watchdog = new Watchdog(join(RESULTS, `${target.name}-hang`));
    const known = limits.corpus === undefined ? [] : filesIn(limits.corpus);
    this.population = [...target.seeds(), ...regressions(target), ...known].filter(({ length }) => length <= LONGEST);
    if (this.population.length === 0) throw new Error(`${target.name} has no seeds`);
  }

  /** One input; a failure names the file that it was kept in and how to run it again. */
  async one(bytes: Uint8Array, parent: Uint8Array): Promise<void> {
    this.inputs++;
    this.watchdog.begin(bytes);
    const before = process.cpuUsage();
    try {
      await this.target.run(bytes, parent);
      const { user, system } = process.cpuUsage(before);
      const spentMs = (user + system) / 1000;
      if (spentMs > INPUT_CPU_MS) throw new Error(`took ${Math.round(spentMs)} ms of processor time`);
    } catch (error) {
      const kept = join(RESULTS, `${this.target.name}-${nameOf(bytes)}`);
      writeFileSync(kept, bytes);
      const differs = firstDifference(bytes, parent);
      throw new Error(
        `${this.target.name}: ${(error as Error).message} (input of ${bytes.length} bytes, changed from ${differs} on, kept in ${kept}; seed ${this.limits.seed})`,
        { cause: error },
      );
    } finally {
      this.watchdog.end();
    }
  }

  next(): [Uint8Array, Uint8Array] {
    const parent = this.random.of(this.population);
    return [mutate(parent, this.random.of(this.population), this.random), parent];
  }

  keep(bytes: Uint8Array): void {
    if (this.population.length < POPULATION_MAX) this.population.push(bytes);
    else this.population[this.random.below(this.population.length)] = bytes;
    if (this.limits.corpus !== undefined) writeFileSync(join(this.limits.corpus, nameOf(bytes)), bytes);
  }
}

/** Throws at the first input for which a property does not hold. */
export async function fuzz(target: Target, limits: Limits): Promise<Outcome> {
  if (limits.corpus !== undefined) mkdirSync(limits.corpus, { recursive: true });
  const campaign = new Campaign(target, limits);
  const until = performance.now() + (limits.seconds ?? Infinity) * 1000;
  const over = (): boolean => campaign.inputs >= (limits.inputs ?? Infinity) || performance.now() > until;
  const coverage = limits.coverage ?? null;
  coverage?.clear();
  try {
    for (const seed of [...campaign.population]) await campaign.one(seed, seed);
    coverage?.take();
    while (!over()) {
      if (coverage === null) {
        await campaign.one(...campaign.next());
        continue;
      }
      const batch = Array.from({ length: BATCH }, () => campaign.next());
      for (const [bytes, parent] of batch) await campaign.one(bytes, parent);
      if (!coverage.peek()) continue;
      // Some of them reached something new: they are run once more, one by one.
      for (const [bytes, parent] of batch) {
        await campaign.one(bytes, parent);
        if (coverage.take()) campaign.keep(bytes);
      }
      limits.progress?.(campaign.inputs, campaign.population.length, coverage.blocks);
    }
  } finally {
    await campaign.watchdog.close();
  }
  return { inputs: campaign.inputs, blocks: coverage?.blocks ?? 0 };
}
