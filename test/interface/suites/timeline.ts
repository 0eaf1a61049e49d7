import { describe, expect, it } from 'vitest';
import type { TimelineParams } from '../../../core/contract/requests.ts';
import type { FakeEngine } from '../fake-engine.ts';
import { live, soon, timelineTwin, withPage, type Suite } from './context.ts';
import type { Locator, Page } from 'playwright-core';

const canvasOf = (page: Page): Locator => page.getByRole('application', { name: /Latency timeline/ });
const lanesOf = (page: Page): Promise<string[]> => timelineTwin(page).getByRole('listitem').allTextContents();

/** What the timeline asks the engine for, ns. */
function shown(engine: FakeEngine): { fromNs: number; toNs: number; spanNs: number } {
  const params = engine.openViews().find(({ kind }) => kind === 'timeline') as TimelineParams;
  const [fromNs, toNs] = [params.fromNs ?? 0, params.toNs ?? Infinity];
  return { fromNs, toNs, spanNs: toNs - fromNs };
}

export function timelineSuite(suite: Suite): void {
  describe('timeline', () => {
    it('zooms with keys, wheel and pinch to a tenth of a microsecond around the pointer, pans, and shows all again', () =>
      withPage(suite, 'replay', async ({ page, engine }) => {
        await live(page);
        const canvas = canvasOf(page);
        const box = await canvas.boundingBox();
        if (!box) throw new Error('no timeline');
        await canvas.focus();
        await page.mouse.move(box.x + box.width / 2, box.y + 100);
        const whole = shown(engine).spanNs;
        await page.keyboard.press('w');
        await soon(() => shown(engine).spanNs).toBeCloseTo(whole * 0.7, -6);
        await page.mouse.wheel(0, -400);
        await soon(() => shown(engine).spanNs).toBeLessThan(whole * 0.4);
        const wheeled = shown(engine).spanNs;
        await canvas.dispatchEvent('wheel', { deltaY: -50, ctrlKey: true, bubbles: true });
        await soon(() => shown(engine).spanNs).toBeLessThan(wheeled * 0.7);
        for (let i = 0; i < 70; i++) await page.keyboard.press('w');
        await soon(() => shown(engine).spanNs).toBe(100);
        await page.getByText(/100\sns from 12:\d\d:\d\d\.\d{3}/).waitFor();
        const { fromNs } = shown(engine);
        await page.keyboard.press('d');
        await soon(() => shown(engine).fromNs - fromNs).toBe(15);
        await page.keyboard.press('0');
        await soon(() => shown(engine).spanNs).toBe(whole);
      }));

    it('two pinned moments tell time, packets and bytes between, of all flows and of the selected one', () =>
      withPage(suite, 'replay', async ({ page, engine }) => {
        await live(page);
        const box = await canvasOf(page).boundingBox();
        if (!box) throw new Error('no timeline');
        for (const x of [0.4, 0.7]) {
          await page.mouse.move(box.x + box.width * x, box.y + 100);
          await page.keyboard.press('p');
        }
        const bar = page.getByRole('status', { name: 'Pinned moments' });
        await soon(async () => (await bar.textContent())?.replace(/\s+/g, ' ').trim()).toMatch(/^\d+ m \d+ s between 1 and 2 [\d,]+ packets · [\d.]+ [GM]B of all flows/); // prettier-ignore
        const asked = engine.log.findLast(({ method }) => method === 'measure')?.params as { fromNs: number; toNs: number }; // prettier-ignore
        expect(asked.toNs).toBeGreaterThan(asked.fromNs);
        await canvasOf(page).focus();
        await page.keyboard.press('ArrowDown');
        await soon(async () => (await bar.textContent())?.replace(/\s+/g, ' ')).toContain(
          'of orders-db.example.test · counted from packets',
        );
        await page.keyboard.press('Escape');
        await soon(() => bar.count()).toBe(0);
      }));

    it('a lane that is kept stays first and moves only by hand, also when the session is opened again', () =>
      withPage(suite, 'replay', async ({ page }) => {
        await live(page);
        const canvas = canvasOf(page);
        await canvas.focus();
        for (let i = 0; i < 3; i++) await page.keyboard.press('ArrowDown');
        await page.keyboard.press('k');
        await soon(async () => (await lanesOf(page))[0]).toMatch(/kept in place/);
        const [kept] = await lanesOf(page);
        await page.keyboard.press('Alt+ArrowDown');
        await soon(async () => (await lanesOf(page))[1]).toBe(kept);
        await page.reload();
        await soon(async () => (await lanesOf(page))[1]).toBe(kept);
        const box = await canvas.boundingBox();
        if (!box) throw new Error('no timeline');
        await canvas.click({ button: 'right', position: { x: 60, y: 170 } });
        await page.getByRole('menuitem', { name: 'Let it move again' }).click();
        await soon(async () => (await lanesOf(page)).filter((lane) => lane.includes('kept in place')).length).toBe(1);
      }));
  });
}
