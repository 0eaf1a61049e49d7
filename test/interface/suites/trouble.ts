import type { Locator, Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { live, soon, table, withPage, type Suite } from './context.ts';

const findings = (page: Page): Locator => page.getByRole('listbox', { name: 'Findings' });
const chosen = (page: Page): Locator => findings(page).getByRole('option', { selected: true });

export function troubleSuite(suite: Suite): void {
  describe('trouble', () => {
    it('is ranked, said in words with evidence, and jumps to the moment it began, by keys alone', () =>
      withPage(suite, 'replay', async ({ page, engine }) => {
        await live(page);
        await page.keyboard.press('2');
        await findings(page).waitFor();
        await chosen(page).getByText('The way to orders-db.example.test:5432 became slower').waitFor();
        await page.getByRole('region', { name: 'Why Flowglass says this' }).getByText('Median before').waitFor();
        await findings(page).focus();
        await page.keyboard.press('ArrowDown');
        await soon(() => chosen(page).textContent()).toMatch(
          /Packets to or from orders-db.*57 segments were sent again/,
        );
        const evidence = page.getByRole('region', { name: 'Evidence' });
        await evidence.getByRole('heading', { name: /^Packets to or from orders-db/ }).waitFor();
        const since = await evidence.getByRole('button', { name: /^Go to/ }).textContent();
        await page.keyboard.press('Enter');
        await live(page);
        await soon(() => page.getByRole('timer', { name: 'Time at the cursor' }).textContent()).toContain(
          (since ?? '').trim().slice('Go to '.length),
        );
        await soon(() => table(page).getByRole('row', { selected: true }).count()).toBe(1);
        expect(engine.state.clock.following).toBe(false);
      }));

    it('orders by time, filters to the flows of a finding, and counts on the rail', () =>
      withPage(suite, 'replay', async ({ page, engine }) => {
        await live(page);
        await soon(() =>
          page
            .getByRole('button', { name: /Trouble/ })
            .first()
            .textContent(),
        ).toMatch(/Trouble\s*\d+/);
        await page
          .getByRole('navigation', { name: 'Places' })
          .getByRole('button', { name: /Trouble/ })
          .click();
        await page.getByRole('button', { name: 'By time' }).click();
        const times = async (): Promise<string[]> =>
          (await findings(page).getByRole('option').allTextContents()).map(
            (text) => /\d\d:\d\d:\d\d/.exec(text)?.[0] ?? '',
          );
        await soon(times).not.toEqual([]);
        const seen = await times();
        expect(seen).toEqual(seen.toSorted());
        await page.getByRole('button', { name: 'Only these flows' }).click();
        await soon(() => engine.state.filter).toMatch(/^ip\.addr == [\d.]+ && port == \d+$/);
        await live(page);
      }));

    it('says what was looked at when nothing is wrong', () =>
      withPage(suite, 'empty-replay', async ({ page }) => {
        await page.getByText('No connections at this time').waitFor();
        await page.keyboard.press('2');
        await page.getByText('Nothing is wrong in this session').waitFor();
      }));
  });
}
