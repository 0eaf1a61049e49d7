/** A viewer behind a MessagePort, as the engine sees it. */
import type { EnginePort } from '../core/engine/port.ts';
import type { Port } from './electron-api.ts';

/**
 * Wraps a port. Ports know no back pressure: a page that does not keep up is noticed by the versions that it does not
 * acknowledge, and by nothing else.
 */
export function messagePort(port: Port): EnginePort {
  const closing: (() => void)[] = [];
  let open = true;
  const end = (): void => {
    if (!open) return;
    open = false;
    for (const handler of closing) handler();
  };
  port.on('close', end);
  return {
    send: (message) => {
      if (open) port.postMessage(message);
    },
    sendView: (buffer) => {
      if (open) port.postMessage(buffer);
    },
    congested: false,
    onRequest: (handler) => {
      port.on('message', ({ data }) => {
        if (open) handler(data);
      });
      port.start();
    },
    onClose: (handler) => closing.push(handler),
    close: () => {
      if (!open) return;
      port.close();
      end();
    },
  };
}
