/** The page on the real engine: `flowglass serve` with the demo session, which is real traffic. */
import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import { newPage } from '../browser.ts';
import { flowglass } from '../../lab/flowglass.ts';
import type { Suite } from './context.ts';

export const DEMO = 'docs/demo.pcapng';

/** Opens the demo session, runs the test, ends the server, and fails on any error the page reported. */
export async function withDemo(suite: Suite, test: (page: Page) => Promise<void>): Promise<void> {
  const serving = flowglass(['serve', DEMO]);
  try {
    await serving.until('an address', ({ stdout }) => stdout.startsWith('http'));
    const { page, context, errors } = await newPage(suite.browser());
    await page.goto(serving.stdout.trim());
    await page.getByRole('region', { name: 'Replay' }).waitFor();
    await test(page);
    await context.close();
    expect(errors).toEqual([]);
  } finally {
    await serving.stop('SIGTERM', 15_000);
  }
}
