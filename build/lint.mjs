// npm run lint: linter, formatter and types; each is run even when another complained.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, runAsScript } from './tools.mjs';

/** Runs a tool of node_modules in the foreground; true when it was content. */
export function tool(script, ...args) {
  const { status } = spawnSync(process.execPath, [join('node_modules', script), ...args], {
    cwd: ROOT,
    stdio: 'inherit',
  });
  return status === 0;
}

/** True when nobody complained. */
export function lint() {
  const page = existsSync(join(ROOT, 'renderer/tsconfig.json'));
  return [
    tool('eslint/bin/eslint.js', '.'),
    tool('prettier/bin/prettier.cjs', '--check', '--log-level', 'warn', '.'),
    tool('typescript/bin/tsc', '-p', 'tsconfig.json', '--noEmit', '--pretty', 'false'),
    !page || tool('vue-tsc/bin/vue-tsc.js', '-p', 'renderer/tsconfig.json', '--noEmit', '--pretty', 'false'),
  ].every(Boolean);
}

await runAsScript(import.meta.url, () => {
  if (!lint()) process.exitCode = 1;
});
