/** What every suite of the interface shares: one browser, one invented engine a test, a page that must not fail. */
import { resolve } from 'node:path';
import type { Browser, Locator, Page } from 'playwright-core';
import { expect } from 'vitest';
import { newPage, type PageOptions } from '../browser.ts';
import { FakeEngine, type Scenario } from '../fake-engine.ts';

export interface Suite {
  browser: () => Browser;
}

export interface Opened {
  engine: FakeEngine;
  page: Page;
  /** Another page on the same engine. */
  another: (options?: PageOptions) => Promise<Page>;
}

/** Opens the page on a fresh engine, runs the test, closes both, and fails on any error the page reported. */
export async function withPage(
  suite: Suite,
  scenario: Scenario,
  test: (opened: Opened) => Promise<void>,
  options: PageOptions & { still?: boolean } = {},
): Promise<void> {
  const engine = await new FakeEngine({
    scenario,
    page: resolve('dist/renderer'),
    still: options.still ?? false,
  }).start();
  const opened: { close: () => Promise<void> }[] = [];
  const failures: string[][] = [];
  const open = async (wanted: PageOptions): Promise<Page> => {
    const { page, context, errors } = await newPage(suite.browser(), wanted);
    opened.push(context);
    failures.push(errors);
    await page.goto(engine.url);
    return page;
  };
  try {
    const page = await open(options);
    await test({ engine, page, another: (more = {}) => open(more) });
    expect(failures.flat()).toEqual([]);
  } finally {
    for (const context of opened) await context.close();
    await engine.stop();
  }
}

export const filterBox = (page: Page): Locator => page.getByRole('combobox', { name: 'Filter' });
/** The flow table; in groups it is a tree. */
export const table = (page: Page): Locator =>
  page.getByRole('grid', { name: 'Flows' }).or(page.getByRole('treegrid', { name: 'Flows' }));
/** Rows of flows, without the head of the table and of the rows outside the filter. */
export const flowRows = (page: Page): Locator => table(page).locator('[id^="flow-row-"]');
export const graphTwin = (page: Page): Locator => page.getByRole('treegrid', { name: 'Connections' });
/** Chooses a form of the graph from its menu. */
export async function chooseForm(page: Page, form: string): Promise<void> {
  await page.getByRole('button', { name: 'Form of the graph' }).click();
  await page.getByRole('menuitemcheckbox', { name: form }).click();
}
export const timelineTwin = (page: Page): Locator => page.getByRole('list', { name: 'Flows on the timeline' });
export const live = (page: Page): Promise<void> => flowRows(page).first().waitFor();

/** Waits until an expression of the test is true; says what it was at last when it never is. */
export const soon = <T>(get: () => T | Promise<T>, timeout = 5000) => expect.poll(get, { timeout, interval: 50 });
