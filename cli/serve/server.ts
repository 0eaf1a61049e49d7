/** HTTP and WebSocket side of `flowglass serve`: the page, uploads of dropped files, and one engine port per viewer. */
import { createReadStream, createWriteStream, existsSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { CONTENT_SECURITY_POLICY, pageFile } from '../../core/engine/page.ts';
import type { EnginePort } from '../../core/engine/port.ts';
import { FlowglassError } from '../../core/errors.ts';
import { Guard, REFUSALS, type Access, type Refusal } from './guard.ts';
import { Viewers } from './viewers.ts';

const HEADERS = {
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'X-Frame-Options': 'DENY',
} as const;
/** A dropped file larger than this is refused. */
export const UPLOAD_MAX = 8 * 2 ** 30;
const CONNECTIONS_MAX = 256;
const LIMITS: Limits = { headersMs: 10_000, silentMs: 60_000, pingMs: 15_000 };
/** Files that are dropped at the same time. */
const UPLOADS_MAX = 4;

/** How long a connection may take to say what it wants, may be silent, and a viewer may leave a ping unanswered; ms. */
export interface Limits {
  readonly headersMs: number;
  readonly silentMs: number;
  readonly pingMs: number;
}

export interface ServeOptions {
  host: string;
  port: number;
  /** Folder of the built page. */
  page: string;
  /** Called with each new viewer. */
  connect: (port: EnginePort) => void;
  /** How many browsers may come, and what each may do; default one, everything. */
  invitations?: readonly Access[];
  /** The address by which a proxy reaches us, with its path. */
  publicUrl?: URL | null;
  /** Certificate and key, PEM: then it is https. */
  tls?: { readonly cert: Buffer; readonly key: Buffer } | null;
  /** Milliseconds; other values for tests. */
  limits?: Limits;
  /** An export to be handed out, once; null = there is none of that id. */
  download?: (id: string) => { readonly path: string; readonly name: string; readonly done: () => void } | null;
}

/** Dropped files: where they lie, and how many are coming in. */
interface Uploads {
  folder: string;
  running: number;
}

export interface RunningServer {
  /** Address with the one-time token; of several the first. */
  url: string;
  /** Address of each invitation, in their order. */
  urls: string[];
  /** Where it listens itself, whatever the address by which a proxy reaches it. */
  local: string;
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
  const uploads: Uploads = { folder: '', running: 0 };
  let guard: Guard | null = null;
  const limits = options.limits ?? LIMITS;
  const viewers = new Viewers(options.connect, limits.pingMs);
  const server = makeServer(options.tls ?? null, limits, (request, response) => {
    if (guard) void answer(request, response, guard, options, uploads).catch(() => response.destroy());
  });
  const port = await listen(server, options);
  uploads.folder = await mkdtemp(join(tmpdir(), 'flowglass-dropped-'));
  const publicUrl = options.publicUrl ?? null;
  const secure = options.tls ? true : publicUrl?.protocol === 'https:';
  const invitations = options.invitations ?? ['full'];
  const active = (guard = new Guard({ port, hosts: [options.host], publicUrl, secure, invitations }));
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => socket.destroy());
    const refusal = active.check(request, true);
    if (pathOf(request.url ?? '', publicUrl) !== '/engine') {
      socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n');
    } else if (refusal === 'host' || refusal === 'origin') {
      socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n');
    } else viewers.accept(request, socket, head, active.accessOf(request));
  });
  const name = options.host.includes(':') ? `[${options.host}]` : options.host;
  const local = `${options.tls ? 'https' : 'http'}://${name}:${port}/`;
  const address = publicUrl?.href ?? local;
  const urls = active.queries.map((query) => `${address}?${query}`);
  return {
    url: urls[0] ?? address,
    urls,
    local,
    close: async () => {
      viewers.close();
      server.closeAllConnections();
      await new Promise<void>((done) => server.close(() => done()));
      await rm(uploads.folder, { recursive: true, force: true });
    },
  };
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

function makeServer(tls: ServeOptions['tls'], { headersMs, silentMs }: Limits, handler: Handler): Server {
  // No limit on a whole request: a large file may be dropped over a slow line. A silent one is ended.
  const limits = { headersTimeout: headersMs, requestTimeout: 0, connectionsCheckingInterval: headersMs / 2 };
  const server = tls
    ? createHttpsServer({ ...limits, cert: tls.cert, key: tls.key, minVersion: 'TLSv1.2' }, handler)
    : createHttpServer(limits, handler);
  server.maxConnections = CONNECTIONS_MAX;
  server.setTimeout(silentMs, (socket) => socket.destroy());
  return server;
}

/** The path below the one that a proxy reaches us by, whether or not the proxy takes that off. */
function pathOf(path: string, publicUrl: URL | null): string {
  const base = publicUrl?.pathname ?? '/';
  const bare = path.split('?')[0] ?? '';
  return bare.startsWith(base) ? `/${bare.slice(base.length)}` : bare;
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

function refuse(response: ServerResponse, refusal: Refusal): void {
  response.writeHead(403, { ...HEADERS, 'Content-Type': 'text/plain; charset=utf-8' }).end(`${REFUSALS[refusal]}\n`);
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  guard: Guard,
  options: ServeOptions,
  uploads: Uploads,
): Promise<void> {
  // What stands in the request line is a path even if it begins with two slashes; what is none throws, and is cut off.
  const url = new URL(`http://localhost${request.url ?? '/'}`);
  if (!guard.hostAllowed(request)) return refuse(response, 'host');
  const pathname = pathOf(url.pathname, options.publicUrl ?? null);
  const token = url.searchParams.get('token');
  if (request.method === 'GET' && pathname === '/' && token !== null) {
    const cookie = guard.admit(token);
    // A reload of the first address by the browser that was let in is fine.
    if (cookie === null && guard.check(request, false) !== null) return refuse(response, 'token');
    response.writeHead(303, { ...HEADERS, Location: './', ...(cookie ? { 'Set-Cookie': cookie } : {}) }).end();
    return;
  }
  const upload = request.method === 'POST' && pathname === '/upload';
  const refusal = guard.check(request, upload, upload || pathname === '/download' ? 'full' : 'look');
  if (refusal) return refuse(response, refusal);
  if (upload) return receive(request, response, uploads, url.searchParams.get('name') ?? 'capture');
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.writeHead(405, { ...HEADERS, Allow: 'GET, HEAD' }).end();
    return;
  }
  if (pathname === '/download') return handOut(request, response, options, url.searchParams.get('id') ?? '');
  page(request, response, options.page, pathname);
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
  uploads: Uploads,
  name: string,
): Promise<void> {
  const safe =
    basename(name)
      .replace(/[^\p{L}\p{N}._ -]/gu, '_')
      .replace(/^\.+/, '')
      .slice(-120) || 'capture';
  if (uploads.running >= UPLOADS_MAX) {
    response.writeHead(503, { ...HEADERS, 'Content-Type': 'text/plain; charset=utf-8', 'Retry-After': '5' });
    response.end('Other files are being stored; try again\n');
    return;
  }
  uploads.running++;
  const path = join(await mkdtemp(join(uploads.folder, 'file-')), safe);
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
  } finally {
    uploads.running--;
  }
  response.writeHead(200, { ...HEADERS, 'Content-Type': 'application/json' }).end(JSON.stringify({ path }));
}
