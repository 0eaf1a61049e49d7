import { describe, expect, it } from 'vitest';
import { filterBox, flowRows, live, soon, table, withPage, type Suite } from './context.ts';
import { withDemo } from './demo.ts';

/** The screen in the address of the page: shared, opened again, and wrong. */
export function addressSuite(suite: Suite): void {
  describe('the address', () => {
    it('shows the same in a new tab: time, filter, sorting, grouping, columns, forms, of a real session', () =>
      withDemo(suite, async (page) => {
        await page.getByRole('button', { name: 'Next trouble', exact: true }).click();
        await filterBox(page).fill('tcp');
        await filterBox(page).press('Enter');
        await table(page).getByRole('columnheader', { name: 'Sent' }).getByRole('button').click();
        await page.getByRole('button', { name: 'Columns' }).click();
        await page.getByRole('menuitemcheckbox', { name: 'Interface', exact: true }).click();
        await page.getByRole('button', { name: 'User', exact: true }).click();
        await page.getByRole('button', { name: 'Group by…' }).click();
        await page.getByRole('menuitemcheckbox', { name: 'By port' }).click();
        await soon(() => new URL(page.url()).hash).toMatch(/^#of=demo\.pcapng&filter=tcp&t=[\d.]+&sort=-sent&columns=state%2C.*interface.*&group=port&left=user$/); // prettier-ignore
        const address = page.url();
        const seen = async (from: typeof page): Promise<string[]> => [
          await from.getByRole('treegrid', { name: 'Flows' }).innerText(),
          await filterBox(from).inputValue(),
          (await from.getByRole('slider', { name: 'Time in the session' }).getAttribute('aria-valuetext')) ?? '',
          (await from.getByRole('button', { name: 'User', exact: true }).getAttribute('aria-pressed')) ?? '',
        ];
        const before = await seen(page);
        // The session goes somewhere else meanwhile.
        await page.getByRole('slider', { name: 'Time in the session' }).focus();
        await page.keyboard.press('End');
        await page.getByRole('button', { name: 'Clear the filter' }).click();
        await soon(() => new URL(page.url()).hash).not.toContain('filter');
        const other = await page.context().newPage();
        await other.goto(address);
        await other.getByRole('treegrid', { name: 'Flows' }).waitFor();
        await soon(() => seen(other)).toEqual(before);
      }));

    it('that is wrong, or of another session, is left out with a notice and never an error', () =>
      withPage(suite, 'replay', async ({ page, engine }) => {
        await live(page);
        await flowRows(page).nth(2).click();
        await soon(() => new URL(page.url()).hash).toMatch(/&flow=\d+/);
        await page.goto(`${engine.url}#of=other.pcapng&filter=udp&t=3&flow=2&sort=nonsense&x=%E0%A4%A`);
        const notice = page.getByRole('alert').filter({ hasText: 'Not everything that the address says' });
        await notice.waitFor();
        expect(await notice.innerText()).toMatch(/sort, x, t, flow[\s\S]*it is of other\.pcapng/);
        await soon(() => engine.state.filter).toBe('udp');
        expect(engine.state.clock.cursorNs).toBe(273.88e9);
        await page.goto(`${engine.url}#filter=tcp+%26%26`);
        await notice.filter({ hasText: /here: filter/ }).waitFor();
        expect(engine.state.filter).toBe('udp');
      }));
  });
}
