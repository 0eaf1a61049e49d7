// The recordings of a machine: a folder with the demo session (real traffic), a foreign capture, a cut and a broken file.
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { SessionAnswer, SessionFactsAnswer, SessionsAnswer } from '../../contract/sessions.ts';
import { Engine } from '../engine.ts';
import { options, TestPage, until } from '../port.testkit.ts';
import { summarize } from '../../../test/lab/flowglass.ts';

const DEMO = 'docs/demo.pcapng';

describe('the recordings of a machine', () => {
  const home = mkdtempSync(join(tmpdir(), 'flowglass-sessions-'));
  const folder = join(home, 'recordings');
  const elsewhere = join(home, 'elsewhere');
  const opened: string[] = [join(elsewhere, 'other.pcap')];
  const engine = new Engine({
    ...options(),
    recordings: { folder: () => folder, memory: join(home, 'sessions.json') },
    recent: () => opened.map((path) => ({ path, name: '', modified: '', bytes: 0 })),
    opened: (path) => opened.push(path),
  });
  const page = new TestPage();
  const before = process.env['XDG_DATA_HOME'];
  type Reply<T> = { result: T; error?: { what: string; where: string; hint: string } };
  const ask = async <T>(method: string, params: object): Promise<Reply<T>> => (await page.ask(method, params)) as Reply<T>; // prettier-ignore
  const names = async (): Promise<string[]> => (await ask<SessionsAnswer>('sessions', {})).result.sessions.map(({ name }) => name).sort(); // prettier-ignore
  beforeAll(() => {
    process.env['XDG_DATA_HOME'] = join(home, 'data');
    engine.connect(page);
  });
  beforeEach(() => {
    for (const each of [folder, elsewhere]) {
      rmSync(each, { recursive: true, force: true });
      mkdirSync(each);
    }
    copyFileSync(DEMO, join(folder, 'shop.pcapng'));
    copyFileSync(DEMO, join(folder, 'cut.pcapng'));
    truncateSync(join(folder, 'cut.pcapng'), 150_000);
    writeFileSync(join(folder, 'broken.pcapng'), 'no capture');
    writeFileSync(join(folder, 'notes.txt'), 'no capture, and not called one');
    writeFileSync(
      join(elsewhere, 'other.pcap'),
      Buffer.from('d4c3b2a1020004000000000000000000ffff000001000000', 'hex'),
    );
  });
  afterAll(async () => {
    await engine.close();
    if (before === undefined) delete process.env['XDG_DATA_HOME'];
    else process.env['XDG_DATA_HOME'] = before;
    rmSync(home, { recursive: true });
  });

  it('are those of the recordings folder and what was opened elsewhere', async () => {
    const { result } = await ask<SessionsAnswer>('sessions', {});
    expect(await names()).toEqual(['broken.pcapng', 'cut.pcapng', 'other.pcap', 'shop.pcapng']);
    expect(result).toMatchObject({ folder, problem: null });
    expect(result.sessions.find(({ name }) => name === 'shop.pcapng')).toMatchObject({ path: join(folder, 'shop.pcapng'), folder, bytes: readFileSync(DEMO).length, use: null }); // prettier-ignore
  });

  it('tell what is in them as the summary does; of a damaged or foreign file it is said why not', async () => {
    const { session, flows } = await summarize(DEMO);
    const facts = async (path: string): Promise<SessionFactsAnswer> => (await ask<SessionFactsAnswer>('sessionFacts', { path })).result; // prettier-ignore
    const shop = await facts(join(folder, 'shop.pcapng'));
    expect(shop).toMatchObject({ ours: true, problem: null, host: session.host, durationNs: session.durationNs, packets: session.captured?.packets, flows: flows.length }); // prettier-ignore
    expect(shop.interfaces).toEqual([...new Set(session.interfaces.map(({ name }) => name))]);
    expect(Math.abs(Date.parse(shop.started ?? '') - Date.parse(session.started))).toBeLessThan(1000);
    const troubled = flows.filter((flow) => (flow.retransmits ?? 0) + (flow.resets ?? 0) + (flow.zeroWindows ?? 0) + flow.drops.length > 0 || flow.end === 'refused' || flow.end === 'timeout'); // prettier-ignore
    expect(shop.troubled).toBe(troubled.length);
    expect((await facts(join(folder, 'cut.pcapng'))).problem).toMatch(/^cut short at byte \d+: .* packets$/);
    expect(await facts(join(folder, 'broken.pcapng'))).toMatchObject({ ours: false, flows: null });
    expect((await facts(opened[0] ?? '')).problem).toMatch(/^not a recording of Flowglass/);
    expect((await ask('sessionFacts', { path: '/etc/passwd' })).error?.what).toBe('is no recording of the list');
  });

  it('are renamed within their folder, never over another, with the ending of a capture', async () => {
    const rename = (path: string, name: string) => ask<{ path: string }>('sessionRename', { path, name });
    const shop = join(folder, 'shop.pcapng');
    expect((await rename(shop, 'Shop, slow')).result.path).toBe(join(folder, 'Shop, slow.pcapng'));
    expect(await names()).toContain('Shop, slow.pcapng');
    const slow = join(folder, 'Shop, slow.pcapng');
    expect((await rename(slow, 'cut')).error).toMatchObject({ what: 'file exists', hint: 'choose another name' });
    for (const bad of ['../up.pcapng', '/etc/x.pcapng', '.hidden.pcapng', ' '])
      expect((await rename(slow, bad)).error?.what, bad).toBe('is no name for a file');
    expect((await rename('/etc/passwd', 'x')).error?.what).toBe('is no recording of the list');
    expect((await rename(opened[0] ?? '', 'mine.pcap')).result.path).toBe(join(elsewhere, 'mine.pcap'));
    expect(await names()).toContain('mine.pcap');
  });

  it('go to the trash of the desktop, where its own tools find them, and come back', async () => {
    const shop = join(folder, 'shop.pcapng');
    const content = readFileSync(shop);
    expect((await ask('sessionTrash', { path: shop })).error).toBeUndefined();
    expect(await names()).not.toContain('shop.pcapng');
    const trash = join(home, 'data/Trash');
    expect(readdirSync(join(trash, 'files'))).toEqual(['shop.pcapng']);
    expect(readFileSync(join(trash, 'info/shop.pcapng.trashinfo'), 'utf8')).toMatch(new RegExp(`^\\[Trash Info\\]\\nPath=${shop}\\nDeletionDate=\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\n$`)); // prettier-ignore
    copyFileSync(DEMO, shop);
    expect((await ask('sessionRestore', { path: shop })).error?.what).toBe('file exists');
    await ask('sessionTrash', { path: shop });
    expect(readdirSync(join(trash, 'files')).sort()).toEqual(['shop 2.pcapng', 'shop.pcapng']);
    await ask('sessionRestore', { path: shop });
    expect(readFileSync(shop).equals(content)).toBe(true);
    expect(readdirSync(join(trash, 'info'))).toEqual(['shop.pcapng.trashinfo']);
    expect((await ask('sessionRestore', { path: join(folder, 'never.pcapng') })).error?.what).toMatch(/^was not moved/);
  });

  it('what is open is not moved; a folder that cannot be read is said', async () => {
    const shop = join(folder, 'shop.pcapng');
    await page.ask('open', { path: shop });
    await until(() => (page.state.mode === 'replay' ? true : undefined));
    const use = async (): Promise<SessionAnswer['use'] | undefined> => (await ask<SessionsAnswer>('sessions', {})).result.sessions.find(({ path }) => path === shop)?.use; // prettier-ignore
    expect(await use()).toBe('open');
    expect((await ask('sessionTrash', { path: shop })).error).toMatchObject({ what: 'it is open', hint: 'close it first' }); // prettier-ignore
    await page.ask('close', {});
    expect(await use()).toBeNull();
    rmSync(folder, { recursive: true });
    writeFileSync(folder, 'a file where the folder should be');
    expect((await ask<SessionsAnswer>('sessions', {})).result.problem).not.toBeNull();
    rmSync(folder);
    expect((await ask<SessionsAnswer>('sessions', {})).result).toMatchObject({ problem: null });
    expect(existsSync(folder)).toBe(false);
  });
});
