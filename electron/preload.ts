/** Runs beside the page, isolated from it and sandboxed; bundled into one CommonJS file (electron/vite.config.ts). */
import type * as Real from 'electron';
import { bridge, type PageWindow } from './bridge.ts';

const { window } = globalThis as unknown as { window: PageWindow };
// eslint-disable-next-line @typescript-eslint/no-require-imports -- CommonJS is what a sandboxed preload script can be
bridge(require('electron') as typeof Real, window);
