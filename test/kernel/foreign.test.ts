// What the tracker makes of a capture by tcpdump alone, against what the sockets themselves counted (TCP_INFO).
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { flowSummary, type FlowSummary } from '../../core/summary/flow.ts';
import { sessionSummary } from '../../core/summary/session.ts';
import { summaryFlows } from '../../core/summary/summary.ts';
import { openForeign } from '../../core/tracker/open-foreign.ts';
import type { LabEvent } from '../lab/child.ts';
import type { Host } from '../lab/host.ts';
import { Lab, type Link, settle } from '../lab/lab.ts';
import { describeAsRoot } from '../lab/privilege.ts';

const tcpOf = (event: LabEvent | undefined) => (event?.['tcp'] ?? {}) as Record<string, number>;

/** The TCP flows of a capture, and how many packets all its flows and unparsed reasons hold. */
async function read(file: string): Promise<{ flows: FlowSummary[]; packets: number }> {
  const { source } = await openForeign(file);
  const all = [...summaryFlows(source)].map((flow) => flowSummary(source, flow));
  const unparsed = Object.values(sessionSummary(source).unparsed).reduce((sum, count) => sum + count, 0);
  const packets = all.reduce((sum, flow) => sum + flow.sent.packets + flow.received.packets, unparsed);
  return { flows: all.filter(({ protocol }) => protocol === 'tcp'), packets };
}

describeAsRoot('a capture made by tcpdump', () => {
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

  it('retransmissions under 5 % loss both ways equal tcpi_total_retrans, payload what was sent and sent again', async () => {
    const sink = await server.server(['tcp', '--port', 80, '--mode', 'sink']);
    const source = await server.server(['tcp', '--port', 81, '--mode', 'source', '--response', 600_000]);
    // On arrival for the sockets: both captures see what is lost afterwards.
    server.nft('tcp dport { 80, 81 } numgen random mod 100 < 5 drop');
    client.nft('tcp sport { 80, 81 } numgen random mod 100 < 5 drop');
    const atClient = await client.capture(link.left.device, join(lab.directory, 'client.pcap'));
    const atServer = await server.capture(link.right.device, join(lab.directory, 'server.pcap'));
    const uploads = [link.right.v4, link.right.v6].map((to) =>
      client.start('client', ['tcp', '--to', to, '--port', 80, '--send', 600_000]),
    );
    const downloads = [link.right.v4, link.right.v6].map((to) =>
      client.start('client', ['tcp', '--to', to, '--port', 81]),
    );
    const up = await Promise.all(uploads.map((child) => child.event('closed', 30_000)));
    const down = await Promise.all(downloads.map((child) => child.event('closed', 30_000)));
    await settle(300);
    const stored = [await atClient.stop(), await atServer.stop()];
    server.nft();
    client.nft();
    let total = 0;
    for (const [i, file] of [atClient.file, atServer.file].entries()) {
      const { flows, packets } = await read(file);
      expect(flows).toHaveLength(4);
      expect(packets).toBe(stored[i]!.frames);
      for (const flow of flows) expect(flow.roles).toBe('syn');
      for (const closed of up) {
        const flow = flows.find(({ client: end }) => end.port === closed['localPort'])!;
        expect(flow.sentRetransmits).toBe(tcpOf(closed)['totalRetrans']);
        expect(flow.sent.payloadBytes).toBe(600_000 + (tcpOf(closed)['bytesRetrans'] ?? NaN));
        total += flow.sentRetransmits ?? 0;
      }
      for (const closed of down) {
        const sent = source.events.find((e) => e.event === 'closed' && e['peerPort'] === closed['localPort']);
        const flow = flows.find(({ client: end }) => end.port === closed['localPort'])!;
        expect(flow.receivedRetransmits).toBe(tcpOf(sent)['totalRetrans']);
        total += flow.receivedRetransmits ?? 0;
      }
    }
    expect(total).toBeGreaterThan(20);
    sink.kill();
  }, 90_000);

  it('a refused connection is refused, a reset one reset', async () => {
    const listener = await server.server(['tcp', '--port', 82, '--mode', 'sink']);
    const capture = await client.capture(link.left.device, join(lab.directory, 'ends.pcap'));
    const refused = client.start('client', ['tcp', '--to', link.right.v4, '--port', 4444]);
    expect((await refused.event('closed'))['errno']).toBe(111); // ECONNREFUSED
    const reset = client.start('client', ['tcp', '--to', link.right.v4, '--port', 82, '--send', 10, '--reset']);
    await reset.event('closed');
    await settle(200);
    await capture.stop();
    const { flows } = await read(capture.file);
    expect(flows.map(({ end, resets, latency }) => [end, resets, latency.connectUs === null])).toEqual([
      ['refused', 1, true],
      ['reset', 1, false],
    ]);
    listener.kill();
  }, 60_000);
});
