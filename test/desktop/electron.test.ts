// The same contract suite, and what only the app itself can show, in the real desktop app. Needs Electron's binary, a
// display (Xvfb will do) and an ordinary user; without them it is left out and says why.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { _electron, type ElectronApplication, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { desktopFacts, whyNoDesktop } from '../../cli/desktop.ts';
import type { EngineMessage } from '../../core/contract/answers.ts';
import { CHECKOUT } from '../lab/programs.ts';
import { contract, SESSION } from './contract.ts';
import { Wire } from './wire.ts';

const facts = desktopFacts();
const why = whyNoDesktop(facts);

interface Launched {
  app: ElectronApplication;
  page: Page;
  end(): Promise<void>;
}

/** The app with a home of its own. */
async function launch(...files: string[]): Promise<Launched> {
  const home = mkdtempSync(join(tmpdir(), 'flowglass-desktop-'));
  const app = await _electron.launch({
    executablePath: facts.binary ?? '',
    args: [CHECKOUT, `--user-data-dir=${join(home, 'data')}`, ...files],
    env: { ...process.env, HOME: home, XDG_STATE_HOME: join(home, 'state'), XDG_CONFIG_HOME: join(home, 'config') } as Record<string, string>, // prettier-ignore
  });
  const page = await app.firstWindow();
  return {
    app,
    page,
    end: async () => {
      await app.close();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

if (why !== null) {
  const reason = `left out: ${why}`;
  process.stderr.write(`the real desktop app was not run, ${reason}\n`);
  describe.skip(`the desktop app itself (${reason})`, () => {
    it('is driven by Playwright', () => undefined);
  });
} else {
  contract('the desktop app', async () => {
    const { page, end } = await launch();
    const wires = new Map<number, Wire>();
    let count = 0;
    await page.exposeFunction('fromEngine', (n: number, kind: string, data: string) => {
      const wire = wires.get(n);
      if (kind === 'gone') wire?.gone();
      else if (kind === 'view') wire?.receive(new Uint8Array(Buffer.from(data, 'base64')).buffer);
      else wire?.receive(JSON.parse(data) as EngineMessage);
    });
    // Another viewer in the page, over a port of its own: exactly what the page's own transport does.
    await page.evaluate(`globalThis.ports = new Map(); globalThis.another = (n) => new Promise((done) => {
      const take = (event) => {
        if (event.data !== 'flowglass:engine') return;
        removeEventListener('message', take);
        const [port] = event.ports;
        ports.set(n, port);
        port.onmessage = ({ data }) => data instanceof ArrayBuffer
          ? fromEngine(n, 'view', btoa(Array.from(new Uint8Array(data), (byte) => String.fromCharCode(byte)).join('')))
          : fromEngine(n, 'message', JSON.stringify(data));
        port.addEventListener('close', () => fromEngine(n, 'gone', ''));
        done();
      };
      addEventListener('message', take);
      postMessage('flowglass:connect', '*');
    })`);
    return {
      connect: async () => {
        const n = ++count;
        const wire = new Wire(
          (message) => void page.evaluate(`ports.get(${n}).postMessage(${JSON.stringify(message)})`),
          () => void page.evaluate(`ports.get(${n}).close()`).catch(() => undefined),
        );
        wires.set(n, wire);
        await page.evaluate(`another(${n})`);
        return wire;
      },
      close: end,
    };
  });

  describe('the desktop app', () => {
    let launched: Launched;
    const errors: string[] = [];
    beforeAll(async () => {
      launched = await launch(SESSION);
      launched.page.on('pageerror', (error) => errors.push(String(error)));
      launched.page.on('console', (message) => {
        if (message.type() === 'error') errors.push(message.text());
      });
    });
    afterAll(() => launched.end());

    it('opens the file it was started with, and shows it', async () => {
      const { page } = launched;
      await page.getByRole('heading', { name: 'Connections' }).waitFor();
      await page.getByRole('slider', { name: 'Time in the session' }).waitFor();
      expect(await page.evaluate('location.href')).toBe('app://flowglass/index.html');
      expect(errors).toEqual([]);
    });

    it('gives the page no Node, no Electron, and five functions', async () => {
      const { page } = launched;
      expect(await page.evaluate('[typeof require, typeof process, typeof module]')).toEqual(['undefined', 'undefined', 'undefined']); // prettier-ignore
      expect(await page.evaluate('Object.keys(window.flowglass).sort()')).toEqual([
        'chooseFile',
        'chooseSave',
        'installHelper',
        'pathOf',
        'showInFolder',
      ]);
    });

    it('stays where it is', async () => {
      const { page, app } = launched;
      await page.evaluate(`location.href = 'https://example.com/'`).catch(() => undefined);
      expect(await page.evaluate(`window.open('about:blank') === null`)).toBe(true);
      expect(await page.evaluate(`fetch('https://example.com/').then(() => 'answered', () => 'refused')`)).toBe(
        'refused',
      );
      expect(await page.evaluate(`fetch('app://flowglass/..%2f..%2fpackage.json').then(({ status }) => status)`)).toBe(
        404,
      );
      expect(page.url()).toBe('app://flowglass/index.html');
      expect(app.windows()).toHaveLength(1);
    });

    it('comes with a built preload script', () => {
      expect(existsSync(join(CHECKOUT, 'dist/electron/preload.cjs'))).toBe(true);
    });
  });
}
