import { expect, it } from 'vitest';
import { MOST_REPEATED, failuresOf, filesToRepeat } from './unsteady.mjs';

const test = (fullName: string, error?: string) => ({
  fullName,
  status: error === undefined ? 'passed' : 'failed',
  failureMessages: error === undefined ? [] : [`${error}\n    at a stack`],
});
const file = (name: string, ...assertionResults: ReturnType<typeof test>[]) => ({
  name,
  status: assertionResults.some(({ status }) => status === 'failed') ? 'failed' : 'passed',
  message: '',
  assertionResults,
});

it('names each failure with the first line of its error', () => {
  const results = { testResults: [file('a', test('one'), test('two', 'expected 1')), file('b', test('three'))] };
  expect(failuresOf(results)).toEqual([{ file: 'a', name: 'two', error: 'expected 1' }]);
  expect(filesToRepeat(results)).toEqual(['a']);
});

it('takes a file that could not run for a failure', () => {
  const broken = { name: 'c', status: 'failed', message: 'no such module\nstack', assertionResults: [] };
  expect(failuresOf({ testResults: [broken] })).toEqual([
    { file: 'c', name: 'the file itself', error: 'no such module' },
  ]);
});

it('runs nothing again when much failed, and a file only once', () => {
  const failed = (count: number) => Array.from({ length: count }, (_, i) => test(`t${i}`, 'wrong'));
  expect(filesToRepeat({ testResults: [file('a', ...failed(MOST_REPEATED))] })).toEqual(['a']);
  expect(filesToRepeat({ testResults: [file('a', ...failed(MOST_REPEATED)), file('b', ...failed(1))] })).toEqual([]);
  expect(filesToRepeat({ testResults: [file('a', test('fine'))] })).toEqual([]);
});
