import type { Locator } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { formatCount, joined } from '../../../renderer/draw/format.ts';
import { summarize } from '../../lab/flowglass.ts';
import { flowRows, live, soon, table, withPage, type Suite } from './context.ts';
import { DEMO, withDemo } from './demo.ts';

const groupRows = '[id^="flow-group-"]';

/** The flow table in groups: of the real engine on the demo session, and by keyboard on live traffic. */
export function groupSuite(suite: Suite): void {
  describe('groups of flows', () => {
    it('show the exact totals of a real session, and open to their flows', () =>
      withDemo(suite, async (page) => {
        const { flows } = await summarize(DEMO);
        await page.getByRole('slider', { name: 'Time in the session' }).focus();
        await page.keyboard.press('End');
        await page.getByRole('button', { name: 'Group by…' }).click();
        await page.getByRole('menuitemcheckbox', { name: 'By port' }).click();
        const tree = page.getByRole('treegrid', { name: 'Flows' });
        const ports = new Map<number | null, typeof flows>();
        for (const flow of flows) ports.set(flow.server.port, [...(ports.get(flow.server.port) ?? []), flow]);
        await soon(() => tree.getAttribute('aria-rowcount')).toBe(String(ports.size + 1));
        const expected = [...ports].map(([port, members]) => {
          const known = members.flatMap(({ retransmits }) => retransmits ?? []);
          const again = known.length === 0 ? '–' : joined(formatCount(known.reduce((sum, n) => sum + n, 0)));
          return `${port ?? 'no port'}, ${members.length} ${members.length === 1 ? 'flow' : 'flows'}, ${again}`;
        });
        // Only those are drawn that there is room for. Bytes: test/desktop/grouping.test.ts.
        const drawn = async (): Promise<string[]> => {
          const rows = await tree.locator(groupRows).all();
          const cell = (row: Locator): Promise<string> => row.locator('[data-column="retransmits"]').innerText();
          return Promise.all(rows.map(async (row) => `${await row.getAttribute('aria-label')}, ${await cell(row)}`));
        };
        await soon(async () => (await drawn()).filter((row) => !expected.includes(row))).toEqual([]);
        expect((await drawn()).length).toBeGreaterThan(5);
        const first = tree.locator(groupRows).first();
        const size = Number(/, (\d+) flow/.exec((await first.getAttribute('aria-label')) ?? '')?.[1]);
        await first.dblclick();
        await soon(() => tree.getByRole('row', { expanded: true }).count()).toBe(1);
        await soon(() => tree.getAttribute('aria-rowcount')).toBe(String(ports.size + size + 1));
      }));

    it('are walked, opened, filtered and left by keyboard alone', () =>
      withPage(suite, 'live', async ({ page, engine }) => {
        await live(page);
        await page.keyboard.press('Control+k');
        await page.keyboard.type('group flows by process name');
        await page.keyboard.press('Enter');
        const tree = page.getByRole('treegrid', { name: 'Flows' });
        await tree.locator(groupRows).first().waitFor();
        expect(await flowRows(page).count()).toBe(0);
        await tree.focus();
        await page.keyboard.press('ArrowDown');
        await page.keyboard.press('ArrowRight');
        await flowRows(page).first().waitFor();
        await page.keyboard.press('ArrowRight');
        const selected = tree.getByRole('row', { selected: true });
        await soon(() => selected.getAttribute('aria-level')).toBe('2');
        await page.keyboard.press('ArrowLeft');
        await soon(() => selected.getAttribute('aria-level')).toBe('1');
        await page.keyboard.press('ArrowLeft');
        await soon(() => flowRows(page).count()).toBe(0);
        await page.keyboard.press('Shift+O');
        await soon(() => engine.state.filter).toBe('!(process.name == "node")');
        await soon(() => tree.getByText('0 of 8 flows match').count()).toBe(1);
        await page.keyboard.press('Shift+F10');
        await page.getByRole('menuitem', { name: 'No groups' }).click();
        await table(page).waitFor();
        await flowRows(page).first().waitFor();
      }));
  });
}
