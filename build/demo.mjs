// npm run demo: records docs/demo.pcapng anew, from real traffic in network namespaces of its own (test/demo). Needs root;
// takes about a minute, most of it the recording itself.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { build } from './build.mjs';
import { BuildError, ROOT, run, runAsScript } from './tools.mjs';

await runAsScript(import.meta.url, ([file]) => {
  if (process.getuid?.() !== 0) throw new BuildError('recording the demo session needs root: sudo npm run demo');
  build();
  run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.bench.json', '--pretty', 'false']);
  const target = file ?? join(ROOT, 'docs/demo.pcapng');
  const { status } = spawnSync(process.execPath, ['dist/test/demo/record.js', target], { cwd: ROOT, stdio: 'inherit' });
  if (status !== 0) process.exitCode = 1;
});
