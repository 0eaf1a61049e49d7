// Connect, RTT and response through a relay with a constant delay; retransmits under loss; refused connections.
// Exact time (within 1 %) is checked in the kernel VM, where the host's load cannot show: test/vm.
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LabEvent } from '../lab/child.ts';
import { flowOf, record, type Summary } from '../lab/flowglass.ts';
import type { Host } from '../lab/host.ts';
import { Lab, type Link, settle } from '../lab/lab.ts';
import { pingDifferences, pingTimes, type PingTimes } from '../lab/ping.ts';
import { describeAsRoot } from '../lab/privilege.ts';

/** Runs of ping to each address. */
const PING_RUNS = 3;

/** Within 5 % + 1 ms of what it should be. */
function expectNear(what: string, measuredUs: number | null | undefined, expectedUs: number): void {
  const allowed = expectedUs * 0.05 + 1000;
  expect(measuredUs, what).toBeTypeOf('number');
  expect(
    Math.abs((measuredUs ?? 0) - expectedUs),
    `${what}: ${measuredUs} µs, should be ${expectedUs} µs`,
  ).toBeLessThan(allowed);
}

const tcpOf = (event: LabEvent | undefined) => (event?.['tcp'] ?? {}) as Record<string, number>;

describeAsRoot('latency', () => {
  describe.each([{ delayMs: 20 }, { delayMs: 80 }])('$delayMs ms each way', ({ delayMs }) => {
    const exchanges = delayMs > 50 ? 5 : 10;
    const serverMs = 30;
    /** One that thinks, and one that answers at once: thinking longer delays the acknowledgement too, which is in the RTT. */
    const [THINKING, QUICK] = [80, 81];
    let lab: Lab;
    let runs: { closed: LabEvent; port: number; answersUs: number[] }[];
    let atClient: Summary;
    let atServer: Summary;
    let pings: Map<string, PingTimes[]>;

    beforeAll(async () => {
      lab = new Lab();
      const client = lab.host('client');
      const server = lab.host('server');
      await lab.delayed(client, server, { delayUs: delayMs * 1000 });
      const shape = ['tcp', '--realtime', '--mode', 'respond', '--request', 200, '--response', 3000];
      const thinking = await server.server([...shape, '--port', THINKING, '--delay-ms', serverMs, '--fork', 'accept']);
      await server.server([...shape, '--port', QUICK]);
      const recorders = [
        await record(lab, client, join(lab.directory, 'client.pcapng')),
        await record(lab, server, join(lab.directory, 'server.pcapng')),
      ];
      const addresses = ['10.77.2.2', 'fd77:0:0:2::2'];
      runs = [];
      for (const port of [THINKING, QUICK]) {
        const children = addresses.map((to) =>
          client.start('client', [
            'tcp',
            '--realtime',
            '--to',
            to,
            '--port',
            port,
            '--send',
            200,
            '--receive',
            3000,
            '--exchanges',
            exchanges,
          ]),
        );
        for (const child of children) runs.push({ closed: await child.event('closed'), port, answersUs: [] });
      }
      pings = new Map(addresses.map((to) => [to, pingTimes(Array.from({ length: PING_RUNS }, () => client.run('ping', ['-n', '-c', '8', '-i', '0.05', to])).join(''))])); // prettier-ignore
      const [first, second] = await Promise.all(recorders.map((recorder) => recorder.finish()));
      if (first === undefined || second === undefined) throw new Error('unreachable');
      [atClient, atServer] = [first, second];
      for (const run of runs) {
        const served = thinking.events.find((e) => e.event === 'closed' && e['peerPort'] === run.closed['localPort']);
        run.answersUs = ((served?.['answersNs'] ?? []) as number[]).map((ns) => ns / 1000);
      }
    }, 60_000);
    afterAll(() => lab.dispose());

    const roundTripUs = 2 * delayMs * 1000;

    it('connect takes a round trip, as the client itself saw it', () => {
      for (const { closed } of runs) {
        const { connectUs } = flowOf(atClient, closed['localPort']).latency;
        expectNear('connect', connectUs, roundTripUs);
        expectNear('connect by the client’s clock', connectUs, Number(closed['connectNs']) / 1000);
      }
    });

    it('RTT is the round trip at the client, and at the server', () => {
      for (const { closed, port } of runs) {
        for (const [where, summary] of [
          ['client', atClient],
          ['server', atServer],
        ] as const) {
          const { rtt } = flowOf(summary, closed['localPort']).latency;
          expect(rtt?.n, `samples at the ${where}`).toBeGreaterThanOrEqual(2);
          expectNear(`minimum at the ${where}`, rtt?.minUs, roundTripUs);
          if (port === QUICK) expectNear(`p50 at the ${where}`, rtt?.p50Us, roundTripUs);
        }
        expectNear(
          'minimum by TCP_INFO',
          flowOf(atClient, closed['localPort']).latency.rtt?.minUs,
          tcpOf(closed)['minRttUs'] ?? 0,
        );
      }
    });

    it('response is round trip + server at the client, the server alone at the server; one sample an exchange', () => {
      for (const { closed, port, answersUs } of runs) {
        const near = flowOf(atClient, closed['localPort']).latency.response;
        const far = flowOf(atServer, closed['localPort']).latency.response;
        expect([near?.n, far?.n]).toEqual([exchanges, exchanges]);
        const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;
        if (port === THINKING) {
          expect(answersUs).toHaveLength(exchanges);
          expectNear('mean at the server', far?.meanUs, mean(answersUs));
          expect(far?.minUs).toBeGreaterThan(serverMs * 1000);
        }
        const answers = (closed['answersNs'] as number[]).map((ns) => ns / 1000);
        expectNear('mean by the client’s clock', near?.meanUs, mean(answers));
        expectNear(
          'minimum at the client',
          near?.minUs,
          roundTripUs + (port === THINKING ? Math.min(...answersUs) : 0),
        );
      }
    });

    it('of echoes is what ping says: minimum, average, maximum, mean deviation and jitter', () => {
      for (const [to, said] of pings) {
        const flows = atClient.flows.filter(({ protocol, server }) => /^icmp/.test(protocol) && server.address === to);
        expect(flows).toHaveLength(PING_RUNS);
        flows.sort((a, b) => a.started.localeCompare(b.started));
        const differences = flows.map(({ latency }, i) => {
          const [ping, rtt] = [said[i], latency.rtt];
          return ping === undefined || rtt === null ? ['not there'] : pingDifferences(rtt, ping);
        });
        expectNear(to, flows[0]?.latency.rtt?.minUs, roundTripUs);
        // ping takes its times in user space: where it had to wait for a CPU, they are not those of the packets.
        expect(differences, JSON.stringify(differences)).toContainEqual([]);
      }
    });
  });

  describe('trouble', () => {
    let lab: Lab;
    let client: Host;
    let server: Host;
    let link: Link;

    beforeAll(() => {
      lab = new Lab();
      client = lab.host('client');
      server = lab.host('server');
      link = lab.link(client, server, { offloads: false });
    });
    afterAll(() => lab.dispose());

    it('retransmits under 5 % loss equal tcpi_total_retrans, for the sender on either side', async () => {
      const sink = await server.server(['tcp', '--port', 80, '--mode', 'sink']);
      const source = await server.server(['tcp', '--port', 81, '--mode', 'source', '--response', 600_000]);
      server.nft('tcp dport 80 numgen random mod 100 < 5 drop');
      client.nft('tcp sport 81 numgen random mod 100 < 5 drop');
      const recorders = [
        await record(lab, client, join(lab.directory, 'loss-client.pcapng')),
        await record(lab, server, join(lab.directory, 'loss-server.pcapng')),
      ];
      const uploads = [link.right.v4, link.right.v6].map((to) =>
        client.start('client', ['tcp', '--to', to, '--port', 80, '--send', 600_000]),
      );
      const downloads = [link.right.v4, link.right.v6].map((to) =>
        client.start('client', ['tcp', '--to', to, '--port', 81]),
      );
      const up = await Promise.all(uploads.map((child) => child.event('closed', 30_000)));
      const down = await Promise.all(downloads.map((child) => child.event('closed', 30_000)));
      await settle(100);
      const [atClient, atServer] = await Promise.all(recorders.map((recorder) => recorder.finish()));
      if (atClient === undefined || atServer === undefined) throw new Error('unreachable');
      server.nft();
      client.nft();
      let total = 0;
      for (const closed of up) {
        const flow = flowOf(atClient, closed['localPort']);
        const truth = tcpOf(closed)['totalRetrans'] ?? -1;
        total += truth;
        expect([flow.sentRetransmits, flow.retransmits]).toEqual([truth, truth]);
        expect(flow.sent.payloadBytes).toBe(600_000 + (tcpOf(closed)['bytesRetrans'] ?? NaN)); // sent again, counted again
      }
      for (const closed of down) {
        const sent = source.events.find((e) => e.event === 'closed' && e['peerPort'] === closed['localPort']);
        const flow = flowOf(atServer, closed['localPort']);
        expect(flow.receivedRetransmits).toBe(tcpOf(sent)['totalRetrans']);
        expect(flow.receivedRetransmits).toBe(flow.retransmits);
        total += flow.retransmits;
      }
      expect(total).toBeGreaterThan(20);
      const drops = atServer.flows.flatMap((flow) => flow.drops).filter((drop) => drop.reason === 'NETFILTER_DROP');
      const lost = up.reduce((sum, closed) => sum + (tcpOf(closed)['totalRetrans'] ?? 0), 0);
      expect(drops.reduce((sum, drop) => sum + drop.count, 0)).toBeGreaterThan(lost / 2);
      sink.kill();
    }, 90_000);

    it('a refused connection ends with end = refused and the NO_SOCKET drop', async () => {
      const recorders = [
        await record(lab, client, join(lab.directory, 'refused-client.pcapng')),
        await record(lab, server, join(lab.directory, 'refused-server.pcapng')),
      ];
      const ports: number[] = [];
      for (const to of [link.right.v4, link.right.v6]) {
        const child = client.start('client', ['tcp', '--to', to, '--port', 4444]);
        const closed = await child.event('closed');
        expect(closed['errno']).toBe(111); // ECONNREFUSED
        ports.push(Number(closed['localPort']));
      }
      const [atClient, atServer] = await Promise.all(recorders.map((recorder) => recorder.finish()));
      for (const summary of [atClient, atServer]) {
        if (summary === undefined) throw new Error('unreachable');
        expect(summary.flows).toHaveLength(2);
        for (const flow of summary.flows) {
          expect(flow).toMatchObject({ end: 'refused', state: 'closed', resets: 1 });
          expect(flow.latency.connectUs).toBeNull();
          expect([flow.sent.packets, flow.received.packets]).toEqual([1, 1]);
        }
      }
      // connect() failed before a port could be asked for in every case, so the flows are told apart by family
      for (const flow of atServer?.flows ?? []) {
        expect(flow.drops).toContainEqual({ reason: 'NO_SOCKET', count: 1 });
      }
      expect(ports).toHaveLength(2);
    }, 60_000);

    it('a connection cut by the client ends with end = reset, a silent server with end = timeout', async () => {
      await server.server(['tcp', '--port', 82, '--mode', 'sink']);
      server.nft('tcp dport 83 drop');
      client.sysctl({ 'net/ipv4/tcp_syn_retries': 1, 'net/ipv4/tcp_syn_linear_timeouts': 0 });
      const recorder = await record(lab, client, join(lab.directory, 'ends.pcapng'));
      const cut = client.start('client', [
        'tcp',
        '--to',
        link.right.v4,
        '--port',
        82,
        '--send',
        1000,
        '--hold-ms',
        50,
        '--reset',
      ]);
      const silent = client.start('client', ['tcp', '--to', link.right.v4, '--port', 83]);
      await cut.event('closed');
      expect((await silent.event('closed'))['errno']).toBe(110); // ETIMEDOUT
      const summary = await recorder.finish();
      server.nft();
      const byServerPort = (port: number) => summary.flows.find((flow) => flow.server.port === port);
      expect(byServerPort(82)).toMatchObject({ end: 'reset', state: 'closed', resets: 1 });
      expect(byServerPort(83)).toMatchObject({ end: 'timeout', state: 'closed', resets: 0 });
    }, 60_000);
  });
});
