/** Node's own MessagePort in the shape of Electron's MessagePortMain. */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { Port } from '../../electron/electron-api.ts';

class NodePort implements Port {
  readonly port: MessagePort;
  constructor(port: MessagePort) {
    this.port = port;
  }
  postMessage(message: unknown, transfer: Port[] = []): void {
    this.port.postMessage(message, transfer.map(nodePort));
  }
  start(): void {
    this.port.start();
  }
  close(): void {
    this.port.close();
  }
  on(event: 'message' | 'close', listener: ((event: { data: unknown }) => void) | (() => void)): unknown {
    if (event === 'close') return this.port.on('close', listener as () => void);
    // Node starts a port that gets a listener; MessagePortMain waits for start(). Both keep what came before.
    return this.port.on('message', (data: unknown) => listener({ data }));
  }
}

function nodePort(port: Port): MessagePort {
  if (!(port instanceof NodePort)) throw new TypeError('not a port of ours');
  return port.port;
}

export function nodeChannel(): { port1: Port; port2: Port } {
  const { port1, port2 } = new MessageChannel();
  return { port1: new NodePort(port1), port2: new NodePort(port2) };
}
