// The app as a person uses it: real Chromium on `flowglass serve`, real traffic in the laboratory's namespaces.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { formatBytes, formatCount, joined } from '../../renderer/draw/format.ts';
import { launch, newPage } from '../interface/browser.ts';
import type { Child } from '../lab/child.ts';
import { flowglass, summarize, type Flow } from '../lab/flowglass.ts';
import type { Host } from '../lab/host.ts';
import { Lab, type Link } from '../lab/lab.ts';
import { describeAsRoot } from '../lab/privilege.ts';

const REQUEST = 700;
const RESPONSE = 90_000;
const EXCHANGES = 20;

describeAsRoot('the app on live traffic', () => {
  let lab: Lab;
  let client: Host;
  let server: Host;
  let link: Link;
  let browser: Browser;
  let serving: Child;
  let recordings: string;
  let page: Page;
  let errors: string[];

  beforeAll(async () => {
    lab = new Lab();
    client = lab.host('client');
    server = lab.host('server');
    link = lab.link(client, server);
    await server.server(['tcp', '--port', 81, '--mode', 'respond', '--request', REQUEST, '--response', RESPONSE]);
    recordings = mkdtempSync(join(tmpdir(), 'flowglass-app-'));
    process.env['FLOWGLASS_RECORDINGS'] = recordings;
    process.env['XDG_STATE_HOME'] = join(recordings, 'state');
    browser = await launch();
  });
  afterAll(async () => {
    await browser?.close();
    lab.dispose();
    rmSync(recordings, { recursive: true, force: true });
    delete process.env['FLOWGLASS_RECORDINGS'];
    delete process.env['XDG_STATE_HOME'];
  });

  /** Serves, lets a page in, and ends it all after the test. */
  async function start(args: (string | number)[]): Promise<void> {
    serving = flowglass(['serve', ...args]);
    await expect.poll(() => serving.stdout, { timeout: 20_000 }).toMatch(/^http:/);
    const url = serving.stdout.trim();
    ({ page, errors } = await newPage(browser));
    await page.goto(url);
  }
  beforeEach(() => async () => {
    await page.context().close();
    const { status } = await serving.stop('SIGTERM', 15_000);
    expect(status).toBe(0);
    expect(errors).toEqual([]);
  });

  const rowOf = (port: unknown): Locator => page.getByRole('grid', { name: 'Flows' }).getByRole('row').filter({ has: page.getByRole('gridcell') }).filter({ hasText: `:${String(port)}` }); // prettier-ignore

  /** One connection of known size that stays open until `EXCHANGES` exchanges are done. */
  function talk(pauseMs: number): Child {
    return client.start('client', ['tcp', '--to', link.right.v4, '--port', 81, '--send', REQUEST, '--receive', RESPONSE, '--exchanges', EXCHANGES, '--pause-ms', pauseMs]); // prettier-ignore
  }

  it('shows what starts after the page is open within a second, with the right process, in graph, table and timeline', async () => {
    await start(['--netns', client.name, '-i', 'veth0']);
    await page.getByRole('heading', { name: 'Connections' }).waitFor();
    const talking = talk(100);
    const row = rowOf(81);
    await row.waitFor({ timeout: 1000 });
    await expect.poll(() => row.innerText(), { timeout: 1000 }).toContain(String(talking.pid));
    await expect
      .poll(() => page.getByRole('treegrid', { name: 'Connections' }).innerText(), { timeout: 2500 })
      .toContain(`${link.right.v4} :81`);
    await expect
      .poll(() => page.getByRole('list', { name: 'Flows on the timeline' }).innerText(), { timeout: 2500 })
      .toMatch(new RegExp(`${talking.pid} to ${link.right.v4}:81, RTT p50 \\d`));
    await talking.done;
  });

  it('ends with the exact bytes, records them, and replays the same flow by any way through time', async () => {
    await start(['--netns', client.name, '-i', 'veth0']);
    await page.getByRole('heading', { name: 'Connections' }).waitFor();
    await page.getByRole('button', { name: 'Record', exact: true }).click();
    await page.getByRole('button', { name: 'Stop recording' }).waitFor();
    const talking = talk(50);
    const outcome = await talking.done;
    expect(outcome.status).toBe(0);
    const row = rowOf(81);
    await expect.poll(() => row.innerText(), { timeout: 3000 }).toContain(String(talking.pid));

    await page.getByRole('button', { name: 'Stop recording' }).click();
    await page.getByRole('button', { name: 'Record', exact: true }).waitFor();
    const notice = page.getByRole('alert');
    const path = /(\/\S[^·]*\.pcapng)/.exec(await notice.innerText())?.[1]?.trim() ?? '';
    const { flows } = await summarize(path);
    const truth = flows.find((flow) => flow.clientProcess?.pid === talking.pid) as Flow;
    expect(truth.sent.payloadBytes).toBe(REQUEST * EXCHANGES);
    expect(truth.received.payloadBytes).toBe(RESPONSE * EXCHANGES);
    const screen = async (): Promise<string> => (await row.innerText()).replace(/\s+/g, '');
    const shown = (bytes: number): string => formatBytes(bytes).join('');
    await expect.poll(screen, { timeout: 3000 }).toContain(shown(truth.received.bytes));
    expect(await screen()).toContain(shown(truth.sent.bytes));

    await page.getByRole('button', { name: 'Stop watching' }).click();
    await page.getByRole('button', { name: new RegExp(path.split('/').at(-1)?.replace(/[.]/g, '\\.') ?? '') }).click();
    const time = page.getByRole('slider', { name: 'Time in the session' });
    await time.waitFor();
    await time.focus();
    await page.keyboard.press('End');
    await expect.poll(screen, { timeout: 3000 }).toContain(shown(truth.received.bytes));

    // Half-way, reached from the end and from the beginning: the same state.
    const box = (await time.boundingBox()) as { x: number; y: number; width: number; height: number };
    const states: string[] = [];
    for (const from of [0.95, 0.05]) {
      await page.mouse.click(box.x + box.width * from, box.y + box.height / 2);
      await page.mouse.click(box.x + box.width * 0.5, box.y + box.height / 2);
      await page.waitForTimeout(700);
      states.push(await page.getByRole('grid', { name: 'Flows' }).innerText());
    }
    expect(states[0]).toBe(states[1]);
    expect(states[0]).not.toContain(shown(truth.received.bytes));

    await time.focus();
    await page.keyboard.press('End');
    await expect.poll(screen, { timeout: 3000 }).toContain(shown(truth.received.bytes));
    await row.dblclick();
    await page.getByRole('heading', { name: 'TCP state history' }).waitFor();
    await expect.poll(() => page.getByRole('option').count(), { timeout: 5000 }).toBeGreaterThan(10);
    expect(await page.getByRole('listbox', { name: 'Packets' }).innerText()).toContain('SYN');
    const facts = page.locator('dl').filter({ hasText: 'Received' });
    const packets = `${joined(formatCount(truth.received.packets))} packets`;
    await expect.poll(() => facts.innerText(), { timeout: 3000 }).toContain(packets);
  });

  it('does the main job by keyboard alone', async () => {
    await start([]);
    await page.getByRole('checkbox', { name: 'lo', exact: true }).focus();
    await page.keyboard.press('Space');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Connections' }).waitFor();
    await page.keyboard.press('r');
    await page.getByRole('button', { name: 'Stop recording' }).waitFor();
    await page.keyboard.press('/');
    await page.keyboard.type('tcp && port == 81');
    await page.keyboard.press('Enter');
    await page.keyboard.press('Escape');
    await page.keyboard.press('Escape');
    await page.keyboard.press('r');
    await page.getByRole('button', { name: 'Record', exact: true }).waitFor();
    await page.keyboard.press('?');
    await page.getByRole('heading', { name: 'All keys' }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('heading', { name: 'All keys' }).waitFor({ state: 'detached' });
  });
});
