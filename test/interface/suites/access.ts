import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { findClutter, THEMES } from '../browser.ts';
import type { Scenario } from '../fake-engine.ts';
import { chooseForm, filterBox, flowRows, live, table, withPage, type Suite } from './context.ts';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

async function violations(page: Page): Promise<string[]> {
  await page.evaluate(`globalThis.axe ?? (() => { ${axe} })()`);
  return page.evaluate<string[]>(`axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) =>
    violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) =>
      id + ' ' + target.join(' ') + ': ' + (failureSummary ?? '').split('\\n').slice(1, 3).join(' '))))`);
}
/** Colours go over into those of another theme: what is halfway is no theme's. */
const settled = (page: Page): Promise<unknown> =>
  page.evaluate(`Promise.allSettled(document.getAnimations()
    .filter((each) => each instanceof CSSTransition).map(({ finished }) => finished))`);
/** Goes over to another language, as when another window of the browser chose it. */
const speak = (page: Page, language: string): Promise<unknown> =>
  page.evaluate(`(async () => {
    localStorage.setItem('flowglass.language', '"${language}"');
    dispatchEvent(new StorageEvent('storage', { key: 'flowglass.language' }));
    for (let i = 0; i < 3; i++) await new Promise(requestAnimationFrame);
  })()`);
/** English that is longer and has accents, and Chinese. */
const LONGER = ['pseudo', 'zh'] as const;
const nothing = (): Promise<void> => Promise.resolve();
const tab = async (page: Page, name: RegExp): Promise<void> => {
  const found = page.getByRole('tab', { name });
  if (await found.isVisible()) await found.click();
};
const SCREENS: readonly (readonly [string, Scenario, (page: Page) => Promise<void>])[] = [
  ['start', 'start', (page) => page.getByRole('checkbox', { name: 'eth0', exact: true }).check({ force: true })],
  ['no permission', 'permission', nothing],
  ['recordings', 'start', async (page) => {
    await page.getByRole('button', { name: 'All recordings' }).click();
    await page.getByRole('gridcell', { name: '1,840' }).waitFor(); // learnt while the state goes on to come
    await page.getByRole('gridcell', { name: 'checkout-slow.pcapng' }).click();
    await page.keyboard.press('F2');
  }],
  ['opening', 'opening', nothing],
  ['live, a flow selected, recording', 'live', async (page) => {
    await page.keyboard.press('r');
    await tab(page, /Flows/);
    await flowRows(page).nth(1).click();
  }],
  ['latency tab', 'live', (page) => tab(page, /Latency/)],
  ['details tab', 'live', async (page) => {
    await tab(page, /Flows/);
    await flowRows(page).nth(1).click();
    await tab(page, /Details/);
  }],
  ['graph as a table, search', 'live', async (page) => {
    await chooseForm(page, 'Table');
    await page.keyboard.press('.');
    await page.getByRole('combobox', { name: 'Find a process or peer' }).fill('203');
    await page.getByRole('listbox', { name: 'Found' }).waitFor();
  }],
  ['groups of flows', 'live', async (page) => {
    await tab(page, /Flows/);
    await page.keyboard.press('Control+k');
    await page.keyboard.type('group flows by process name');
    await page.keyboard.press('Enter');
    const groups = page.locator('[id^="flow-group-"]');
    await groups.first().dblclick();
    await flowRows(page).first().waitFor();
  }],
  ['quiet', 'quiet', nothing],
  ['filtered', 'live', (page) => filterBox(page).fill('tcp && process.name == "node"')],
  ['filter error', 'live', async (page) => {
    await filterBox(page).fill('tcp && process.name = "node"');
    await page.getByText('compare with two').waitFor();
  }],
  ['completion', 'live', (page) => filterBox(page).pressSequentially('tcp && process')],
  ['nothing matches', 'live', (page) => filterBox(page).fill('rtt.p99 > 50s')],
  ['replay', 'replay', nothing],
  ['trouble', 'replay', async (page) => {
    await page.keyboard.press('2');
    await page.getByRole('listbox', { name: 'Findings' }).waitFor();
  }],
  ['range', 'replay', async (page) => {
    await page.keyboard.press('[');
    await page.getByRole('status', { name: 'Range' }).waitFor();
    await page.keyboard.press('g');
    await page.getByRole('textbox', { name: 'Go to time' }).fill('never');
    await page.keyboard.press('Enter');
  }],
  ['details', 'replay', async (page) => {
    await tab(page, /Flows/);
    await flowRows(page).first().dblclick();
    await page.getByRole('region', { name: 'Bytes in hex' }).waitFor();
  }],
  ['stream', 'replay', async (page) => {
    await tab(page, /Flows/);
    await flowRows(page).first().dblclick();
    await page.getByRole('region', { name: 'Bytes in hex' }).waitFor();
    await page.keyboard.press('f');
    await page.getByRole('region', { name: 'What both sides said' }).waitFor();
  }],
  ['keys', 'live', (page) => page.keyboard.press('?')],
  ['flight recorder', 'live', async (page) => {
    await page.keyboard.press('b');
    await page.getByRole('combobox', { name: 'Trigger', exact: true }).fill('rtt.p99 > 5');
    await page.keyboard.press('Enter');
    await page.getByText('needs a unit').waitFor();
  }],
  ['export, shared', 'replay', async (page) => {
    await page.keyboard.press('e');
    await page.getByRole('checkbox', { name: /Share safely/ }).check();
    await page.getByRole('row', { name: /IP addresses/ }).waitFor();
  }],
  ['palette', 'live', (page) => page.keyboard.press('Control+k')],
  ['settings', 'live', (page) => page.keyboard.press('Control+,')],
  ['saved filters', 'live', (page) => page.getByRole('button', { name: 'Saved filters and history' }).click()],
  ['menu of a flow', 'live', async (page) => {
    await tab(page, /Flows/);
    await flowRows(page).nth(1).click({ button: 'right' });
  }],
  ['hostile', 'hostile', nothing],
]; // prettier-ignore

export function accessSuite(suite: Suite): void {
  describe.each(['wide', 'narrow', 'least'] as const)('window %s', (size) => {
    it.each(SCREENS)(
      'axe finds nothing in any theme, and nothing is clipped or over other text in any language: %s',
      (_name, scenario, act) =>
        withPage(
          suite,
          scenario,
          async ({ page }) => {
            await page.getByRole('main').waitFor();
            await page.waitForTimeout(400);
            await act(page);
            await page.waitForTimeout(300);
            expect(await findClutter(page)).toEqual([]);
            if (size === 'least') return;
            for (const language of LONGER) {
              await speak(page, language);
              expect(await findClutter(page).then((found) => found.map((each) => `${language}: ${each}`))).toEqual([]);
            }
            await speak(page, 'en');
            // Colours do not depend on the size of the window.
            for (const theme of size === 'wide' ? THEMES : THEMES.slice(0, 1)) {
              await page.evaluate(`document.documentElement.dataset.theme = '${theme}'`);
              await settled(page);
              expect(await violations(page).then((found) => found.map((each) => `${theme}: ${each}`))).toEqual([]);
            }
          },
          { size, still: true },
        ),
    );
  });

  it('every control has a name and every canvas a twin', () =>
    withPage(suite, 'live', async ({ page }) => {
      await live(page);
      expect(await table(page).getAttribute('aria-colcount')).toMatch(/^\d+$/);
      const nameless = await page.evaluate<
        string[]
      >(`[...document.querySelectorAll('button, input, canvas:not([aria-hidden]), [tabindex="0"]')]
        .filter((el) => !(el.getAttribute('aria-label') || el.textContent.trim() || el.closest('label')?.textContent.trim()))
        .map((el) => el.outerHTML.slice(0, 120))`);
      expect(nameless).toEqual([]);
      const canvases = await page.evaluate<
        string[]
      >(`[...document.querySelectorAll('canvas:not([aria-hidden])')].map((el) => {
        const twin = document.getElementById(el.getAttribute('aria-details') ?? el.getAttribute('aria-describedby'));
        return twin?.getAttribute('role') ?? String(twin?.tagName);
      })`);
      expect(canvases).toEqual(['treegrid', 'UL']);
    }));
}
