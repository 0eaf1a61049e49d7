import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Locator, Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { summarize } from '../../lab/flowglass.ts';
import { soon, type Suite } from './context.ts';
import { DEMO, withServed } from './demo.ts';

const list = (page: Page): Locator => page.getByRole('grid', { name: 'Recordings' });
const names = async (page: Page): Promise<string[]> => (await list(page).getByRole('row').allInnerTexts()).slice(1).map((text) => text.trim().split(/\s/)[0] ?? ''); // prettier-ignore

/** The recordings of a machine, by the real engine on real files, by keyboard alone. */
export function sessionsSuite(suite: Suite): void {
  describe('recordings', () => {
    it('are listed with what is in them, searched, renamed, moved to the trash and back, and opened', async () => {
      const home = mkdtempSync(join(tmpdir(), 'flowglass-recordings-'));
      const folder = join(home, 'recordings');
      mkdirSync(folder);
      for (const name of ['a-shop.pcapng', 'b-shop.pcapng']) copyFileSync(DEMO, join(folder, name));
      writeFileSync(join(folder, 'c-torn.pcapng'), 'torn');
      const flows = String((await summarize(DEMO)).flows.length);
      const env = { FLOWGLASS_RECORDINGS: folder, XDG_STATE_HOME: join(home, 'state'), XDG_DATA_HOME: join(home, 'data') }; // prettier-ignore
      try {
        await withServed(suite, [], env, async (page) => {
          await page.getByRole('heading', { name: 'What should Flowglass watch?' }).waitFor();
          await page.keyboard.press('Control+k');
          await page.keyboard.type('recordings of this machine');
          await page.keyboard.press('Enter');
          await soon(async () => (await names(page)).sort()).toEqual([
            'a-shop.pcapng',
            'b-shop.pcapng',
            'c-torn.pcapng',
          ]);
          const shop = list(page).getByRole('row').filter({ hasText: 'b-shop' });
          await soon(async () => (await shop.getByRole('gridcell').allInnerTexts()).map((text) => text.trim())).toEqual(expect.arrayContaining([expect.stringMatching(/^49\ss$/), expect.stringContaining('eth0'), flows])); // prettier-ignore
          await page.keyboard.press('/');
          await page.keyboard.type('B-SHOP eth0');
          await soon(() => names(page)).toEqual(['b-shop.pcapng']);
          await page.getByRole('status').filter({ hasText: '1 of 3 found' }).waitFor();
          await page.keyboard.press('ArrowDown');
          await page.keyboard.press('F2');
          await page.getByRole('textbox', { name: 'New name' }).fill('slow eth0 b-shop');
          await page.keyboard.press('Enter');
          await soon(() => existsSync(join(folder, 'slow eth0 b-shop.pcapng'))).toBe(true);
          await list(page).getByRole('row', { selected: true }).getByText('slow eth0 b-shop.pcapng').waitFor();
          await page.keyboard.press('Delete');
          await soon(() => names(page)).toEqual([]);
          await page.getByText('No recording has these words').waitFor();
          expect(readdirSync(join(home, 'data/Trash/files'))).toEqual(['slow eth0 b-shop.pcapng']);
          await page.keyboard.press('Control+z');
          await soon(() => existsSync(join(folder, 'slow eth0 b-shop.pcapng'))).toBe(true);
          await soon(() => names(page)).toEqual(['slow']);
          await page.keyboard.press('/');
          await page.keyboard.press('ArrowDown');
          await page.keyboard.press('Shift+F10');
          await page.getByRole('menuitem', { name: 'Copy its path' }).waitFor();
          await page.keyboard.press('Escape');
          await page.keyboard.press('Enter');
          await page.getByRole('region', { name: 'Replay' }).waitFor();
        });
      } finally {
        rmSync(home, { recursive: true });
      }
    });
  });
}
