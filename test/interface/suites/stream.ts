import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { flowRows, live, soon, withPage, type Suite } from './context.ts';

export function streamSuite(suite: Suite): void {
  describe('follow stream', () => {
    it('shows both sides as text that never acts, holes marked, as hex and raw, one side alone, and saves bytes', () =>
      withPage(suite, 'replay', async ({ page }) => {
        await live(page);
        await flowRows(page).first().click();
        await page.keyboard.press('f');
        const said = page.getByRole('region', { name: 'What both sides said' });
        await said.getByText('Host: orders-db.example.test').waitFor();
        const text = await said.innerText();
        expect(text).toContain('<b onclick="alert(1)">\\u{202e}orders</b>.');
        expect(text).toMatch(/1.19.kB were cut off by the capture/);
        expect(text).toMatch(/4.10.kB are not in the capture/);
        expect(await said.locator('[onclick]').count()).toBe(0);

        await page.getByRole('group', { name: 'Side' }).getByRole('button', { name: 'Client' }).click();
        await soon(() => said.innerText()).not.toContain('200 OK');
        await page.getByRole('group', { name: 'Shown as' }).getByRole('button', { name: 'Hex' }).click();
        await soon(() => said.innerText()).toMatch(/00000000 {2}47 45 54 20 .*GET \/orders/);
        await page.getByRole('group', { name: 'Shown as' }).getByRole('button', { name: 'Raw' }).click();
        await soon(() => said.innerText()).toContain(Buffer.from('GET /orders').toString('hex'));

        const download = page.waitForEvent('download');
        await page.getByRole('button', { name: 'Save bytes' }).click();
        const saved = readFileSync(await (await download).path(), 'latin1');
        expect(saved).toMatch(/^GET \/orders\/\d+ HTTP\/1.1\r\nHost: orders-db.example.test\r\n\r\nQUIT\r\n$/);

        await page.getByRole('region', { name: 'Stream' }).getByRole('button', { name: 'Packets' }).click();
        await page.getByRole('listbox', { name: 'Packets' }).waitFor();
      }));
  });
}
