/** The built page in real Chromium against an invented engine; one browser for all of it. */
import { execFileSync } from 'node:child_process';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe } from 'vitest';
import { chromiumPath, launch } from './browser.ts';
import { accessSuite } from './suites/access.ts';
import { arrangeSuite } from './suites/arrange.ts';
import { exportSuite } from './suites/export.ts';
import { keyboardSuite } from './suites/keyboard.ts';
import { liveSuite } from './suites/live.ts';
import { pictureSuite } from './suites/pictures.ts';
import { replaySuite } from './suites/replay.ts';
import { robustSuite } from './suites/robust.ts';
import { troubleSuite } from './suites/trouble.ts';
import { startSuite } from './suites/start.ts';

describe.skipIf(chromiumPath() === null)('interface', () => {
  let browser: Browser;
  beforeAll(async () => {
    execFileSync('node_modules/.bin/vite', ['build', '-c', 'renderer/vite.config.ts', '--logLevel', 'error']);
    browser = await launch();
  });
  afterAll(() => browser.close());
  const suite = { browser: () => browser };
  startSuite(suite);
  liveSuite(suite);
  keyboardSuite(suite);
  arrangeSuite(suite);
  replaySuite(suite);
  troubleSuite(suite);
  robustSuite(suite);
  exportSuite(suite);
  pictureSuite(suite);
  accessSuite(suite);
});
