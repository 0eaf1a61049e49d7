/** The engine within the utility process: takes viewers' ports from main, and ends in order. */
import { z } from 'zod';
import type { EnginePort } from '../core/engine/port.ts';
import type { ParentPort } from './electron-api.ts';
import { messagePort } from './message-port.ts';

/** What main tells the utility process. A viewer's port travels beside its message. */
export const order = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('viewer') }),
  /** The user chose this file in the save dialog. */
  z.strictObject({ kind: z.literal('grant'), path: z.string().min(1).max(4096) }),
  z.strictObject({ kind: z.literal('close') }),
]);
export type Order = z.output<typeof order>;

export interface ServedEngine {
  connect(port: EnginePort): void;
  readonly exports: { grant(path: string): void };
  close(): Promise<void>;
}

/** Serves `engine` until it is told to close; `exit` ends the process, after a recording is whole and all is detached. */
export function serveEngine(parent: ParentPort, engine: ServedEngine, exit: (code: number) => void): void {
  let closing = false;
  parent.on('message', ({ data, ports }) => {
    const parsed = order.safeParse(data);
    if (!parsed.success || closing) return;
    if (parsed.data.kind === 'viewer') {
      for (const port of ports) engine.connect(messagePort(port));
      return;
    }
    if (parsed.data.kind === 'grant') {
      engine.exports.grant(parsed.data.path);
      return;
    }
    closing = true;
    engine.close().then(
      () => exit(0),
      () => exit(1),
    );
  });
}
