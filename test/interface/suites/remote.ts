import { describe, expect, it } from 'vitest';
import { live, soon, withPage, type Suite } from './context.ts';

export function remoteSuite(suite: Suite): void {
  describe('another host', () => {
    it('is attached to from the start screen: suggestions, its interfaces, what went wrong, and a lost connection', () =>
      withPage(suite, 'start', async ({ page, engine }) => {
        await page.getByRole('button', { name: 'Another host, over ssh…' }).click();
        const dialog = page.getByRole('dialog', { name: 'Attach to a host' });
        await soon(() => dialog.locator('option').count()).toBe(2);
        const host = dialog.getByLabel(/^Host/);
        await host.fill('denied');
        await host.press('Enter');
        await dialog.getByRole('alert').filter({ hasText: 'Permission denied (publickey).' }).waitFor();
        await host.fill('plain');
        await host.press('Enter');
        await dialog.getByRole('alert').filter({ hasText: 'may not become root' }).waitFor();
        expect(await dialog.getByLabel('Packets only, by tcpdump there').isChecked()).toBe(true);
        await host.fill('shop');
        await host.press('Enter');
        await dialog.getByText('Interfaces of shop').waitFor();
        const attach = dialog.getByRole('button', { name: 'Attach', exact: true });
        expect(await attach.isDisabled()).toBe(true);
        await dialog.getByRole('checkbox', { name: /^eth0/ }).check();
        await attach.click();
        await live(page);
        expect(engine.log.find(({ method }) => method === 'attach')?.params).toMatchObject({ interfaces: ['eth0'], host: 'shop', tcpdump: false }); // prettier-ignore
        engine.state.remote = { name: 'shop', lost: 'the connection was lost' };
        await page.getByRole('alert').filter({ hasText: 'The connection to shop was lost.' }).waitFor();
        engine.state.remote = { name: 'shop', lost: null };
        await page.getByRole('alert').waitFor({ state: 'detached' });
      }));

    it('opens by its key, and Escape leaves it', () =>
      withPage(suite, 'start', async ({ page, engine }) => {
        await page.keyboard.press('Shift+A');
        const dialog = page.getByRole('dialog', { name: 'Attach to a host' });
        await dialog.waitFor();
        await page.keyboard.press('Escape');
        await dialog.waitFor({ state: 'detached' });
        await soon(() => engine.log.some(({ method }) => method === 'hostForget')).toBe(true);
      }));
  });
}
