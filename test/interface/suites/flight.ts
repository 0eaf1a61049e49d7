import { describe, expect, it } from 'vitest';
import { live, soon, withPage, type Opened, type Suite } from './context.ts';

const dialogOf = ({ page }: Pick<Opened, 'page'>) => page.getByRole('dialog', { name: 'Flight recorder' });
const asked = ({ engine }: Pick<Opened, 'engine'>, method: string): unknown[] =>
  engine.log.filter((each) => each.method === method).map(({ params }) => params);

export function flightSuite(suite: Suite): void {
  describe('flight recorder', () => {
    it('saves what just happened by button and by key, says how much, and opens it', () =>
      withPage(suite, 'live', async (opened) => {
        const { page, engine } = opened;
        await live(page);
        const button = page.getByRole('button', { name: 'Save what just happened' });
        expect(await button.getAttribute('title')).toBe('Save what just happened (Ctrl S): the last 1 min 35 s');
        await button.click();
        const notice = page.getByRole('alert');
        await notice.getByText(/Saved the last 1 min 35 s, 38\.4\sMB/).waitFor();
        await notice.getByRole('button', { name: 'Dismiss' }).click();
        await page.keyboard.press('Control+s');
        await soon(() => asked(opened, 'flightSave').length).toBe(2);
        await notice.getByRole('button', { name: 'Open the recording' }).click();
        await soon(() => engine.state.mode).toBe('replay');
        expect(await button.count()).toBe(0);
      }));

    it('pauses a recording and goes on, by button and by key', () =>
      withPage(suite, 'live', async ({ page, engine }) => {
        await live(page);
        await page.keyboard.press('r');
        await page.getByRole('button', { name: 'Pause recording' }).click();
        await page.getByText('Paused', { exact: true }).waitFor();
        expect(engine.state.recording?.paused).toBe(true);
        await page.keyboard.press('Shift+R');
        await page.getByRole('button', { name: 'Pause recording' }).waitFor();
        expect(engine.state.recording?.paused).toBe(false);
      }));

    it('is set, and says what is kept or why nothing is', () =>
      withPage(suite, 'live', async (opened) => {
        const { page, engine } = opened;
        await live(page);
        await page.keyboard.press('b');
        const dialog = dialogOf(opened);
        const kept = dialog.getByRole('status', { name: 'Kept' });
        await kept.getByText(/^1 min 35 s kept, 38\.4\sMB$/).waitFor();
        await dialog.getByRole('combobox', { name: 'The last' }).selectOption('5 min');
        await dialog.getByRole('checkbox', { name: 'Keep what just happened' }).uncheck();
        await soon(() => asked(opened, 'flightKeep')).toEqual([
          { settings: { on: true, seconds: 300, megabytes: 256 } },
          { settings: { on: false, seconds: 300, megabytes: 256 } },
        ]);
        await kept.getByText('Nothing is kept').waitFor();
        expect(await dialog.getByRole('button', { name: 'Save what just happened' }).isDisabled()).toBe(true);
        const problem = { code: 'disk-nearly-full', what: 'the disk is nearly full, so nothing more is kept', where: '/home', hint: 'make room and start again' }; // prettier-ignore
        engine.state = { ...engine.state, flight: { ...engine.state.flight!, problem } };
        engine.notify({ level: 'error', ...problem });
        await kept.getByText(/nearly full/).waitFor();
        await page.keyboard.press('Escape');
        await page
          .getByRole('alert')
          .getByText(/nearly full.* make room/)
          .waitFor();
      }));

    it('lists triggers with what they saw last; they are written with completion, changed, switched off and removed', () =>
      withPage(suite, 'live', async (opened) => {
        const { page, engine } = opened;
        await live(page);
        await page.getByRole('button', { name: 'Flight recorder and triggers' }).click();
        const dialog = dialogOf(opened);
        await dialog.getByText(/^Fired 2 times, last at .*: checkout\[4711\] → .* rtt\.p99 = 412ms$/).waitFor();
        const field = dialog.getByRole('combobox', { name: 'Trigger', exact: true });
        await field.pressSequentially('session: rtt.p9');
        await dialog.getByRole('option', { name: /^rtt\.p99/ }).click();
        await field.pressSequentially(' > 5');
        await field.press('Enter');
        await dialog.getByText(/Character 20: 5 needs a unit/).waitFor();
        await dialog.getByRole('button', { name: 'Write session: rtt.p99 > 5ms' }).click();
        await field.press('Enter');
        const texts = (): string[] => engine.state.flight!.triggers.map(({ text, enabled }) => `${enabled ? '+' : '-'} ${text}`); // prettier-ignore
        await soon(texts).toEqual(['+ server.port == 443 && rtt.p99 > 200ms', '- session: resets > 50 within 10s', '+ session: rtt.p99 > 5ms']); // prettier-ignore
        await dialog.getByRole('checkbox', { name: /^session: resets/ }).check();
        await dialog.getByRole('button', { name: 'Change session: rtt.p99 > 5ms' }).click();
        expect(await field.inputValue()).toBe('session: rtt.p99 > 5ms');
        await field.fill('new peer');
        await field.press('Enter');
        await dialog.getByRole('button', { name: /^Remove server\.port/ }).click();
        await soon(texts).toEqual(['+ session: resets > 50 within 10s', '+ new peer']);
        await dialog.getByRole('combobox', { name: 'How long after a trigger' }).selectOption('1 min');
        await soon(() => engine.state.flight!.afterSeconds).toBe(60);
        await page.keyboard.press('Escape');
        await dialog.waitFor({ state: 'detached' });
        await page.keyboard.press('Control+z');
        await soon(() => texts().length).toBe(3);
      }));
  });
}
