/**
 * `npm run fuzz [-- TARGET…] [--minutes N] [--seed N]`: each target for a share of the time (10 minutes in all by
 * default), guided by coverage. Inputs that reach new code are kept in test-results/fuzz/corpus and used again next time.
 */
import { join } from 'node:path';
import { Coverage } from './coverage.ts';

const coverage = new Coverage();
coverage.start();
const { fuzz, RESULTS } = await import('./campaign.ts');
const { TARGETS } = await import('./targets/index.ts');

function numberAfter(args: string[], option: string, otherwise: number): number {
  const at = args.indexOf(option);
  if (at < 0) return otherwise;
  const value = Number(args.splice(at, 2)[1]);
  if (!Number.isFinite(value) || value < 0) throw new Error(`${option} takes a number`);
  return value;
}

const args = process.argv.slice(2);
const minutes = numberAfter(args, '--minutes', 10);
const seed = numberAfter(args, '--seed', Math.floor(Math.random() * 2 ** 31));
const unknown = args.filter((name) => !TARGETS.some((target) => target.name === name));
if (unknown.length > 0) throw new Error(`no target ${unknown.join()}: ${TARGETS.map(({ name }) => name).join(' ')}`);
const wanted = TARGETS.filter(({ name }) => args.length === 0 || args.includes(name));

for (const target of wanted) {
  let population = 0;
  try {
    const { inputs, blocks } = await fuzz(target, {
      seed,
      seconds: (minutes * 60) / wanted.length,
      coverage,
      corpus: join(RESULTS, 'corpus', target.name),
      progress: (_inputs, kept) => (population = kept),
    });
    process.stdout.write(`${target.name}: ${inputs} inputs, ${population} kept, ${blocks} blocks of code, no fault\n`);
  } catch (error) {
    process.stdout.write(`${(error as Error).message}\n`);
    const { cause } = error as Error;
    if (cause instanceof Error) process.stdout.write(`${cause.stack ?? ''}\n`);
    process.exitCode = 1;
  }
}
