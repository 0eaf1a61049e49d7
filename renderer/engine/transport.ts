/**
 * The page's side of the contract over either transport: a WebSocket (`flowglass serve`) or a MessagePort handed over
 * by Electron's preload. Knows nothing of what is asked.
 */
import type { EngineMessage } from '../../core/contract/answers.ts';

export interface Transport {
  send(message: { id: number; method: string; params: unknown }): void;
  close(): void;
}

export interface TransportEvents {
  onOpen(): void;
  onMessage(message: EngineMessage): void;
  onView(buffer: ArrayBuffer): void;
  /** The other side went away; `final` = do not try again (refused). */
  onClose(final: boolean): void;
}

/** Close code the server uses when the token or the origin is not accepted. */
export const REFUSED = 4403;

/** Connects to the server the page came from. */
export function webSocketTransport(events: TransportEvents): Transport {
  const address = new URL('engine', document.baseURI);
  address.protocol = address.protocol === 'https:' ? 'wss:' : 'ws:';
  const socket = new WebSocket(address);
  socket.binaryType = 'arraybuffer';
  socket.onopen = () => events.onOpen();
  socket.onmessage = ({ data }: MessageEvent<string | ArrayBuffer>) => {
    if (typeof data === 'string') events.onMessage(JSON.parse(data) as EngineMessage);
    else events.onView(data);
  };
  socket.onclose = ({ code }) => events.onClose(code === REFUSED);
  return {
    send: (message) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
    },
    close: () => socket.close(),
  };
}

/** Asks the preload script for a port to the engine and speaks over it; each connection has a port of its own. */
export function desktopTransport(events: TransportEvents): Transport {
  let port: MessagePort | null = null;
  let closed = false;
  const take = (event: MessageEvent<unknown>): void => {
    const [given] = event.ports;
    if (event.source !== window || event.data !== 'flowglass:engine' || !given) return;
    removeEventListener('message', take);
    if (closed) {
      given.close();
      return;
    }
    port = given;
    given.onmessage = ({ data }: MessageEvent<EngineMessage | ArrayBuffer>) => {
      if (data instanceof ArrayBuffer) events.onView(data);
      else events.onMessage(data);
    };
    given.addEventListener('close', () => events.onClose(false));
    given.start();
    events.onOpen();
  };
  addEventListener('message', take);
  postMessage('flowglass:connect', '*'); // to this very window, where the preload script listens
  return {
    send: (message) => port?.postMessage(message),
    close: () => {
      closed = true; // and a port that is still on its way is closed when it comes
      port?.close();
    },
  };
}
