// Exports through the contract, over the real server: fetched once by whoever may, written where a dialog allowed it, cancelled, into Wireshark.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { serve, type RunningServer } from '../../cli/serve/server.ts';
import type { ExportDone, ExportLook } from '../../core/contract/exports.ts';
import type { Engine } from '../../core/engine/engine.ts';
import { readCapture } from '../../core/capture/read.ts';
import { Session } from '../../core/session/reader.ts';
import { programPath } from '../../core/system/programs.ts';
import { SESSION } from './contract.ts';
import { testEngine } from './engine.ts';
import { eventually, Wire } from './wire.ts';

let folder: string;
let server: RunningServer;
let engine: Engine;
let origin: string;
let cookie: string;
let paths = false;

/** A Wireshark that only looks: it writes down its arguments and its file, waits to be told to end. */
function standIn(): string {
  const program = join(folder, 'wireshark');
  const text = `#!/bin/sh\nstat -c '%a' "$2" > '${folder}/mode'\ncp "$2" '${folder}/seen.pcapng'\necho "$1 $2" > '${folder}/args.new'\nmv '${folder}/args.new' '${folder}/args'\nwhile [ ! -e '${folder}/end' ]; do sleep 0.05; done\n`;
  writeFileSync(program, text);
  chmodSync(program, 0o755);
  return program;
}

async function begin(): Promise<Wire> {
  writeFileSync(join(folder, 'index.html'), '<!doctype html>');
  engine = testEngine({ exports: { paths, wireshark: standIn } });
  const connect = engine.connect.bind(engine);
  server = await serve({
    host: '127.0.0.1',
    port: 0,
    page: folder,
    connect,
    download: (id) => engine.exports.take(id),
  });
  ({ origin } = new URL(server.url));
  cookie = (await fetch(server.url, { redirect: 'manual' })).headers.get('set-cookie')?.split(';')[0] ?? '';
  const socket = new WebSocket(`${origin.replace('http', 'ws')}/engine`, { headers: { origin, cookie } });
  socket.binaryType = 'arraybuffer';
  const wire = new Wire(
    (message) => socket.send(JSON.stringify(message)),
    () => socket.close(),
  );
  socket.on('message', (data: ArrayBuffer, binary: boolean) => wire.receive(binary ? data : JSON.parse(Buffer.from(data).toString()))); // prettier-ignore
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  await wire.result('openDemo');
  return wire;
}

const leftovers = (): string[] =>
  readdirSync(tmpdir()).filter((name) => /^flowglass-(export|wireshark|share)-/.test(name));
let before: string[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'flowglass-page-'));
  before = leftovers();
  paths = false;
});
afterEach(async () => {
  await server.close();
  await engine.close();
  rmSync(folder, { recursive: true });
});

/** Folders of ours in the temporary folder that were not there before; other suites make some too. */
const mine = (): string[] => leftovers().filter((name) => !before.includes(name) && readdirSync(join(tmpdir(), name)).length > 0); // prettier-ignore

describe('an export in a browser', () => {
  it('is fetched once, by the browser that was let in, under its name, and is gone then', async () => {
    const wire = await begin();
    const look = (await wire.result('exportLook', { wish: { format: 'pcapng' } })) as ExportLook;
    expect(look).toMatchObject({ name: 'demo.pcapng', exact: true, bytes: statSync(SESSION).size, replaced: [] });
    const done = (await wire.result('exportStart', { wish: { format: 'pcapng' } })) as ExportDone;
    expect(done).toMatchObject({ name: 'demo.pcapng', path: null, truncated: false, bytes: statSync(SESSION).size });
    const address = `${origin}/${done.download}`;
    expect((await fetch(address)).status).toBe(403);
    expect((await fetch(`${origin}/download?id=wrong`, { headers: { cookie } })).status).toBe(404);
    expect((await fetch(address, { headers: { cookie, origin: 'https://evil.example' } })).status).toBe(403);
    const reply = await fetch(address, { headers: { cookie } });
    expect(reply.headers.get('content-disposition')).toBe("attachment; filename*=UTF-8''demo.pcapng");
    expect(reply.headers.get('content-type')).toBe('application/octet-stream');
    const original = readFileSync(SESSION).fill(0xff, 16, 24); // a section's length becomes "not told"
    expect(Buffer.from(await reply.arrayBuffer()).equals(original)).toBe(true);
    expect((await fetch(address, { headers: { cookie } })).status).toBe(404);
  });

  it('of the filter, the range or one flow has what is asked for', async () => {
    const wire = await begin();
    const packets = async (wish: object): Promise<number> => {
      const { download } = (await wire.result('exportStart', { wish: { format: 'pcapng', ...wish } })) as ExportDone;
      const file = join(folder, 'got.pcapng');
      writeFileSync(
        file,
        Buffer.from(await (await fetch(`${origin}/${download}`, { headers: { cookie } })).arrayBuffer()),
      );
      return (await readCapture(file, {})).packets;
    };
    const all = await packets({});
    await wire.result('filter', { text: 'udp' });
    const filtered = await packets({ filtered: true });
    expect(await packets({})).toBe(all);
    expect(filtered).toBeGreaterThan(0);
    expect(filtered).toBeLessThan(all);
    const { endNs } = (await wire.until('clock', ({ clock }) => clock.endNs > 0)).clock;
    const halves: number[] = [];
    for (const range of [
      { fromNs: 0, toNs: endNs / 2 },
      { fromNs: endNs / 2, toNs: endNs },
    ]) {
      await wire.result('range', { range });
      halves.push(await packets({ ranged: true }));
    }
    expect(Math.min(...halves)).toBeGreaterThan(0);
    // A packet right at the end, or before the first clock reading, is in neither half.
    expect(halves[0]! + halves[1]!).toBeLessThanOrEqual(all);
    expect(halves[0]! + halves[1]!).toBeGreaterThan(all - 5);
    expect(await packets({ flow: 0 })).toBeLessThan(filtered + halves[0]!);
    const look = (await wire.result('exportLook', { wish: { format: 'csv', flow: 0 } })) as ExportLook;
    expect(look).toMatchObject({ flows: 1, exact: false, name: 'demo flow 1.csv' });
  });

  it('shared, tells before what would leave, and leaves without it', async () => {
    const wire = await begin();
    const wish = { format: 'pcapng', share: true };
    const look = (await wire.result('exportLook', { wish })) as ExportLook;
    expect(look.replaced.find(({ kind }) => kind === 'address')?.examples[0]?.[0]).toMatch(/^[\d.]+$/);
    expect(look).toMatchObject({ name: 'shared.pcapng', records: true });
    const { download } = (await wire.result('exportStart', { wish })) as ExportDone;
    const file = join(folder, 'shared.pcapng');
    writeFileSync(
      file,
      Buffer.from(await (await fetch(`${origin}/${download}`, { headers: { cookie } })).arrayBuffer()),
    );
    expect(readFileSync(file).includes('shop-1')).toBe(false);
    const session = await Session.open(file);
    expect(session?.truncated).toBe(false);
    await session?.close();
  });

  it('may not name a path of this machine', async () => {
    const wire = await begin();
    const path = join(folder, 'there.csv');
    engine.exports.grant(path);
    expect(await wire.refusal('exportStart', { wish: { format: 'csv' }, path })).toBe('no-path');
    expect(existsSync(path)).toBe(false);
  });

  it('is cancelled, and leaves nothing; a second one waits its turn', async () => {
    const wire = await begin();
    const wish = { format: 'pcap', share: true };
    const first = wire.ask('exportStart', { wish });
    await wire.until('progress', ({ exporting }) => exporting?.name === 'shared.pcap');
    expect(await wire.refusal('exportStart', { wish })).toBe('busy');
    await wire.result('exportCancel');
    expect(await first).toMatchObject({ error: { code: 'cancelled' } });
    await wire.until('rest', ({ exporting }) => exporting === null);
    expect(mine()).toEqual([]);
  });

  it('that nobody fetches is removed when the engine ends', async () => {
    const wire = await begin();
    await wire.result('exportStart', { wish: { format: 'csv' } });
    expect(mine().length).toBeGreaterThan(0);
    await engine.close();
    expect(mine()).toEqual([]);
  });
});

describe('an export of the desktop', () => {
  it('goes where the dialog was answered with, once, and nowhere else', async () => {
    paths = true;
    const wire = await begin();
    const path = join(folder, 'flows.csv');
    writeFileSync(path, 'the dialog asked before replacing it');
    const asked = wire.result('exportStart', { wish: { format: 'csv' }, path });
    engine.exports.grant(path); // by another way, later
    expect(await asked).toMatchObject({ path, download: null, name: 'flows.csv' });
    expect(readFileSync(path, 'utf8')).toMatch(/^id,protocol,/);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(await wire.refusal('exportStart', { wish: { format: 'csv' }, path })).toBe('no-path');
  });
});

describe('Wireshark', () => {
  it('is given a private file with the packets that were asked for, which is gone when it ends', async () => {
    const wire = await begin();
    expect(await wire.result('hello')).toMatchObject({ wireshark: true, paths: false });
    await wire.result('filter', { text: 'tcp.port == 443' });
    await wire.result('wireshark', { wish: { format: 'pcapng', filtered: true } });
    const args = await eventually('stand-in', () => (existsSync(join(folder, 'args')) ? readFileSync(join(folder, 'args'), 'utf8') : undefined)); // prettier-ignore
    const file = /^-r (.*\.pcapng)\n$/.exec(args)?.[1] ?? '';
    expect(readFileSync(join(folder, 'mode'), 'utf8')).toBe('600\n');
    expect(existsSync(file)).toBe(true);
    const types = new Set<number>();
    const { packets } = await readCapture(join(folder, 'seen.pcapng'), { block: (type) => void types.add(type) });
    expect(packets).toBeGreaterThan(0);
    for (const type of types) expect([0x0a0d0d0a, 1, 4, 5, 6]).toContain(type);
    const seen = spawnSync('tshark', ['-n', '-r', join(folder, 'seen.pcapng'), '-T', 'fields', '-e', 'tcp.port'], { encoding: 'utf8' }).stdout.trim().split('\n'); // prettier-ignore
    expect(seen).toHaveLength(packets);
    for (const ports of seen) expect(ports.split(',')).toContain('443');
    writeFileSync(join(folder, 'end'), '');
    await eventually('removal', () => (existsSync(file) ? undefined : true));
    expect(mine()).toEqual([]);
  });

  it('is found on PATH, only as a program', async () => {
    await begin();
    mkdirSync(join(folder, 'bin/directory/wireshark'), { recursive: true });
    writeFileSync(join(folder, 'bin/plain'), '');
    expect(programPath('wireshark', join(folder, 'bin/directory'))).toBeNull();
    expect(programPath('plain', join(folder, 'bin'))).toBeNull();
    standIn();
    expect(programPath('wireshark', `:${join(folder, 'bin')}:${folder}`)).toBe(join(folder, 'wireshark'));
  });
});
