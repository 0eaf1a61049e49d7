import { describe, expect, it } from 'vitest';
import { filterBox, live, soon, withPage, type Opened, type Suite } from './context.ts';

const dialogOf = ({ page }: Pick<Opened, 'page'>) => page.getByRole('dialog', { name: 'Export' });
const asked = ({ engine }: Pick<Opened, 'engine'>, method: string): unknown[] =>
  engine.log.filter((each) => each.method === method).map(({ params }) => params);

export function exportSuite(suite: Suite): void {
  describe('export', () => {
    it('opens by key and by button, says the size, and asks for the form, the filter and the range', () =>
      withPage(suite, 'replay', async (opened) => {
        const { page, engine } = opened;
        await live(page);
        await filterBox(page).fill('tcp');
        await soon(() => engine.state.filter).toBe('tcp');
        await page.keyboard.press('Escape');
        await page.keyboard.press('Escape');
        await page.getByRole('button', { name: 'Export', exact: true }).click();
        const dialog = dialogOf(opened);
        await dialog
          .getByRole('status', { name: 'Size' })
          .getByText(/flows, 4\.81\sMB/)
          .waitFor();
        // Letters mean nothing to the screen below a dialog.
        await dialog.getByRole('checkbox', { name: /Only the filter/ }).focus();
        await page.keyboard.press('2');
        await page.keyboard.press('t');
        expect(await page.evaluate('document.documentElement.dataset.theme')).toBe('dark');
        expect(await page.getByRole('main').getAttribute('aria-label')).toBe('Explore');
        expect(await dialog.getByRole('checkbox', { name: /Only the filter/ }).isChecked()).toBe(true);
        expect(await dialog.getByRole('checkbox', { name: /Only the range/ }).isDisabled()).toBe(true);
        await dialog.getByRole('radio', { name: /^CSV/ }).check();
        await dialog
          .getByRole('status', { name: 'Size' })
          .getByText(/about 4\.81\sMB/)
          .waitFor();
        await dialog.getByRole('button', { name: 'Download' }).click();
        await soon(() => asked(opened, 'exportStart').length).toBe(1);
        expect(asked(opened, 'exportStart')[0]).toEqual({ wish: { format: 'csv', preset: 'as-recorded', filtered: true, ranged: false, flow: null, share: false }, path: null }); // prettier-ignore
        await dialog.getByText('40 %').waitFor();
        const download = page.waitForEvent('download');
        engine.finishExport?.();
        expect((await download).url()).toMatch(/\/download\?id=1$/);
        await dialog.waitFor({ state: 'detached' });
        await page.getByText(/Exported 123\skB/).waitFor();
      }));

    it('Escape cancels what is under way', () =>
      withPage(suite, 'replay', async (opened) => {
        const { page } = opened;
        await live(page);
        await page.keyboard.press('e');
        const dialog = dialogOf(opened);
        await dialog.getByRole('button', { name: 'Download' }).click();
        await dialog.getByText('40 %').waitFor();
        await page.keyboard.press('Escape');
        await dialog.waitFor({ state: 'detached' });
        await soon(() => asked(opened, 'exportCancel').length).toBe(1);
      }));

    it('shared, shows what would leave before anything is written', () =>
      withPage(suite, 'replay', async (opened) => {
        const { page } = opened;
        await live(page);
        await page.keyboard.press('Control+e');
        const dialog = dialogOf(opened);
        await dialog.getByRole('checkbox', { name: /Share safely/ }).check();
        const preview = dialog.getByRole('region', { name: 'What would leave' });
        await preview.getByRole('row', { name: /IP addresses 214 10\.20\.0\.11/ }).waitFor();
        await preview.getByText('3.61 MB of payload').waitFor();
        expect(asked(opened, 'exportStart')).toEqual([]);
        expect(await dialog.getByRole('button', { name: 'Open in Wireshark' }).count()).toBe(0);
      }));

    it('opens packets in Wireshark where it is installed, for packets only', () =>
      withPage(suite, 'replay', async (opened) => {
        const { page } = opened;
        await live(page);
        await page.keyboard.press('e');
        const dialog = dialogOf(opened);
        await dialog.getByRole('radio', { name: /^Parquet/ }).check();
        expect(await dialog.getByRole('button', { name: 'Open in Wireshark' }).count()).toBe(0);
        await dialog.getByRole('radio', { name: /^pcap / }).check();
        await dialog.getByRole('button', { name: 'Open in Wireshark' }).click();
        await dialog.waitFor({ state: 'detached' });
        expect(asked(opened, 'wireshark')[0]).toMatchObject({ wish: { format: 'pcapng' } });
      }));

    it('is not there when nothing is shown', () =>
      withPage(suite, 'start', async (opened) => {
        await opened.page.getByRole('heading', { name: 'What should Flowglass watch?' }).waitFor();
        await opened.page.keyboard.press('e');
        await opened.page.waitForTimeout(100);
        expect(await dialogOf(opened).count()).toBe(0);
      }));
  });
}
