/**
 * The browsers that are connected. Each costs a bounded amount: how many there may be, what one may ask for in a second,
 * and what waits for one that does not read. One that is gone without saying so is noticed by a ping.
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import type { EnginePort } from '../../core/engine/port.ts';
import type { Access } from './guard.ts';
import { lookOnly } from './look-only.ts';

export const VIEWERS_MAX = 32;
/** The close code that the page understands as "do not try again". */
const REFUSED = 4403;
/** RFC 6455, 7.4.1: policy violation; IANA: try again later. */
const POLICY = 1008;
const LATER = 1013;
const REQUEST_MAX = 1 << 20;
/** Bytes waiting in a viewer's socket beyond which views are skipped, and beyond which it is let go. */
const CONGESTED = 1 << 20;
const STUCK = 16 << 20;
/** Requests that one may make at once, and in a second from then on: a page makes a few dozen. */
const BURST = 1000;
const PER_SECOND = 200;

export class Viewers {
  readonly #sockets = new WebSocketServer({ noServer: true, maxPayload: REQUEST_MAX, perMessageDeflate: false });
  readonly #connect: (port: EnginePort) => void;
  readonly #answered = new WeakSet<WebSocket>();
  readonly #timer: NodeJS.Timeout;

  /** `connect` is called with each new viewer; one that does not answer a ping until the next is gone. */
  constructor(connect: (port: EnginePort) => void, pingMs: number) {
    this.#connect = connect;
    this.#timer = setInterval(() => this.#ping(), pingMs);
    this.#timer.unref();
  }

  /** Takes an upgraded connection; `access` null = it is told that it may not. */
  accept(request: IncomingMessage, socket: Duplex, head: Buffer, access: Access | null): void {
    this.#sockets.handleUpgrade(request, socket, head, (ws) => {
      if (access === null) return ws.close(REFUSED, 'token');
      if (this.#sockets.clients.size > VIEWERS_MAX) return ws.close(LATER, 'too many viewers');
      this.#answered.add(ws);
      ws.on('pong', () => this.#answered.add(ws));
      const port = webSocketPort(ws);
      this.#connect(access === 'full' ? port : lookOnly(port));
    });
  }

  close(): void {
    clearInterval(this.#timer);
    for (const ws of this.#sockets.clients) ws.terminate();
  }

  #ping(): void {
    for (const ws of this.#sockets.clients) {
      if (!this.#answered.delete(ws)) ws.terminate();
      else ws.ping();
    }
  }
}

function webSocketPort(ws: WebSocket): EnginePort {
  let allowance = BURST;
  let countedMs = performance.now();
  const tooMany = (): boolean => {
    const now = performance.now();
    allowance = Math.min(BURST, allowance + ((now - countedMs) / 1000) * PER_SECOND) - 1;
    countedMs = now;
    return allowance < 0;
  };
  const send = (data: string | ArrayBuffer): void => {
    if (ws.bufferedAmount > STUCK) ws.terminate();
    else ws.send(data);
  };
  return {
    send: (message) => send(JSON.stringify(message)),
    sendView: send,
    get congested() {
      return ws.bufferedAmount > CONGESTED;
    },
    onRequest: (handler) =>
      ws.on('message', (data, binary) => {
        if (binary) return;
        if (tooMany()) return ws.close(POLICY, 'too many requests');
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
