// Main's handlers, with the real engine behind them and an Electron made by hand.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bridge } from '../../electron/bridge.ts';
import {
  CHOOSE_FILE,
  CHOOSE_SAVE,
  CONNECT,
  ENGINE,
  EXPORT,
  INSTALL_HELPER,
  SAVE,
  SHOW_IN_FOLDER,
} from '../../electron/channels.ts';
import { fileArgument } from '../../electron/files.ts';
import { placeWindow, readWindowState, writeWindowState } from '../../electron/window-state.ts';
import { SESSION } from './contract.ts';
import { Prevented, type FakeContents, type FakeElectron, type FakeWindow } from './fake-electron.ts';
import { ShellUnderTest } from './started-shell.ts';
import { eventually, type Wire } from './wire.ts';

let shell: ShellUnderTest;
let folder: string;
let electron: FakeElectron;

const start = (...files: string[]): Promise<FakeWindow> => shell.start(files);
const connect = (contents: FakeContents): Promise<Wire> => shell.connect(contents);

beforeEach(() => {
  shell = new ShellUnderTest();
  ({ folder, electron } = shell);
});
afterEach(() => shell.end());

describe('windows', () => {
  it('are sandboxed, isolated and without Node, and show our page only', async () => {
    const window = await start();
    expect(window.loaded).toBe('app://flowglass/index.html');
    expect(window.options.webPreferences).toEqual({
      preload: '/app/preload.cjs',
      sandbox: true,
      contextIsolation: true,
      nodeIntegration: false,
      webviewTag: false,
      navigateOnDragDrop: false,
      spellcheck: false,
    });
    expect(window.options.show).toBe(false);
    window.emit('ready-to-show');
    expect(window.shown).toBe(1);
    expect(electron.schemes).toEqual([
      { scheme: 'app', privileges: { standard: true, secure: true, supportFetchAPI: true } },
    ]);
  });

  it('stay where they are: no navigation, no new window, no webview', async () => {
    const { webContents } = await start();
    for (const event of ['will-navigate', 'will-redirect', 'will-frame-navigate']) {
      for (const url of [
        'https://evil.example/',
        'file:///etc/passwd',
        'app://flowglass.evil.example/index.html',
        'app://flowglass/other.html',
        'app://other/index.html',
        'javascript:alert(1)',
        'data:text/html,x',
        'blob:app://flowglass/1',
        'about:blank',
        '',
      ])
        expect(webContents.stays(event, url), `${event} ${url}`).toBe(true);
      expect(webContents.stays(event, 'app://flowglass/index.html')).toBe(false);
    }
    expect(webContents.stays('will-attach-webview', '')).toBe(true);
    expect(webContents.opens()).toEqual({ action: 'deny' });
  });

  it('may copy text, and nothing else: permissions, devices and the network are denied', async () => {
    await start();
    const { locks } = electron;
    const asks = (permission: string, url: string): boolean => {
      let granted = true;
      locks.request(null, permission, (answer) => (granted = answer), { requestingUrl: url });
      return granted;
    };
    for (const permission of [
      'media',
      'geolocation',
      'notifications',
      'clipboard-read',
      'openExternal',
      'fullscreen',
      'usb',
      'serial',
      'midi',
      'fileSystem',
      'unknown',
    ]) {
      expect(asks(permission, 'app://flowglass/index.html'), permission).toBe(false);
      expect(locks.check(null, permission, 'app://flowglass'), permission).toBe(false);
    }
    expect(asks('clipboard-sanitized-write', 'app://flowglass/index.html')).toBe(true);
    expect(asks('clipboard-sanitized-write', 'https://evil.example/')).toBe(false);
    expect(locks.check(null, 'clipboard-sanitized-write', 'app://flowglass/')).toBe(true);
    expect(locks.check(null, 'clipboard-sanitized-write', 'app://flowglass')).toBe(true);
    expect(locks.check(null, 'clipboard-sanitized-write', 'app://flowglass.evil')).toBe(false);
    expect(locks.device()).toBe(false);
    const cancelled = (url: string): boolean => {
      let cancel = false;
      locks.before({ url }, (answer) => ({ cancel } = answer));
      return cancel;
    };
    for (const url of [
      'https://evil.example/',
      'http://127.0.0.1/',
      'ws://evil.example/',
      'file:///etc/passwd',
      'app://other/x',
    ])
      expect(cancelled(url), url).toBe(true);
    for (const url of ['app://flowglass/assets/x.js', 'blob:app://flowglass/1', 'data:image/png;base64,'])
      expect(cancelled(url), url).toBe(false);
  });

  it('come back where they were, on displays that exist', async () => {
    const state = join(folder, 'state/window.json');
    writeWindowState(state, { x: 200, y: 100, width: 1200, height: 800, maximized: true });
    const window = await start();
    expect(window.options).toMatchObject({ x: 200, y: 100, width: 1200, height: 800 });
    window.emit('ready-to-show');
    expect(window.maximized).toBe(true);
    window.bounds = { x: 10, y: 20, width: 1000, height: 700 };
    window.maximized = false;
    window.close();
    expect(readWindowState(state)).toEqual({ x: 10, y: 20, width: 1000, height: 700, maximized: false });
  });

  it('reload after a crash, once', async () => {
    const { webContents } = await start();
    webContents.emit('render-process-gone', {}, { reason: 'clean-exit' });
    expect(webContents.reloads).toBe(0);
    for (let n = 0; n < 3; n++) webContents.emit('render-process-gone', {}, { reason: 'crashed' });
    expect(webContents.reloads).toBe(1);
  });
});

describe('placing a window', () => {
  const laptop = { x: 0, y: 25, width: 1440, height: 875 };
  const right = { x: 1440, y: 0, width: 2560, height: 1440 };

  it('keeps what fits', () => {
    const kept = { x: 1600, y: 100, width: 1800, height: 1000 };
    expect(placeWindow(kept, [laptop, right])).toEqual(kept);
  });
  it('centres on the primary display what a display that is gone held', () => {
    expect(placeWindow({ x: 1600, y: 100, width: 1200, height: 800 }, [laptop])).toEqual({ x: 120, y: 63, width: 1200, height: 800 }); // prettier-ignore
  });
  it.each([
    [{ x: -5000, y: 0, width: 1000, height: 700 }],
    [{ x: 0, y: -4000, width: 1000, height: 700 }],
    [{ x: 1435, y: 860, width: 1000, height: 700 }],
    [{ x: 200, y: 895, width: 1000, height: 700 }],
  ])('brings back what is out of reach: %j', (kept) => {
    const { x, y, width, height } = placeWindow(kept, [laptop]);
    expect(x >= 0 && y >= 25 && x + width <= 1440 && y + height <= 900).toBe(true);
  });
  it('is never larger than its display, nor smaller than the page can be', () => {
    expect(placeWindow({ x: 0, y: 25, width: 9000, height: 9000 }, [laptop])).toMatchObject({
      width: 1440,
      height: 875,
    });
    expect(placeWindow({ x: 0, y: 25, width: 10, height: 10 }, [laptop])).toMatchObject({ width: 960, height: 600 });
    expect(placeWindow(null, [{ x: 0, y: 0, width: 800, height: 500 }])).toEqual({
      x: 0,
      y: 0,
      width: 800,
      height: 500,
    });
    expect(placeWindow(null, [])).toMatchObject({ width: 1440, height: 900 });
  });
  it.each(['', '{', '[]', '{"x":1}', '{"x":0,"y":0,"width":1e9,"height":1,"maximized":false}', '{"x":"0"}'])(
    'passes over a state file that is not one: %j',
    (text) => {
      writeFileSync(join(folder, 'window.json'), text);
      expect(readWindowState(join(folder, 'window.json'))).toBeNull();
    },
  );
});

describe('messages to main', () => {
  it('are answered for the top frame of our own page only', async () => {
    const window = await start();
    const { webContents } = window;
    electron.chosen = ['/captures/a.pcapng'];
    const choose = (event: ReturnType<FakeContents['message']>, ...args: unknown[]): Promise<unknown> =>
      Promise.resolve(electron.handlers.get(CHOOSE_FILE)?.(event, ...args));
    expect(await choose(webContents.message())).toBe('/captures/a.pcapng');
    electron.chosen = [];
    expect(await choose(webContents.message())).toBeNull();
    const { frame } = webContents;
    const stranger = new (webContents.constructor as new () => FakeContents)();
    const bad = [
      webContents.message(null),
      webContents.message({ url: 'https://evil.example/', parent: null }),
      webContents.message({ url: 'file:///app/index.html', parent: null }),
      webContents.message({ url: 'app://flowglass.evil/index.html', parent: null }),
      webContents.message({ url: 'app://flowglass@evil/index.html', parent: null }),
      webContents.message({ url: 'app://flowglass/index.html', parent: frame }),
      stranger.message(),
    ];
    for (const event of bad) {
      await expect(choose(event), event.senderFrame?.url ?? 'no frame').rejects.toThrow('refused');
      electron.listeners.get(CONNECT)?.(event);
    }
    await expect(choose(webContents.message(), 'extra')).rejects.toThrow('refused');
    for (const event of bad) await expect(electron.handlers.get(INSTALL_HELPER)?.(event)).rejects.toThrow('refused');
    electron.listeners.get(CONNECT)?.(webContents.message(), { more: true });
    expect(webContents.posted).toEqual([]);
    expect(stranger.posted).toEqual([]);
    expect([...electron.handlers.keys(), ...electron.listeners.keys()].sort()).toEqual(
      [CHOOSE_FILE, CHOOSE_SAVE, CONNECT, INSTALL_HELPER, SHOW_IN_FOLDER].sort(),
    );
  });

  it('a file to save is named, not placed, by the page; the engine may write it once it was chosen', async () => {
    const { webContents } = await start();
    const save = (...args: unknown[]): Promise<unknown> =>
      Promise.resolve(electron.handlers.get(CHOOSE_SAVE)?.(webContents.message(), ...args));
    expect(await save('a part.pcapng')).toBeNull();
    electron.chosen = ['/home/me/b.pcapng'];
    expect(await save('a part.pcapng')).toBe('/home/me/b.pcapng');
    expect(electron.suggested).toEqual(['a part.pcapng', 'a part.pcapng']);
    for (const bad of [[], ['../etc/passwd'], ['/etc/passwd'], ['x', 'y'], [7], ['']]) await expect(save(...bad)).rejects.toThrow('refused'); // prettier-ignore
    await expect(Promise.resolve(electron.handlers.get(CHOOSE_SAVE)?.(webContents.message(null), 'x'))).rejects.toThrow('refused'); // prettier-ignore
    expect(electron.suggested).toHaveLength(2);
  });

  it('the file manager shows captures only, and only to a page of ours', async () => {
    const { webContents } = await start();
    const show = (frame: ReturnType<typeof webContents.message>, ...args: unknown[]): unknown =>
      electron.handlers.get(SHOW_IN_FOLDER)?.(frame, ...args);
    show(webContents.message(), '/home/me/a b.pcapng.gz');
    for (const bad of [[], ['a.pcapng'], ['/etc/passwd'], ['/x.pcap', 'y'], [7], ['/x\0.pcap']]) expect(() => show(webContents.message(), ...bad)).toThrow('refused'); // prettier-ignore
    expect(() => show(webContents.message(null), '/x.pcap')).toThrow('refused');
    expect(electron.shown).toEqual(['/home/me/a b.pcapng.gz']);
  });
});

describe('app://flowglass/', () => {
  it('serves the page with its policy, and no other file', async () => {
    const { mkdirSync } = await import('node:fs');
    mkdirSync(join(folder, 'page'));
    writeFileSync(join(folder, 'page/index.html'), '<!doctype html>');
    writeFileSync(join(folder, 'page/notes.txt'), 'not of the page');
    writeFileSync(join(folder, 'beside.js'), 'outside');
    await start();
    const get = (url: string, method = 'GET'): Promise<Response> => electron.page({ url, method });
    const page = await get('app://flowglass/index.html');
    expect([page.status, await page.text()]).toEqual([200, '<!doctype html>']);
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'; script-src 'self';");
    expect(page.headers.get('x-content-type-options')).toBe('nosniff');
    for (const url of [
      'app://flowglass/nothing.js',
      'app://flowglass/notes.txt',
      'app://flowglass/../beside.js',
      'app://flowglass/..%2fbeside.js',
      'app://flowglass/%2e%2e/beside.js',
      'app://flowglass/%2e%2e%2fbeside.js',
      'app://flowglass//beside.js',
      'app://flowglass/index.html%00.js',
      'app://flowglass/%',
      'app://flowglass',
      'app://other/index.html',
      'file:///etc/passwd',
    ])
      expect((await get(url)).status, url).toBe(404);
    expect((await get('app://flowglass/index.html', 'POST')).status).toBe(405);
    expect(await (await get('app://flowglass/index.html', 'HEAD')).text()).toBe('');
  });
});

describe('files', () => {
  it('are taken from the arguments: paths and file URLs, but neither switches nor what is not there', () => {
    writeFileSync(join(folder, 'a b.pcapng'), '');
    writeFileSync(join(folder, '-odd.pcapng'), '');
    const path = join(folder, 'a b.pcapng');
    const argument = (...args: string[]): string | null => fileArgument(['electron', '/app', ...args], folder, false);
    expect(argument('a b.pcapng')).toBe(path);
    expect(argument('--no-sandbox', path)).toBe(path);
    expect(argument(`file://${folder}/a%20b.pcapng`)).toBe(path);
    expect(argument('file://host/%', path)).toBe(path);
    expect(argument('-odd.pcapng')).toBeNull();
    expect(argument('./-odd.pcapng')).toBe(join(folder, '-odd.pcapng'));
    expect(argument('missing.pcapng', folder, '', 'x\0y')).toBeNull();
    expect(argument()).toBeNull();
    expect(fileArgument(['/opt/flowglass', path], '/', true)).toBe(path);
    expect(fileArgument(['/opt/flowglass'], '/', true)).toBeNull();
  });

  it('named on the command line are open when the page comes, and stand in title, menu and recent documents', async () => {
    const window = await start(SESSION);
    const page = await connect(window.webContents);
    await page.until('the session', ({ source }) => source?.path === SESSION);
    await eventually('title', () => window.title === 'demo.pcapng – Flowglass' || undefined);
    expect(electron.app.recent).toEqual([SESSION]);
    const item = await eventually('menu', () => electron.item('1  demo.pcapng'));
    await page.result('close');
    await eventually('title', () => window.title === 'Flowglass' || undefined);
    item.click?.();
    await page.until('open again', ({ source }) => source?.path === SESSION);
    electron.chosen = [SESSION];
    await page.result('close');
    electron.item('&Open…')?.click?.();
    await page.until('open a third time', ({ source }) => source?.path === SESSION);
  });

  it('come from open-file, before and after the start, and from a second start, which shows the window', async () => {
    const early = new Prevented();
    shell.run();
    electron.app.emit('open-file', early, SESSION);
    expect(early.prevented).toBe(true);
    const window = await eventually('window', () => electron.windows[0]);
    const page = await connect(window.webContents);
    await page.until('the session', ({ source }) => source?.path === SESSION);
    await page.result('close');
    window.minimized = true;
    for (const data of [null, 'x', { file: 3 }, { file: 'x'.repeat(5000) }, {}]) electron.app.emit('second-instance', {}, [], folder, data); // prettier-ignore
    expect([window.minimized, window.focused]).toEqual([false, 5]);
    expect(page.state?.source).toBeNull();
    electron.app.emit('second-instance', {}, [], folder, { file: SESSION });
    await page.until('the session again', ({ source }) => source?.path === SESSION);
    expect(electron.windows).toHaveLength(1);
  });

  it('that cannot be opened are complained about in a dialog, with what to do', async () => {
    const bad = join(folder, 'bad\u202e\n.pcapng');
    writeFileSync(bad, 'no capture at all');
    await start(bad);
    const box = await eventually('dialog', () => electron.boxes[0]);
    expect(box.type).toBe('error');
    expect(box.message).toMatch(/^[A-Z]/);
    expect(box.message + box.detail).not.toMatch(/internal|\u202e/);
  });
});

describe('one instance', () => {
  it('a second start hands its file over and ends without a window', () => {
    electron.app.first = false;
    shell.run([SESSION]);
    expect(electron.app.lockData).toEqual({ file: SESSION });
    expect([electron.app.quits, electron.windows.length, electron.processes.length]).toEqual([1, 0, 0]);
    expect(electron.schemes).toEqual([]);
  });
});

describe('the engine', () => {
  it('ends in order before the app does', async () => {
    await start();
    electron.app.quit();
    shell.ended = true;
    expect(electron.app.quits).toBe(0);
    await eventually('end', () => electron.app.quits === 1 || undefined);
    expect(electron.processes[0]?.ended).toBe(true);
    expect(electron.processes[0]?.received.at(-1)).toEqual({ kind: 'close' });
  });

  it('ends with the last window', async () => {
    const window = await start();
    window.close();
    electron.app.emit('window-all-closed');
    shell.ended = true;
    await eventually('end', () => electron.app.quits === 1 || undefined);
  });

  it('is shared by two windows', async () => {
    const first = await start();
    electron.item('&New Window')?.click?.();
    await eventually('menu', () => electron.menu.length > 0 || undefined);
    if (electron.windows.length < 2) electron.item('&New Window')?.click?.();
    const second = await eventually('second window', () => electron.windows[1]);
    expect([second.options.x, second.options.y]).not.toEqual([NaN, NaN]);
    const [one, two] = [await connect(first.webContents), await connect(second.webContents)];
    await one.result('openDemo');
    await two.until('the session', ({ mode }) => mode === 'replay');
    expect(electron.processes).toHaveLength(1);
  });

  it('is started again after a crash, and the page gets another port; after three crashes it stays dead and says so', async () => {
    const { webContents } = await start();
    for (let crash = 1; crash <= 3; crash++) {
      const page = await connect(webContents);
      await page.result('hello');
      electron.processes.at(-1)?.die(139);
      await eventually('port closed', () => page.closed || undefined);
      await eventually('noticed', () => electron.processes.at(-1)?.ended || undefined);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await eventually('dialog', () => electron.boxes[0]);
    const posted = webContents.posted.length;
    electron.listeners.get(CONNECT)?.(webContents.message());
    expect(webContents.posted).toHaveLength(posted);
    expect(electron.processes).toHaveLength(3);
  });
});

describe('the preload script', () => {
  it('gives the page five functions and a port whenever it asks, and takes nothing else for a question', async () => {
    const exposed: Record<string, { pathOf(file: object): string; chooseFile(): Promise<string | null>; chooseSave(name: string): Promise<string | null>; installHelper(): Promise<unknown>; showInFolder(path: string): Promise<void> }> = {}; // prettier-ignore
    const named: string[][] = [];
    let toExport: () => void = () => undefined;
    let toSave: () => void = () => undefined;
    const sent: string[] = [];
    let answer: unknown = '/captures/a.pcapng';
    let toPage: (event: { ports: object[] }) => void = () => undefined;
    let toPreload: (event: { source: unknown; data: unknown }) => void = () => undefined;
    const posted: unknown[][] = [];
    const window = {
      addEventListener: (_type: 'message', listener: typeof toPreload) => (toPreload = listener),
      postMessage: (...args: unknown[]) => posted.push(args),
    };
    bridge(
      {
        contextBridge: { exposeInMainWorld: (name, api) => (exposed[name] = api as never) },
        ipcRenderer: {
          send: (channel) => sent.push(channel),
          invoke: (channel, ...args) => {
            if (channel === CHOOSE_SAVE || channel === SHOW_IN_FOLDER) named.push(args);
            return Promise.resolve(answer);
          },
          on: (channel, listener) => {
            if (channel === ENGINE) toPage = listener as typeof toPage;
            if (channel === EXPORT) toExport = listener as typeof toExport;
            if (channel === SAVE) toSave = listener as typeof toSave;
          },
        },
        webUtils: {
          getPathForFile: (file) => {
            if (!('path' in file)) throw new TypeError('not a File');
            return String(file.path);
          },
        },
      },
      window,
    );
    expect(Object.keys(exposed)).toEqual(['flowglass']);
    const api = exposed['flowglass'];
    if (!api) throw new Error('nothing exposed');
    expect(Object.keys(api).sort()).toEqual(['chooseFile', 'chooseSave', 'installHelper', 'pathOf', 'showInFolder']);
    expect(api.pathOf({ path: '/x.pcap' })).toBe('/x.pcap');
    expect(api.pathOf({})).toBe('');
    expect(await api.chooseFile()).toBe('/captures/a.pcapng');
    expect(await api.chooseSave('b.csv')).toBe('/captures/a.pcapng');
    await api.showInFolder('/captures/a.pcapng');
    expect(named).toEqual([['b.csv'], ['/captures/a.pcapng']]);
    answer = { done: true, text: 'Installed.' };
    expect(await api.installHelper()).toEqual(answer);
    answer = { evil: true };
    expect(await api.chooseFile()).toBeNull();
    toPreload({ source: {}, data: CONNECT });
    toPreload({ source: window, data: 'something' });
    expect(sent).toEqual([]);
    toPreload({ source: window, data: CONNECT });
    expect(sent).toEqual([CONNECT]);
    const port = {};
    toPage({ ports: [port] });
    expect(posted).toEqual([[ENGINE, '*', [port]]]);
    toExport();
    expect(posted.at(-1)).toEqual([EXPORT, '*', []]);
    toSave();
    expect(posted.at(-1)).toEqual([SAVE, '*', []]);
  });

  it('is one CommonJS file that requires nothing but Electron', () => {
    const text = readFileSync(new URL('../../dist/electron/preload.cjs', import.meta.url), 'utf8');
    expect([...text.matchAll(/require\(([^)]*)\)/g)].map(([, name]) => name)).toEqual(['"electron"']);
    expect(text).not.toMatch(/^\s*(import|export)\b/m);
  });
});
