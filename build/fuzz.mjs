// npm run fuzz: builds, then runs test/fuzz/main.ts (compiled), which says what it takes.
import { spawnSync } from 'node:child_process';
import { build } from './build.mjs';
import { ROOT, run, runAsScript } from './tools.mjs';

await runAsScript(import.meta.url, (args) => {
  build();
  run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.bench.json', '--pretty', 'false']);
  const { status } = spawnSync(process.execPath, ['dist/test/fuzz/main.js', ...args], { cwd: ROOT, stdio: 'inherit' });
  if (status !== 0) process.exitCode = 1;
});
