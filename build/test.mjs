// npm test: builds, lints, and runs every test that this user and machine can run. The last line counts them:
// `Tests: N passed, M failed, K skipped`. Exit status 1 when anything failed, or when nothing ran.
//
//   node build/test.mjs [--kernels] [--unit] [FILTER…]     only the VM suites, only what needs no privilege, only these files
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from './build.mjs';
import { lint, tool } from './lint.mjs';
import { ROOT, runAsScript } from './tools.mjs';

const RESULTS = 'test-results/vitest.json';

/** A file that failed before or around its tests (a hook, an import): its tests are not skipped, it is a failure. */
const brokenSuite = ({ status, assertionResults }) =>
  status === 'failed' && !assertionResults.some((test) => test.status === 'failed');

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

async function main(args) {
  const started = performance.now();
  build();
  const kernels = args.includes('--kernels');
  const only = kernels ? ['vm', 'vm-long'] : args.includes('--unit') ? ['unit'] : [];
  const projects = only.length > 0 ? only : ['unit', 'kernel', 'vm'];
  const filters = args.filter((arg) => !arg.startsWith('--'));
  const linted = filters.length > 0 || only.length > 0 || lint();
  mkdirSync(join(ROOT, 'test-results'), { recursive: true });
  rmSync(join(ROOT, RESULTS), { force: true });
  const ran = tool('vitest/vitest.mjs', 'run', ...projects.flatMap((name) => ['--project', name]), '--reporter=default', '--reporter=json', `--outputFile.json=${RESULTS}`, ...filters); // prettier-ignore
  const results = existsSync(join(ROOT, RESULTS)) ? JSON.parse(readFileSync(join(ROOT, RESULTS), 'utf8')) : null;
  const broken = results?.testResults.filter(brokenSuite).length ?? 0;
  const [passed, failed] = [results?.numPassedTests ?? 0, (results?.numFailedTests ?? 0) + broken];
  const skipped = Math.max(0, (results?.numTotalTests ?? 0) - passed - failed);
  const left = results === null ? [] : skippedSuites(results);
  if (left.length > 0) {
    const why =
      process.getuid?.() === 0 ? 'this machine lacks what they need' : 'they need root, or what this machine lacks';
    process.stdout.write(`\nLeft out, ${why}:\n${left.map(([name, count]) => `  ${name} (${count})\n`).join('')}`);
  }
  if (!linted) process.stdout.write('\nThe linter, the formatter or the compiler complained: see the beginning.\n');
  if (passed + failed === 0) process.stdout.write('\nNo test ran.\n');
  process.stdout.write(`\nTook ${Math.round((performance.now() - started) / 1000)} s\n`);
  process.stdout.write(`Tests: ${passed} passed, ${failed} failed, ${skipped} skipped\n`);
  if (!ran || !linted || failed > 0 || passed === 0) process.exitCode = 1;
}

await runAsScript(import.meta.url, main);
