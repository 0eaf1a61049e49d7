/** Headless Chromium for tests, pictures and benches of the page; one browser, a fresh context each. */
import { existsSync, readFileSync } from 'node:fs';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';

export const SIZES = { wide: { width: 1440, height: 900 }, narrow: { width: 1024, height: 700 }, least: { width: 960, height: 600 } } as const; // prettier-ignore
export const THEMES = ['dark', 'light', 'hc'] as const;
export type Theme = (typeof THEMES)[number];

const PATHS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
export const chromiumPath = (): string | null =>
  [process.env['FLOWGLASS_CHROMIUM'] ?? '', ...PATHS].find((path) => path !== '' && existsSync(path)) ?? null;

export function launch(): Promise<Browser> {
  const executablePath = chromiumPath();
  if (!executablePath) throw new Error('no Chromium found; set FLOWGLASS_CHROMIUM to its path');
  return chromium.launch({
    executablePath,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

export interface PageOptions {
  size?: keyof typeof SIZES;
  theme?: Theme;
  reducedMotion?: boolean;
}

/** A page with its errors collected: an uncaught error or a policy violation is a bug. */
export async function newPage(
  browser: Browser,
  { size = 'wide', theme = 'dark', reducedMotion = false }: PageOptions = {},
): Promise<{ page: Page; context: BrowserContext; errors: string[] }> {
  const context = await browser.newContext({
    viewport: SIZES[size],
    reducedMotion: reducedMotion ? 'reduce' : 'no-preference',
    timezoneId: 'UTC',
    locale: 'en-GB',
  });
  await context.addInitScript(
    `localStorage.getItem('flowglass.theme') ?? localStorage.setItem('flowglass.theme', '${theme}')`,
  );
  const page = await context.newPage();
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error' && !/WebSocket connection/.test(message.text())) errors.push(message.text());
  });
  return { page, context, errors };
}

/** Text that is cut without an ellipsis, sticks out of the window, is too small, or lies over other text. */
export const findClutter = (page: Page): Promise<string[]> =>
  page.evaluate(readFileSync('test/interface/clutter.js', 'utf8'));
