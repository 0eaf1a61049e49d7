/** Options and ways of the commands that watch another host over ssh. */
import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type { CaptureSource } from '../core/engine/capture-group.ts';
import { LOOKUP } from '../core/engine/machine.ts';
import type { RemoteWish } from '../core/engine/remote-sources.ts';
import { errnoText, FlowglassError, printable } from '../core/errors.ts';
import { RemoteHost } from '../core/remote/remote-host.ts';
import { startTcpdump } from '../core/remote/tcpdump.ts';
import { usageError, type Given, type OptionSpec } from './command.ts';
import { readSource, type Source } from './source.ts';
import { note } from './terminal.ts';

export const SSH_OPTIONS = {
  ssh: { value: 'HOST', help: 'on another host: user@host, or a name of ssh_config' },
  'ssh-keep': { help: 'with --ssh: leave the helper in the cache folder there for the next time' },
  tcpdump: { help: 'with --ssh: packets only, by tcpdump there, without our helper' },
} as const satisfies Readonly<Record<string, OptionSpec>>;

/** Which host is meant; null = this one. */
export function readRemote(given: Given): RemoteWish | null {
  const host = given.text('ssh');
  const tcpdump = given.has('tcpdump');
  if (host === undefined && tcpdump) throw usageError('--tcpdump needs --ssh', 'command line', 'give --ssh HOST');
  return host === undefined ? null : { host, tcpdump };
}

/** What is watched, and where; `remote` null = here. It is the caller's to close. */
export type OpenSource = Source & { readonly remote: RemoteHost | null };

/** Reads the options of a source; connects when it is on another host. */
export async function openSource(given: Given): Promise<OpenSource> {
  const destination = given.text('ssh');
  if (destination === undefined) {
    for (const name of ['ssh-keep', 'tcpdump'])
      if (given.has(name)) throw usageError(`--${name} needs --ssh`, 'command line', 'give --ssh HOST');
    return { ...readSource(given), remote: null };
  }
  if (given.has('netns') || given.has('container'))
    throw usageError('--ssh watches the namespace that it logs in to', 'command line', 'leave out --netns and --container'); // prettier-ignore
  const remote = await RemoteHost.connect(destination, given.has('ssh-keep'));
  try {
    const source = readSource(given, { ...LOOKUP, interfaces: () => remote.interfaces });
    if (!given.has('tcpdump')) await remote.bring();
    return { ...source, remote };
  } catch (error) {
    await remote.close();
    throw error;
  }
}

interface PacketsTarget {
  readonly path: string;
  readonly force: boolean;
  readonly snaplen: number;
  readonly durationMs: number | null;
}

/** Packets of one interface there, as tcpdump gives them, into a file. */
export async function recordPackets(
  remote: RemoteHost,
  sources: readonly CaptureSource[],
  { path, force, snaplen, durationMs }: PacketsTarget,
  stop: Promise<void>,
): Promise<FlowglassError | null> {
  const [watched, second] = sources.flatMap(({ interfaces }) => interfaces);
  if (watched === undefined || second !== undefined)
    throw usageError('tcpdump watches one interface', '--tcpdump', 'give one with -i');
  const tcpdump = await startTcpdump(remote, watched.name, snaplen);
  note('warning', `recording ${printable(watched.name)} of ${printable(remote.host)} by tcpdump into ${path === '-' ? 'standard output' : path}: packets only`); // prettier-ignore
  let asked = false;
  const end = (): void => {
    asked = true;
    tcpdump.end();
  };
  void stop.then(end);
  const timer = durationMs === null ? null : setTimeout(end, durationMs);
  try {
    const out = path === '-' ? process.stdout : createWriteStream(path, { mode: 0o600, flags: force ? 'w' : 'wx' });
    await pipeline(tcpdump.packets, out, { end: path !== '-' });
  } catch (error) {
    end();
    return new FlowglassError({ code: 'unwritable-file', what: errnoText(error), where: printable(path), hint: 'give the path of a file that you may create' }); // prettier-ignore
  } finally {
    if (timer !== null) clearTimeout(timer);
  }
  return asked ? null : tcpdump.lost();
}
