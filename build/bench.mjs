// npm run bench: builds, runs test/bench/*.bench.ts one after the other, and prints one table. A bench is a program
// (compiled to dist/test/bench/) that prints a line of JSON for each figure:
//   {"name": "…", "value": 12.3, "unit": "ns", "budget": 120, "ratio": 0.98}
// Budget: the value must not be above it (a "least" instead of a "budget": not below). Exit status 1 when one is missed.
import { spawnSync } from 'node:child_process';
import { build } from './build.mjs';
import { filesIn } from './stamp.mjs';
import { BuildError, ROOT, run, runAsScript } from './tools.mjs';

/** The figures that a bench printed; other lines are its remarks. */
function figures(text, file) {
  return text.split('\n').flatMap((line) => {
    if (!line.startsWith('{')) return [];
    try {
      const figure = JSON.parse(line);
      return typeof figure.name === 'string' && typeof figure.value === 'number' ? [{ ...figure, file }] : [];
    } catch {
      return [];
    }
  });
}

const rounded = (value) =>
  Math.abs(value) >= 1000 ? Math.round(value).toLocaleString('en') : String(Number(value.toPrecision(4)));

function missed({ value, budget, least }) {
  return (budget !== undefined && value > budget) || (least !== undefined && value < least);
}

function row(figure) {
  const { name, value, unit = '', budget, least, ratio } = figure;
  const limit = budget !== undefined ? `≤ ${rounded(budget)}` : least !== undefined ? `≥ ${rounded(least)}` : '';
  const verdict = limit === '' ? '' : missed(figure) ? 'MISSED' : 'ok';
  return [name, rounded(value), unit, limit, ratio === undefined ? '' : `${rounded(ratio)}×`, verdict];
}

await runAsScript(import.meta.url, (args) => {
  build();
  const wanted = args.filter((arg) => !arg.startsWith('-'));
  const files = filesIn('test/bench', (name) => name.endsWith('.bench.ts')).filter(
    (file) => wanted.length === 0 || wanted.some((word) => file.includes(word)),
  );
  if (files.length === 0) throw new BuildError('no such bench; they are test/bench/*.bench.ts');
  run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.bench.json', '--pretty', 'false']);
  const all = [];
  const broken = [];
  for (const file of files) {
    process.stderr.write(`${file}\n`);
    const program = `dist/${file.replace(/\.ts$/, '.js')}`;
    const { status, stdout } = spawnSync(process.execPath, ['--expose-gc', program], { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 2], timeout: 300_000, maxBuffer: 1 << 26 }); // prettier-ignore
    all.push(...figures(stdout ?? '', file));
    if (status !== 0) broken.push(file);
  }
  const rows = [['FIGURE', 'VALUE', 'UNIT', 'BUDGET', 'RATIO', ''], ...all.map(row)];
  const widths = rows[0].map((_, column) => Math.max(...rows.map((cells) => cells[column].length)));
  process.stdout.write(
    `\n${rows
      .map((cells) =>
        cells
          .map((cell, i) => cell.padEnd(widths[i]))
          .join('  ')
          .trimEnd(),
      )
      .join('\n')}\n`,
  );
  const late = all.filter(missed);
  if (broken.length > 0) process.stdout.write(`\nfailed: ${broken.join(', ')}\n`);
  if (late.length > 0) process.stdout.write(`\nbudget missed: ${late.map(({ name }) => name).join(', ')}\n`);
  if (broken.length + late.length > 0 || all.length === 0) process.exitCode = 1;
});
