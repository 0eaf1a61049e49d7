import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { filterBox, live, soon, withPage, type Suite } from './context.ts';

/** Saves a picture by its menu and returns the file. */
export async function save(page: Page, menu: string, form: 'SVG' | 'PNG'): Promise<{ name: string; bytes: Buffer }> {
  await page.getByRole('button', { name: menu }).click();
  const download = page.waitForEvent('download');
  await page.getByRole('menuitem', { name: `Save picture as ${form}` }).click();
  const saved = await download;
  return { name: saved.suggestedFilename(), bytes: readFileSync(await saved.path()) };
}

/** Share of pixels in which two pictures of the page differ visibly. */
const differing = (page: Page, svg: Buffer, png: Buffer): Promise<number> =>
  page.evaluate<number>(`(async () => {
    const load = (address) => new Promise((done, failed) => {
      const image = new Image();
      image.onload = () => done(image);
      image.onerror = () => failed(new Error('no picture'));
      image.src = address;
    });
    const pixels = (image, width, height) => {
      const canvas = document.createElement('canvas');
      Object.assign(canvas, { width, height });
      const context = canvas.getContext('2d');
      context.drawImage(image, 0, 0, width, height);
      return context.getImageData(0, 0, width, height).data;
    };
    const b = await load('data:image/png;base64,${png.toString('base64')}');
    const a = await load('data:image/svg+xml;base64,${svg.toString('base64')}');
    const [width, height] = [b.naturalWidth / 2, b.naturalHeight / 2];
    if (a.naturalWidth !== width || a.naturalHeight !== height) return 1;
    const [x, y] = [pixels(a, width, height), pixels(b, width, height)];
    let other = 0;
    for (let i = 0; i < x.length; i += 4) {
      const apart = Math.abs(x[i] - y[i]) + Math.abs(x[i + 1] - y[i + 1]) + Math.abs(x[i + 2] - y[i + 2]);
      if (apart > 150) other++;
    }
    return other / (x.length / 4);
  })()`);

export function pictureSuite(suite: Suite): void {
  describe('pictures', () => {
    it.each([
      ['graph', 'Picture of the graph', 'Connections', /at 12:04:33\.880 UTC/, /bit\/s of the last 5 s/],
      ['timeline', 'Picture of the timeline', 'Latency', /12:00:00\.000 – 12:10:04\.000 UTC/, /Line: RTT/],
    ] as const)(
      'of the %s say source, time and units, and are the same as SVG and as PNG',
      (_pane, menu, title, time, unit) =>
        withPage(suite, 'replay', async ({ page }) => {
          await live(page);
          await page.getByText(/^[1-9]\d* processes/).waitFor();
          await page.getByText(/^[1-9]\d* of \d+ flows · whole/).waitFor();
          await page.waitForTimeout(400); // the graph has come to rest
          const svg = await save(page, menu, 'SVG');
          const png = await save(page, menu, 'PNG');
          expect([svg.name, png.name]).toEqual(['svg', 'png'].map((form) => `checkout-slow ${title.toLowerCase()}.${form}`)); // prettier-ignore
          const text = svg.bytes.toString();
          expect(text).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" width="\d+" height="\d+"/);
          expect(text).toContain(`${title}, checkout-slow.pcapng`);
          expect(text).toMatch(time);
          expect(text).toMatch(unit);
          expect(text).toMatch(/@font-face\{font-family:'Inter Variable'.*base64/);
          expect(text).not.toMatch(/NaN|undefined|<script|href=/);
          expect(png.bytes.subarray(1, 4).toString()).toBe('PNG');
          expect(await differing(page, svg.bytes, png.bytes)).toBeLessThan(0.02);
        }),
    );

    it('follow the theme, name the filter, and cannot be broken by what came from the wire', () =>
      withPage(suite, 'hostile', async ({ page, engine }) => {
        await live(page);
        await filterBox(page).fill('tcp || udp');
        await soon(() => engine.state.filter).toBe('tcp || udp');
        await page.keyboard.press('Escape');
        const { bytes } = await save(page, 'Picture of the graph', 'SVG');
        const dark = bytes.toString();
        expect(dark).toContain('filter tcp || udp');
        const parsed = await page.evaluate<string>(
          `new DOMParser().parseFromString(${JSON.stringify(dark)}, 'image/svg+xml').querySelector('parsererror, script, a, foreignObject')?.outerHTML ?? ''`,
        );
        expect(parsed).toBe('');
        const background = (svg: string): string => /<rect x="0" y="0"[^>]*fill="([^"]+)"/.exec(svg)?.[1] ?? '';
        await page.keyboard.press('t');
        const light = (await save(page, 'Picture of the graph', 'SVG')).bytes.toString();
        expect(background(light)).not.toBe(background(dark));
        expect(background(light)).not.toBe('');
      }));

    it('the menu is opened, walked and left by keys', () =>
      withPage(suite, 'replay', async ({ page }) => {
        await live(page);
        const button = page.getByRole('button', { name: 'Picture of the graph' });
        await button.focus();
        await page.keyboard.press('Enter');
        await soon(() => page.evaluate<string>('document.activeElement.textContent.trim()')).toBe(
          'Save picture as SVG',
        );
        await page.keyboard.press('ArrowDown');
        await soon(() => page.evaluate<string>('document.activeElement.textContent.trim()')).toBe(
          'Save picture as PNG',
        );
        await page.keyboard.press('Escape');
        await soon(() => page.getByRole('menu').count()).toBe(0);
        await soon(() => page.evaluate<string>('document.activeElement.getAttribute("aria-label")')).toBe('Picture of the graph'); // prettier-ignore
      }));
  });
}
