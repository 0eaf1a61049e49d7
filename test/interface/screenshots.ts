/**
 * Pictures of every screen: `npm run screenshots -- OUTDIR [URL] [--attach INTERFACE]`. With the URL of a running
 * `flowglass serve` the pictures show that engine: the start screen, the demo session, and with --attach live traffic.
 * Without one, an invented machine (fake-engine.ts) in each of its scenarios.
 */
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { findClutter, launch, newPage, SIZES, THEMES, type Theme } from './browser.ts';
import { FakeEngine, type Scenario } from './fake-engine.ts';

type Size = keyof typeof SIZES;
type Act = (page: Page) => Promise<void>;
const settle = (page: Page, ms = 900): Promise<void> => page.waitForTimeout(ms);
const row = (page: Page, n: number) => page.getByRole('grid', { name: 'Flows' }).getByRole('row').nth(n);

async function filter(page: Page, text: string): Promise<void> {
  await page.getByRole('combobox', { name: 'Filter' }).fill(text);
  await settle(page, 400);
  await page.keyboard.press('Escape');
  await page.keyboard.press('Escape');
}
async function selectFirst(page: Page): Promise<void> {
  const tab = page.getByRole('tab', { name: /Flows/ });
  if (await tab.isVisible()) await tab.click();
  await row(page, 1).click();
  if (await tab.isVisible()) await page.getByRole('tab', { name: 'Latency' }).click();
}
async function openFirst(page: Page): Promise<void> {
  await selectFirst(page);
  const tab = page.getByRole('tab', { name: /Flows/ });
  if (await tab.isVisible()) await tab.click();
  await row(page, 1).dblclick();
  await settle(page, 600);
}
const story = 'tcp && process.name == "node" && rtt.p99 > 50ms';

/** Screens of the invented machine: [name, scenario, what to do]. */
const SCREENS: readonly (readonly [string, Scenario, Act?])[] = [
  ['start', 'start', async (page) => {
    for (const name of ['eth0', 'docker0']) await page.getByRole('checkbox', { name, exact: true }).check({ force: true });
    await settle(page, 2500);
  }],
  ['recordings', 'start', async (page) => {
    await page.getByRole('button', { name: 'All recordings' }).click();
    await page.getByRole('gridcell', { name: 'checkout-slow.pcapng' }).click();
    await settle(page, 500);
  }],
  ['groups', 'live', async (page) => {
    const tab = page.getByRole('tab', { name: /Flows/ });
    if (await tab.isVisible()) await tab.click();
    await page.keyboard.press('Control+k');
    await page.keyboard.type('group flows by process name');
    await page.keyboard.press('Enter');
    await page.locator('[id^="flow-group-"]').first().dblclick();
    await settle(page, 500);
  }],
  ['permission', 'permission', (page) => settle(page, 2000)],
  ['opening', 'opening'],
  ['live', 'live', async (page) => {
    await page.getByRole('button', { name: 'Record', exact: true }).click();
    await filter(page, story);
    await selectFirst(page);
    const canvas = page.getByRole('application', { name: /Latency timeline/ });
    const box = await canvas.boundingBox();
    if (box) await page.mouse.move(box.x + 150 + (box.width - 202) * 0.65, box.y + 60);
  }],
  ['live-all', 'live'],
  ['quiet', 'quiet'],
  ['lost', 'lost'],
  ['nothing', 'live', (page) => filter(page, 'tcp && rtt.p99 > 5s')],
  ['filter-error', 'live', async (page) => {
    await page.getByRole('combobox', { name: 'Filter' }).fill('tcp && process.name = "node"');
    await settle(page, 500);
  }],
  ['completion', 'live', async (page) => {
    await page.getByRole('combobox', { name: 'Filter' }).pressSequentially('tcp && proc');
    await settle(page, 500);
  }],
  ['flows-tab', 'live', async (page) => {
    const tab = page.getByRole('tab', { name: /Flows/ });
    if (await tab.isVisible()) await tab.click();
  }],
  ['details-tab', 'live', async (page) => {
    await selectFirst(page);
    const tab = page.getByRole('tab', { name: 'Details' });
    if (await tab.isVisible()) await tab.click();
  }],
  ['replay', 'replay'],
  ['details', 'replay', openFirst],
  ['cut', 'cut'],
  ['empty-replay', 'empty-replay'],
  ['keys', 'live', (page) => page.keyboard.press('?')],
  ['export', 'replay', async (page) => {
    await filter(page, 'tcp');
    await page.keyboard.press('e');
  }],
  ['share', 'replay', async (page) => {
    await page.keyboard.press('e');
    await page.getByRole('checkbox', { name: /Share safely/ }).check();
  }],
  ['hostile', 'hostile'],
  ['hostile-details', 'hostile', openFirst],
]; // prettier-ignore

async function shoot(page: Page, out: string, name: string, size: Size, theme: Theme): Promise<void> {
  await settle(page);
  await page.screenshot({ path: join(out, `${name}-${SIZES[size].width}-${theme}.png`) });
  const clutter = await findClutter(page);
  for (const problem of clutter) process.stderr.write(`${name} ${SIZES[size].width} ${theme}: ${problem}\n`);
}

async function fakes(browser: Browser, out: string, only: RegExp): Promise<void> {
  const engine = await new FakeEngine({ scenario: 'start', page: resolve('dist/renderer'), still: true }).start();
  for (const [name, scenario, act] of SCREENS) {
    for (const size of ['wide', 'narrow'] as const) {
      for (const theme of THEMES) {
        if (!only.test(`${name}-${SIZES[size].width}-${theme}`)) continue;
        engine.setScenario(scenario);
        const { page, context, errors } = await newPage(browser, { size, theme });
        await page.goto(engine.url);
        await settle(page, 1200);
        if (act) await act(page);
        await shoot(page, out, name, size, theme);
        for (const error of errors) process.stderr.write(`${name}: ${error}\n`);
        await context.close();
      }
    }
  }
  await engine.stop();
}

/** Screens of a real engine; each picture starts from its start screen. */
async function real(browser: Browser, out: string, url: string, attach: string | null): Promise<void> {
  const home: Act = async (page) => {
    const close = page.getByRole('button', { name: /Close this session|Stop watching/ });
    if (await close.isVisible()) await close.click();
    await page.getByRole('heading', { name: 'What should Flowglass watch?' }).waitFor();
  };
  const demo: Act = async (page) => {
    await page.getByRole('button', { name: 'Open demo' }).click();
    await page.getByRole('region', { name: 'Replay' }).waitFor();
    await page.getByRole('button', { name: 'Next trouble', exact: true }).click();
  };
  const live: Act = async (page) => {
    await page.getByRole('checkbox', { name: attach ?? '', exact: true }).check({ force: true });
    await page.getByRole('button', { name: /^Attach to/ }).click();
    await page.getByRole('button', { name: 'Record', exact: true }).waitFor();
    await settle(page, 12_000);
  };
  const wrong: Act = async (page) => {
    await page.getByRole('combobox', { name: 'Filter' }).fill('tcp && process.name = "node"');
    await settle(page, 500);
  };
  const screens: [string, Act[]][] = [
    ['start', [(page) => settle(page, 6000)]],
    ['replay', [demo]],
    ['details', [demo, openFirst]],
    ['empty', [demo, (page) => filter(page, 'rtt.p99 > 100s')]],
    ['error', [demo, wrong]],
    ...(attach === null ? [] : [['live', [live]] as [string, Act[]]]),
  ];
  // The address lets one browser in: later contexts bring the cookie of the first.
  const door = await browser.newContext();
  await (await door.newPage()).goto(url);
  const cookies = await door.cookies();
  await door.close();
  for (const [name, acts] of screens) {
    for (const size of ['wide', 'narrow'] as const) {
      for (const theme of ['dark', 'light'] as const) {
        const { page, context } = await newPage(browser, { size, theme });
        await context.addCookies(cookies);
        await page.goto(new URL('/', url).href);
        await settle(page, 800);
        await home(page);
        for (const act of acts) await act(page);
        await shoot(page, out, name, size, theme);
        await home(page);
        await context.close();
      }
    }
  }
}

const args = process.argv.slice(2);
const option = (name: string): string | null => {
  const at = args.indexOf(name);
  return at < 0 ? null : (args.splice(at, 2)[1] ?? null);
};
const attach = option('--attach');
const only = new RegExp(option('--only') ?? '');
const [outArg, url] = args;
if (!outArg) {
  process.stderr.write('usage: npm run screenshots -- OUTDIR [URL] [--attach INTERFACE] [--only PATTERN]\n');
  process.exit(2);
}
const out = resolve(outArg);
mkdirSync(out, { recursive: true });
const browser = await launch();
try {
  if (url) await real(browser, out, url, attach);
  else await fakes(browser, out, only);
} finally {
  await browser.close();
}
