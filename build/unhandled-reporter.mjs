// A vitest reporter for build/test.mjs: how many errors belong to no test (its JSON report does not tell).
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** Writes `{"unhandled": N}` into the file that FLOWGLASS_UNHANDLED names when the run ends. */
export default class UnhandledReporter {
  onTestRunEnd(_modules, errors) {
    const file = process.env['FLOWGLASS_UNHANDLED'];
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, JSON.stringify({ unhandled: errors.length }));
  }
}
