import { describe, expect, it } from 'vitest';
import { flowRows, live, soon, table, withPage, type Suite } from './context.ts';

export function keyboardSuite(suite: Suite): void {
  describe('keyboard alone', () => {
    it('chooses an interface, attaches, filters, moves in the table, opens, goes back, records, stops', () =>
      withPage(suite, 'start', async ({ page, engine }) => {
        await page.getByRole('list', { name: 'Interfaces' }).getByText('docker0').first().waitFor();
        /** Tab until the focused element has this name. */
        const tabTo = async (name: RegExp): Promise<void> => {
          for (let i = 0; i < 40; i++) {
            await page.keyboard.press('Tab');
            const label = await page.evaluate<string>(
              `(() => { const el = document.activeElement; return el.getAttribute('aria-label') ?? el.closest('label')?.textContent ?? el.textContent ?? ''; })()`,
            );
            if (name.test(label.trim())) return;
          }
          throw new Error(`no Tab stop named ${name}`);
        };
        await tabTo(/^eth0$/);
        await page.keyboard.press('Space');
        await page.keyboard.press('Shift+Tab');
        await page.keyboard.press('Shift+Tab');
        await soon(() => page.evaluate<string>('document.activeElement.textContent')).toMatch(/Attach to eth0/);
        await page.keyboard.press('Enter');
        await live(page);

        await page.keyboard.press('/');
        await page.keyboard.type('tcp && process.name == "node"');
        await soon(() => engine.state.filter).toBe('tcp && process.name == "node"');
        await page.keyboard.press('Escape');
        await page.keyboard.press('Escape');
        expect(await page.evaluate<string>('document.activeElement.id')).not.toBe('filter-input');

        await table(page).focus();
        await page.keyboard.press('ArrowDown');
        await page.keyboard.press('ArrowDown');
        await soon(() => table(page).getByRole('row', { selected: true }).getAttribute('aria-rowindex')).toBe('3');
        await page.keyboard.press('Enter');
        await page.getByRole('listbox', { name: 'Packets' }).waitFor();
        await page.keyboard.press('Escape');
        await flowRows(page).first().waitFor();

        await page.keyboard.press('r');
        await page.getByRole('button', { name: 'Stop recording' }).waitFor();
        await page.keyboard.press('r');
        await soon(() => engine.state.recording).toBeNull();
        await page.getByRole('alert').filter({ hasText: 'Recorded' }).waitFor();

        await page.keyboard.press('3');
        await page.getByRole('heading', { name: 'What should Flowglass watch?' }).waitFor();
        await page.keyboard.press('1');
        await live(page);
      }));

    it('moves in the graph: nodes by arrows, Enter selects and opens, O filters; F6 goes on to the next panel', () =>
      withPage(suite, 'live', async ({ page, engine }) => {
        await live(page);
        const canvas = page.getByRole('application', { name: /Connection graph/ });
        await canvas.focus();
        await page.waitForTimeout(800);
        await page.keyboard.press('ArrowDown');
        await page.keyboard.press('Enter');
        await soon(() => table(page).getByRole('row', { selected: true }).count()).toBe(1);
        await page.keyboard.press('o');
        await soon(() => engine.state.filter).toMatch(/process\.pid == /);
        await page.keyboard.press('Enter');
        await page.getByRole('listbox', { name: 'Packets' }).waitFor();
        await page.keyboard.press('Escape');
        await canvas.focus();
        await page.keyboard.press('F6');
        await soon(() =>
          page.evaluate<string>(`document.activeElement.closest('[data-panel]')?.getAttribute('aria-label') ?? ''`),
        ).toBe('Latency');
      }));

    it('zooms and pans the timeline, and 0 shows all', () =>
      withPage(suite, 'live', async ({ page, engine }) => {
        await live(page);
        await page.getByRole('application', { name: /Latency timeline/ }).focus();
        const span = (): number => {
          const view = engine.openViews().find(({ kind }) => kind === 'timeline');
          return view?.kind === 'timeline' && view.fromNs !== null && view.toNs !== null ? view.toNs - view.fromNs : 0;
        };
        await page.waitForTimeout(300);
        await page.keyboard.press('w');
        await soon(span).toBeGreaterThan(0);
        const first = span();
        await page.keyboard.press('w');
        await soon(span).toBeLessThan(first);
        await page.keyboard.press('0');
        await soon(span).toBe(0);
      }));

    it('lists every key on ?, and Escape closes it', () =>
      withPage(suite, 'live', async ({ page }) => {
        await live(page);
        await page.keyboard.press('?');
        const dialog = page.getByRole('dialog', { name: 'All keys' });
        await dialog.getByText('next trouble').waitFor();
        await page.keyboard.press('Escape');
        await dialog.waitFor({ state: 'detached' });
      }));
  });
}
