import { describe, expect, it } from 'vitest';
import { flowRows, live, soon, withPage, type Suite } from './context.ts';

export function replaySuite(suite: Suite): void {
  describe('replay', () => {
    it('plays, pauses, changes speed, and every pane follows the one cursor', () =>
      withPage(suite, 'replay', async ({ page, engine }) => {
        await live(page);
        const clock = page.getByRole('timer', { name: 'Time at the cursor' });
        const before = await clock.textContent();
        await page.getByRole('button', { name: 'Play' }).click();
        await soon(() => clock.textContent()).not.toBe(before);
        await page.getByRole('button', { name: 'Speed 16' }).click();
        await soon(() => engine.state.clock.rate).toBe(16);
        await page.getByRole('button', { name: 'Pause' }).click();
        await soon(() => engine.state.clock.playing).toBe(false);
        const at = engine.state.clock.cursorNs;
        await page.waitForTimeout(250);
        expect(engine.state.clock.cursorNs).toBe(at);
      }));

    it('scrubs with keys and by pointer, and goes from trouble to trouble', () =>
      withPage(suite, 'replay', async ({ page, engine }) => {
        await live(page);
        const at = (): number => engine.state.clock.cursorNs;
        const slider = page.getByRole('slider', { name: 'Time in the session' });
        await slider.focus();
        const start = at();
        await page.keyboard.press('ArrowRight');
        await soon(at).toBe(start + 1e9);
        await page.keyboard.press('Shift+ArrowLeft');
        await soon(at).toBe(start - 9e9);
        const box = await slider.boundingBox();
        await slider.click({ position: { x: (box?.width ?? 0) / 2, y: 30 } });
        await soon(() => Math.round(at() / 1e9)).toBe(302);
        await soon(() => slider.getAttribute('aria-valuetext')).toMatch(/^12:05:0[12]/);
        await page.keyboard.press('n');
        await soon(at).toBe(348e9);
        await page.keyboard.press('Shift+N');
        await soon(at).toBe(280e9);
        await page.getByRole('button', { name: 'Next trouble', exact: true }).click();
        await soon(at).toBe(348e9);
        await slider.focus();
        await page.keyboard.press('Home');
        await soon(at).toBe(0);
        await page.keyboard.press('End');
        await soon(at).toBe(604e9);
      }));

    it('the same time looks the same whichever way it was reached', () =>
      withPage(suite, 'replay', async ({ page, engine }) => {
        await live(page);
        const text = (): Promise<string[]> => flowRows(page).allTextContents();
        const before = await text();
        await page.getByRole('button', { name: 'Back one second' }).click();
        await soon(() => engine.state.clock.cursorNs).toBe(272.88e9);
        await page.getByRole('button', { name: 'Forward one second' }).click();
        await soon(() => engine.state.clock.cursorNs).toBe(273.88e9);
        await soon(text).toEqual(before);
      }));

    it('says that a file was cut, and closes to the start screen', () =>
      withPage(suite, 'cut', async ({ page }) => {
        await page.getByText('cut off', { exact: true }).waitFor();
        await page.getByRole('button', { name: 'Close this session' }).click();
        await page.getByRole('heading', { name: 'What should Flowglass watch?' }).waitFor();
      }));

    it('an empty session says so in every pane', () =>
      withPage(suite, 'empty-replay', async ({ page }) => {
        await page.getByText('No connections at this time').waitFor();
        await page.getByText('No flows at this time').waitFor();
        await page.getByText('No flows in this session up to here').waitFor();
      }));
  });
}
