// Several browsers with one engine: over TLS, behind a real nginx under a path, lookers, and browsers that mean no good.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { VIEWERS_MAX } from '../../cli/serve/viewers.ts';
import { serve, type RunningServer, type ServeOptions } from '../../cli/serve/server.ts';
import type { EngineMessage } from '../../core/contract/answers.ts';
import { Child } from '../lab/child.ts';
import { command } from '../lab/host.ts';
import { runFlowglass } from '../lab/flowglass.ts';
import { SESSION } from './contract.ts';
import { testEngine } from './engine.ts';

let folder: string;
let server: RunningServer | null = null;
let engine: ReturnType<typeof testEngine>;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'flowglass-many-'));
  writeFileSync(join(folder, 'index.html'), '<!doctype html><title>Flowglass</title>');
  for (const name of ['own', 'other'])
    command('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1', '-keyout', join(folder, `${name}.key`), '-out', join(folder, `${name}.pem`)]); // prettier-ignore
});
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(async () => {
  await server?.close();
  await engine.close();
  server = null;
});

async function start(options: Partial<ServeOptions> = {}): Promise<RunningServer> {
  engine = testEngine();
  await engine.open(SESSION);
  server = await serve({ host: '127.0.0.1', port: 0, page: folder, connect: (port) => engine.connect(port), ...options }); // prettier-ignore
  return server;
}

/** Uses an address as a browser does; its cookie. */
async function enter(url: string): Promise<string> {
  const answer = await fetch(url, { redirect: 'manual' });
  expect(answer.status).toBe(303);
  return answer.headers.get('set-cookie')?.split(';')[0] ?? '';
}

function socket(base: string, cookie: string, options: object = {}): WebSocket {
  const url = new URL('engine', base);
  const { origin } = url;
  url.protocol = url.protocol.replace('http', 'ws');
  url.search = '';
  const ws = new WebSocket(url, { headers: { cookie, origin }, ...options });
  ws.on('error', () => undefined);
  return ws;
}

const opened = (ws: WebSocket): Promise<void> =>
  new Promise((done) => (ws.readyState === WebSocket.OPEN ? done() : void ws.once('open', () => done())));
const closed = (ws: WebSocket): Promise<number> => new Promise((done) => ws.once('close', (code) => done(code)));

/** One request and its answer. */
function ask(ws: WebSocket, method: string, params: object = {}): Promise<unknown> {
  const id = Math.floor(Math.random() * 1e9) + 1;
  return new Promise((done) => {
    const take = (data: unknown, binary: boolean): void => {
      if (binary) return;
      const message = JSON.parse(String(data)) as { id?: number };
      if (message.id !== id) return;
      ws.off('message', take);
      done(message);
    };
    ws.on('message', take);
    ws.send(JSON.stringify({ id, method, params }));
  });
}

describe('several browsers', () => {
  it('each has an address that works once, and sees what the others see', async () => {
    const { urls } = await start({ invitations: ['full', 'full'] });
    expect(new Set(urls).size).toBe(2);
    const sockets = [];
    for (const url of urls) sockets.push(socket(url, await enter(url)));
    for (const url of urls) expect((await fetch(url, { redirect: 'manual' })).status).toBe(403);
    await Promise.all(sockets.map(opened));
    const [first, second] = sockets as [WebSocket, WebSocket];
    const state = new Promise<string>((done) => {
      second.on('message', (data, binary) => {
        const message = binary ? null : (JSON.parse(String(data)) as EngineMessage);
        if (message !== null && 'event' in message && message.event === 'state' && message.data.filter !== '')
          done(message.data.filter);
      });
    });
    await ask(first, 'filter', { text: 'tcp.port == 80' });
    expect(await state).toBe('tcp.port == 80');
  });

  it('a looker sees flows, and changes nothing, takes nothing, brings nothing', async () => {
    const { urls } = await start({ invitations: ['full', 'look'] });
    const url = urls[1] ?? '';
    const cookie = await enter(url);
    const ws = socket(url, cookie);
    await opened(ws);
    expect(await ask(ws, 'hello')).toMatchObject({ result: { capture: { possible: false, reason: 'this address only allows looking' } } }); // prettier-ignore
    expect(await ask(ws, 'flow', { flow: 0 })).toHaveProperty('result');
    for (const [method, params] of [
      ['filter', { text: 'tcp' }],
      ['attach', { all: true }],
      ['open', { path: '/etc/passwd' }],
      ['recent', {}],
      ['exportStart', {}],
      ['seek', { atNs: 0 }],
    ] as const)
      // prettier-ignore
      expect(await ask(ws, method, params), method).toMatchObject({ error: { code: 'look-only', where: method } });
    const headers = { cookie, origin: new URL(url).origin };
    expect((await fetch(new URL('upload?name=a', url), { method: 'POST', body: 'x', headers })).status).toBe(403);
    expect((await fetch(new URL('download?id=1', url), { headers })).status).toBe(403);
    expect((await fetch(new URL('.', url), { headers: { cookie } })).status).toBe(200);
  });
});

describe('TLS', () => {
  it('serves page and cookie over it, to whom the certificate is good', async () => {
    const tls = { cert: readFileSync(join(folder, 'own.pem')), key: readFileSync(join(folder, 'own.key')) };
    const { url } = await start({ tls });
    expect(url).toMatch(/^https:/);
    const visit = (ca: string): Promise<string> =>
      new Promise((done) => {
        const sent = get(url, { ca: readFileSync(join(folder, ca)) }, (answer) => done(`${answer.statusCode} ${String(answer.headers['set-cookie'])}`)); // prettier-ignore
        sent.on('error', (error) => done(error.message));
      });
    expect(await visit('other.pem')).toMatch(/certificate/);
    expect(await visit('own.pem')).toMatch(/^303 flowglass=.*; Secure$/);
  });

  it('says in one line what is wrong with a certificate', async () => {
    engine = testEngine();
    const say = async (cert: string, key: string): Promise<string> => {
      const { status, stderr } = await runFlowglass(['serve', '--cert', join(folder, cert), '--key', join(folder, key)]); // prettier-ignore
      return `${status} ${stderr}`;
    };
    expect(await say('own.pem', 'other.key')).toMatch(/^1 flowglass: the key is not that of the certificate, .*other\.key, [^\n]*\n$/); // prettier-ignore
    expect(await say('own.key', 'own.key')).toMatch(/^1 flowglass: this is no certificate, /);
    expect(await say('none.pem', 'own.key')).toMatch(/^1 flowglass: no such file or directory, /);
  });
});

describe('behind nginx, under a path', () => {
  /** A free port of loopback. */
  const freePort = (): Promise<number> =>
    new Promise((done) => {
      const probe = createServer().listen(0, '127.0.0.1', () => {
        const address = probe.address();
        probe.close(() => done(typeof address === 'object' && address !== null ? address.port : 0));
      });
    });

  async function nginx(port: number, upstream: number): Promise<Child> {
    const scratch = ['body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name === 'body' ? 'client_body' : name}_temp_path ${join(folder, name)};`).join(' '); // prettier-ignore
    writeFileSync(
      join(folder, 'nginx.conf'),
      `daemon off; pid ${join(folder, 'nginx.pid')}; error_log stderr; worker_processes 1; events {}
       http { access_log off; ${scratch}
         map $http_upgrade $connection_upgrade { default upgrade; '' close; }
         server { listen 127.0.0.1:${port};
           location /net/flow/ {
             proxy_pass http://127.0.0.1:${upstream}/; proxy_http_version 1.1; proxy_set_header Host $http_host;
             proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade; proxy_read_timeout 1h;
           } } }`,
    );
    const child = new Child('nginx', ['-p', folder, '-c', join(folder, 'nginx.conf')]);
    for (let tries = 0; tries < 100; tries++) {
      if (child.ended !== null) throw new Error(child.stderr);
      const reached = await fetch(`http://127.0.0.1:${port}/`).then(() => true, () => false); // prettier-ignore
      if (reached) return child;
      await new Promise((done) => setTimeout(done, 50));
    }
    throw new Error(`nginx does not answer: ${child.stderr}`);
  }

  it('page, cookie and socket work; when the proxy is gone for a while, the same browser gets its view again', async () => {
    const port = await freePort();
    const { urls } = await start({ publicUrl: new URL(`http://127.0.0.1:${port}/net/flow/`), port: await freePort(), invitations: ['full'] }); // prettier-ignore
    const upstream = Number(new URL(server!.local).port);
    let proxy = await nginx(port, upstream);
    try {
      const url = urls[0] ?? '';
      expect(url).toMatch(`http://127.0.0.1:${port}/net/flow/?token=`);
      const answer = await fetch(url, { redirect: 'manual' });
      expect([answer.status, answer.headers.get('set-cookie')]).toEqual([303, expect.stringMatching(/Path=\/net\/flow\/$/)]); // prettier-ignore
      const cookie = answer.headers.get('set-cookie')?.split(';')[0] ?? '';
      expect(await (await fetch(new URL('./', url), { headers: { cookie } })).text()).toContain('<title>Flowglass');
      // A view in full, as the page opens it after each connect.
      const view = (): { ws: WebSocket; first: Promise<Buffer> } => {
        const ws = socket(url, cookie);
        const first = new Promise<Buffer>((done) => ws.on('message', (data, binary) => binary && done(data as Buffer)));
        ws.on('open', () => void ask(ws, 'viewOpen', { view: 1, params: { kind: 'table' } }));
        return { ws, first };
      };
      const before = view();
      expect((await before.first).length).toBeGreaterThan(100);
      const lost = closed(before.ws);
      await proxy.stop('SIGTERM');
      await lost;
      proxy = await nginx(port, upstream);
      const after = view();
      expect((await after.first).length).toBe((await before.first).length);
      after.ws.terminate();
    } finally {
      await proxy.stop('SIGTERM');
    }
  }, 30_000);
});

describe('browsers that mean no good', () => {
  it('more than there may be, one that floods, one that does not answer: each is let go, the others stay', async () => {
    const { url } = await start({ limits: { headersMs: 10_000, silentMs: 60_000, pingMs: 300 } });
    const cookie = await enter(url);
    const good = socket(url, cookie);
    await opened(good);
    const dead = socket(url, cookie, { autoPong: false });
    const deadCode = closed(dead);
    await opened(dead);
    expect(await deadCode).toBe(1006);
    const flood = socket(url, cookie);
    const floodCode = closed(flood);
    await opened(flood);
    for (let i = 0; i < 3000; i++) flood.send(JSON.stringify({ id: i + 1, method: 'hello', params: {} }));
    expect(await floodCode).toBe(1008);
    const crowd = Array.from({ length: VIEWERS_MAX + 5 }, () => socket(url, cookie));
    const codes: number[] = [];
    for (const ws of crowd) void closed(ws).then((code) => codes.push(code));
    await Promise.all(crowd.map(opened));
    for (let tries = 0; tries < 800 && codes.length < 6; tries++) await new Promise((done) => setTimeout(done, 20));
    expect(codes).toEqual(new Array(6).fill(1013));
    expect(await ask(good, 'hello')).toHaveProperty('result');
    for (const ws of crowd) ws.terminate();
    good.terminate();
  });

  it('connections that say nothing are ended, and there are never too many', async () => {
    const { url } = await start({ limits: { headersMs: 400, silentMs: 60_000, pingMs: 15_000 } });
    const port = Number(new URL(url).port);
    const held: Socket[] = [];
    let ended = 0;
    for (let i = 0; i < 300; i++) {
      const silent = connect(port, '127.0.0.1', () => i % 2 === 0 && silent.write('GET / HTTP/1.1\r\nHost: a\r\nX: '));
      silent.on('error', () => undefined).on('close', () => ended++);
      silent.resume();
      held.push(silent);
    }
    for (let tries = 0; tries < 200 && ended < 300; tries++) await new Promise((done) => setTimeout(done, 20));
    expect(ended).toBe(300);
    expect((await fetch(url, { redirect: 'manual' })).status).toBe(303);
    for (const each of held) each.destroy();
  });
});
