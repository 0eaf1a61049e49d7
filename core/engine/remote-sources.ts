/** Hosts that the engine reaches over ssh: the one that is watched, and one that somebody looks at to watch it. */
import { FlowglassError } from '../errors.ts';
import { RemoteHost } from '../remote/remote-host.ts';
import { startTcpdump } from '../remote/tcpdump.ts';
import type { CaptureSource } from './capture-group.ts';
import { captureSources, type SourceLookup, type SourceRequest } from './capture-sources.ts';

/** Which host, and whether only its packets are wanted, from tcpdump there. */
export interface RemoteWish {
  readonly host: string;
  readonly tcpdump: boolean;
}

/** Whole packets: what tcpdump takes when it is told nothing. */
const SNAPLEN = 262_144;

interface Reached {
  readonly destination: string;
  readonly host: RemoteHost;
}

export class RemoteSources {
  #used: Reached | null = null;
  #looked: Reached | null = null;
  #endTcpdump: (() => void) | null = null;

  /** Connects, unless that is done. Throws FlowglassError. */
  async connect(destination: string): Promise<RemoteHost> {
    const known = [this.#used, this.#looked].find((reached) => reached?.destination === destination);
    if (known) return known.host;
    await this.forget();
    const host = await RemoteHost.connect(destination);
    this.#looked = { destination, host };
    return host;
  }

  /** The host is watched from now on. */
  use(host: RemoteHost): void {
    if (this.#looked?.host !== host) return;
    this.#used = this.#looked;
    this.#looked = null;
  }

  /** What to watch there. Throws FlowglassError. */
  sources(host: RemoteHost, request: SourceRequest, lookup: SourceLookup): CaptureSource[] {
    if (request.netns.length + request.containers.length > 0)
      throw new FlowglassError({ code: 'usage', what: 'another host is watched in the namespace that ssh logs in to', where: host.host, hint: 'leave out namespaces and containers', exitCode: 2 }); // prettier-ignore
    return captureSources(request, { ...lookup, interfaces: () => host.interfaces });
  }

  /** Packets of the one interface chosen there. */
  async packets(
    host: RemoteHost,
    sources: readonly CaptureSource[],
  ): Promise<{ title: string; input: AsyncIterable<Uint8Array> }> {
    const [face, second] = sources.flatMap(({ interfaces }) => interfaces);
    if (face === undefined || second !== undefined)
      throw new FlowglassError({
        code: 'usage',
        what: 'tcpdump watches one interface',
        where: host.host,
        hint: 'choose one',
      });
    const { packets, end } = await startTcpdump(host, face.name, SNAPLEN);
    this.#endTcpdump = end;
    this.use(host);
    return { title: `${face.name} of ${host.host}`, input: packets };
  }

  /** Nothing is watched any more, or what is on `host`. */
  async left(host: RemoteHost | null): Promise<void> {
    this.#endTcpdump?.();
    this.#endTcpdump = null;
    if (this.#used === null || this.#used.host === host) return;
    const { host: left } = this.#used;
    this.#used = null;
    await left.close();
  }

  /** What was looked at is not wanted. */
  async forget(): Promise<void> {
    const looked = this.#looked;
    this.#looked = null;
    await looked?.host.close();
  }
}
