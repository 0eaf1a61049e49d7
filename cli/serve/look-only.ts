/** A viewer that may look but change nothing: no other source, no recording, no export, and not what all viewers share. */
import { z } from 'zod';
import type { EngineMessage } from '../../core/contract/answers.ts';
import type { Method } from '../../core/contract/requests.ts';
import type { EnginePort } from '../../core/engine/port.ts';

const ALLOWED: ReadonlySet<string> = new Set<Method>([
  'hello',
  'complete',
  'highlight',
  'refine',
  'flow',
  'packets',
  'packetFind',
  'packet',
  'stream',
  'viewOpen',
  'viewClose',
  'viewAck',
  'visible',
]);

const envelope = z.object({ id: z.number().int(), method: z.string() });
const WHY = 'this address only allows looking';

/** Wraps the port of such a viewer. */
export function lookOnly(port: EnginePort): EnginePort {
  const hellos = new Set<number>();
  return {
    send: (message) => port.send(hellos.size > 0 ? withoutCapture(message, hellos) : message),
    sendView: (buffer) => port.sendView(buffer),
    get congested() {
      return port.congested;
    },
    onRequest: (handler) =>
      port.onRequest((message) => {
        const asked = envelope.safeParse(message);
        if (asked.success && asked.data.method === 'hello') hellos.add(asked.data.id);
        if (!asked.success || ALLOWED.has(asked.data.method)) return handler(message);
        const { id, method } = asked.data;
        port.send({ id, error: { code: 'look-only', what: WHY, where: method, hint: 'ask for one that allows more' } });
      }),
    onClose: (handler) => port.onClose(handler),
    close: () => port.close(),
  };
}

/** The page offers to capture only where it is possible: here it is not. */
function withoutCapture(message: EngineMessage, hellos: Set<number>): EngineMessage {
  if (!('id' in message) || !('result' in message) || !hellos.delete(message.id)) return message;
  const { result } = message;
  if (typeof result !== 'object' || result === null || !('capture' in result)) return message;
  return {
    ...message,
    result: { ...result, capture: { possible: false, reason: WHY, command: null, installable: false } },
  };
}
