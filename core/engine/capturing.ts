/** A helper for what is watched, here or on another host, whose connection may be lost and come back. */
import { LOG_WARNING } from '../abi/generated.ts';
import { startHelper, type HelperOptions } from '../helper/helper.ts';
import { startLastingHelper, type Capturing } from '../remote/lasting-helper.ts';
import type { RemoteStart } from '../remote/remote-host.ts';
import type { LogLine } from '../wire/messages.ts';
import type { InterfaceWatch } from './interface-watch.ts';

/** It may take long to connect from elsewhere, and to answer. */
const CONNECT_MS = 60_000;

export interface CapturingOptions extends HelperOptions {
  /** Where the helper runs; left out = here. */
  readonly remote?: RemoteStart | undefined;
  readonly watch: InterfaceWatch;
  /** The connection was lost, and why; null = it is there again. */
  readonly onConnection?: (lost: string | null) => void;
  readonly onLog?: (line: LogLine) => void;
}

/**
 * Starts the helper. When the connection to it is lost the time until it is back is a gap of everything that is watched,
 * and the session goes on. Throws FlowglassError.
 */
export function startCapturing(options: CapturingOptions): Promise<Capturing> {
  const { remote, watch, onConnection, onLog } = options;
  if (remote === undefined) return startHelper(options);
  let said = '';
  const say = (text: string): void => {
    if (text !== said) onLog?.({ level: LOG_WARNING, text });
    said = text;
  };
  return startLastingHelper(
    {
      ...options,
      start: (socketPath, args) => remote.start(socketPath, args),
      connectTimeoutMs: CONNECT_MS,
    },
    {
      onLost: ({ what }, bootNs) => {
        watch.lost(bootNs);
        say(`${remote.host}: ${what}, trying again`);
        onConnection?.(what);
      },
      onBack: (snapshot) => {
        say(`${remote.host}: connected again, what happened meanwhile is missing`);
        onConnection?.(null);
        watch.resume(snapshot);
      },
    },
  );
}
