import type { Child } from './child.ts';
import type { Host } from './host.ts';
import type { Link } from './lab.ts';

/** What one client program reported of one connection. */
export interface Connection {
  name: string;
  protocol: 'tcp' | 'udp';
  family: 4 | 6;
  pid: number;
  localPort: number;
  server: { address: string; port: number };
  /** Payload bytes that the client sent and received. */
  sent: number;
  received: number;
  /** Datagrams each way, UDP only. */
  datagrams: number;
  /** The client's TCP_INFO at the end. */
  tcp: Record<string, number>;
  /** Payload bytes that the server had to send again. */
  serverBytesRetrans: number;
}

/** How many of each kind of traffic {@link mixedTraffic} makes; one ping run is `pings` echoes. */
export const PINGS = 3;

/** Servers for {@link mixedTraffic}, each listening on IPv4 and IPv6. */
export async function startServers(server: Host): Promise<Child[]> {
  return Promise.all([
    server.server(['tcp', '--port', 80, '--mode', 'http', '--response', 20_000]),
    server.server(['tcp', '--port', 81, '--mode', 'respond', '--request', 700, '--response', 900]),
    server.server(['tcp', '--port', 82, '--mode', 'sink']),
    server.server(['tcp', '--port', 83, '--mode', 'source', '--response', 3_000_000]),
    server.server(['udp', '--port', 84, '--mode', 'echo']),
  ]);
}

/**
 * HTTP, short and long TCP both ways, UDP and ping over IPv4 and IPv6, and what really went over the wire by the
 * clients' own account. The TCP clients read to the end of file, so nothing is on its way any more afterwards.
 */
export async function mixedTraffic(client: Host, link: Link, servers: readonly Child[]): Promise<Connection[]> {
  const kinds: [name: string, port: number, args: (string | number)[]][] = [
    ['http', 80, ['tcp', '--http', '--receive', 20_000 + 'HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\n'.length]],
    ['short', 81, ['tcp', '--send', 700, '--receive', 900, '--exchanges', 4]],
    ['upload', 82, ['tcp', '--send', 3_000_000]],
    ['download', 83, ['tcp']],
    ['udp', 84, ['udp', '--send', 100, '--count', 20, '--echo']],
  ];
  const connections: Connection[] = [];
  for (const family of [4, 6] as const) {
    const address = family === 4 ? link.right.v4 : link.right.v6;
    for (const [name, port, args] of kinds) {
      const child = client.start('client', [...args, '--to', address, '--port', port]);
      const outcome = await child.done;
      const closed = child.events.find((event) => event.event === 'closed');
      if (outcome.status !== 0 || closed?.['errno'] !== 0)
        throw new Error(`${name}: ${outcome.stdout}${outcome.stderr}`);
      const protocol = args[0] === 'udp' ? 'udp' : 'tcp';
      connections.push({
        name: `${name} IPv${family}`,
        protocol,
        family,
        pid: child.pid,
        localPort: Number(closed['localPort']),
        server: { address, port },
        sent: Number(closed['sent']),
        received: Number(closed['received']),
        datagrams: protocol === 'udp' ? 20 : 0,
        serverBytesRetrans: protocol === 'tcp' ? await retransmittedBy(servers, Number(closed['localPort'])) : 0,
        tcp: Object.fromEntries(Object.entries(closed['tcp'] ?? {}).map(([key, value]) => [key, Number(value)])),
      });
    }
    client.run('ping', ['-n', '-c', String(PINGS), '-i', '0.02', '-s', '56', address]);
  }
  return connections;
}

/** What the server says of the connection with this client port, once it closed too. */
async function retransmittedBy(servers: readonly Child[], port: number): Promise<number> {
  const find = () =>
    servers
      .flatMap((server) => server.events)
      .findLast((event) => event.event === 'closed' && event['peerPort'] === port);
  for (let i = 0; i < 200 && find() === undefined; i++) await new Promise((resolve) => setTimeout(resolve, 5));
  const tcp: unknown = find()?.['tcp'];
  return typeof tcp === 'object' && tcp !== null && 'bytesRetrans' in tcp ? Number(tcp.bytesRetrans) : NaN;
}
