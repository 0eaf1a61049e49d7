/**
 * What a person waits for, in Chromium on `flowglass serve` and a laboratory's interface: from starting the command to the
 * page that watches, from starting the program that sends a packet (a few milliseconds before it does) to the row being
 * drawn, and what watching costs while nothing happens.
 */
import { readFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import type { Page } from 'playwright-core';
import { launch, newPage } from '../interface/browser.ts';
import { flowglass } from '../lab/flowglass.ts';
import { Lab } from '../lab/lab.ts';
import { median, needRoot, print } from './figure.ts';

needRoot();
const STARTS = 5;
const PACKETS = 40;
const FIRST_PORT = 20_000;
const IDLE_SECONDS = 10;
const PERCENTILE = 0.95;
const TICKS_A_SECOND = 100; // USER_HZ of /proc/<pid>/stat, proc(5)

const percentile = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.ceil(values.length * PERCENTILE) - 1] ?? NaN;

/** Resolves in the page, with its wall clock, after the frame in which a row of the table has this text was drawn. */
const drawn = (text: string): string => `new Promise((resolve) => {
  const look = () => {
    if (![...document.querySelectorAll('[role=row]')].some((row) => row.textContent.includes(${JSON.stringify(text)}))) return;
    observer.disconnect();
    requestAnimationFrame(() => setTimeout(() => resolve(performance.timeOrigin + performance.now())));
  };
  const observer = new MutationObserver(look);
  observer.observe(document.body, { subtree: true, childList: true, characterData: true });
  look();
})`;

async function filter(page: Page, text: string): Promise<void> {
  await page.keyboard.press('/');
  await page.keyboard.press('Control+A');
  await page.keyboard.type(text);
  await page.keyboard.press('Enter');
  await page.keyboard.press('Escape');
  await page.keyboard.press('Escape');
}

/** Seconds of CPU that a process used, user and kernel. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND;
}

const childrenOf = (pid: number): number[] =>
  spawnSync('ps', ['-o', 'pid=', '--ppid', String(pid)], { encoding: 'utf8' }).stdout.split(/\s+/).filter(Boolean).map(Number); // prettier-ignore

const lab = new Lab();
const browser = await launch();
try {
  const client = lab.host('client');
  const server = lab.host('server');
  const link = lab.link(client, server);

  const start = async () => {
    const serving = flowglass(['serve', '--netns', client.name, '-i', 'veth0']);
    await serving.until('an address', ({ stdout }) => stdout.startsWith('http'));
    const { page, context } = await newPage(browser);
    await page.goto(serving.stdout.trim());
    await page.getByRole('heading', { name: 'Connections' }).waitFor();
    return { serving, page, context };
  };

  const starts: number[] = [];
  for (let round = 0; round < STARTS; round++) {
    const begin = performance.now();
    const { serving, context } = await start();
    starts.push(performance.now() - begin);
    await context.close();
    await serving.stop('SIGTERM', 15_000);
  }
  print({ name: 'cold start: command to a page that watches (browser running)', value: median(starts), unit: 'ms' });

  const { serving, page, context } = await start();
  const waits: number[] = [];
  for (let port = FIRST_PORT; port < FIRST_PORT + PACKETS; port++) {
    await filter(page, `port == ${port}`);
    const seen = page.evaluate(drawn(`:${port}`)) as Promise<number>;
    await page.evaluate('0'); // the observer is there
    const begin = performance.timeOrigin + performance.now();
    const sender = client.start('client', ['udp', '--to', link.right.v4, '--port', port, '--send', 100]);
    waits.push((await seen) - begin);
    await sender.done;
  }
  print({ name: 'program that sends a packet started, to its row drawn, median', value: median(waits), unit: 'ms' });
  print({
    name: 'program that sends a packet started, to its row drawn, p95',
    value: percentile(waits),
    unit: 'ms',
    budget: 250,
  });

  const helpers = childrenOf(serving.pid);
  const used = (): [number, number] => [
    cpuSeconds(serving.pid) + helpers.reduce((sum, pid) => sum + cpuSeconds(pid), 0),
    helpers.reduce((sum, pid) => sum + cpuSeconds(pid), 0),
  ];
  await page.waitForTimeout(2000);
  const before = used();
  await page.waitForTimeout(IDLE_SECONDS * 1000);
  const [all, helper] = used().map((now, i) => ((now - (before[i] ?? NaN)) / IDLE_SECONDS) * 100) as [number, number];
  print({ name: 'attached and idle, helper', value: helper, unit: '% of a core', budget: 0.5 });
  print({ name: 'attached and idle, helper and engine', value: all, unit: '% of a core', budget: 2 });
  await context.close();
  await serving.stop('SIGTERM', 15_000);
} finally {
  await browser.close();
  lab.dispose();
}
