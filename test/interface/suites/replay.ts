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
        await page.getByRole('combobox', { name: 'Speed' }).selectOption({ label: '100×' });
        await soon(() => engine.state.clock.rate).toBe(100);
        await page.keyboard.press('Escape');
        await page.keyboard.press('<');
        await soon(() => engine.state.clock.rate).toBe(50);
        await page.getByRole('combobox', { name: 'Speed' }).selectOption({ label: '0.1×' });
        await soon(() => engine.state.clock.rate).toBe(0.1);
        await page.getByRole('button', { name: 'Pause' }).click();
        await soon(() => engine.state.clock.playing).toBe(false);
        const at = engine.state.clock.cursorNs;
        await page.waitForTimeout(250);
        expect(engine.state.clock.cursorNs).toBe(at);
      }));

    it('steps that follow each other before the engine has answered are all gone', () =>
      withPage(suite, 'replay', async ({ page, engine }) => {
        await live(page);
        const start = engine.state.clock.cursorNs;
        const slider = page.getByRole('slider', { name: 'Time in the session' });
        await page.evaluate(`for (const key of ['ArrowRight', 'ArrowRight', 'ArrowLeft', 'ArrowRight'])
          document.body.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));`);
        await soon(() => engine.state.clock.cursorNs).toBe(start + 2e9);
        await soon(() => slider.getAttribute('aria-valuenow')).toBe(String(Math.round((start + 2e9) / 1e6)));
        await slider.press('ArrowRight');
        await soon(() => engine.state.clock.cursorNs).toBe(start + 3e9);
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

    it('a range is brushed, said with its length, narrows the flows, looped by play, and cleared by Escape', () =>
      withPage(suite, 'replay', async ({ page, engine }) => {
        await live(page);
        const slider = page.getByRole('slider', { name: 'Time in the session' });
        const box = await slider.boundingBox();
        const at = (share: number): [number, number] => [(box?.x ?? 0) + (box?.width ?? 0) * share, (box?.y ?? 0) + 30];
        const { flows } = engine.state;
        await page.mouse.move(...at(0.1));
        await page.mouse.down();
        await page.mouse.move(...at(0.15), { steps: 3 });
        await page.mouse.move(...at(0.2));
        await page.mouse.up();
        await soon(() => Math.round((engine.state.range?.toNs ?? 0) / 1e9)).toBe(121);
        expect(Math.round((engine.state.range?.fromNs ?? 0) / 1e9)).toBe(60);
        await soon(() => page.getByRole('status', { name: 'Range' }).textContent()).toMatch(
          /12:01:00 – 12:02:00 1.m, [\d,]+ flows/,
        );
        expect(engine.state.matching).toBeLessThan(flows);
        // An edge is taken by its handle.
        await page.mouse.move(...at(0.2));
        await page.mouse.down();
        await page.mouse.move(...at(0.3), { steps: 3 });
        await page.mouse.up();
        await soon(() => Math.round((engine.state.range?.toNs ?? 0) / 1e9)).toBe(181);
        await page.getByRole('button', { name: 'Zoom to range' }).click();
        await soon(() => {
          const view = engine.openViews().find(({ kind }) => kind === 'timeline');
          return view?.kind === 'timeline' ? view.toNs : null;
        }).toBe(engine.state.range?.toNs);
        await slider.focus();
        await page.keyboard.press('Escape');
        await soon(() => engine.state.range).toBeNull();
        await page.getByRole('status', { name: 'Range' }).waitFor({ state: 'detached' });
      }));

    it('a range by keys alone: [ where it starts, ] where it ends', () =>
      withPage(suite, 'replay', async ({ page, engine }) => {
        await live(page);
        await page.keyboard.press('[');
        await soon(() => engine.state.range).toEqual({ fromNs: 273.88e9, toNs: 604e9 });
        await page.keyboard.press('Shift+ArrowRight');
        await page.getByRole('timer', { name: 'Time at the cursor' }).getByText('12:04:43.880').waitFor();
        await page.keyboard.press(']');
        await soon(() => engine.state.range).toEqual({ fromNs: 273.88e9, toNs: 283.88e9 });
        await page.getByRole('status', { name: 'Range' }).getByText('10.0 s').waitFor();
        await page.getByRole('button', { name: 'Clear the range' }).click();
        await soon(() => engine.state.range).toBeNull();
      }));

    it('jumps to a typed time, and says what is wrong with one that is none', () =>
      withPage(suite, 'replay', async ({ page, engine }) => {
        await live(page);
        await page.keyboard.press('g');
        const field = page.getByRole('textbox', { name: 'Go to time' });
        await field.fill('12:59');
        await page.keyboard.press('Enter');
        await page.getByRole('alert').filter({ hasText: '12:59 is after this session ends' }).waitFor();
        await field.fill('+10s');
        await page.keyboard.press('Enter');
        await soon(() => engine.state.clock.cursorNs).toBe(283.88e9);
        await page.keyboard.press('g');
        await field.fill('12:01:30.5');
        await page.keyboard.press('Enter');
        await soon(() => engine.state.clock.cursorNs).toBe(90.5e9);
        await field.waitFor({ state: 'detached' });
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
        const tag = page.getByText('not whole', { exact: true });
        await tag.waitFor();
        // Damaged in the middle is not cut off at the end: the tag says what really is wrong.
        expect(await tag.getAttribute('title')).toMatch(/^3 blocks of the recording are damaged/);
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
