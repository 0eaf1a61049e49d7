// What went wrong, counted: against TCP_INFO, the kernel's own counters of the namespace, tshark and nft.
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import type { LabEvent } from '../lab/child.ts';
import { type Flow, flowOf, record, type Summary } from '../lab/flowglass.ts';
import type { Host } from '../lab/host.ts';
import { Lab, type Link, settle } from '../lab/lab.ts';
import { describeAsRoot } from '../lab/privilege.ts';
import { tshark } from '../lab/truth.ts';

const ETIMEDOUT = 110;
const ECONNREFUSED = 111;

/** Counters of a namespace, as the kernel prints them: /proc/net/snmp and /proc/net/netstat. */
function counters(host: Host): Map<string, number> {
  const found = new Map<string, number>();
  for (const file of ['snmp', 'netstat']) {
    const lines = host
      .run('cat', [`/proc/net/${file}`])
      .trim()
      .split('\n');
    for (let i = 0; i + 1 < lines.length; i += 2) {
      const names = (lines[i] ?? '').split(' ');
      const values = (lines[i + 1] ?? '').split(' ');
      for (let n = 1; n < names.length; n++) found.set(`${names[0]}${names[n]}`, Number(values[n]));
    }
  }
  return found;
}

const retransmitted = (event: LabEvent | undefined) => Number((event?.['tcp'] as Record<string, number> | undefined)?.['totalRetrans']); // prettier-ignore
const dropped = (flow: Flow, reason: string) => flow.drops.find((drop) => drop.reason === reason)?.count ?? 0;

describeAsRoot('health', () => {
  let lab: Lab;
  let client: Host;
  let server: Host;
  let link: Link;

  beforeAll(() => {
    lab = new Lab();
    client = lab.host('client');
    server = lab.host('server');
    link = lab.link(client, server);
    client.sysctl({ 'net/ipv4/tcp_syn_retries': 1 });
  });
  afterEach(() => {
    client.nft();
    server.nft();
  });
  afterAll(() => lab.dispose());

  const connect = (port: number, ...args: (string | number)[]) => client.start('client', ['tcp', '--to', link.right.v4, '--port', port, ...args]); // prettier-ignore

  /** Records at both ends while `during` runs; also what the kernels of both counted meanwhile. */
  async function both<T>(name: string, during: () => Promise<T>) {
    const recorders = [
      await record(lab, client, join(lab.directory, `${name}-client.pcapng`)),
      await record(lab, server, join(lab.directory, `${name}-server.pcapng`)),
    ];
    const before = [counters(client), counters(server)];
    const result = await during();
    await settle(250);
    const after = [counters(client), counters(server)];
    const delta = (end: number) => (key: string) => (after[end]?.get(key) ?? NaN) - (before[end]?.get(key) ?? NaN);
    const [atClient, atServer] = (await Promise.all(recorders.map((each) => each.finish()))) as [Summary, Summary];
    return { result, atClient, atServer, ofClient: delta(0), ofServer: delta(1) };
  }

  it('a SYN and a SYN-ACK that are lost: sent again, as both sockets say', async () => {
    const served = await server.server(['tcp', '--port', 81, '--mode', 'respond', '--request', 10, '--response', 10]);
    server.nft('tcp dport 81 tcp flags & (syn | ack) == syn numgen inc mod 2 0 drop');
    const first = await both('syn', async () => {
      const child = connect(81, '--send', 10, '--receive', 10);
      return child.event('closed');
    });
    server.nft();
    client.nft('tcp sport 81 tcp flags & (syn | ack) == (syn | ack) numgen inc mod 2 0 drop');
    const second = await both('synack', async () => {
      const child = connect(81, '--send', 10, '--receive', 10);
      return child.event('closed');
    });
    for (const { result, atClient, atServer, ofClient, ofServer } of [first, second]) {
      const ofServed = served.events.find((e) => e.event === 'closed' && e['peerPort'] === result['localPort']);
      const flow = flowOf(atClient, result['localPort']);
      expect(retransmitted(result)).toBeGreaterThan(0);
      expect(flow.sentRetransmits).toBe(retransmitted(result));
      expect(flow.sentTimeouts).toBe(retransmitted(result)); // only its timer sends a SYN again
      expect(ofClient('TcpExt:TCPSynRetrans')).toBe(retransmitted(result));
      const far = flowOf(atServer, result['localPort']);
      expect([far.receivedRetransmits, far.state, far.end]).toEqual([retransmitted(ofServed), 'closed', 'fin']);
      expect(ofServer('TcpExt:TCPSynRetrans')).toBe(retransmitted(ofServed));
      expect(flow.latency.connectUs).toBeGreaterThan(900_000); // the client waited a second
    }
    expect(flowOf(first.atServer, first.result['localPort']).drops).toEqual([{ reason: 'NETFILTER_DROP', count: 1 }]);
    const lost = flowOf(second.atClient, second.result['localPort']);
    expect(dropped(lost, 'NETFILTER_DROP')).toBeGreaterThan(0);
    expect(flowOf(second.atServer, second.result['localPort']).receivedRetransmits).toBeGreaterThan(0);
  }, 60_000);

  it('zero windows of a server that stops reading: as many as tshark sees, at both ends', async () => {
    const stalled = server.start('trouble', ['stall', '--port', 82, '--ms', 1500, '--rcvbuf', 65_536]);
    await stalled.event('listening');
    const capture = await client.capture('veth0', join(lab.directory, 'window.truth.pcap'));
    const { result, atClient, atServer, ofServer } = await both('window', async () => {
      const child = connect(82, '--send', 1_000_000);
      const closed = await child.event('closed');
      await stalled.event('closed');
      return closed;
    });
    await capture.stop();
    const zero = tshark(capture.file, ['tcp.srcport'], ['-Y', 'tcp.window_size_value == 0 && tcp.flags.reset == 0 && tcp.flags.syn == 0']); // prettier-ignore
    expect(zero.length).toBeGreaterThan(0);
    expect(ofServer('TcpExt:TCPToZeroWindowAdv')).toBeGreaterThan(0);
    for (const summary of [atClient, atServer]) {
      expect(flowOf(summary, result['localPort']).zeroWindows).toBe(zero.length);
    }
  }, 60_000);

  it('what arrives out of order, and what is acknowledged twice: as TCP_INFO and tshark count them', async () => {
    const sink = await server.server(['tcp', '--port', 91, '--mode', 'sink']);
    lab.offloads(link, false);
    server.nft('tcp dport 91 tcp flags & syn == 0 numgen inc mod 40 10 drop'); // after our hook, before TCP; held open, for a socket that closes tells no more
    const capture = await client.capture('veth0', join(lab.directory, 'order.truth.pcap'));
    const { result, atClient, atServer } = await both('order', async () => connect(91, '--send', 600_000, '--hold-ms', 800).event('closed')); // prettier-ignore
    await capture.stop();
    lab.offloads(link, true);
    const served = sink.events.find((e) => e.event === 'closed' && e['peerPort'] === result['localPort']);
    const beyond = Number((served?.['tcp'] as Record<string, number> | undefined)?.['outOfOrder']);
    const twice = tshark(capture.file, ['frame.number'], ['-Y', 'tcp.analysis.duplicate_ack && tcp.srcport == 91']);
    expect(beyond).toBeGreaterThan(3);
    expect(twice.length).toBeGreaterThan(3);
    const [near, far] = [flowOf(atClient, result['localPort']), flowOf(atServer, result['localPort'])];
    // Each by the end that receives; the other end has not seen it.
    expect([far.sentOutOfOrder, far.receivedOutOfOrder]).toEqual([beyond, null]);
    expect([near.sentOutOfOrder, near.receivedOutOfOrder]).toEqual([null, 0]);
    expect([near.sentDuplicateAcks, near.receivedDuplicateAcks]).toEqual([null, twice.length]);
    expect([far.sentDuplicateAcks, far.receivedDuplicateAcks]).toEqual([0, null]);
  }, 60_000);

  it('what its timer sent again, and what acknowledgements did: as the kernel counts its timeouts', async () => {
    await server.server(['tcp', '--port', 92, '--mode', 'echo']);
    const { result, atClient, ofClient } = await both('timeouts', async () => {
      const child = connect(92, '--send', 100, '--receive', 100, '--exchanges', 2, '--wait');
      await child.event('ready');
      server.nft('tcp dport 92 drop');
      child.write('\n');
      for (let i = 0; i < 100 && counters(client).get('TcpExt:TCPTimeouts') === 0; i++) await settle(50);
      await settle(500);
      server.nft();
      return child.event('closed', 20_000);
    });
    const flow = flowOf(atClient, result['localPort']);
    const timeouts = ofClient('TcpExt:TCPTimeouts');
    expect(timeouts).toBeGreaterThan(0);
    expect([flow.sentTimeouts, flow.receivedTimeouts]).toEqual([timeouts, null]);
    // A tail loss probe goes before the timer and is no timeout.
    expect(flow.sentRetransmits).toBe(timeouts + ofClient('TcpExt:TCPLossProbes'));
    expect(flow.sentRetransmits).toBe(retransmitted(result));
  }, 60_000);

  it('resets, and who sent them', async () => {
    await server.server(['tcp', '--port', 83, '--mode', 'echo']);
    const slam = server.start('trouble', ['slam', '--port', 84]);
    await slam.event('listening');
    const { result, atClient, atServer } = await both('resets', async () => {
      const children = [
        connect(83, '--send', 10, '--receive', 10, '--reset'),
        connect(84, '--send', 10, '--hold-ms', 100),
        connect(4444),
      ];
      return Promise.all(children.map((child) => child.event('closed')));
    });
    expect(result[2]?.['errno']).toBe(ECONNREFUSED);
    const wanted = [
      { end: 'reset', resets: 1, sentResets: 1, receivedResets: 0 },
      { end: 'reset', resets: 1, sentResets: 0, receivedResets: 1 },
      { end: 'refused', resets: 1, sentResets: 0, receivedResets: 1 },
    ];
    for (const summary of [atClient, atServer]) {
      for (const [index, closed] of result.entries()) {
        expect([index, flowOf(summary, closed['localPort'])]).toEqual([index, expect.objectContaining(wanted[index])]);
      }
    }
    expect(dropped(flowOf(atServer, result[2]?.['localPort']), 'NO_SOCKET')).toBe(1);
  }, 60_000);

  it('a connection nobody answers: timed out when the kernel gives up, with the SYNs it sent again', async () => {
    server.nft('tcp dport 85 counter drop');
    const { result, atClient, atServer, ofClient } = await both('timeout', () => connect(85).event('closed', 20_000));
    expect(result['errno']).toBe(ETIMEDOUT);
    const flow = flowOf(atClient, result['localPort']);
    expect(flow).toMatchObject({ end: 'timeout', state: 'closed', resets: 0, latency: { connectUs: null } });
    expect(flow.retransmits).toBe(ofClient('TcpExt:TCPSynRetrans'));
    expect(flow.retransmits).toBeGreaterThanOrEqual(1);
    const packets = Number(/packets (\d+)/.exec(server.run('nft', ['list', 'table', 'inet', 'lab']))?.[1]);
    expect(packets).toBe(1 + (flow.retransmits ?? NaN));
    expect(flowOf(atServer, result['localPort']).drops).toEqual([{ reason: 'NETFILTER_DROP', count: packets }]);
  }, 60_000);

  it('a listener that does not accept: what overflows is on the connections that suffer', async () => {
    const deaf = server.start('trouble', ['deaf', '--port', 86, '--backlog', 1]);
    await deaf.event('listening');
    const { result, atServer, ofServer } = await both('overflow', async () => {
      const children = Array.from({ length: 5 }, () => connect(86, '--reset', '--hold-ms', 2500));
      return Promise.all(children.map((child) => child.event('closed', 20_000)));
    });
    const overflows = ofServer('TcpExt:ListenOverflows');
    expect(overflows).toBeGreaterThan(0);
    const flows = result.map((closed) => flowOf(atServer, closed['localPort']));
    const count = flows.reduce((sum, flow) => sum + dropped(flow, 'TCP_LISTEN_OVERFLOW'), 0);
    expect(count).toBe(overflows);
  }, 60_000);

  it("datagrams that a full receive buffer refuses, by the kernel's own reason", async () => {
    const deaf = server.start('trouble', ['udp', '--port', 87, '--rcvbuf', 8192]);
    await deaf.event('listening');
    const { result, atServer, ofServer } = await both('rcvbuf', async () => {
      const child = client.start('client', [
        'udp',
        '--to',
        link.right.v4,
        '--port',
        87,
        '--send',
        1000,
        '--count',
        200,
      ]);
      const closed = await child.event('closed');
      await settle(100);
      deaf.write('\n');
      return { port: closed['localPort'], read: Number((await deaf.event('drained'))['datagrams']) };
    });
    const flow = flowOf(atServer, result.port, 'udp');
    const refused = ofServer('Udp:RcvbufErrors');
    expect(refused).toBe(200 - result.read);
    expect(refused).toBeGreaterThan(100);
    expect(flow.sent.packets).toBe(200);
    expect(flow.drops).toEqual([{ reason: 'SOCKET_RCVBUFF', count: refused }]);
  }, 60_000);

  it('ICMP errors belong to the flow they quote', async () => {
    server.nft('tcp dport 88 reject with icmp type admin-prohibited');
    const { result, atClient, atServer, ofClient } = await both('icmp', async () => {
      const udp = client.start('client', ['udp', '--to', link.right.v4, '--port', 4445, '--send', 20, '--count', 2, '--pause-ms', 50]); // prettier-ignore
      const udp6 = client.start('client', ['udp', '--to', link.right.v6, '--port', 4445, '--send', 20]);
      const tcp = connect(88);
      return Promise.all([udp.event('closed'), udp6.event('closed'), tcp.event('closed', 20_000)]);
    });
    const errors = ofClient('Icmp:InDestUnreachs');
    expect(errors).toBeGreaterThanOrEqual(2);
    for (const summary of [atClient, atServer]) {
      expect(summary.flows.filter(({ protocol }) => protocol.startsWith('icmp'))).toEqual([]);
      const udp = flowOf(summary, result[0]?.['localPort'], 'udp');
      const tcp = flowOf(summary, result[2]?.['localPort']);
      expect([udp.sent.packets, udp.received.packets]).toEqual([1, 1]); // the second send was told of the first's error
      expect(udp.received.packets + tcp.received.packets).toBe(errors);
      expect(flowOf(summary, result[1]?.['localPort'], 'udp').received.packets).toBe(1);
    }
    expect(flowOf(atClient, result[2]?.['localPort'])).toMatchObject({ state: 'closed', end: 'timeout' });
    expect(flowOf(atServer, result[0]?.['localPort'], 'udp').drops).toEqual([{ reason: 'NO_SOCKET', count: 1 }]);
  }, 60_000);
});
