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

        const inStream = page.getByRole('searchbox', { name: 'Find in the stream' });
        await inStream.fill('ORDERS');
        const bar = page.getByRole('search', { name: 'Find in the stream' });
        const marks = said.locator('mark');
        await soon(() => bar.getByRole('status').innerText()).toMatch(/^1 of [1-9]/);
        const count = Number(/of (\d+)/.exec(await bar.getByRole('status').innerText())?.[1]);
        expect((await marks.allInnerTexts()).every((each) => each.toLowerCase() === 'orders')).toBe(true);
        expect(await marks.count()).toBe(count);
        await inStream.press('Shift+Enter');
        await soon(() => bar.getByRole('status').innerText()).toBe(`${count} of ${count}`);
        await bar.getByRole('button', { name: 'Case counts' }).click();
        await soon(() => bar.getByRole('status').innerText()).toBe('not found');
        await bar.getByRole('button', { name: 'Hex' }).click();
        await inStream.fill('6f:72:64:65:72:73');
        await soon(() => bar.getByRole('status').innerText()).toBe(`1 of ${count}`);
        await inStream.fill('6f:7');
        await soon(() => bar.getByRole('status').innerText()).toBe('pairs of hex digits');
        await inStream.fill('');

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
        const packets = page.getByRole('listbox', { name: 'Packets' });
        const inPackets = page.getByRole('searchbox', { name: 'Find in packets' });
        await inPackets.fill('orders');
        const found = page.getByRole('search', { name: 'Find in packets' }).getByRole('status');
        await soon(() => found.innerText()).toBe('1 of 3');
        await inPackets.press('Shift+Enter');
        await soon(() => found.innerText()).toBe('3 of 3');
        // The last one is far down: it was read, and is selected in view.
        await packets.getByRole('option', { selected: true }).waitFor();
        expect(await packets.evaluate((el) => Math.round(el.scrollTop / 23))).toBeGreaterThan(19_900);
      }));
  });
}
