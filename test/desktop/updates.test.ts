// Updates of the AppImage: the real updater against a real server, with our decisions around it.
import { createHash, generateKeyPairSync } from 'node:crypto';
import { createRequire } from 'node:module';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { signList } from '../../build/package/sign-update.mjs';
import { Updates, type UpdateOptions, type Updater } from '../../electron/updates.ts';
import { ShellUnderTest } from './started-shell.ts';
import { eventually } from './wire.ts';

const require = createRequire(import.meta.url);
const { AppImageUpdater } = require('electron-updater') as {
  AppImageUpdater: new (options: null, app: object) => Updater & { httpExecutor: object; install(silent: boolean, again: boolean): boolean; logger: null }; // prettier-ignore
};
const { ElectronHttpExecutor } = require('electron-updater/out/electronHttpExecutor.js') as { ElectronHttpExecutor: new () => object }; // prettier-ignore

/** Its own downloads, over Node's requests in place of Electron's. */
class NodeExecutor extends ElectronHttpExecutor {
  createRequest(options: object, callback: (response: unknown) => void): unknown {
    return request(options, callback);
  }
  addRedirectHandlers(): void {
    // none are sent here
  }
}

/** Prints that it was started, as an AppImage that installs itself is. */
const NEW = '#!/bin/sh\necho "$APPIMAGE_EXIT_AFTER_INSTALL" > "$0.started"\n';
const FILE = 'Flowglass-0.2.0.AppImage';

let shell: ShellUnderTest;
let server: Server;
let folder: string;
let installed: string;
let publicKey: string;
let asked: string[];
let staging: unknown[];
const before = process.env['APPIMAGE'];

beforeEach(async () => {
  shell = new ShellUnderTest();
  folder = join(shell.folder, 'server');
  mkdirSync(folder);
  asked = [];
  staging = [];
  server = createServer(({ url = '', headers }, response) => {
    const path = join(folder, new URL(url, 'http://x').pathname);
    asked.push(new URL(url, 'http://x').pathname);
    staging.push(headers['x-user-staging-id']);
    if (existsSync(path)) response.end(readFileSync(path));
    else response.writeHead(404).end();
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  installed = join(shell.folder, 'Flowglass.AppImage');
  writeFileSync(installed, 'the old one');
  chmodSync(installed, 0o755);
  process.env['APPIMAGE'] = installed;
  publicKey = await publish('0.2.0', NEW);
});
afterEach(async () => {
  if (before === undefined) delete process.env['APPIMAGE'];
  else process.env['APPIMAGE'] = before;
  server.close();
  shell.ended ||= shell.electron.windows.length === 0;
  await shell.end();
});

/** Puts a signed update on the server; the key that it is signed with. */
async function publish(version: string, contents: string): Promise<string> {
  const file = join(folder, FILE);
  writeFileSync(file, contents);
  const sha512 = createHash('sha512').update(contents).digest('base64');
  const list = join(folder, 'latest-linux.yml');
  const size = contents.length;
  writeFileSync(list, stringify({ version, files: [{ url: FILE, sha512, size }], path: FILE, sha512, releaseDate: '2026-01-01T00:00:00.000Z' })); // prettier-ignore
  const key = join(shell.folder, 'key.pem');
  writeFileSync(key, generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }));
  return signList(key, list);
}

/** The real updater, but for Electron: its network, and its way to end the app. */
function realUpdater(version = '0.1.0'): Updater {
  const { port } = server.address() as AddressInfo;
  const app = {
    version,
    name: 'flowglass',
    isPackaged: true,
    userDataPath: join(shell.folder, 'state'),
    baseCachePath: join(shell.folder, 'cache'),
    whenReady: () => Promise.resolve(),
    quit: () => undefined,
    onQuit: () => undefined,
  };
  const updater = new AppImageUpdater(null, app);
  updater.httpExecutor = new NodeExecutor();
  updater.logger = null;
  (updater as unknown as { setFeedURL(options: object): void }).setFeedURL({ provider: 'generic', url: `http://127.0.0.1:${port}/` }); // prettier-ignore
  (updater as unknown as { configOnDisk: object }).configOnDisk = { value: Promise.resolve({ updaterCacheDirName: 'flowglass-updater' }) }; // prettier-ignore
  updater.quitAndInstall = () => void updater.install(true, false);
  return updater;
}

function updates(over: Partial<UpdateOptions> = {}) {
  const said: string[] = [];
  const made = new Updates({
    updater: realUpdater(),
    publicKey,
    wanted: () => true,
    recording: () => false,
    onReady: (version) => said.push(`ready ${version}`),
    onTrouble: (what) => said.push(what),
    ...over,
  });
  return { made, said };
}

describe('an update', () => {
  it('that is signed is fetched, and replaces the AppImage when the person says so', async () => {
    const { made, said } = updates();
    expect(await made.look()).toBe('ready');
    expect([said, made.ready]).toEqual([['ready 0.2.0'], '0.2.0']);
    expect(readFileSync(installed, 'utf8')).toBe('the old one');
    expect(asked).toEqual(['/latest-linux.yml', `/${FILE}`]);
    made.install();
    expect(readFileSync(installed, 'utf8')).toBe(NEW);
    expect(readFileSync(`${installed}.started`, 'utf8')).toBe('true\n');
  });

  it('tells the server nothing of this installation', async () => {
    await updates().made.look();
    expect(new Set(staging)).toEqual(new Set(['00000000-0000-0000-0000-000000000000']));
  });

  it.each<[string, (list: string) => string]>([
    ['without a signature', (list) => list.replace(/^signature:.*\n/m, '')],
    ['whose signature is of something else', (list) => list.replace('0.2.0', '0.3.0')],
    ['whose digest was changed after it was signed', (list) => list.replaceAll(/sha512: ./g, 'sha512: x')],
    ['with a file more than was signed', (list) => list.replace('files:\n', `files:\n  - { url: evil.AppImage, sha512: ${'A'.repeat(88)} }\n`)], // prettier-ignore
  ])('%s is refused before anything of it is fetched, and said', async (_what, change) => {
    const list = join(folder, 'latest-linux.yml');
    writeFileSync(list, change(readFileSync(list, 'utf8')));
    const { made, said } = updates();
    expect(await made.look()).toBe('unsigned');
    expect(said).toHaveLength(1);
    expect(said[0]).toMatch(/^Version 0\.\d\.0 is offered but not signed by the developers of Flowglass/);
    expect([asked, made.ready]).toEqual([['/latest-linux.yml'], null]);
  });

  it('signed by another key is refused', async () => {
    const other = generateKeyPairSync('ed25519').publicKey.export({ format: 'der', type: 'spki' }).toString('base64');
    expect(await updates({ publicKey: other }).made.look()).toBe('unsigned');
  });

  it('whose bytes are not those that were signed is thrown away', async () => {
    writeFileSync(join(folder, FILE), NEW.replace('echo', 'evil'));
    const { made } = updates();
    expect(await made.look()).toBe('failed');
    made.install();
    expect([made.ready, readFileSync(installed, 'utf8')]).toEqual([null, 'the old one']);
  });

  it('that is older, or the same, is none', async () => {
    expect(await updates({ updater: realUpdater('0.2.0') }).made.look()).toBe('none');
    expect(await updates({ updater: realUpdater('0.3.0') }).made.look()).toBe('none');
  });

  it('is not asked for against the will, nor while something is recorded; neither is it installed then', async () => {
    let recording = true;
    const { made } = updates({ recording: () => recording });
    expect(await made.look()).toBe('recording');
    expect(await updates({ wanted: () => false }).made.look()).toBe('off');
    expect(asked).toEqual([]);
    recording = false;
    expect(await made.look()).toBe('ready');
    recording = true;
    made.install();
    expect(readFileSync(installed, 'utf8')).toBe('the old one');
  });

  it('that nobody serves is no trouble', async () => {
    const { made, said } = updates();
    rmSync(join(folder, 'latest-linux.yml'));
    expect([await made.look(), said]).toEqual(['failed', []]);
  });
});

describe('the menu', () => {
  it('offers to install what lies ready, after the engine has ended in order', async () => {
    const updater = realUpdater();
    let state = '';
    updater.quitAndInstall = () => {
      state = `${shell.electron.processes.every(({ ended }) => ended)} ${shell.electron.app.unlocked}`;
    };
    await shell.start([], { update: { updater, publicKey } });
    const item = await eventually('update', () => shell.electron.item('&Restart to Update to 0.2.0'));
    item.click?.();
    await eventually('installed', () => state !== '' || undefined);
    expect(state).toBe('true true');
    shell.ended = true;
  });

  it('switches looking off, for good', async () => {
    await shell.start([], { update: { updater: realUpdater(), publicKey } });
    await eventually('the first look is over', () => shell.electron.item('&Restart to Update to 0.2.0'));
    const item = shell.electron.item('&Look for Updates');
    expect(item?.checked).toBe(true);
    item?.click?.();
    await eventually('menu', () => shell.electron.item('&Look for Updates')?.checked === false || undefined);
    await shell.quit();
    asked.length = 0;
    await shell.start([], { update: { updater: realUpdater(), publicKey } });
    await eventually('menu', () => shell.electron.item('&Look for Updates')?.checked === false || undefined);
    expect(asked).toEqual([]);
  });

  it('has neither where the app does not update itself', async () => {
    await shell.start();
    await eventually('menu', () => shell.electron.item('&Open…'));
    expect(shell.electron.item('&Look for Updates')).toBeUndefined();
  });
});
