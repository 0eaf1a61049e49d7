// Each packet once, whichever of the interfaces that it passes are watched; and the sums still balance.
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { flowOf, record, totalOf, type Summary } from '../lab/flowglass.ts';
import type { Host } from '../lab/host.ts';
import { Lab, settle, type Link } from '../lab/lab.ts';
import { describeAsRoot } from '../lab/privilege.ts';
import { mixedTraffic, PINGS, startServers, type Connection } from '../lab/traffic.ts';

/** Flows, what was counted again, and what is in no flow make up what the interfaces counted. */
function expectBalance({ session, ...summary }: Summary): void {
  const { duplicates, lost, unparsed, packets } = session;
  const outside = Object.values(unparsed).reduce((sum, count) => sum + count, lost.flowPackets);
  const flows = totalOf({ session, ...summary }, 'packets');
  expect({ flows, duplicates: duplicates.packets, outside, sum: flows + duplicates.packets + outside }).toMatchObject({
    sum: packets,
  });
  if (outside > 0) return;
  for (const counter of ['bytes', 'frames', 'frameBytes'] as const)
    expect(totalOf({ session, ...summary }, counter) + duplicates[counter]).toBe(session[counter]);
}

/** One flow for each connection, with what TCP itself counted. */
function expectOnce(summary: Summary, connections: readonly Connection[], path: readonly string[]): void {
  for (const c of connections) {
    const flow = flowOf(summary, c.localPort, c.protocol);
    expect([c.name, ...flow.path.toSorted()]).toEqual([c.name, ...path.toSorted()]);
    expect([c.name, flow.sent.payloadBytes]).toEqual([c.name, c.sent + (c.tcp['bytesRetrans'] ?? 0)]);
    expect([c.name, flow.received.payloadBytes]).toEqual([c.name, c.received + c.serverBytesRetrans]);
    if (c.protocol === 'tcp')
      expect([c.name, flow.sent.packets, flow.received.packets]).toEqual([
        c.name,
        c.tcp['segmentsOut'],
        c.tcp['segmentsIn'],
      ]);
  }
  const pings = summary.flows.filter(({ protocol }) => protocol.startsWith('icmp'));
  expect(pings).toHaveLength(2);
  for (const { sent, received } of pings) expect([sent.packets, received.packets]).toEqual([PINGS, PINGS]);
}

describeAsRoot('each packet once', () => {
  let lab: Lab;
  let client: Host;
  let server: Host;

  beforeEach(() => {
    lab = new Lab();
    client = lab.host('client');
    server = lab.host('server');
    for (const host of [client, server])
      host.sysctl({ 'net/ipv4/tcp_rmem': '4096 400000 800000', 'net/ipv4/tcp_early_retrans': 0 });
  });
  afterEach(() => lab.dispose());

  const traffic = async (where: Host, options: string[], link: Link): Promise<[Summary, Connection[]]> => {
    const servers = await startServers(server);
    const recorder = await record(lab, where, join(lab.directory, 'once.pcapng'), options);
    const connections = await mixedTraffic(client, link, servers);
    await settle(300);
    return [await recorder.finish(), connections];
  };

  /** A bridge over the client's device, which takes over its addresses and neighbours. */
  const bridgeOver = (link: Link): void => {
    const { v4, v6, host } = link.left;
    host.ip(
      `link add br0 address ${host.mac('veth0')} type bridge`,
      'link set br0 addrgenmode none',
      'addr flush dev veth0',
      'link set veth0 master br0',
      `addr add ${v4}/24 dev br0`,
      `addr add ${v6}/64 dev br0 nodad`,
      'link set br0 up',
      `neigh replace ${link.right.v4} lladdr ${server.mac('veth0')} nud permanent dev br0`,
      `neigh replace ${link.right.v6} lladdr ${server.mac('veth0')} nud permanent dev br0`,
    );
  };

  it('a bridge and its port: counted on the bridge, where the sockets are', async () => {
    const link = lab.link(client, server);
    bridgeOver(link);
    const [summary, connections] = await traffic(client, ['--all'], link);
    expectOnce(summary, connections, ['br0', 'veth0']);
    expectBalance(summary);
    for (const c of connections) {
      const flow = flowOf(summary, c.localPort, c.protocol);
      expect([c.name, flow.interface, flow.clientProcess?.pid]).toEqual([c.name, 'br0', c.pid]);
    }
  });

  it('a macvlan and the device below it', async () => {
    const link = lab.link(client, server);
    client.ip(
      'addr flush dev veth0',
      'link add mv0 link veth0 type macvlan mode bridge',
      'link set mv0 addrgenmode none',
      `addr add ${link.left.v4}/24 dev mv0`,
      `addr add ${link.left.v6}/64 dev mv0 nodad`,
      'link set mv0 up',
      `neigh replace ${link.right.v4} lladdr ${server.mac('veth0')} nud permanent dev mv0`,
      `neigh replace ${link.right.v6} lladdr ${server.mac('veth0')} nud permanent dev mv0`,
    );
    server.ip(`neigh replace ${link.left.v4} lladdr ${client.mac('mv0')} nud permanent dev veth0`);
    server.ip(`neigh replace ${link.left.v6} lladdr ${client.mac('mv0')} nud permanent dev veth0`);
    const [summary, connections] = await traffic(client, ['-i', 'veth0,mv0'], link);
    expectOnce(summary, connections, ['mv0', 'veth0']);
    expectBalance(summary);
    expect(new Set(summary.flows.map((flow) => flow.interface))).toEqual(new Set(['mv0']));
  });

  it('bridged from port to port, and over both ends of a veth pair in one namespace', async () => {
    const middle = lab.host('middle');
    const near = lab.link(client, middle, { subnet: 5, rightDevice: 'near' });
    const far = lab.link(middle, server, { subnet: 6, leftDevice: 'far' });
    middle.ip(
      'addr flush dev near',
      'addr flush dev far',
      'link add brn type bridge',
      'link add brf type bridge',
      'link add endn type veth peer name endf',
      ...['brn', 'brf', 'endn', 'endf'].map((device) => `link set ${device} addrgenmode none`),
      'link set near master brn',
      'link set endn master brn',
      'link set far master brf',
      'link set endf master brf',
      ...['brn', 'brf', 'endn', 'endf'].map((device) => `link set ${device} up`),
    );
    // The server is the client's neighbour now, two bridges away.
    const link: Link = { left: near.left, right: { ...far.right, v4: '10.77.5.2', v6: 'fd77:0:0:5::2' } };
    server.ip(`addr add ${link.right.v4}/24 dev veth0`, `addr add ${link.right.v6}/64 dev veth0 nodad`);
    for (const [host, other, address] of [
      [client, server, link.right],
      [server, client, link.left],
    ] as const)
      host.ip(
        `neigh replace ${address.v4} lladdr ${other.mac('veth0')} nud permanent dev veth0`,
        `neigh replace ${address.v6} lladdr ${other.mac('veth0')} nud permanent dev veth0`,
      );
    const [summary, connections] = await traffic(middle, ['--all'], link);
    expectOnce(summary, connections, ['endf', 'endn', 'far', 'near']);
    expectBalance(summary);
    for (const c of connections) {
      const { path } = flowOf(summary, c.localPort, c.protocol);
      expect([c.name, ...path]).toEqual([c.name, 'near', 'endn', 'endf', 'far']);
    }
  });

  it('forwarded through four interfaces of a router', async () => {
    const { near, far, router } = await lab.delayed(client, server, { delayUs: 2000 });
    const [summary, connections] = await traffic(router, ['--all'], { left: near.left, right: far.right });
    expectOnce(summary, connections, ['far', 'near', 'tunfar', 'tunnear']);
    expectBalance(summary);
    for (const c of connections) {
      const { path } = flowOf(summary, c.localPort, c.protocol);
      expect([c.name, ...path]).toEqual([c.name, 'near', 'tunnear', 'tunfar', 'far']);
    }
  });

  it('datagrams sent by two interfaces are two flows: they are not the same packets', async () => {
    lab.link(client, server);
    lab.link(client, server, { subnet: 4, leftDevice: 'veth1', rightDevice: 'veth1' });
    const recorder = await record(lab, client, join(lab.directory, 'once.pcapng'), ['-i', 'veth0,veth1']);
    client.run('python3', [
      '-c',
      `
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("10.77.3.1", 5555))
for device in (b"veth0", b"veth1"):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device)
    for i in range(5): s.sendto(b"x", ("239.1.2.3", 7777))`,
    ]);
    await settle(300);
    const summary = await recorder.finish();
    const sent = summary.flows.filter(({ server: to }) => to.port === 7777);
    expect(sent.map(({ path, sent: { packets } }) => [...path, packets])).toEqual([
      ['veth0', 5],
      ['veth1', 5],
    ]);
    expect(summary.session.duplicates.packets).toBe(0);
  });
});
