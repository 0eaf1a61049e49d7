import { defineConfig } from 'vitest/config';

const exclude = ['**/node_modules/**', 'dist/**'];
/** Steps of the wall clock, sleep, rarer devices take their time: with `npm run test:kernels` only. */
const LONG = ['clock', 'suspend', 'devices'].map((name) => `test/vm/${name}.test.ts`);

/** Attaches programs, makes namespaces, measures time: one file after the other. */
const alone = { exclude, fileParallelism: false, maxWorkers: 1 };

/**
 * `unit` runs in parallel and needs no privilege; then `interface`, the page in Chromium; `kernel` needs root and runs
 * afterwards, one file at a time; `vm` boots other kernels.
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: [
            '{core,cli,build,electron,renderer}/**/*.test.ts',
            'test/{captures,desktop,fuzz,unit}/**/*.test.ts',
          ],
          exclude,
          testTimeout: 20_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'interface',
          include: ['test/interface/**/*.test.ts'],
          exclude,
          globalSetup: 'test/interface/build-page.ts',
          maxWorkers: 2,
          testTimeout: 60_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          ...alone,
          name: 'kernel',
          include: ['test/**/*.test.ts'],
          exclude: [...exclude, 'test/{captures,desktop,fuzz,interface,unit}/**', 'test/vm/**'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: {
          ...alone,
          name: 'vm',
          include: ['test/vm/**/*.test.ts'],
          exclude: [...exclude, ...LONG],
          testTimeout: 300_000,
          hookTimeout: 300_000,
          sequence: { groupOrder: 3 },
        },
      },
      {
        test: {
          ...alone,
          name: 'vm-long',
          include: LONG,
          testTimeout: 300_000,
          hookTimeout: 300_000,
          sequence: { groupOrder: 4 },
        },
      },
    ],
  },
});
