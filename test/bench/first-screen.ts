/** What the app looks at when it shows a source, for benches of the engine. */
import type { TestPage } from '../../core/engine/port.testkit.ts';

/** Opens graph, table and timeline, and waits until each has come. */
export async function lookAtAll(page: TestPage): Promise<void> {
  await page.look(1, { kind: 'graph', edges: 400, groupLeft: 'unit', groupRight: 'name', find: '', windowMs: 5000 });
  await page.look(2, { kind: 'table', sort: [], from: 0, count: 60, show: 'all' });
  await page.look(3, { kind: 'timeline', flows: [], also: null, lanes: 8, fromNs: null, toNs: null, spanNs: 60e9, width: 440 }); // prettier-ignore
}

export async function come(there: () => boolean): Promise<void> {
  while (!there()) await new Promise((resolve) => setTimeout(resolve, 1));
}

/** Of this process, in ms: what else the machine does is left out. */
export function processorMs(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1000;
}
