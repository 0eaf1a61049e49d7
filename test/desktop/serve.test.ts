// Who may talk to `flowglass serve`, over real HTTP and WebSocket; and the command itself.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { WebSocket } from 'ws';
import { request } from 'node:http';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { serve, type RunningServer } from '../../cli/serve/server.ts';
import { FlowglassError } from '../../core/errors.ts';
import { Child } from '../lab/child.ts';
import { COMMAND, flowglass } from '../lab/flowglass.ts';
import { SESSION } from './contract.ts';
import { testEngine } from './engine.ts';

interface Reply {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: string;
}

let page: string;
let server: RunningServer;
let engine: ReturnType<typeof testEngine>;
let origin: string;
let port: number;
let connected = 0;

beforeAll(() => {
  page = mkdtempSync(join(tmpdir(), 'flowglass-page-'));
  writeFileSync(join(page, 'index.html'), '<!doctype html><title>Flowglass</title>');
  mkdirSync(join(page, 'assets'));
  writeFileSync(join(page, 'assets/index-abc123.js'), 'export {};');
  writeFileSync(join(page, 'secret.txt'), 'not of the page');
  writeFileSync(join(page, '..', `${basename(page)}-beside.js`), 'outside');
});
afterAll(() => {
  rmSync(page, { recursive: true });
  rmSync(`${page}-beside.js`);
});
beforeEach(async () => {
  connected = 0;
  engine = testEngine();
  server = await serve({
    host: '127.0.0.1',
    port: 0,
    page,
    connect: (viewer) => {
      connected++;
      engine.connect(viewer);
    },
  });
  ({ origin } = new URL(server.url));
  port = Number(new URL(server.url).port);
});
afterEach(async () => {
  await server.close();
  await engine.close();
});

/** A request exactly as written: fetch() would tidy paths up and set headers of its own. */
function ask(path: string, headers: Record<string, string> = {}, method = 'GET', body?: string): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path, method, headers, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => (text += part));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

/** The cookie for the one-time token. */
async function admit(): Promise<string> {
  const { status, headers } = await ask(`/${new URL(server.url).search}`);
  expect(status).toBe(303);
  return String(headers['set-cookie']?.[0]).split(';')[0] ?? '';
}

/** Close code of a WebSocket, or the HTTP status of its refusal, or 'open'. */
function socket(path: string, headers: Record<string, string>): Promise<number | 'open'> {
  return new Promise((resolve, reject) => {
    const ws = new WebSocket(`ws://127.0.0.1:${port}${path}`, { headers });
    ws.on('unexpected-response', (_request, response) => resolve(response.statusCode ?? 0));
    ws.on('close', (code) => resolve(code));
    ws.on('error', reject);
    ws.on('message', () => {
      resolve('open');
      ws.close();
    });
  });
}

describe('the token', () => {
  it('lets the first browser in, with a cookie that scripts and other sites cannot use', async () => {
    const { status, headers } = await ask(`/${new URL(server.url).search}`);
    expect(status).toBe(303);
    expect(headers.location).toBe('./');
    expect(headers['set-cookie']?.[0]).toMatch(/^flowglass=[\w-]{40,}; HttpOnly; SameSite=Strict; Path=\/$/);
  });

  it('works once: the second browser is refused, the first may reload the address', async () => {
    const cookie = await admit();
    const again = await ask(`/${new URL(server.url).search}`);
    expect(again.status).toBe(403);
    expect(again.headers['set-cookie']).toBeUndefined();
    expect(again.body).toMatch(/used already/);
    expect((await ask(`/${new URL(server.url).search}`, { cookie })).status).toBe(303);
  });

  it.each(['', 'x', 'x'.repeat(32), 'x'.repeat(10_000), '%00', '<script>'])('is not guessed: %j', async (token) => {
    const { status, headers } = await ask(`/?token=${encodeURIComponent(token)}`);
    expect(status).toBe(403);
    expect(headers['set-cookie']).toBeUndefined();
    await admit(); // a wrong guess does not spend it
  });

  it('is needed: without cookie, or with a wrong one, there is no page, no file and no socket', async () => {
    for (const headers of [
      {},
      { cookie: 'flowglass=' },
      { cookie: `flowglass=${'x'.repeat(43)}` },
      { cookie: 'other=1' },
    ]) {
      expect((await ask('/', headers)).status).toBe(403);
      expect((await ask('/assets/index-abc123.js', headers)).status).toBe(403);
      expect((await ask('/upload?name=a', { ...headers, origin }, 'POST', 'x')).status).toBe(403);
      expect(await socket('/engine', { ...headers, origin })).toBe(4403); // the page knows: do not try again
    }
    expect(connected).toBe(0);
  });
});

describe('host and origin', () => {
  it.each(['evil.example', 'evil.example:80', '127.0.0.1', 'localhost:1', '127.0.0.1.evil.example'])(
    'a rebound name is refused: Host %j',
    async (host) => {
      const cookie = await admit();
      expect((await ask('/', { host, cookie })).status).toBe(403);
      expect((await ask(`/${new URL(server.url).search}`, { host })).status).toBe(403);
      expect(await socket('/engine', { host, cookie, origin })).toBe(403);
      expect(connected).toBe(0);
    },
  );

  it('the loopback names are its own', async () => {
    const cookie = await admit();
    for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, `LOCALHOST:${port}`])
      expect((await ask('/', { host, cookie })).status).toBe(200);
  });

  it.each(['http://evil.example', 'null', 'http://127.0.0.1', 'file://', 'http://127.0.0.1:1', ''])(
    'another page cannot connect: Origin %j',
    async (other) => {
      const cookie = await admit();
      expect(await socket('/engine', { cookie, origin: other })).toBe(403);
      expect((await ask('/upload?name=a', { cookie, origin: other }, 'POST', 'x')).status).toBe(403);
      expect(connected).toBe(0);
    },
  );

  it('a socket or an upload without any Origin is refused, with ours it is not', async () => {
    const cookie = await admit();
    expect(await socket('/engine', { cookie })).toBe(403);
    expect((await ask('/upload?name=a', { cookie }, 'POST', 'x')).status).toBe(403);
    expect(await socket('/engine', { cookie, origin })).toBe('open');
    expect(connected).toBe(1);
  });

  it('no header lets another site read an answer', async () => {
    const cookie = await admit();
    const reply = await ask('/', { cookie, origin });
    expect(Object.keys(reply.headers).filter((name) => name.startsWith('access-control-'))).toEqual([]);
    expect((await ask('/', { cookie, origin, 'access-control-request-method': 'POST' }, 'OPTIONS')).status).toBe(405);
  });
});

describe('the page', () => {
  it('comes with its policy, is not kept, and cannot be framed', async () => {
    const cookie = await admit();
    const { status, headers, body } = await ask('/', { cookie });
    expect(status).toBe(200);
    expect(body).toContain('<title>Flowglass</title>');
    expect(headers['content-type']).toBe('text/html; charset=utf-8');
    const policy = String(headers['content-security-policy']);
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self';");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toMatch(/unsafe-eval|script-src[^;]*unsafe|\*|https?:/);
    expect(headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'x-frame-options': 'DENY',
      'cache-control': 'no-store',
    });
    const asset = await ask('/assets/index-abc123.js', { cookie });
    expect(asset.headers['content-type']).toMatch(/javascript/);
    expect(asset.headers['cache-control']).toContain('immutable');
  });

  it('answers HEAD without a body, and no other method', async () => {
    const cookie = await admit();
    const head = await ask('/', { cookie }, 'HEAD');
    expect([head.status, head.body]).toEqual([200, '']);
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH'])
      expect((await ask('/', { cookie, origin }, method)).status, method).toBe(405);
  });

  it('hands out its own files only', async () => {
    const cookie = await admit();
    symlinkSync('/etc/passwd', join(page, 'link.txt'));
    const outside = `${basename(page)}-beside.js`;
    for (const path of [
      '/nothing.js',
      '/secret.txt',
      '/link.txt',
      '/assets',
      '/assets/',
      '/../package.json',
      `/../${outside}`,
      `/..%2f${outside}`,
      `/%2e%2e/${outside}`,
      `/%2e%2e%2f${outside}`,
      `/assets/..%2f..%2f${outside}`,
      '/..%5c..%5cx.js',
      '/%00.js',
      '/index.html%00.js',
      '/%',
      '/%ff.js',
      '//etc/passwd',
      `//${outside}`,
    ]) {
      const { status, body } = await ask(path, { cookie });
      expect([path, status], path).toEqual([path, 404]);
      expect(body).toBe('Not found\n');
    }
    expect((await ask('/', { cookie })).status).toBe(200);
  });

  it('survives requests that are none', async () => {
    const raw = (text: string): Promise<string> =>
      new Promise((resolve) => {
        const client = connect(port, '127.0.0.1', () => client.write(text));
        let answer = '';
        client.on('data', (part) => (answer += String(part)));
        client.on('error', () => resolve(answer));
        client.on('close', () => resolve(answer));
        setTimeout(() => client.destroy(), 500);
      });
    const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n'; // prettier-ignore
    for (const target of ['//', 'http://[', '*', '/engine/..', '/%'])
      for (const rest of [upgrade, '\r\n']) expect(await raw(`GET ${target} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${rest}`)).not.toMatch(/^HTTP\/1.1 (101|200)/); // prettier-ignore
    await raw('\u0016\u0003\u0001\u0002\u0000\u0001');
    await raw(`GET / HTTP/1.1\r\n${'X: y\r\n'.repeat(5000)}\r\n`);
    await admit();
  });

  it('keeps the socket to its one path', async () => {
    const cookie = await admit();
    expect(await socket('/', { cookie, origin })).toBe(404);
    expect(await socket('/upload', { cookie, origin })).toBe(404);
    expect(await socket('/engine', { cookie, origin })).toBe('open');
  });
});

describe('a dropped file', () => {
  it('is stored for the engine, which opens it; and is gone at the end', async () => {
    const cookie = await admit();
    const sent = await new Promise<Reply>((resolve, reject) => {
      const upload = request(
        {
          host: '127.0.0.1',
          port,
          path: '/upload?name=my%20trace.pcapng',
          method: 'POST',
          headers: { cookie, origin },
          agent: false,
        },
        (response) => {
          // prettier-ignore
          let body = '';
          response.on('data', (part) => (body += String(part)));
          response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
        },
      );
      upload.on('error', reject).end(readFileSync(SESSION));
    });
    expect(sent.status).toBe(200);
    const { path } = JSON.parse(sent.body) as { path: string };
    expect(basename(path)).toBe('my trace.pcapng');
    expect(readFileSync(path).equals(readFileSync(SESSION))).toBe(true);
    await engine.open(path);
    await server.close();
    expect(existsSync(path)).toBe(false);
  });

  it.each(['../../etc/cron.d/x', '..', '/', '', '\u202egnp', 'x'.repeat(5000), '<b>.pcap'])(
    'gets a harmless name: %j',
    async (name) => {
      // prettier-ignore
      const cookie = await admit();
      const { status, body } = await ask(`/upload?name=${encodeURIComponent(name)}`, { cookie, origin }, 'POST', 'x');
      expect(status).toBe(200);
      const { path } = JSON.parse(body) as { path: string };
      expect(path.startsWith(join(tmpdir(), 'flowglass-dropped-'))).toBe(true);
      expect(path).not.toContain('..');
      expect(basename(path)).toMatch(/^[\p{L}\p{N}._ -]{1,120}$/u);
    },
  );
});

describe('starting', () => {
  it('says that the port is taken, and that the page is not built', async () => {
    const options = { host: '127.0.0.1', page, connect: () => undefined };
    const scratch = mkdtempSync(join(tmpdir(), 'flowglass-scratch-'));
    vi.stubEnv('TMPDIR', scratch);
    await expect(serve({ ...options, port })).rejects.toThrow(FlowglassError);
    await expect(serve({ ...options, port })).rejects.toMatchObject({ code: 'listen', what: 'the port is taken' });
    const empty = mkdtempSync(join(tmpdir(), 'flowglass-empty-'));
    await expect(serve({ ...options, port: 0, page: empty })).rejects.toMatchObject({ code: 'page-missing' });
    expect(readdirSync(scratch)).toEqual([basename(empty)]); // nothing of a server that never was
    vi.unstubAllEnvs();
    rmSync(scratch, { recursive: true });
  });
});

describe('the command', () => {
  it('prints one address and nothing else, serves the page under it, and ends with 0 on SIGTERM', async () => {
    const child = flowglass(['serve', SESSION]);
    await child.until('address', ({ stdout }) => stdout.includes('\n'));
    expect(child.stdout).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/\?token=[\w-]{32}\n$/);
    const first = await fetch(child.stdout.trim(), { redirect: 'manual' });
    const cookie = first.headers.get('set-cookie')?.split(';')[0] ?? '';
    const body = await (await fetch(new URL('/', child.stdout.trim()), { headers: { cookie } })).text();
    expect(body).toContain('<div id="app">');
    const { status, stdout, stderr } = await child.stop('SIGTERM', 10_000);
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout.trim().split('\n')).toHaveLength(1);
  });

  it('ends with 0 on SIGINT as `flowglass FILE`, which says why it uses the browser', async () => {
    const child = new Child(process.execPath, [COMMAND, SESSION], { env: { ...process.env, DISPLAY: '', WAYLAND_DISPLAY: '' } }); // prettier-ignore
    await child.until('address', ({ stdout }) => stdout.includes('\n'));
    expect(child.stderr).toMatch(/^flowglass: [^\n]*browser[^\n]*no display[^\n]*\n$/);
    expect((await child.stop('SIGINT', 10_000)).status).toBe(0);
  });

  it('fails with one line for a taken port and for a file that is not there', async () => {
    const taken = await flowglass(['serve', '--port', port]).done;
    expect([taken.status, taken.stdout]).toEqual([1, '']);
    expect(taken.stderr).toMatch(/^flowglass: the port is taken, [^\n]*\n$/);
    const missing = await flowglass(['serve', '/nonexistent/x.pcapng']).done;
    expect(missing.status).not.toBe(0);
    expect(missing.stderr).toMatch(/^flowglass: [^\n]*\n$/);
  });
});
