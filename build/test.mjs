// npm test: builds, lints, and runs every test that this user and machine can run. The last line counts them:
// `Tests: N passed, M failed, K skipped`. Exit status 1 when anything failed, or when nothing ran. The files of a few
// failed tests run once more (docs/decisions/0033); what passes only then is counted, named and shown as unsteady.
//
//   node build/test.mjs [--kernels] [--unit] [FILTER…]     only the VM suites, only what needs no privilege, only these files
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from './build.mjs';
import { lint, tool } from './lint.mjs';
import { ROOT, runAsScript } from './tools.mjs';
import { brokenSuite, failuresOf, filesToRepeat } from './unsteady.mjs';

const RESULTS = 'test-results/vitest.json';
const REPEATED = 'test-results/vitest-repeated.json';
const UNHANDLED = 'test-results/unhandled.json';

/** Names of the suites of which tests were skipped, with how many. */
function skippedSuites(results) {
  const suites = new Map();
  for (const file of results.testResults.filter((each) => !brokenSuite(each))) {
    for (const test of file.assertionResults) {
      if (test.status === 'passed' || test.status === 'failed') continue;
      const name = `${file.name.replace(`${ROOT}/`, '')}: ${test.ancestorTitles[0] ?? test.title}`;
      suites.set(name, (suites.get(name) ?? 0) + 1);
    }
  }
  return [...suites];
}

/** Runs vitest; whether all passed, its JSON report (null when it wrote none), and whether an error belonged to no test. */
function vitest(report, projects, ...options) {
  for (const file of [report, UNHANDLED]) rmSync(join(ROOT, file), { force: true });
  process.env['FLOWGLASS_UNHANDLED'] = join(ROOT, UNHANDLED);
  const passed = tool('vitest/vitest.mjs', 'run', ...projects.flatMap((name) => ['--project', name]), '--reporter=default', '--reporter=json', '--reporter=./build/unhandled-reporter.mjs', `--outputFile.json=${report}`, ...options); // prettier-ignore
  const read = (file) => (existsSync(join(ROOT, file)) ? JSON.parse(readFileSync(join(ROOT, file), 'utf8')) : null);
  return { passed, results: read(report), unhandled: read(UNHANDLED)?.unhandled !== 0 };
}

/** Runs the files of a few failures once more, one after the other. What failed at first but passes now, by name and error. */
function repeat(results, projects) {
  const files = filesToRepeat(results);
  if (files.length === 0) return [];
  const names = files.map((file) => file.replace(`${ROOT}/`, ''));
  process.stdout.write(`\nOnce more, alone: ${names.join(', ')}\n`);
  const again = vitest(REPEATED, projects, '--no-file-parallelism', ...names);
  if (again.unhandled || again.results === null || again.results.numTotalTests === 0) return [];
  const still = new Set(failuresOf(again.results).map(({ file }) => file));
  return failuresOf(results).filter(({ file }) => !still.has(file));
}

async function main(args) {
  const started = performance.now();
  build();
  const kernels = args.includes('--kernels');
  const only = kernels ? ['vm', 'vm-long'] : args.includes('--unit') ? ['unit'] : [];
  const projects = only.length > 0 ? only : ['unit', 'interface', 'kernel', 'vm'];
  const filters = args.filter((arg) => !arg.startsWith('--'));
  const linted = filters.length > 0 || only.length > 0 || lint();
  mkdirSync(join(ROOT, 'test-results'), { recursive: true });
  const { passed: ran, results, unhandled } = vitest(RESULTS, projects, ...filters);
  const failures = results === null ? [] : failuresOf(results);
  const unsteady = ran || results === null ? [] : repeat(results, projects);
  const failed = failures.length - unsteady.length;
  const passed = results?.numPassedTests ?? 0;
  const skipped = Math.max(0, (results?.numTotalTests ?? 0) - passed - (results?.numFailedTests ?? 0));
  const left = results === null ? [] : skippedSuites(results);
  if (left.length > 0) {
    const why =
      process.getuid?.() === 0 ? 'this machine lacks what they need' : 'they need root, or what this machine lacks';
    process.stdout.write(`\nLeft out, ${why}:\n${left.map(([name, count]) => `  ${name} (${count})\n`).join('')}`);
  }
  if (unsteady.length > 0) {
    const named = unsteady.map(({ file, name, error }) => `  ${file.replace(`${ROOT}/`, '')}: ${name}\n    ${error}\n`);
    process.stdout.write(`\nUNSTEADY, failed at first and passed only when run again (a defect to be found):\n${named.join('')}`); // prettier-ignore
  }
  if (unhandled) process.stdout.write('\nAn error belonged to no test: see above.\n');
  if (!linted) process.stdout.write('\nThe linter, the formatter or the compiler complained: see the beginning.\n');
  if (passed + failed === 0) process.stdout.write('\nNo test ran.\n');
  process.stdout.write(`\nTook ${Math.round((performance.now() - started) / 1000)} s\n`);
  const counted = unsteady.length > 0 ? `, ${unsteady.length} unsteady` : '';
  process.stdout.write(`Tests: ${passed} passed, ${failed} failed, ${skipped} skipped${counted}\n`);
  // A run that failed without a failed test (an unhandled error, a crash) stays failed.
  if ((!ran && unsteady.length === 0) || unhandled || !linted || failed > 0 || passed === 0) process.exitCode = 1;
}

await runAsScript(import.meta.url, main);
