import { describe, expect, it } from 'vitest';
import { live, soon, withPage, type Suite } from './context.ts';

export function alertSuite(suite: Suite): void {
  describe('alerts', () => {
    it('are listed with what goes on and what does not arrive, switched off, tried, and written', () =>
      withPage(suite, 'live', async ({ page, engine }) => {
        await live(page);
        await page.keyboard.press('Control+k');
        await page.keyboard.type('alerts');
        await page.keyboard.press('Enter');
        const settings = page.getByRole('dialog', { name: 'Settings' });
        const list = settings.getByRole('list', { name: 'Alerts' });
        await list.getByText(/It is so now, since \d\d:04:31/).waitFor();
        await settings.getByText(/ops: it answers 503.*4 notices were lost/).waitFor();
        await list.getByRole('checkbox', { name: /slow-orders/ }).uncheck();
        await soon(() => engine.alerts.answer.rules[0]!.enabled).toBe(false);
        await list.getByRole('button', { name: 'Test slow-orders' }).click();
        await list.getByText('ops: it answers 503 · desktop: sent').waitFor();
        const own = settings.getByRole('textbox', { name: 'Your own alerts' });
        await own.fill('alerts:\n  - alert: mine\n    when: rtt.p9 > 1s');
        await own.blur();
        await settings.getByText(/alerts\.0\.when.*character 1.*rtt\.p90/).waitFor();
        await own.fill('alerts:\n  - alert: mine\n    when: rtt.p90 > 1s');
        await own.blur();
        await list.getByRole('checkbox', { name: /mine/ }).waitFor();
        expect(engine.alerts.answer.text).toContain('mine');
        engine.notify({ level: 'warning', code: 'alert', what: 'mine began: curl[1] → 10.0.0.2:80: rtt.p90 = 2s', where: null, hint: null }); // prettier-ignore
        await page.keyboard.press('Escape');
        await page.getByRole('alert').getByText('mine began').waitFor();
      }));
  });
}
