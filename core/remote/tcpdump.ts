/** Packets of another host as tcpdump there gives them: no process, no socket, but nothing of ours is needed there. */
import type { Readable } from 'node:stream';
import { FlowglassError, printable } from '../errors.ts';
import { lastLine, SSH_FAILED } from '../helper/launch.ts';
import type { RemoteHost } from './remote-host.ts';

/** What was on the wire by now is still on its way from the kernel there. */
const ON_ITS_WAY_MS = 500;

export interface RemoteTcpdump {
  /** A pcap stream; it ends with the connection. */
  readonly packets: Readable;
  /** Lets it hand over what it has, and end. */
  readonly end: () => void;
  /** Why it ended by itself. */
  readonly lost: () => FlowglassError;
}

/** Starts it; settles when it captures, and rejects with what it says instead. */
export async function startTcpdump(remote: RemoteHost, name: string, snaplen: number): Promise<RemoteTcpdump> {
  if (!remote.hasTcpdump)
    throw new FlowglassError({ code: 'remote', what: 'there is no tcpdump', where: printable(remote.host), hint: 'install it there' }); // prettier-ignore
  const process = remote.tcpdump(name, snaplen);
  const { stdin, stdout, stderr } = process;
  if (stdin === null || stdout === null || stderr === null) throw new Error('ssh without its streams');
  stdin.on('error', () => undefined); // the connection is gone: its end is told by `lost`
  let said = '';
  const lost = (): FlowglassError => {
    if (process.exitCode === SSH_FAILED || process.exitCode === null) return remote.lost(said);
    const what =
      printable(/^tcpdump: (?!listening)(.+)$/m.exec(said)?.[1] ?? lastLine(said)) ||
      `tcpdump ended with status ${process.exitCode}`;
    return new FlowglassError({ code: 'remote', what, where: printable(remote.host), hint: 'see what tcpdump says there' }); // prettier-ignore
  };
  await new Promise<void>((resolve, reject) => {
    stderr.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-16_384);
      if (/listening on/.test(said)) resolve();
    });
    process.once('close', () => reject(lost()));
  });
  return { packets: stdout, end: () => void setTimeout(() => stdin.end(), ON_ITS_WAY_MS), lost };
}
