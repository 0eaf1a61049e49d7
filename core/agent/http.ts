/**
 * `/metrics`, `/healthz`, `/readyz`. Whoever asks can cost little: one text is made at a time and shared, connections are
 * bounded, and one that is slow to ask or to read is ended.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { errnoName, errnoText, FlowglassError } from '../errors.ts';
import type { Endpoint } from '../streams/collector.ts';

const CONNECTIONS_MAX = 64;
const HEADERS_MS = 5000;
const REQUEST_MS = 10_000;
/** A reader that takes nothing for so long is gone. */
const IDLE_MS = 30_000;

/** What is served. */
export interface Served {
  /** The text for an Accept header. */
  metrics(accept: string): Promise<{ type: string; text: string }>;
  /** null = ready; else why not. */
  unready(): string | null;
}

export class MetricsServer {
  readonly #server: Server;
  readonly #served: Served;
  /** Texts that are being made, by type asked for: who asks meanwhile gets the same. */
  readonly #making = new Map<string, Promise<{ type: string; text: string }>>();
  /** Connections refused because there were too many. */
  refused = 0;

  private constructor(served: Served) {
    this.#served = served;
    this.#server = createServer(
      { headersTimeout: HEADERS_MS, requestTimeout: REQUEST_MS, keepAliveTimeout: IDLE_MS, maxHeaderSize: 8192 },
      (request, response) => void this.#answer(request, response).catch(() => response.destroy()),
    );
    this.#server.maxConnections = CONNECTIONS_MAX;
    this.#server.on('drop', () => this.refused++);
    this.#server.setTimeout(IDLE_MS, (socket) => socket.destroy());
  }

  /** Listens. @throws FlowglassError when the address is taken or not ours */
  static async start(endpoint: Endpoint, served: Served): Promise<MetricsServer> {
    const server = new MetricsServer(served);
    await server.#listen(endpoint);
    return server;
  }

  /** HOST:PORT where it listens. */
  get address(): string {
    const address = this.#server.address();
    if (typeof address !== 'object' || address === null) return '';
    return `${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((done) => this.#server.close(() => done()));
  }

  #listen({ host, port }: Endpoint): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', (error) => {
        const taken = errnoName(error) === 'EADDRINUSE';
        const what = taken ? 'the address for metrics is taken' : `cannot listen for metrics (${errnoText(error)})`;
        reject(new FlowglassError({ code: 'listen', what, where: `${host}:${port}`, hint: 'choose another with --metrics HOST:PORT' })); // prettier-ignore
      });
      this.#server.listen(port, host, () => {
        this.#server.removeAllListeners('error').on('error', () => undefined);
        resolve();
      });
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '/').split('?')[0];
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD');
      return plain(response, 405, 'only GET\n');
    }
    if (path === '/healthz') return plain(response, 200, 'ok\n');
    if (path === '/readyz') {
      const reason = this.#served.unready();
      return reason === null ? plain(response, 200, 'ready\n') : plain(response, 503, `${reason}\n`);
    }
    if (path !== '/metrics') return plain(response, 404, 'there are /metrics, /healthz, /readyz\n');
    const { type, text } = await this.#text(request.headers.accept ?? '');
    response.writeHead(200, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(text), 'Cache-Control': 'no-store' }); // prettier-ignore
    response.end(request.method === 'HEAD' ? undefined : text);
  }

  #text(accept: string): Promise<{ type: string; text: string }> {
    const kind = /application\/openmetrics-text/.test(accept) ? 'application/openmetrics-text' : '';
    let making = this.#making.get(kind);
    if (making === undefined) {
      making = this.#served.metrics(kind).finally(() => this.#making.delete(kind));
      this.#making.set(kind, making);
    }
    return making;
  }
}

function plain(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-store' }).end(text);
}
