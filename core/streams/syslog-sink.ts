/**
 * Syslog over UDP (RFC 5426), TCP (RFC 6587, octet counting) and TLS (RFC 5425). A collector that is gone, slow or not
 * to be trusted costs events, which are counted, and nothing else.
 */
import { createSocket, type Socket as DatagramSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { connect as connectTcp, isIPv6, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { errnoText } from '../errors.ts';
import { parseCollector, type Collector, type SyslogTarget } from './collector.ts';
import { WritableSink, type Sink } from './sink.ts';

const CONNECT_MS = 10_000;
/** Between attempts: twice as long each time, up to half a minute. */
const RETRY_FIRST_MS = 500;
const RETRY_MAX_MS = 30_000;
/** Datagrams that the kernel has not taken yet. */
const UNSENT_MAX = 256;

/** `target` has passed its schema. `say` gets one line for each change of a connection. */
export function syslogSink(
  { collector: text, ca }: SyslogTarget,
  queueBytes: number,
  say: (text: string) => void,
): Sink {
  const collector = parseCollector(text);
  if (collector === null) throw new Error(`${text} passed the schema`);
  return collector.transport === 'udp' ? new DatagramSink(collector) : new ConnectionSink(collector, queueBytes, ca, say); // prettier-ignore
}

class DatagramSink implements Sink {
  readonly #socket: DatagramSocket;
  readonly #collector: Collector;
  #unsent = 0;
  written = 0;
  lost = 0;
  readonly queuedBytes = 0;
  readonly connected = true;

  constructor(collector: Collector) {
    this.#collector = collector;
    this.#socket = createSocket(isIPv6(collector.host) ? 'udp6' : 'udp4');
    this.#socket.on('error', () => this.lost++);
    this.#socket.unref();
  }

  send(message: Buffer): void {
    if (this.#unsent >= UNSENT_MAX) {
      this.lost++;
      return;
    }
    this.#unsent++;
    this.#socket.send(message, this.#collector.port, this.#collector.host, (error) => {
      this.#unsent--;
      if (error === null) this.written++;
      else this.lost++;
    });
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.#socket.close(() => resolve()));
  }
}

class ConnectionSink extends WritableSink {
  readonly #collector: Collector;
  readonly #ca: string | undefined;
  readonly #say: (text: string) => void;
  #socket: Socket | null = null;
  #retry: NodeJS.Timeout | null = null;
  #pauseMs = RETRY_FIRST_MS;
  #closed = false;
  #said = '';

  constructor(collector: Collector, queueBytes: number, ca: string | undefined, say: (text: string) => void) {
    super(queueBytes);
    this.#collector = collector;
    this.#ca = ca;
    this.#say = say;
    this.#connect();
  }

  override send(message: Buffer): void {
    super.send(Buffer.concat([Buffer.from(`${message.length} `), message]));
  }

  override async close(): Promise<void> {
    await super.close();
    this.#closed = true;
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#socket?.destroy();
  }

  #connect(): void {
    if (this.#closed) return;
    let socket: Socket;
    try {
      socket = this.#open();
    } catch (error) {
      this.#failed(errnoText(error));
      return;
    }
    this.#socket = socket;
    socket.setTimeout(CONNECT_MS, () => socket.destroy(new Error('no answer')));
    socket.once(this.#collector.transport === 'tls' ? 'secureConnect' : 'connect', () => {
      socket.setTimeout(0);
      this.#pauseMs = RETRY_FIRST_MS;
      if (this.#said !== '') this.#say(`${this.#name} takes events again`);
      this.#said = '';
      this.use(socket);
    });
    socket.resume(); // a collector says nothing; its end is an event all the same
    let reason = 'it closed the connection';
    socket.on('error', (error) => (reason = errnoText(error)));
    socket.once('close', () => {
      this.use(null);
      if (!this.#closed) this.#failed(reason);
    });
  }

  #open(): Socket {
    const { host, port, transport } = this.#collector;
    if (transport === 'tcp') return connectTcp({ host, port });
    const ca = this.#ca === undefined ? {} : { ca: readFileSync(this.#ca) };
    return connectTls({ host, port, ...(isIPv6(host) || /^[\d.]+$/.test(host) ? {} : { servername: host }), ...ca });
  }

  get #name(): string {
    const { transport, host, port } = this.#collector;
    return `the syslog collector ${transport}://${host.includes(':') ? `[${host}]` : host}:${port}`;
  }

  #failed(reason: string): void {
    if (this.#said !== reason) this.#say(`${this.#name} does not take events (${reason}): they wait, then are lost and counted`); // prettier-ignore
    this.#said = reason;
    this.#retry = setTimeout(() => this.#connect(), this.#pauseMs);
    this.#retry.unref();
    this.#pauseMs = Math.min(RETRY_MAX_MS, this.#pauseMs * 2);
  }
}
