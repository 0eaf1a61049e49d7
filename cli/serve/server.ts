/** HTTP and WebSocket side of `flowglass serve`: the page, uploads of dropped files, and one engine port per viewer. */
import { createReadStream, createWriteStream, existsSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { WebSocketServer, type WebSocket } from 'ws';
import { CONTENT_SECURITY_POLICY, pageFile } from '../../core/engine/page.ts';
import type { EnginePort } from '../../core/engine/port.ts';
import { FlowglassError } from '../../core/errors.ts';
import { Guard, REFUSALS, type Refusal } from './guard.ts';

const HEADERS = {
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'X-Frame-Options': 'DENY',
} as const;
/** The close code that the page understands as "do not try again". */
const REFUSED = 4403;
const REQUEST_MAX = 1 << 20;
/** A dropped file larger than this is refused. */
export const UPLOAD_MAX = 8 * 2 ** 30;
/** Bytes waiting in a viewer's socket beyond which views are skipped. */
const CONGESTED = 1 << 20;

export interface ServeOptions {
  host: string;
  port: number;
  /** Folder of the built page. */
  page: string;
  /** Called with each new viewer. */
  connect: (port: EnginePort) => void;
  /** An export to be handed out, once; null = there is none of that id. */
  download?: (id: string) => { readonly path: string; readonly name: string; readonly done: () => void } | null;
}

export interface RunningServer {
  /** Address with the one-time token. */
  url: string;
  close(): Promise<void>;
}

/** Starts serving. Fails with FlowglassError when the address is taken or the page was not built. */
export async function serve(options: ServeOptions): Promise<RunningServer> {
  if (!existsSync(join(options.page, 'index.html')))
    throw new FlowglassError({
      code: 'page-missing',
      what: 'the interface is not built',
      where: options.page,
      hint: 'run npm run build',
    });
  let uploads = '';
  let guard: Guard | null = null;
  const server = createServer((request, response) => {
    if (guard) void answer(request, response, guard, options, uploads).catch(() => response.destroy());
  });
  const port = await listen(server, options);
  uploads = await mkdtemp(join(tmpdir(), 'flowglass-dropped-'));
  const active = (guard = new Guard(port, [options.host]));
  const sockets = new WebSocketServer({ noServer: true, maxPayload: REQUEST_MAX });
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => socket.destroy());
    const refusal = active.check(request, true);
    if (request.url !== '/engine') {
      socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n');
    } else if (refusal === 'host' || refusal === 'origin') {
      socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n');
    } else {
      sockets.handleUpgrade(request, socket, head, (ws) => {
        if (refusal) ws.close(REFUSED, 'token');
        else options.connect(webSocketPort(ws));
      });
    }
  });
  const name = options.host.includes(':') ? `[${options.host}]` : options.host;
  return {
    url: `http://${name}:${port}/?${active.query}`,
    close: async () => {
      for (const ws of sockets.clients) ws.terminate();
      server.closeAllConnections();
      await new Promise<void>((done) => server.close(() => done()));
      await rm(uploads, { recursive: true, force: true });
    },
  };
}

function listen(server: Server, { host, port }: ServeOptions): Promise<number> {
  return new Promise((done, fail) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      fail(
        new FlowglassError({
          code: 'listen',
          what: error.code === 'EADDRINUSE' ? 'the port is taken' : `cannot listen (${error.code ?? error.message})`,
          where: `${host}:${port}`,
          hint: 'choose another with --port, or leave --port out for a free one',
        }),
      ),
    );
    server.listen(port, host, () => {
      const address = server.address();
      done(typeof address === 'object' && address ? address.port : port);
    });
  });
}

function webSocketPort(ws: WebSocket): EnginePort {
  return {
    send: (message) => ws.send(JSON.stringify(message)),
    sendView: (buffer) => ws.send(buffer),
    get congested() {
      return ws.bufferedAmount > CONGESTED;
    },
    onRequest: (handler) =>
      ws.on('message', (data, binary) => {
        if (binary) return;
        let message: unknown;
        try {
          message = JSON.parse(String(data));
        } catch {
          ws.close(1007, 'not JSON');
          return;
        }
        handler(message);
      }),
    onClose: (handler) => {
      ws.on('error', () => ws.terminate());
      ws.on('close', handler);
    },
    close: () => ws.close(),
  };
}

function refuse(response: ServerResponse, refusal: Refusal): void {
  response.writeHead(403, { ...HEADERS, 'Content-Type': 'text/plain; charset=utf-8' }).end(`${REFUSALS[refusal]}\n`);
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  guard: Guard,
  options: ServeOptions,
  uploads: string,
): Promise<void> {
  // What stands in the request line is a path even if it begins with two slashes; what is none throws, and is cut off.
  const url = new URL(`http://localhost${request.url ?? '/'}`);
  if (!guard.hostAllowed(request)) return refuse(response, 'host');
  const token = url.searchParams.get('token');
  if (request.method === 'GET' && url.pathname === '/' && token !== null) {
    const cookie = guard.admit(token);
    // A reload of the first address by the browser that was let in is fine.
    if (cookie === null && guard.check(request, false) !== null) return refuse(response, 'token');
    response.writeHead(303, { ...HEADERS, Location: './', ...(cookie ? { 'Set-Cookie': cookie } : {}) }).end();
    return;
  }
  const upload = request.method === 'POST' && url.pathname === '/upload';
  const refusal = guard.check(request, upload);
  if (refusal) return refuse(response, refusal);
  if (upload) return receive(request, response, uploads, url.searchParams.get('name') ?? 'capture');
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.writeHead(405, { ...HEADERS, Allow: 'GET, HEAD' }).end();
    return;
  }
  if (url.pathname === '/download') return handOut(request, response, options, url.searchParams.get('id') ?? '');
  page(request, response, options.page, url.pathname);
}

/** An export that this browser asked for: once, never shown, never kept by a cache. */
function handOut(request: IncomingMessage, response: ServerResponse, options: ServeOptions, id: string): void {
  const file = request.method === 'GET' ? (options.download?.(id) ?? null) : null;
  const stream = file && createReadStream(file.path);
  if (stream === null) {
    response.writeHead(404, { ...HEADERS, 'Content-Type': 'text/plain; charset=utf-8' }).end('Not found\n');
    return;
  }
  response.on('close', () => {
    stream.destroy();
    file?.done();
  });
  stream.once('error', () => response.destroy());
  stream.once('open', () => {
    response.writeHead(200, {
      ...HEADERS,
      'Content-Type': 'application/octet-stream',
      'Content-Disposition': `attachment; filename*=UTF-8''${encodeURIComponent(file?.name ?? 'export').replace(/['()*]/g, (c) => `%${c.charCodeAt(0).toString(16)}`)}`,
      'Content-Length': statSync(file?.path ?? '').size,
      'Cache-Control': 'no-store',
    });
    stream.pipe(response);
  });
}

function page(request: IncomingMessage, response: ServerResponse, root: string, pathname: string): void {
  const file = pageFile(root, pathname);
  if (!file) {
    response.writeHead(404, { ...HEADERS, 'Content-Type': 'text/plain; charset=utf-8' }).end('Not found\n');
    return;
  }
  response.writeHead(200, {
    ...HEADERS,
    'Content-Type': file.type,
    'Content-Security-Policy': CONTENT_SECURITY_POLICY,
    'Cache-Control': file.hashed ? 'private, max-age=31536000, immutable' : 'no-store',
  });
  if (request.method === 'HEAD') response.end();
  else
    createReadStream(file.path)
      .on('error', () => response.destroy())
      .pipe(response);
}

/** Stores a dropped file for the engine to open; gone when serving ends. */
async function receive(
  request: IncomingMessage,
  response: ServerResponse,
  uploads: string,
  name: string,
): Promise<void> {
  const safe =
    basename(name)
      .replace(/[^\p{L}\p{N}._ -]/gu, '_')
      .replace(/^\.+/, '')
      .slice(-120) || 'capture';
  const path = join(await mkdtemp(join(uploads, 'file-')), safe);
  let size = 0;
  const limit = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      size += chunk.length;
      done(size > UPLOAD_MAX ? new RangeError('too large') : null, chunk);
    },
  });
  try {
    await pipeline(request, limit, createWriteStream(path, { mode: 0o600 }));
  } catch (error) {
    const [status, text] =
      error instanceof RangeError ? [413, 'The file is larger than 8 GiB'] : [507, 'The file could not be stored'];
    if (!response.headersSent)
      response.writeHead(status, { ...HEADERS, 'Content-Type': 'text/plain; charset=utf-8' }).end(`${text}\n`);
    return;
  }
  response.writeHead(200, { ...HEADERS, 'Content-Type': 'application/json' }).end(JSON.stringify({ path }));
}
