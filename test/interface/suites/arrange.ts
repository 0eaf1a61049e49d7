import { describe, expect, it } from 'vitest';
import { filterBox, flowRows, live, soon, table, withPage, type Suite } from './context.ts';

/** Palette, menus, columns, saved filters, undo, settings: how a person arranges the screen. */
export function arrangeSuite(suite: Suite): void {
  describe('arranging', () => {
    it('Ctrl K finds a command by a few letters and runs it, and says its key', () =>
      withPage(suite, 'live', async ({ page, engine }) => {
        await live(page);
        await page.keyboard.press('Control+k');
        const palette = page.getByRole('dialog', { name: 'All commands' });
        await palette.getByRole('combobox', { name: 'Command' }).pressSequentially('only match');
        const option = palette.getByRole('option', { selected: true });
        await soon(() => option.textContent()).toMatch(/highlight or only matches\s*H/);
        await page.keyboard.press('Enter');
        await palette.waitFor({ state: 'detached' });
        await soon(() => page.getByRole('button', { name: 'Only matches' }).getAttribute('aria-pressed')).toBe('true');
        // One dialog takes the place of another, however fast the keys come.
        await page.keyboard.press('Control+k');
        await page.keyboard.press('Escape');
        await page.keyboard.press('Control+,');
        await page.getByRole('dialog', { name: 'Settings' }).waitFor();
        await page.keyboard.press('Control+k');
        await palette.getByRole('combobox', { name: 'Command' }).waitFor();
        await page.keyboard.type('record');
        await page.keyboard.press('Enter');
        await soon(() => engine.state.recording !== null).toBe(true);
      }));

    it('a value in the table becomes "only this" and "not this", and Ctrl Z takes both back', () =>
      withPage(suite, 'live', async ({ page, engine }) => {
        await live(page);
        const row = flowRows(page).filter({ hasText: 'registry.example.org' }).first();
        await row.getByText('registry.example.org').click({ button: 'right' });
        await page.getByRole('menuitem', { name: 'Only registry.example.org' }).click();
        await soon(() => engine.state.filter).toBe('peer.name == "registry.example.org"');
        await row.getByText('TCP').click({ button: 'right' });
        await page.getByRole('menuitem', { name: 'Not TCP' }).click();
        await soon(() => engine.state.filter).toBe('peer.name == "registry.example.org" && !tcp');
        await page.getByRole('button', { name: /^Undo/ }).click();
        await soon(() => engine.state.filter).toBe('peer.name == "registry.example.org"');
        await page.keyboard.press('Control+z');
        await soon(() => engine.state.filter).toBe('');
      }));

    it('the menu of a row opens by the keyboard, and copies the flow', () =>
      withPage(suite, 'live', async ({ page }) => {
        await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
        await live(page);
        await flowRows(page).filter({ hasText: 'registry.example.org' }).first().click();
        await table(page).focus();
        await page.keyboard.press('Shift+F10');
        await page.getByRole('menu').waitFor();
        await page.keyboard.type('copy');
        await page.keyboard.press('ArrowDown');
        await page.keyboard.press('ArrowUp');
        await page.getByRole('menuitem', { name: 'Copy as JSON' }).click();
        await page.getByRole('alert').filter({ hasText: 'Copied the flow as JSON' }).waitFor();
        const json = JSON.parse(await page.evaluate<string>('navigator.clipboard.readText()')) as Record<
          string,
          unknown
        >;
        expect(json).toMatchObject({ protocol: 'tcp', process: { name: 'dockerd', pid: 1190 }, peer: { name: 'registry.example.org', port: 443 } }); // prettier-ignore
        await table(page).focus();
        await page.keyboard.press('c');
        await soon(() => page.evaluate<string>('navigator.clipboard.readText()')).toMatch(
          /^dockerd \(1190\) to registry\.example\.org:443 \[[\d.]+\]; TCP/,
        );
      }));

    it('columns are hidden, moved and made wider by menu and keyboard; that is remembered, and undone', () =>
      withPage(suite, 'live', async ({ page }) => {
        await live(page);
        const heads = (): Promise<string[]> =>
          table(page)
            .getByRole('columnheader')
            .evaluateAll((all) => all.map((head) => head.getAttribute('aria-label') ?? ''));
        const before = await heads();
        expect(before).toContain('Rate');
        await page.getByRole('button', { name: 'Columns' }).click();
        await page.getByRole('menuitemcheckbox', { name: 'Rate', exact: true }).click();
        await soon(heads).not.toContain('Rate');
        await page.keyboard.press('Control+z');
        await soon(heads).toEqual(before);

        await page.getByRole('button', { name: 'Columns' }).click();
        await page.getByRole('menuitemcheckbox', { name: 'Interface', exact: true }).click();
        await soon(heads).toContain('Interface');
        const peer = table(page).getByRole('columnheader', { name: 'Peer' });
        await peer.getByRole('button').focus();
        await page.keyboard.press('Alt+ArrowLeft');
        await soon(async () => (await heads()).indexOf('Peer')).toBe(before.indexOf('Peer') - 1);
        const process = table(page).getByRole('columnheader', { name: 'Process' });
        const width = async (): Promise<number> => (await process.boundingBox())?.width ?? 0;
        const old = await width();
        await process.getByRole('button').focus();
        await page.keyboard.press('Alt+Shift+ArrowRight');
        await soon(width).toBe(old + 16);

        const arranged = await heads();
        // The address follows when nothing has changed for a moment.
        await soon(() => Promise.resolve(decodeURIComponent(page.url()))).toContain(`process:${String(old + 16)}`);
        await page.reload();
        await live(page);
        await soon(heads).toEqual(arranged);
        expect(await width()).toBe(old + 16);
      }));

    it('a filter is saved under a name, used again, and found in the history', () =>
      withPage(suite, 'live', async ({ page, engine }) => {
        await live(page);
        await filterBox(page).fill('udp');
        await filterBox(page).press('Enter');
        await soon(() => engine.state.filter).toBe('udp');
        await page.getByRole('button', { name: 'Saved filters and history' }).click();
        await page.getByRole('textbox', { name: 'Name for the filter in force' }).fill('Datagrams');
        await page.getByRole('button', { name: 'Save', exact: true }).click();
        await page.getByRole('list', { name: 'Saved filters' }).getByText('Datagrams').waitFor();
        await page.keyboard.press('Escape');
        await filterBox(page).fill('');
        await filterBox(page).press('Enter');
        await soon(() => engine.state.filter).toBe('');
        await filterBox(page).press('ArrowUp');
        await soon(() => engine.state.filter).toBe('udp');
        await page.reload();
        await live(page);
        await filterBox(page).fill('tcp');
        await filterBox(page).press('Enter');
        await page.getByRole('button', { name: 'Saved filters and history' }).click();
        await page
          .getByRole('button', { name: /Datagrams/ })
          .first()
          .click();
        await soon(() => engine.state.filter).toBe('udp');
      }));

    it('a file dropped anywhere opens; while a recording runs it asks first', () =>
      withPage(suite, 'live', async ({ page, engine }) => {
        await live(page);
        const drop = (): Promise<void> =>
          page.evaluate(`(() => { const data = new DataTransfer(); data.items.add(new File(['x'], 'found.pcapng'));
            document.querySelector('main').dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true })); })()`);
        await page.keyboard.press('r');
        await page.getByRole('button', { name: 'Stop recording' }).waitFor();
        await drop();
        const ask = page.getByRole('dialog', { name: 'A recording is running' });
        await ask.getByRole('button', { name: 'Keep recording' }).click();
        expect(engine.log.some(({ method }) => method === 'open')).toBe(false);
        await page.keyboard.press('r');
        await page.getByRole('button', { name: 'Record', exact: true }).waitFor();
        await drop();
        await page.getByRole('region', { name: 'Replay' }).waitFor();
        expect(engine.log.find(({ method }) => method === 'open')?.params).toEqual({ path: '/tmp/dropped.pcapng' });
      }));

    it('settings: theme, motion and UTC are kept', () =>
      withPage(suite, 'live', async ({ page }) => {
        await live(page);
        await page.keyboard.press('Control+,');
        const dialog = page.getByRole('dialog', { name: 'Settings' });
        await dialog.getByRole('button', { name: 'High contrast' }).click();
        await dialog.getByRole('button', { name: 'Reduced' }).click();
        await dialog.getByRole('button', { name: 'UTC' }).click();
        const root = (name: string): Promise<string> => page.evaluate(`document.documentElement.dataset.${name} ?? ''`);
        expect(await root('theme')).toBe('hc');
        expect(await root('motion')).toBe('reduced');
        await page.reload();
        await live(page);
        expect([await root('theme'), await root('motion')]).toEqual(['hc', 'reduced']);
        await page.keyboard.press('Control+,');
        await soon(() => dialog.getByRole('button', { name: 'UTC' }).getAttribute('aria-pressed')).toBe('true');
      }));
  });
}
