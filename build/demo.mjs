// npm run demo: records docs/demo.pcapng anew, from real traffic in network namespaces of its own (test/demo). Needs root;
// takes about a minute, most of it the recording itself.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { build } from './build.mjs';
import { BuildError, ROOT, run, runAsScript } from './tools.mjs';

/**
 * Starts the recording as a child of nobody and waits for it: a session tells the ancestors of its processes, and whose
 * shell this is belongs in no demo.
 */
function recordDetached(target) {
  const directory = mkdtempSync(join(tmpdir(), 'flowglass-demo-'));
  const log = join(directory, 'log');
  try {
    const launch = `
      const { spawn } = require('node:child_process');
      const { openSync } = require('node:fs');
      const [log, target] = process.argv.slice(1);
      const out = openSync(log, 'w');
      const child = spawn(process.execPath, ['dist/test/demo/record.js', target], { detached: true, stdio: ['ignore', out, out] });
      child.unref();
      console.log(child.pid);`;
    const { stdout } = spawnSync(process.execPath, ['-e', launch, log, target], { cwd: ROOT, encoding: 'utf8' });
    const before = statSync(resolve(ROOT, target), { throwIfNoEntry: false })?.mtimeMs ?? 0;
    const pid = Number(stdout);
    while (alive(pid)) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
    process.stdout.write(readFileSync(log, 'utf8'));
    return (statSync(resolve(ROOT, target), { throwIfNoEntry: false })?.mtimeMs ?? 0) > before;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function alive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

await runAsScript(import.meta.url, ([file]) => {
  if (process.getuid?.() !== 0) throw new BuildError('recording the demo session needs root: sudo npm run demo');
  build();
  run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.bench.json', '--pretty', 'false']);
  const target = file === undefined ? 'docs/demo.pcapng' : resolve(file);
  if (!recordDetached(target)) process.exitCode = 1;
});
