/** The page on the real engine: `flowglass serve` with the demo session, which is real traffic. */
import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import { newPage } from '../browser.ts';
import { flowglass } from '../../lab/flowglass.ts';
import type { Suite } from './context.ts';

export const DEMO = 'docs/demo.pcapng';

/** The page of `flowglass serve` with these arguments; ends the server, and fails on any error the page reported. */
export async function withServed(
  suite: Suite,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  test: (page: Page) => Promise<void>,
): Promise<void> {
  const serving = flowglass(['serve', ...args], 60_000, { ...process.env, ...env });
  try {
    await serving.until('an address', ({ stdout }) => stdout.startsWith('http'));
    const { page, context, errors } = await newPage(suite.browser());
    await page.goto(serving.stdout.trim());
    await test(page);
    await context.close();
    expect(errors).toEqual([]);
  } finally {
    await serving.stop('SIGTERM', 15_000);
  }
}

/** The same with the demo session open. */
export const withDemo = (suite: Suite, test: (page: Page) => Promise<void>): Promise<void> =>
  withServed(suite, [DEMO], {}, async (page) => {
    await page.getByRole('region', { name: 'Replay' }).waitFor();
    await test(page);
  });
