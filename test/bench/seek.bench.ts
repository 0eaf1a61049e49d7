/**
 * Seeking in a session of an hour, in processor time: from the wish to graph, table and timeline of that moment as they
 * are sent to the page (drawing them is in interface.bench). Forwards and back, near and far, in no order of time. The
 * budget is for what a workstation does in an hour; the state of a busy server, ten times as much, is told beside it.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Engine } from '../../core/engine/engine.ts';
import { options, TestPage } from '../../core/engine/port.testkit.ts';
import { traffic, writeSession } from '../../core/engine/session.testkit.ts';
import { median, print } from './figure.ts';
import { come, lookAtAll, processorMs } from './first-screen.ts';

const HOUR = 3600;
const SEEKS = 40;
const SPREAD = 0x9e3779b1;

async function seeks(page: TestPage): Promise<number[]> {
  const costs: number[] = [];
  for (let i = 0; i < SEEKS; i++) {
    const atNs = ((Math.imul(i + 1, SPREAD) >>> 0) / 2 ** 32) * HOUR * 1e9;
    const before = page.views.length;
    const began = process.cpuUsage();
    page.request({ id: 1000 + i, method: 'seek', params: { atNs } });
    await come(() => page.views.length >= before + 3);
    costs.push(processorMs(began));
  }
  return costs;
}

const folder = mkdtempSync(join(tmpdir(), 'flowglass-bench-'));
try {
  for (const { flows, lasting, passing, budget } of [
    { flows: '7,250', lasting: 50, passing: 2, budget: { budget: 150 } },
    { flows: '72,100', lasting: 100, passing: 20, budget: {} },
  ]) {
    const name = `an hour of ${flows} flows`;
    const path = join(folder, 'hour.pcapng');
    writeSession(path, traffic({ lasting, passing }, HOUR));
    const engine = new Engine(options());
    const page = new TestPage();
    engine.connect(page);
    const began = process.cpuUsage();
    page.request({ id: 999, method: 'open', params: { path } });
    await come(() => page.state.mode === 'replay');
    const opened = processorMs(began);
    const megabytes = Math.round(statSync(path).size / 1e6);
    print({ name: `opening ${name}, ${megabytes} MB`, value: opened, unit: 'ms' });
    await lookAtAll(page);
    const costs = (await seeks(page)).sort((a, b) => a - b);
    print({ name: `seek in ${name}, median`, value: median(costs), unit: 'ms', ...budget });
    print({ name: `seek in ${name}, p95`, value: costs[Math.floor(SEEKS * 0.95)] ?? NaN, unit: 'ms', ...budget });
    await engine.close();
    rmSync(path);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
