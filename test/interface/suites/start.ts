import { describe, expect, it } from 'vitest';
import { live, soon, withPage, type Suite } from './context.ts';

export function startSuite(suite: Suite): void {
  describe('start screen', () => {
    it('lists the interfaces with rates and how each will be attached, and attaches the chosen ones', () =>
      withPage(suite, 'start', async ({ page, engine }) => {
        const list = page.getByRole('list', { name: 'Interfaces' });
        await list.getByText('docker0').first().waitFor();
        expect(await list.getByRole('checkbox').count()).toBe(7);
        await soon(() => list.getByRole('listitem').filter({ hasText: 'eth0' }).textContent()).toMatch(
          /XDP native.*fastest.*\d+\sMbit\/s/s,
        );
        const attach = page.getByRole('button', { name: /^Attach/ });
        expect(await attach.isDisabled()).toBe(true);
        await page.getByRole('checkbox', { name: 'eth0', exact: true }).check({ force: true });
        await page.getByRole('checkbox', { name: 'docker0', exact: true }).check({ force: true });
        await page.getByRole('button', { name: 'Attach to eth0 + docker0' }).click();
        await live(page);
        expect(engine.log.find(({ method }) => method === 'attach')?.params).toMatchObject({
          interfaces: ['eth0', 'docker0'],
          all: false,
        });
        await page.getByRole('button', { name: 'Stop watching' }).click();
        await page.getByRole('heading', { name: 'What should Flowglass watch?' }).waitFor();
      }));

    it('all interfaces is one choice of its own', () =>
      withPage(suite, 'start', async ({ page, engine }) => {
        await page.getByRole('checkbox', { name: 'eth0', exact: true }).check({ force: true });
        await page.getByRole('checkbox', { name: 'All interfaces' }).check({ force: true });
        expect(await page.getByRole('checkbox', { name: 'eth0', exact: true }).isChecked()).toBe(false);
        await page.getByRole('button', { name: 'Attach to all interfaces' }).click();
        await live(page);
        expect(engine.log.find(({ method }) => method === 'attach')?.params).toMatchObject({
          interfaces: [],
          all: true,
        });
      }));

    it('without permission says why, gives the one command, and still opens files and the demo', () =>
      withPage(suite, 'permission', async ({ page }) => {
        const card = page.getByRole('region', { name: 'Permission' });
        await card.waitFor();
        expect(await card.textContent()).toContain('sudo flowglass serve');
        expect(await card.getByRole('button', { name: /Install/ }).count()).toBe(0); // a browser cannot
        await page.getByRole('checkbox', { name: 'eth0', exact: true }).check({ force: true });
        expect(await page.getByRole('button', { name: /^Attach/ }).isDisabled()).toBe(true);
        await page.getByRole('button', { name: 'Open demo' }).click();
        await page.getByRole('region', { name: 'Replay' }).waitFor();
      }));

    it('in the desktop app offers to install the helper, says how that went, and captures then', () =>
      withPage(suite, 'permission', async ({ page, engine }) => {
        await page.addInitScript(`(() => {
          const answers = [{ done: false, text: 'The password was not given.' }, { done: true, text: 'Installed.' }];
          globalThis.flowglass = { installHelper: async () => answers.shift() };
        })()`);
        await page.reload();
        const card = page.getByRole('region', { name: 'Permission' });
        const button = card.getByRole('button', { name: 'Install the capture helper' });
        await button.click();
        await card.getByText('The password was not given.').waitFor();
        engine.capture = { possible: true, reason: null, command: null, installable: false };
        await button.click();
        await card.waitFor({ state: 'detached' });
      }));

    it('shows how far a file is read, and recent sessions open with one click', () =>
      withPage(suite, 'opening', async ({ page, engine }) => {
        const opening = page.getByRole('region', { name: 'Opening' });
        await opening.waitFor();
        expect(await opening.getByRole('progressbar').getAttribute('value')).toMatch(/^0\.40/);
        await opening.getByRole('button', { name: 'Cancel' }).click();
        await opening.waitFor({ state: 'detached' });
        await page.getByRole('button', { name: /checkout-slow/ }).click();
        await page.getByRole('region', { name: 'Replay' }).waitFor();
        expect(engine.log.find(({ method }) => method === 'open')?.params).toEqual({
          path: '/var/lib/flowglass/checkout-slow.pcapng',
        });
      }));

    it('a file dropped on the page is sent to the engine and opened', () =>
      withPage(suite, 'start', async ({ page, engine }) => {
        await page.getByLabel('Recording to open').setInputFiles({
          name: 'dropped.pcapng',
          mimeType: 'application/octet-stream',
          buffer: Buffer.alloc(4096),
        });
        await page.getByRole('region', { name: 'Replay' }).waitFor();
        expect(engine.log.find(({ method }) => method === 'open')?.params).toEqual({ path: '/tmp/dropped.pcapng' });
      }));
  });
}
