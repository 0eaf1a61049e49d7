import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import type { Browser, CDPSession } from 'playwright-core';
import type { ViewParams } from '../../core/contract/requests.ts';
import type { RowSet, StringInterner } from '../../core/contract/view-codec.ts';
import { launch, newPage } from '../interface/browser.ts';
import { FakeEngine } from '../interface/fake-engine.ts';
import { noise } from '../interface/fake-world.ts';
import { print, type Figure } from './figure.ts';

/**
 * Main-thread cost of a frame in Chromium while the data of one pane changes ten times a second: everything between
 * two drawn frames (decoding, Vue, style, layout, drawing), as CPU time of the renderer's main thread. Filling the
 * canvas is left out of the budget: a GPU process does it where there is a GPU; the second figure has it in software. Prints one line of JSON a figure (build/bench.mjs).
 */
const NODES = 500;
const EDGES = 2000;
const LANES = 50;
const ROWS = 1_000_000;
/** In groups, every so many lines there is a head of one. */
const GROUP_LINES = 8;
const SECONDS = 8;
const BUDGET_MS = 8;
const FRAME_MS = 16.7;
const KEY_BINS = 2 ** 32;
type Pane = 'graph' | 'timeline' | 'table' | 'table in groups' | 'all panes';

const put = (rows: RowSet, key: number, values: readonly number[]): void => {
  const row = rows.upsert(key);
  values.forEach((value, c) => ((rows.columns[c] as Float64Array)[row] = value));
};

function fillGraph(tables: RowSet[], strings: StringInterner, tick: number): void {
  const [nodes, edges] = tables as [RowSet, RowSet];
  const left = NODES / 5;
  const rate = (i: number): number => 1e4 * 10 ** (4 * noise(1, i)) * (0.6 + 0.8 * noise(i, tick));
  for (let i = 0; i < NODES; i++) {
    const side = i < left ? 0 : 1;
    put(nodes, i + 1, [
      side, i, strings.id(side ? `peer-${i}.example.net` : `service-${i}`), strings.id(side ? ':443' : String(1000 + i)), strings.id(i % 3 ? `group-${i % 40}` : null), strings.id(side ? 'domain' : 'unit'), rate(i), 4, 0, 1, strings.id(`port == ${i + 1}`), 0, 0,
    ]); // prettier-ignore
  }
  for (let i = 0; i < EDGES; i++) {
    const from = 1 + Math.floor(noise(2, i) * left);
    const to = 1 + left + Math.floor(noise(3, i) * (NODES - left));
    put(edges, i + 1, [
      from,
      to,
      rate(i) / 4,
      100 * 10 ** (4 * noise(4, i)),
      NaN,
      NaN,
      1,
      0,
      0,
      1000,
      i % 400 ? 0 : 1,
      i % 2,
      1,
      i,
    ]);
  }
}

function fillTimeline(params: ViewParams, tables: RowSet[], strings: StringInterner, tick: number): void {
  if (params.kind !== 'timeline') return;
  const [range, lanes, bins, heat] = tables as [RowSet, RowSet, RowSet, RowSet];
  // 1 M samples in a minute over 50 lanes are some 45 in each bin: what is sent is their least, greatest and mean.
  const binNs = 2 ** Math.ceil(Math.log2(60e9 / params.width));
  const toNs = 95e9 + tick * 1e8;
  put(range, 0, [toNs - 60e9, toNs, binNs, 1e6]);
  for (let lane = 0; lane < LANES; lane++) {
    put(lanes, lane, [lane, strings.id('service'), lane, strings.id(`peer-${lane}`), 443, 4000, 9000, 5000, 0, NaN, 1]);
    for (let bin = Math.floor((toNs - 60e9) / binNs); bin * binNs < toNs; bin++) {
      const us = 500 * 10 ** (1 + noise(lane, bin));
      put(bins, lane * KEY_BINS + bin, [us * 0.8, us * 1.3, us, us, us * 2, 45, 1e5 * noise(bin, lane), 0]);
    }
  }
  for (let cell = Math.floor((toNs - 60e9) / binNs / 4); cell * binNs * 4 < toNs; cell++)
    for (let row = 0; row < 32; row++) put(heat, cell * 64 + row, [1 + Math.floor(noise(row, cell) * 900)]);
}

function fillTable(params: ViewParams, tables: RowSet[], strings: StringInterner, tick: number): void {
  if (params.kind !== 'table') return;
  const [info, rows, groups] = tables as [RowSet, RowSet, RowSet];
  put(info, 0, [ROWS, ROWS, ROWS]);
  const spark = strings.id('AEIMQUYcgkosw048AEIMQUYcgkosw0');
  const dist = strings.id('AAAAAABEIMQUYcgkosw048AEIMQU'.slice(0, 24));
  for (let rank = params.from; rank < Math.min(ROWS, params.from + params.count); rank++) {
    const n = noise(rank, tick);
    if (params.group !== null && rank % GROUP_LINES === 0) {
      put(groups, rank, [rank, strings.id(`port ${rank}`), strings.id(`port == ${rank}`), 1, GROUP_LINES - 1, GROUP_LINES - 1, 0, n * 1e7, n * 1e9, n * 1e8, n * 1e5, 0]); // prettier-ignore
      continue;
    }
    put(rows, rank, [
      rank, 3, rank % 9 ? 0 : 1, 1, strings.id('service'), rank % 32_768, 0, strings.id('group'), strings.id(`peer-${rank % 1000}.example.net`), 443, strings.id('192.0.2.41'), strings.id('TCP'), strings.id('TLS 1.3 h2'), n * 1e7, spark, n * 1e9, n * 1e8, n * 1e5, n * 1e5, n * 3e5, n * 1e5, n * 1e6, dist, 0, 0, tick * 1e8, 0, 0, strings.id('tcp'), strings.id('eth0'), 0, 0,
    ]); // prettier-ignore
  }
}

interface TraceEvent {
  name: string;
  ph: string;
  ts: number;
  dur?: number;
  /** CPU time of the thread, µs: what other programs of the machine take is not in it. */
  tdur?: number;
  pid: number;
  tid: number;
  args: { name?: string };
}

async function trace(session: CDPSession, ms: number): Promise<TraceEvent[]> {
  const events: TraceEvent[] = [];
  session.on('Tracing.dataCollected', ({ value }) => events.push(...(value as unknown as TraceEvent[])));
  const done = new Promise<void>((resolve_) => session.once('Tracing.tracingComplete', () => resolve_()));
  await session.send('Tracing.start', {
    transferMode: 'ReportEvents',
    traceConfig: { includedCategories: ['devtools.timeline', 'disabled-by-default-devtools.timeline', 'toplevel'] },
  });
  await new Promise((resolve_) => setTimeout(resolve_, ms));
  await session.send('Tracing.end');
  await done;
  return events;
}

/** Steps that only a drawn frame has. */
const DRAWN = new Set(['FireAnimationFrame', 'Commit', 'Paint']);
/** Main-thread milliseconds of each drawn frame: all of it, and without handing over what was drawn. */
function frames(events: TraceEvent[]): { all: number[]; own: number[] } {
  const fired = events.filter(({ name }) => DRAWN.has(name));
  const counts = new Map<string, number>();
  const thread = ({ pid, tid }: TraceEvent): string => `${pid} ${tid}`;
  for (const event of fired) counts.set(thread(event), (counts.get(thread(event)) ?? 0) + 1);
  const main = [...counts].sort((a, b) => b[1] - a[1])[0]?.[0];
  const mine = events.filter((event) => thread(event) === main && event.ph === 'X').sort((a, b) => a.ts - b.ts);
  const cost = (event: TraceEvent): number => (event.tdur ?? event.dur ?? 0) / 1000;
  const all: number[] = [];
  const own: number[] = [];
  let sum = 0;
  let raster = 0;
  let marks = mine.filter(({ name }) => DRAWN.has(name));
  for (const task of mine.filter(({ name }) => name === 'RunTask')) {
    sum += cost(task);
    const end = task.ts + (task.dur ?? 0);
    const inside = marks.findIndex(({ ts }) => ts > end);
    const ended = inside < 0 ? marks : marks.slice(0, inside);
    marks = inside < 0 ? [] : marks.slice(inside);
    for (const mark of ended) if (mark.name === 'Commit') raster += cost(mark);
    if (ended.length === 0) continue;
    all.push(sum);
    own.push(sum - raster);
    sum = raster = 0;
  }
  return { all: all.slice(1), own: own.slice(1) };
}

const quantile = (values: number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? NaN;

async function measure(browser: Browser, pane: Pane): Promise<Figure[]> {
  const grouped = pane === 'table in groups';
  const moves = (kind: string): boolean => pane === 'all panes' || pane === kind || (grouped && kind === 'table');
  const engine = await new FakeEngine({
    scenario: 'live',
    page: resolve('dist/renderer'),
    fill: (params, tables, strings, tick) => {
      const now = moves(params.kind) ? tick : 0;
      if (params.kind === 'graph') fillGraph(tables, strings, now);
      else if (params.kind === 'timeline') fillTimeline(params, tables, strings, now);
      else if (params.kind === 'table') fillTable(params, tables, strings, now);
    },
  }).start();
  const { page, context } = await newPage(browser);
  try {
    await page.goto(engine.url);
    await page.locator('[id^="flow-row-"]').first().waitFor();
    let scrolling = pane === 'table' || grouped;
    if (grouped) {
      await page.getByRole('button', { name: 'Group by…' }).click();
      await page.getByRole('menuitemcheckbox', { name: 'By port' }).click();
      await page.locator('[id^="flow-group-"]').first().waitFor();
    }
    const box = await page.getByLabel('Flows', { exact: true }).last().boundingBox();
    if (box) await page.mouse.move(box.x + 300, box.y + 100);
    const scroll = (async () => {
      while (scrolling) {
        await page.mouse.wheel(0, 18);
        await page.waitForTimeout(25);
      }
    })();
    await page.waitForTimeout(2500);
    const costs = frames(await trace(await context.newCDPSession(page), SECONDS * 1000));
    scrolling = false;
    await scroll;
    const size = { graph: `${NODES} nodes, ${EDGES} edges`, timeline: `1 M samples, ${LANES} lanes`, table: `${ROWS} rows, scrolling`, 'table in groups': `${ROWS} rows, scrolling`, 'all panes': 'all of it' }[pane]; // prettier-ignore
    return [
      { name: `${pane} frame, ${size}: p95 on the main thread`, value: quantile(costs.own, 0.95), unit: 'ms', budget: pane === 'all panes' ? FRAME_MS : BUDGET_MS },
      { name: `${pane} frame with the canvas filled in software: p95`, value: quantile(costs.all, 0.95), unit: 'ms' },
      { name: `${pane} frame: median of ${costs.own.length}`, value: quantile(costs.own, 0.5), unit: 'ms' },
    ]; // prettier-ignore
  } finally {
    await context.close();
    await engine.stop();
  }
}

/** Builds the page and measures each pane; the last figure, all panes at once, is against the 16.7 ms of a frame. */
export async function run(): Promise<Figure[]> {
  const built = spawnSync('node_modules/.bin/vite', ['build', '-c', 'renderer/vite.config.ts', '--logLevel', 'error'], { stdio: ['ignore', 2, 2] }); // prettier-ignore
  if (built.status !== 0) throw new Error('the page could not be built');
  const browser = await launch();
  try {
    const rows: Figure[] = [];
    for (const pane of ['graph', 'timeline', 'table', 'table in groups', 'all panes'] as const)
      rows.push(...(await measure(browser, pane)));
    return rows;
  } finally {
    await browser.close();
  }
}

for (const row of await run()) print(row);
