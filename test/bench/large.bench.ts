/**
 * Large captures: what is seen of a gigabyte within the first second, and that memory stays bounded while two gigabytes
 * go through opening and through export, against a quarter of it. Files are made on disk, and removed.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, statfsSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Engine } from '../../core/engine/engine.ts';
import { options, TestPage } from '../../core/engine/port.testkit.ts';
import { runExport } from '../../core/export/run.ts';
import { parse } from '../../core/filter/filter.ts';
import { openForeign } from '../../core/tracker/open-foreign.ts';
import { writeConversations } from './conversations.ts';
import { print } from './figure.ts';
import { come, lookAtAll, processorMs } from './first-screen.ts';

const GB = 1e9;
/** The largest file, its copy, and some air. */
const NEEDED = 5 * GB;

/** Opens it as the app does, with the views of its first screen; how long until they came, and until all was read. */
async function opening(path: string): Promise<{ firstMs: number; firstCpuMs: number; wholeMs: number }> {
  const engine = new Engine(options());
  const page = new TestPage();
  engine.connect(page);
  const [began, used] = [performance.now(), process.cpuUsage()];
  page.request({ id: 1000, method: 'open', params: { path } });
  await come(() => page.state.mode === 'replay');
  await lookAtAll(page);
  const [firstMs, firstCpuMs] = [performance.now() - began, processorMs(used)];
  if (page.state.flows === 0) throw new Error('the first screen is empty');
  await come(() => page.state.opening === null);
  const wholeMs = performance.now() - began;
  await engine.close();
  return { firstMs, firstCpuMs, wholeMs };
}

async function firstScreen(folder: string): Promise<void> {
  const path = join(folder, 'gigabyte.pcapng');
  writeConversations(path, GB);
  const first = await opening(path);
  print({ name: 'first screen of 1 GB', value: first.firstMs, unit: 'ms', budget: 1000 });
  print({ name: 'all of 1 GB read', value: first.wholeMs, unit: 'ms' });
  const again = await opening(path);
  print({
    name: '1 GB opened again, from its index, processor time',
    value: again.firstCpuMs,
    unit: 'ms',
    budget: 1000,
  });
  rmSync(path);
}

type Work = 'opening' | 'export';

/** The other process: does it, and tells the most memory that it had, in bytes. */
async function work(what: Work, path: string): Promise<void> {
  if (what === 'opening') await openForeign(path);
  else {
    const filter = parse('port == 443');
    if (!filter.ok) throw new Error('no filter');
    await runExport({
      path, format: 'pcapng', preset: 'plain', output: `${path}.copy`, force: true, filter: filter.ast,
      interfaces: [], from: null, to: null, application: 'bench',
    }); // prettier-ignore
  }
  process.stdout.write(String(process.resourceUsage().maxRSS * 1024));
}

function peak(what: Work, path: string): number {
  const { status, stdout } = spawnSync(process.execPath, [fileURLToPath(import.meta.url), what, path], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }); // prettier-ignore
  if (status !== 0) throw new Error(`${what} failed`);
  return Number(stdout);
}

function memory(folder: string): void {
  const [small, large] = [join(folder, 'half.pcapng'), join(folder, 'two.pcapng')];
  writeConversations(small, GB / 2);
  writeConversations(large, 2 * GB);
  for (const what of ['opening', 'export'] as const) {
    const [less, more] = [peak(what, small), peak(what, large)];
    print({ name: `${what} of 2 GB, most memory`, value: more / 1e6, unit: 'MB' });
    print({ name: `${what} of 2 GB, most memory / that of 0.5 GB`, value: more / less, ratio: more / less, budget: 2 });
  }
  const began = performance.now();
  copyFileSync(small, `${small}.plain`);
  const plain = performance.now() - began;
  const from = performance.now();
  peak('export', small);
  const ours = performance.now() - from;
  const name = `export of ${Math.round(statSync(small).size / 1e6)} MB by a filter`;
  print({ name: `${name}, the process included`, value: ours, unit: 'ms', ratio: ours / plain });
}

const [what, path] = process.argv.slice(2);
if (path !== undefined) await work(what as Work, path);
else {
  const folder = mkdtempSync(join(tmpdir(), 'flowglass-bench-'));
  process.env['XDG_CACHE_HOME'] = folder;
  try {
    const { bavail, bsize } = statfsSync(folder);
    if (bavail * bsize < NEEDED) process.stderr.write(`left out: ${folder} has less than ${NEEDED / GB} GB free\n`);
    else {
      await firstScreen(folder);
      memory(folder);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
