/**
 * One viewer's connection as the engine sees it: a WebSocket in `serve`, a MessagePort in the desktop shell. The
 * engine never learns which.
 */
import type { EngineMessage } from '../contract/answers.ts';

export interface EnginePort {
  /** Sends an answer or an event. */
  send(message: EngineMessage): void;
  /** Sends a view update; the buffer belongs to the port from here on. */
  sendView(buffer: ArrayBuffer): void;
  /** The other side does not keep up: views are skipped while this holds. */
  readonly congested: boolean;
  /** Called with each request, not yet validated. */
  onRequest(handler: (message: unknown) => void): void;
  onClose(handler: () => void): void;
  close(): void;
}
