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

/** Speaks over a port that the preload script passed on. */
export function portTransport(port: MessagePort, events: TransportEvents): Transport {
  port.onmessage = ({ data }: MessageEvent<EngineMessage | ArrayBuffer>) => {
    if (data instanceof ArrayBuffer) events.onView(data);
    else events.onMessage(data);
  };
  port.addEventListener('close', () => events.onClose(false));
  port.start();
  queueMicrotask(() => events.onOpen());
  return { send: (message) => port.postMessage(message), close: () => port.close() };
}
