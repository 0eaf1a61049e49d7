// A page that was taken over: whatever it sends to main or to the engine, it gets what the contract gives, and no more.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EngineMessage } from '../../core/contract/answers.ts';
import { requests } from '../../core/contract/requests.ts';
import { CHOOSE_FILE, CHOOSE_SAVE, CONNECT, INSTALL_HELPER, SHOW_IN_FOLDER } from '../../electron/channels.ts';
import { Random } from '../fuzz/mutate.ts';
import { SESSION } from './contract.ts';
import { testEngine } from './engine.ts';
import type { FakeContents } from './fake-electron.ts';
import { ShellUnderTest } from './started-shell.ts';
import { eventually, type Wire } from './wire.ts';

/** What no channel of main takes. */
const NONSENSE: unknown[][] = [
  [null],
  [undefined],
  [0],
  [''],
  [{}],
  [[]],
  [['a']],
  ['a', 'b'],
  ['../../etc/passwd'],
  ['/etc/passwd'],
  ['a\0b'],
  ['x'.repeat(100_000)],
  [{ toString: 'x', length: 1 }],
  [JSON.parse('{"__proto__":{"polluted":true}}')],
  [new Uint8Array(1000)],
];

let shell: ShellUnderTest;
let contents: FakeContents;
let installs: number;
let granted: string[];

beforeEach(async () => {
  shell = new ShellUnderTest();
  installs = 0;
  granted = [];
  shell.electron.engine = () => {
    const engine = testEngine({ exports: { paths: true, wireshark: () => null } });
    const { grant } = engine.exports;
    engine.exports.grant = (path) => {
      granted.push(path);
      grant.call(engine.exports, path);
    };
    return engine;
  };
  const installer = { install: () => Promise.resolve({ done: true, text: String(++installs) }) };
  ({ webContents: contents } = await shell.start([], { installer }));
});
afterEach(() => shell.end());

describe('main', () => {
  const call = async (channel: string, args: unknown[]): Promise<unknown> =>
    shell.electron.handlers.get(channel)?.(contents.message(), ...args);

  it('has five channels, which take what they take and nothing else', async () => {
    shell.electron.chosen = ['/home/me/chosen'];
    expect([...shell.electron.handlers.keys(), ...shell.electron.listeners.keys()].sort()).toEqual([CHOOSE_FILE, CHOOSE_SAVE, CONNECT, INSTALL_HELPER, SHOW_IN_FOLDER]); // prettier-ignore
    for (const args of NONSENSE) {
      for (const channel of [CHOOSE_FILE, CHOOSE_SAVE, INSTALL_HELPER, SHOW_IN_FOLDER])
        await expect(call(channel, args), `${channel} ${JSON.stringify(args).slice(0, 60)}`).rejects.toThrow('refused');
      shell.electron.listeners.get(CONNECT)?.(contents.message(), ...args);
    }
    expect([installs, granted, contents.posted, shell.electron.suggested]).toEqual([0, [], [], []]);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  it('lets the page name a file to save, and nothing of where it goes', async () => {
    shell.electron.chosen = ['/home/me/chosen'];
    expect(await call(CHOOSE_SAVE, ['a.csv'])).toBe('/home/me/chosen');
    await eventually('grant', () => granted.length > 0 || undefined);
    expect(granted).toEqual(['/home/me/chosen']);
  });
});

describe('the engine', () => {
  let page: Wire;
  beforeEach(async () => {
    page = await shell.connect(contents);
  });

  /** Names and contents below the folder that this test owns. */
  const files = (): string[] => readdirSync(shell.folder, { recursive: true, encoding: 'utf8' }).sort();

  it('answers thousands of malformed requests with an error of its own, and goes on', async () => {
    await page.result('openDemo');
    const before = files();
    const random = new Random(7);
    const methods = Object.keys(requests).filter((method) => method !== 'close' && method !== 'attach');
    for (let n = 0; n < 3000; n++) {
      const method = random.of(random.below(20) === 0 ? ODD : methods);
      page.raw({ id: 1_000_000 + n, method, params: oddParams(random) });
    }
    // In order: when this is answered, so are all before it.
    await eventually('all answers', () => page.messages.filter((message) => 'id' in message && message.id >= 1_000_000).length >= 3000 || undefined, 15_000); // prettier-ignore
    const codes = new Set(page.messages.flatMap((message: EngineMessage) => ('error' in message ? [message.error.code] : []))); // prettier-ignore
    expect(codes.size).toBeGreaterThan(2);
    expect([...codes]).not.toContain('internal');
    expect(await page.result('hello')).toMatchObject({ version: 'test' });
    expect(files()).toEqual(before);
  }, 30_000);

  it('writes no file that the person did not choose', async () => {
    await page.result('openDemo');
    const target = join(shell.folder, 'evil');
    const refused = [target, '/dev/stdout', `${shell.folder}/../evil`].map((path) => page.refusal('exportStart', { wish: { format: 'csv' }, path })); // prettier-ignore
    expect(await Promise.all(refused)).toEqual(['no-path', 'no-path', 'no-path']);
    expect(await page.refusal('recordStart', { path: target })).toBe('bad-request');
    expect(existsSync(target)).toBe(false);
    // A grant counts once.
    shell.electron.chosen = [target];
    await shell.electron.handlers.get(CHOOSE_SAVE)?.(contents.message(), 'a.csv');
    await page.result('exportStart', { wish: { format: 'csv' }, path: target });
    expect(await page.refusal('exportStart', { wish: { format: 'csv' }, path: target })).toBe('no-path');
  }, 30_000);

  it('opens captures, and says of everything else what it is', async () => {
    const at = (name: string): string => join(shell.folder, name);
    execFileSync('mkfifo', [at('fifo')]);
    mkdirSync(at('folder'));
    symlinkSync('loop', at('loop'));
    writeFileSync(at('huge'), '');
    truncateSync(at('huge'), 1e12); // a file of holes
    const bad = ['/dev/zero', '/dev/null', '/dev/tty', '/proc/self/mem', at('fifo'), at('folder'), at('loop'), at('huge'), '/etc/shadow', `${SESSION}/x`, 'x\0y', ' ']; // prettier-ignore
    const codes = (): string[] => page.messages.flatMap((message) => ('error' in message ? [message.error.code] : 'event' in message && message.event === 'notice' ? [message.data.code] : [])); // prettier-ignore
    for (const path of bad) {
      const before = codes().length;
      // What takes long to see through is answered first, and told of in a notice when it is.
      await page.ask('open', { path });
      await eventually(`trouble with ${path}`, () => codes().length > before || undefined);
    }
    expect(codes()).not.toContain('internal');
    expect(await page.result('hello')).toMatchObject({ version: 'test' });
  }, 30_000);

  it('closes the port of a page that sends no requests at all, and that port alone', async () => {
    for (const message of [null, 0, 'x', [], { id: 1 }, { id: -1, method: 'hello', params: {} }, new ArrayBuffer(8)]) {
      const wire = await shell.connect(contents);
      wire.raw(message);
      await eventually('closed', () => wire.closed || undefined);
    }
    expect(await page.result('hello')).toMatchObject({ version: 'test' });
  });
});

const ODD = ['', 'constructor', '__proto__', 'toString', 'hello ', 'eval', 'x'.repeat(32), 'grant', 'close\0'];

const KEYS = ['path', 'paths', 'view', 'params', 'kind', 'flow', 'from', 'count', 'text', 'cursor', 'atNs', 'range', 'wish', 'format', 'packet', 'version', 'settings', '__proto__']; // prettier-ignore
const VALUES: unknown[] = [0, 1, -1, 1e308, NaN, Infinity, 0.5, 2 ** 53, null, undefined, true, '', 'table', 'graph', 'csv', '<img src=x onerror=alert(1)>', '\u202e\0', 'a'.repeat(5000), '((((((((((', '/etc/passwd', [], {}, [0, 'x'], { kind: 'table', count: 1e9 }, { format: 'pcapng', flow: -1 }]; // prettier-ignore

function oddParams(random: Random): unknown {
  if (random.below(8) === 0) return random.of(VALUES);
  return Object.fromEntries(Array.from({ length: random.below(4) }, () => [random.of(KEYS), random.of(VALUES)]));
}
