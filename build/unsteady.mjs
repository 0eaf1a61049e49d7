// What a vitest JSON report says of failures, and which files are worth a second run.

/** More failures than this are no accident: nothing is run again. */
export const MOST_REPEATED = 3;

/** A file that failed before or around its tests (a hook, an import): its tests are not skipped, it is a failure. */
export const brokenSuite = ({ status, assertionResults }) =>
  status === 'failed' && !assertionResults.some((test) => test.status === 'failed');

const firstLine = (text) => (text ?? '').split('\n')[0] || 'no message';

/** Every failure of a report: its file, the test's whole name (of a broken file: "the file itself") and its error's first line. */
export function failuresOf(results) {
  return results.testResults.flatMap((suite) =>
    brokenSuite(suite)
      ? [{ file: suite.name, name: 'the file itself', error: firstLine(suite.message) }]
      : suite.assertionResults
          .filter(({ status }) => status === 'failed')
          .map(({ fullName, failureMessages }) => ({
            file: suite.name,
            name: fullName,
            error: firstLine(failureMessages?.[0]),
          })),
  );
}

/** The files to run once more: those of the failures, unless there are too many of these. */
export function filesToRepeat(results) {
  const failures = failuresOf(results);
  return failures.length > MOST_REPEATED ? [] : [...new Set(failures.map(({ file }) => file))];
}
