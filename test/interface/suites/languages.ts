import { describe, expect, it } from 'vitest';
import { live, soon, withPage, type Suite } from './context.ts';

export function languagesSuite(suite: Suite): void {
  describe('languages', () => {
    it('one is chosen in Settings, all of the page follows at once, and it stays chosen', () =>
      withPage(suite, 'live', async ({ page }) => {
        await live(page);
        await page.keyboard.press('Control+,');
        await page.getByRole('button', { name: '中文' }).click();
        await page.getByRole('heading', { name: '设置' }).waitFor();
        await page.keyboard.press('Escape');
        const english = async (): Promise<string[]> => {
          const said = await page.evaluate<string>(`document.body.innerText + ' ' +
            [...document.querySelectorAll('[aria-label], [title]')].map((el) => (el.ariaLabel ?? '') + ' ' + el.title).join(' ')`);
          return (
            said.match(/\b(?:Flows|Filter|Connections|Latency|Record|Process|Settings|Explore|Live|Pause)\b/g) ?? []
          );
        };
        await soon(english).toEqual([]);
        await page.getByRole('grid', { name: '流', exact: true }).waitFor();
        expect(await page.evaluate('document.documentElement.lang')).toBe('zh-CN');

        await page.reload();
        await page.getByRole('combobox', { name: '过滤器' }).waitFor();
        await page.keyboard.press('Control+k');
        await page.getByRole('combobox', { name: '命令' }).fill('English');
        await page.keyboard.press('Enter');
        await page.getByRole('combobox', { name: 'Filter', exact: true }).waitFor();
      }));

    it('a text that is cut is whole in its tooltip', () =>
      withPage(suite, 'live', async ({ page }) => {
        await live(page);
        const cut = page.locator('[id^="flow-row-"] [data-column="peer"] .cut').first();
        await page.evaluate(`document.querySelector('[id^="flow-row-"] [data-column="group"]').style.width = '20px'`);
        const group = page.locator('[id^="flow-row-"] [data-column="group"]').first();
        await group.hover();
        expect(await group.getAttribute('title')).toBe(await group.innerText());
        await cut.hover();
        expect(await cut.getAttribute('title')).not.toBe('');
      }));
  });
}
