/** Runs suites of the page in real Chromium against an invented engine: one browser for all suites of a file. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe } from 'vitest';
import { chromiumPath, launch } from './browser.ts';
import type { Suite } from './suites/context.ts';

export function inChromium(...suites: readonly ((suite: Suite) => void)[]): void {
  describe.skipIf(chromiumPath() === null)('interface', () => {
    let browser: Browser;
    beforeAll(async () => {
      browser = await launch();
    });
    afterAll(() => browser.close());
    for (const suite of suites) suite({ browser: () => browser });
  });
}
