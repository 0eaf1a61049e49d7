import { describe, expect, it } from 'vitest';
import { filterBox, flowRows, graphTwin, live, soon, table, timelineTwin, withPage, type Suite } from './context.ts';

export function liveSuite(suite: Suite): void {
  describe('live', () => {
    it('traffic that begins after the page is open appears in graph, table and timeline within a second', () =>
      withPage(suite, 'quiet', async ({ page, engine }) => {
        await page.getByText('No connections yet').waitFor();
        const begun = performance.now();
        engine.addFlow({ peer: { name: 'fresh.example.net', address: '192.0.2.200', port: 8080 }, bps: 8e6 });
        await flowRows(page).filter({ hasText: 'fresh.example.net' }).waitFor();
        expect(performance.now() - begun).toBeLessThan(1000);
        await soon(() => graphTwin(page).textContent()).toMatch(
          /node 4121 to\s+fresh\.example\.net :8080\s*[\d.]+\s[kM]bit\/s/,
        );
        await soon(() => timelineTwin(page).textContent()).toContain('fresh.example.net:8080');
      }));

    it('filter: typing, completion, an error with its fix, and clearing', () =>
      withPage(suite, 'live', async ({ page, engine }) => {
        await live(page);
        await filterBox(page).pressSequentially('tcp && proc');
        const options = page.getByRole('listbox', { name: 'Completions' });
        await options
          .getByRole('option', { name: /process\.name/ })
          .first()
          .waitFor();
        await page.keyboard.press('ArrowDown');
        const first = await options.getByRole('option', { selected: true }).textContent();
        await page.keyboard.press('Enter');
        await soon(() => filterBox(page).inputValue()).toContain(first?.trim().split(/\s/)[0]?.slice(0, 7) ?? '–');

        await filterBox(page).fill('tcp && process.name = "node"');
        const error = page.getByText('compare with two equals signs');
        await error.waitFor();
        expect(await filterBox(page).getAttribute('aria-invalid')).toBe('true');
        await page.getByRole('button', { name: /Fix it/ }).click();
        await soon(() => engine.state.filter).toBe('tcp && process.name == "node"');
        await error.waitFor({ state: 'detached' });
        await soon(() => table(page).getByText('Outside the filter').count()).toBe(1);
        const matching = engine.state.matching;
        expect(matching).toBeGreaterThan(2);
        expect(matching).toBeLessThan(20);

        await page.getByRole('button', { name: 'Only matches' }).click();
        await soon(() => flowRows(page).count()).toBe(matching);
        expect(await table(page).getAttribute('aria-rowcount')).toBe(String(matching + 1));
        await page.getByRole('button', { name: 'Clear the filter' }).click();
        await soon(() => engine.state.filter).toBe('');
      }));

    it('a click on a node of the graph selects it, a double click shows only its flows, another all again', () =>
      withPage(suite, 'live', async ({ page, engine }) => {
        await live(page);
        await soon(() => graphTwin(page).textContent()).toContain('node 4121');
        const canvas = page.getByRole('application', { name: /Connection graph/ });
        await page.waitForTimeout(1000);
        await canvas.click({ position: { x: 60, y: 62 } });
        await soon(() => graphTwin(page).getByRole('row', { selected: true }).textContent()).toMatch(/^\s*node \d+/);
        expect(engine.state.filter).toBe('');
        await canvas.dblclick({ position: { x: 60, y: 62 } });
        await soon(() => engine.state.filter).toMatch(/^process\.pid == \d+$/);
        await soon(() => filterBox(page).inputValue()).toBe(engine.state.filter);
        await canvas.dblclick({ position: { x: 60, y: 62 } });
        await soon(() => engine.state.filter).toBe('');
      }));

    it('selecting a flow in the table gives it a lane and opens its details', () =>
      withPage(suite, 'live', async ({ page, engine }) => {
        await live(page);
        await flowRows(page).filter({ hasText: 'registry.example.org' }).first().click();
        await soon(() => timelineTwin(page).textContent()).toContain('registry.example.org');
        await soon(() => engine.openViews().find(({ kind }) => kind === 'timeline')).toMatchObject({ also: 9 });
        await page.getByRole('button', { name: 'Open', exact: true }).click();
        await page.getByRole('heading', { name: /dockerd 1190/ }).waitFor();
        await page.getByRole('listbox', { name: 'Packets' }).getByRole('option').first().waitFor();
        await page.getByRole('region', { name: 'Bytes in hex' }).waitFor();
        await page.getByRole('button', { name: 'Back' }).click();
        await live(page);
      }));

    it('sorts by a column, by two with Shift, and shows it', () =>
      withPage(suite, 'live', async ({ page, engine }) => {
        await live(page);
        const head = table(page).getByRole('columnheader', { name: 'Sent' });
        await head.getByRole('button').click();
        await soon(() => head.getAttribute('aria-sort')).toBe('descending');
        await soon(() => engine.openViews().find(({ kind }) => kind === 'table')).toMatchObject({
          sort: [{ column: 'sent', descending: true }],
        });
        await page.keyboard.down('Shift');
        await table(page).getByRole('columnheader', { name: 'Process' }).getByRole('button').click();
        await page.keyboard.up('Shift');
        await soon(() => engine.openViews().find(({ kind }) => kind === 'table')).toMatchObject({
          sort: [{ column: 'sent' }, { column: 'process' }],
        });
      }));

    it('records, shows time and size, stops, and offers to open what was recorded', () =>
      withPage(suite, 'live', async ({ page, engine }) => {
        await live(page);
        await page.getByRole('button', { name: 'Record', exact: true }).click();
        await page
          .getByText(/^00:(?!00:00)\d\d:\d\d$/)
          .first()
          .waitFor();
        await page.getByRole('button', { name: 'Stop recording' }).click();
        const notice = page.getByRole('alert');
        await notice.filter({ hasText: /Recorded [\d.]+\s[kM]B/ }).waitFor();
        expect(engine.state.recording).toBeNull();
        await notice.getByRole('button', { name: 'Open the recording' }).click();
        await page.getByRole('region', { name: 'Replay' }).waitFor();
      }));

    it('lost events are counted where everybody sees them', () =>
      withPage(suite, 'lost', async ({ page }) => {
        await live(page);
        await soon(() => page.locator('dl.health').textContent()).toContain('1,204');
      }));

    it('pausing freezes the picture, not the capture; live goes back', () =>
      withPage(suite, 'live', async ({ page, engine }) => {
        await live(page);
        await page.getByRole('button', { name: 'Pause' }).click();
        await soon(() => engine.state.clock.following).toBe(false);
        const { cursorNs, endNs } = engine.state.clock;
        await page.waitForTimeout(300);
        expect(engine.state.clock.cursorNs).toBe(cursorNs);
        expect(engine.state.clock.endNs).toBeGreaterThan(endNs);
        await page.getByRole('button', { name: 'Live', exact: true }).click();
        await soon(() => engine.state.clock.following).toBe(true);
      }));

    it('a paused view is scrubbed and played while capturing goes on, all by keys', () =>
      withPage(suite, 'live', async ({ page, engine }) => {
        await live(page);
        await page.keyboard.press('Space');
        const slider = page.getByRole('slider', { name: 'Time in the session' });
        await slider.waitFor();
        const { cursorNs } = engine.state.clock;
        await page.keyboard.press('Shift+ArrowLeft');
        await soon(() => engine.state.clock.cursorNs).toBe(cursorNs - 10e9);
        await page.getByRole('button', { name: 'Play' }).waitFor();
        await page.keyboard.press('Space');
        await soon(() => engine.state.clock.playing).toBe(true);
        await soon(() => engine.state.clock.cursorNs).toBeGreaterThan(cursorNs - 10e9);
        expect(engine.state.clock.endNs).toBeGreaterThan(cursorNs);
        await page.keyboard.press('l');
        await soon(() => engine.state.clock.following).toBe(true);
        await slider.waitFor({ state: 'detached' });
      }));
  });
}
