import type { Locator, Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { chooseForm, graphTwin, live, soon, withPage, type Suite } from './context.ts';
import { save } from './pictures.ts';

const canvasOf = (page: Page): Locator => page.getByRole('application', { name: /Connection graph/ });
/** What the canvas draws, by the picture of it: texts with the height they stand at. */
async function drawn(page: Page): Promise<{ text: string; y: number }[]> {
  const { bytes } = await save(page, 'Picture of the graph', 'SVG');
  return [...bytes.toString().matchAll(/<text[^>]* y="([\d.]+)"[^>]*>([^<]*)<\/text>/g)].map(([, y, text]) => ({
    text: text ?? '',
    y: Number(y),
  }));
}
/** Is a name drawn, perhaps with its middle cut out? */
const shows = async (page: Page, name: string): Promise<boolean> =>
  (await texts(page)).some((text) => {
    const [head = '', tail] = text.split('…');
    return tail === undefined ? text === name : name.startsWith(head) && name.endsWith(tail);
  });
const texts = async (page: Page): Promise<string[]> => (await drawn(page)).map(({ text }) => text);
/** The connection graph: search, pins, folds, grouping, its other forms, and that it keeps still. */
export function graphSuite(suite: Suite): void {
  describe('graph', () => {
    it('. finds a peer that is folded away, Enter selects it, P pins it, Shift O hides it', () =>
      withPage(suite, 'live', async ({ page, engine }) => {
        await live(page);
        await page.keyboard.press('.');
        const field = page.getByRole('combobox', { name: 'Find a process or peer' });
        await field.fill('203.0.113.2');
        await page.getByRole('listbox', { name: 'Found' }).getByRole('option').first().waitFor();
        await field.fill('203.0.113.204');
        await soon(() => page.getByRole('search', { name: 'In the graph' }).getByRole('status').textContent()).toBe(
          '1 found',
        );
        await soon(() => engine.openViews().find(({ kind }) => kind === 'graph')).toMatchObject({
          find: '203.0.113.204',
        });
        await field.press('Enter');
        await soon(() => page.evaluate<string>('document.activeElement.tagName')).toBe('CANVAS');
        await soon(() => shows(page, '203.0.113.204')).toBe(true);
        await canvasOf(page).focus();
        await page.keyboard.press('p');
        await page.keyboard.press('Escape');
        await soon(() => shows(page, '203.0.113.204')).toBe(true); // still, though it is not selected any more
        await canvasOf(page).focus();
        await page.keyboard.press('Shift+O');
        await soon(() => engine.state.filter).toBe('!(ip.addr == 203.0.113.204)');
        await page.getByRole('button', { name: /^Undo/ }).waitFor();
        await page.keyboard.press('Control+z');
        await soon(() => engine.state.filter).toBe('');
      }));

    it('what does not fit is folded, opens by keyboard, is passed through, and folds again', () =>
      withPage(suite, 'live', async ({ page }) => {
        await live(page);
        const fold = async (): Promise<string> => (await texts(page)).find((text) => / peers$|more$/.test(text)) ?? '';
        await soon(fold).toMatch(/^\+\d+ peers$/);
        const hidden = Number((await fold()).replace(/\D/g, ''));
        await canvasOf(page).focus();
        await page.keyboard.press('ArrowRight');
        for (let i = 0; i < 30; i++) await page.keyboard.press('ArrowDown');
        await page.keyboard.press('Enter');
        await soon(fold).toMatch(/^\d+ shown, \d+ more$/);
        const first = await texts(page);
        await page.keyboard.press('ArrowUp');
        for (let i = 0; i < 8; i++) await page.keyboard.press('ArrowDown');
        await page.keyboard.press('ArrowUp');
        for (let i = 0; i < 8; i++) await page.keyboard.press('ArrowDown');
        await soon(() => texts(page)).not.toEqual(first);
        await page.getByRole('button', { name: 'Form of the graph' }).click();
        await page.getByRole('menuitemcheckbox', { name: /All peers/ }).click();
        await soon(async () => Math.abs(Number((await fold()).replace(/\D/g, '')) - hidden)).toBeLessThan(12);
      }));

    it('nothing moves while the pointer is over it; what came meanwhile has its place afterwards', () =>
      withPage(suite, 'live', async ({ page, engine }) => {
        await live(page);
        await soon(() => shows(page, 'orders-db.example.test')).toBe(true);
        await page.waitForTimeout(600);
        const box = await canvasOf(page).boundingBox();
        if (!box) throw new Error('no canvas');
        await page.mouse.move(box.x + box.width / 2, box.y + 120);
        // Values go on in their places: the left edge of the labels, where no figure changes, stays as it is.
        const labels = (): Promise<Buffer> =>
          page.screenshot({ clip: { x: box.x + 30, y: box.y + 20, width: 90, height: box.height - 60 } });
        await page.waitForTimeout(600);
        const before = await labels();
        engine.addFlow({ peer: { name: 'newcomer.example.net', address: '192.0.2.201', port: 8080 }, bps: 9e7 });
        await soon(() => graphTwin(page).textContent()).toContain('newcomer.example.net');
        await page.waitForTimeout(300);
        expect((await labels()).equals(before)).toBe(true);
        await page.mouse.move(box.x + box.width / 2, box.y - 300);
        await soon(() => shows(page, 'newcomer.example.net')).toBe(true);
      }));

    it('groups processes by user, peers by domain and network', () =>
      withPage(suite, 'live', async ({ page }) => {
        await live(page);
        await page.getByRole('button', { name: 'User', exact: true }).click();
        await soon(() => texts(page)).toContain('root');
        await page.getByRole('button', { name: 'Domain', exact: true }).click();
        await soon(() => graphTwin(page).textContent()).toMatch(/to\s+example\.test/);
        expect(await graphTwin(page).textContent()).not.toContain('orders-db');
        await page.getByRole('button', { name: 'Network', exact: true }).click();
        await soon(() => graphTwin(page).textContent()).toMatch(/to\s+192\.0\.2\.0\/24/);
      }));

    it('the free form has the same nodes, which are moved by hand, selected and opened', () =>
      withPage(suite, 'live', async ({ page, engine }) => {
        await live(page);
        await chooseForm(page, 'Free: who talks to whom');
        await soon(() => texts(page)).toContain('node 4121');
        expect(await texts(page)).not.toContain('Processes');
        const at = async (name: string): Promise<number> => (await drawn(page)).find(({ text }) => text === name)?.y ?? NaN; // prettier-ignore
        const before = await at('postgres 1822');
        engine.addFlow({ peer: { name: 'mesh.example.net', address: '192.0.2.202', port: 8080 }, bps: 9e7 });
        await soon(() => shows(page, 'mesh.example.net :8080')).toBe(true);
        expect(await at('postgres 1822')).toBeCloseTo(before, 0); // its circle grows with its rate
        await canvasOf(page).focus();
        await page.keyboard.press('ArrowDown');
        await page.keyboard.press('Enter');
        await soon(() => graphTwin(page).getByRole('row', { selected: true }).count()).toBe(1);
        await page.keyboard.press('o');
        await soon(() => engine.state.filter).not.toBe('');
      }));

    it('as a table it is walked by keyboard: closes and opens, filters, pins, opens a flow', () =>
      withPage(suite, 'live', async ({ page, engine }) => {
        await live(page);
        await page.keyboard.press('Control+k');
        await page.keyboard.type('graph: as a table');
        await page.keyboard.press('Enter');
        const tree = graphTwin(page);
        await tree.focus();
        await soon(() => tree.getByRole('row').count()).toBeGreaterThan(20);
        const first = tree.getByRole('row').nth(1);
        const second = (): Promise<string | null> => tree.getByRole('row').nth(2).getAttribute('aria-level');
        await page.keyboard.press('Home');
        await page.keyboard.press('ArrowLeft');
        await soon(second).toBe('1');
        expect(await first.getAttribute('aria-expanded')).toBe('false');
        await page.keyboard.press('ArrowRight');
        await soon(second).toBe('2');
        await page.keyboard.press('ArrowDown');
        await page.keyboard.press('o');
        await soon(() => engine.state.filter).toMatch(/^process\.pid == \d+$/);
        await page.getByRole('button', { name: /^Undo/ }).waitFor();
        await page.keyboard.press('Control+z');
        await soon(() => engine.state.filter).toBe('');
        await page.keyboard.press('ArrowDown');
        await page.keyboard.press('Enter');
        await soon(() => tree.getByRole('row', { selected: true }).getAttribute('aria-level')).toBe('3');
        await page.keyboard.press('Enter');
        await page.getByRole('listbox', { name: 'Packets' }).waitFor();
      }));
  });
}
