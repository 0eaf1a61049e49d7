import { describe, expect, it } from 'vitest';
import { HOSTILE } from '../fake-world.ts';
import { flowRows, graphTwin, live, soon, timelineTwin, withPage, type Suite } from './context.ts';

export function robustSuite(suite: Suite): void {
  describe('hostile names', () => {
    it('are text in every pane: no element, no title, no direction, no control character', () =>
      withPage(suite, 'hostile', async ({ page }) => {
        await live(page);
        await soon(() => graphTwin(page).textContent()).toContain('<img src=x');
        await soon(() => timelineTwin(page).textContent()).toContain('\\u{202e}');
        await flowRows(page).first().dblclick();
        await page.getByRole('listbox', { name: 'Packets' }).waitFor();
        await page.getByRole('button', { name: 'Back' }).waitFor();
        expect(
          await page.evaluate<number>(`document.querySelectorAll('#app img, #app b[onclick], #app script').length`),
        ).toBe(0);
        expect(await page.title()).toBe('Flowglass');
        const text = await page.evaluate<string>('document.body.innerText + [...document.querySelectorAll("[title],[aria-label]")].map((el) => el.title + el.ariaLabel).join(" ")'); // prettier-ignore
        expect(text).not.toMatch(/[\u0007\u001b\u202a-\u202e\u2066-\u2069\u200e\u200f]/);
        expect(text).toContain('<img src=x onerror');
        expect(HOSTILE.every((name) => !text.includes(name) || name.length < 80)).toBe(true);
      }));
  });

  describe('connections', () => {
    it('a lost connection is shown and comes back with every view', () =>
      withPage(suite, 'live', async ({ page, engine }) => {
        await live(page);
        await flowRows(page).nth(2).click();
        const views = engine.openViews().length;
        engine.cut(true);
        await page.getByRole('alert').filter({ hasText: 'connection to the engine was lost' }).waitFor();
        expect(await flowRows(page).count()).toBeGreaterThan(3);
        engine.addFlow({ peer: { name: 'later.example.net', address: '192.0.2.201', port: 8080 } });
        engine.accept();
        await page.getByRole('alert').waitFor({ state: 'detached' });
        await soon(() => engine.openViews().length).toBe(views);
        await soon(() => graphTwin(page).textContent(), 6000).toContain('later.example.net');
      }));

    it('an update that does not fit what the page has is asked for again in full', () =>
      withPage(suite, 'live', async ({ page, engine }) => {
        await live(page);
        const closes = (): number => engine.log.filter(({ method }) => method === 'viewClose').length;
        const before = closes();
        engine.skipOneUpdate();
        await soon(closes).toBeGreaterThan(before);
        engine.addFlow({ peer: { name: 'again.example.net', address: '192.0.2.202', port: 8080 } });
        await soon(() => graphTwin(page).textContent(), 6000).toContain('again.example.net');
        const after = closes();
        await page.waitForTimeout(500);
        expect(closes()).toBe(after);
      }));

    it('a second viewer sees the same source, filter and recording', () =>
      withPage(suite, 'live', async ({ page, engine, another }) => {
        await live(page);
        const second = await another({ theme: 'light' });
        await live(second);
        await page.getByRole('combobox', { name: 'Filter' }).fill('udp');
        await soon(() => engine.state.filter).toBe('udp');
        await soon(() => second.getByRole('combobox', { name: 'Filter' }).inputValue()).toBe('udp');
        await second.keyboard.press('r');
        await page.getByRole('button', { name: 'Stop recording' }).waitFor();
      }));

    it('a viewer on a slow machine ends up with the newest state', () =>
      withPage(suite, 'live', async ({ page, engine }) => {
        const session = await page.context().newCDPSession(page);
        await session.send('Emulation.setCPUThrottlingRate', { rate: 12 });
        await live(page);
        engine.addFlow({ peer: { name: 'slow.example.net', address: '192.0.2.203', port: 8080 }, bps: 9e6 });
        await soon(() => graphTwin(page).textContent(), 15_000).toContain('slow.example.net');
      }));

    it('a notice of the engine is shown as text and can be dismissed', () =>
      withPage(suite, 'live', async ({ page, engine }) => {
        await live(page);
        engine.notify({ level: 'warning', code: 'link', what: 'eth0 lost its <b>link</b>', where: null, hint: 'docker0 goes on' }); // prettier-ignore
        const notice = page.getByRole('alert');
        await notice.getByText('eth0 lost its <b>link</b>').waitFor();
        await notice.getByRole('button', { name: 'Dismiss' }).click();
        await notice.waitFor({ state: 'detached' });
      }));

    it('a hidden page asks for no views, has no timers, and draws nothing', () =>
      withPage(suite, 'live', async ({ page, engine }) => {
        await page.addInitScript('0');
        await live(page);
        await page.evaluate(`(() => {
          Object.defineProperty(document, 'hidden', { get: () => globalThis.testHidden === true, configurable: true });
          globalThis.calls = 0;
          for (const name of ['requestAnimationFrame', 'setInterval', 'setTimeout']) {
            const real = globalThis[name].bind(globalThis);
            globalThis[name] = (...args) => { globalThis.calls++; return real(...args); };
          }
          globalThis.testHidden = true;
          document.dispatchEvent(new Event('visibilitychange'));
        })()`);
        await soon(() => engine.log.filter(({ method }) => method === 'visible').at(-1)?.params).toEqual({
          visible: false,
        });
        await page.waitForTimeout(300);
        await page.evaluate('globalThis.calls = 0');
        await page.waitForTimeout(1500);
        expect(await page.evaluate<number>('globalThis.calls')).toBe(0);
        await page.evaluate(`globalThis.testHidden = false; document.dispatchEvent(new Event('visibilitychange'))`);
        await soon(() => page.evaluate<number>('globalThis.calls')).toBeGreaterThan(0);
      }));

    it('with reduced motion values change about once a second', () =>
      withPage(
        suite,
        'live',
        async ({ page }) => {
          await live(page);
          await page.evaluate(`(() => {
            globalThis.changes = 0;
            let last = '';
            setInterval(() => {
              const now = document.querySelector('[id^="flow-row-"] .rate .value')?.textContent ?? '';
              if (now !== last) globalThis.changes++;
              last = now;
            }, 20);
          })()`);
          await page.waitForTimeout(3000);
          const changes = await page.evaluate<number>('globalThis.changes');
          expect(changes).toBeGreaterThan(1);
          expect(changes).toBeLessThanOrEqual(5);
        },
        { reducedMotion: true },
      ));
  });
}
