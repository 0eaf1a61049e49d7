// Flows, packets, bytes and payload against what was sent, tcpdump in the peer's namespace, interface counters and
// TCP_INFO, on every rung of the attach ladder, with segmentation offloads on and off.
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Child } from '../lab/child.ts';
import { type Counters, type Flow, flowOf, record, type Rung, RUNGS, type Summary, totalOf } from '../lab/flowglass.ts';
import type { Host, InterfaceCounters } from '../lab/host.ts';
import { Lab, type Link, settle } from '../lab/lab.ts';
import { describeAsRoot } from '../lab/privilege.ts';
import { type Connection, mixedTraffic, PINGS, startServers } from '../lab/traffic.ts';
import { capinfos, tshark } from '../lab/truth.ts';

/** What the wire carried of one flow in one direction, from the peer's tcpdump. */
type Wire = Pick<Counters, 'packets' | 'bytes' | 'payloadBytes' | 'frames' | 'frameBytes'>;

interface Run {
  summary: Summary;
  connections: Connection[];
  wire: Map<string, Wire>;
  total: { frames: number; bytes: number };
  counters: InterfaceCounters;
  file: string;
}

/** `protocol client-port sent|received` of one frame, and what it stands for: a GSO frame is ⌈payload / mss⌉ wire packets. */
function wireOf(file: string, mss: (port: number) => number): Map<string, Wire> {
  const fields = ['frame.len', 'tcp.srcport', 'tcp.dstport', 'udp.srcport', 'udp.dstport', 'tcp.len', 'udp.length'];
  const wire = new Map<string, Wire>();
  for (const [length, tcpFrom, tcpTo, udpFrom, udpTo, tcpLength, udpLength] of tshark(file, fields)) {
    const tcp = tcpFrom !== '';
    const from = Number(tcp ? tcpFrom : udpFrom);
    const to = Number(tcp ? tcpTo : udpTo);
    if (from === 0) continue; // ICMP
    const payload = tcp ? Number(tcpLength) : Number(udpLength) - 8;
    const [port, way] = from > to ? [from, 'sent'] : [to, 'received'];
    const key = `${tcp ? 'tcp' : 'udp'} ${port} ${way}`;
    const sum = wire.get(key) ?? { packets: 0, bytes: 0, payloadBytes: 0, frames: 0, frameBytes: 0 };
    const packets = tcp ? Math.max(1, Math.ceil(payload / mss(port))) : 1;
    sum.packets += packets;
    sum.bytes += Number(length) + (packets - 1) * (Number(length) - payload);
    sum.payloadBytes += payload;
    sum.frames += 1;
    sum.frameBytes += Number(length);
    wire.set(key, sum);
  }
  return wire;
}

describeAsRoot('counting is exact', () => {
  let lab: Lab;
  let client: Host;
  let server: Host;
  let link: Link;
  let servers: Child[];

  beforeAll(async () => {
    lab = new Lab();
    client = lab.host('client');
    server = lab.host('server');
    link = lab.link(client, server);
    // A window below the backlog and no tail loss probes: on a busy machine a late acknowledgement would add
    // retransmissions that the programs cannot account for, and so would a burst beyond net.core.netdev_max_backlog.
    for (const host of [client, server]) {
      host.sysctl({ 'net/ipv4/tcp_rmem': '4096 400000 800000', 'net/ipv4/tcp_early_retrans': 0 });
    }
    servers = await startServers(server);
  });
  afterAll(() => lab.dispose());

  async function run(rung: Rung, offloads: boolean): Promise<Run> {
    lab.offloads(link, offloads);
    const name = `${rung}-${offloads ? 'on' : 'off'}`;
    const truthFile = join(lab.directory, `${name}.truth.pcap`);
    const truth = await server.capture('veth0', truthFile);
    const before = client.counters('veth0');
    const recorder = await record(lab, client, join(lab.directory, `${name}.pcapng`), ['--attach', rung]);
    const connections = await mixedTraffic(client, link, servers);
    await settle(50);
    const summary = await recorder.finish();
    const after = client.counters('veth0');
    await settle(50);
    const { frames } = await truth.stop();
    const mss = new Map(connections.map((c) => [c.localPort, c.tcp['mss'] ?? 1]));
    const counters = Object.fromEntries(
      Object.entries(after).map(([key, value]) => [key, value - before[key as keyof InterfaceCounters]]),
    ) as unknown as InterfaceCounters;
    return {
      summary,
      connections,
      wire: wireOf(truthFile, (port) => mss.get(port) ?? 1),
      total: { frames, bytes: capinfos(truthFile).bytes },
      counters,
      file: recorder.file,
    };
  }

  const flowsOf = (r: Run): [Connection, Flow][] =>
    r.connections.map((c) => [c, flowOf(r.summary, c.localPort, c.protocol)]);

  describe.each(
    RUNGS.flatMap((rung) => [
      { rung, offloads: false },
      { rung, offloads: true },
    ]),
  )('$rung, offloads $offloads', ({ rung, offloads }) => {
    // XDP programs cannot see how many segments a frame stands for: there a frame is one packet (docs/wire.md, Units).
    // Native XDP makes the peer send single packets; generic XDP gets the merged frame.
    const split = rung === 'xdp-generic' && offloads;
    let r: Run;
    beforeAll(async () => {
      r = await run(rung, offloads);
    }, 60_000);

    it('says which rung was used', () => {
      const ingress = rung === 'xdp' ? 'xdp-native' : rung;
      const egress = rung === 'clsact' ? 'clsact' : 'tcx';
      expect(r.summary.session.interfaces).toHaveLength(1);
      expect(r.summary.session.interfaces[0]).toMatchObject({
        name: 'veth0',
        linkType: 1,
        netns: client.inode,
        attach: { ingress, egress },
      });
    });

    it('has one flow for each connection, and every flow is one', () => {
      const expected = r.connections.map((c) => `${c.protocol} ${c.localPort} ${c.server.address} ${c.server.port}`);
      expected.push(`icmp null ${link.right.v4} null`, `icmpv6 null ${link.right.v6} null`);
      const found = r.summary.flows.map((f) => `${f.protocol} ${f.client.port} ${f.server.address} ${f.server.port}`);
      expect(found.sort()).toEqual(expected.sort());
      for (const [c, flow] of flowsOf(r)) {
        expect(flow).toMatchObject({ family: c.family, interface: 'veth0', server: { address: c.server.address } });
        if (c.protocol === 'tcp')
          expect(flow).toMatchObject({
            roles: 'syn',
            state: 'closed',
            end: 'fin',
            sentRetransmits: c.tcp['totalRetrans'],
          });
      }
    });

    it('payload is what the programs sent and received', () => {
      for (const [c, flow] of flowsOf(r)) {
        expect([c.name, flow.sent.payloadBytes, flow.received.payloadBytes]).toEqual([
          c.name,
          c.sent + (c.tcp['bytesRetrans'] ?? 0), // sent again, counted again
          c.received + c.serverBytesRetrans,
        ]);
      }
    });

    it('packets are the segments TCP itself counted, and the datagrams and echoes sent', () => {
      for (const [c, flow] of flowsOf(r)) {
        const sent = c.protocol === 'tcp' ? c.tcp['segmentsOut'] : c.datagrams;
        let received = c.protocol === 'tcp' ? c.tcp['segmentsIn'] : c.datagrams;
        if (split) received = r.wire.get(`${c.protocol} ${c.localPort} received`)?.frames;
        expect([c.name, flow.sent.packets, flow.received.packets]).toEqual([c.name, sent, received]);
      }
      for (const flow of r.summary.flows.filter((f) => f.protocol.startsWith('icmp'))) {
        const bytes = PINGS * (flow.family === 4 ? 98 : 118);
        for (const way of [flow.sent, flow.received]) {
          expect(way).toMatchObject({ packets: PINGS, bytes, frames: PINGS, frameBytes: bytes });
        }
      }
    });

    // With offloads off the wire has one frame a packet, but TCP still hands GSO skbs to the egress hook, which are
    // split after it: then packets are what the peer and the counters saw. With offloads on it is the frames.
    it('packets, frames and bytes of each flow and direction are those tcpdump saw at the peer', () => {
      for (const [c, flow] of flowsOf(r)) {
        for (const way of ['sent', 'received'] as const) {
          const wire = r.wire.get(`${c.protocol} ${c.localPort} ${way}`);
          const { frames, frameBytes, ...rest } = flow[way];
          expect([c.name, way, rest]).toEqual([
            c.name,
            way,
            split && way === 'received'
              ? { packets: wire?.frames, bytes: wire?.frameBytes, payloadBytes: wire?.payloadBytes }
              : { packets: wire?.packets, bytes: wire?.bytes, payloadBytes: wire?.payloadBytes },
          ]);
          if (offloads || way === 'received') {
            expect([c.name, way, frames, frameBytes]).toEqual([c.name, way, wire?.frames, wire?.frameBytes]);
          } else {
            expect(frames).toBeLessThanOrEqual(wire?.frames ?? 0);
          }
        }
      }
    });

    it('session totals equal tcpdump and the interface counters, and the sum of the flows', () => {
      const { session } = r.summary;
      expect(r.total.frames).toBe(r.counters.rxPackets + r.counters.txPackets);
      expect(offloads ? session.frames : session.packets).toBe(r.total.frames);
      expect(offloads ? session.frameBytes : session.bytes).toBe(r.total.bytes);
      for (const counter of ['packets', 'bytes', 'frames', 'frameBytes'] as const) {
        expect([counter, session[counter]]).toEqual([counter, totalOf(r.summary, counter)]);
      }
      expect(session.unparsed).toEqual({});
    });

    it('nothing is lost, and the file holds every packet', () => {
      const { session } = r.summary;
      expect(session.lost).toEqual({ events: 0, packets: 0, flowPackets: 0 });
      expect(session).toMatchObject({ filtered: 0, truncated: false });
      expect(session.captured).toMatchObject({ packets: session.frames, wirePackets: session.packets });
      expect(capinfos(r.file).packets).toBe(session.frames);
    });

    it('names the client process of each flow', () => {
      for (const [c, flow] of flowsOf(r)) {
        expect([c.name, flow.clientProcess?.pid, flow.clientProcess?.name]).toEqual([c.name, c.pid, 'lab-client']);
        expect(flow).toMatchObject({ serverProcess: null, serverProcessUnknown: 'remote' });
      }
    });

    it('leaves nothing attached', () => {
      expect(client.attached('veth0')).toEqual([]);
    });
  });

  it('loopback counts each packet once and knows both processes', async () => {
    const echo = await client.server([
      'tcp',
      '--port',
      90,
      '--mode',
      'respond',
      '--request',
      1000,
      '--response',
      200_000,
    ]);
    const before = client.counters('lo');
    const recorder = await record(lab, client, join(lab.directory, 'lo.pcapng'), ['-i', 'lo']);
    const child = client.start('client', [
      'tcp',
      '--to',
      '127.0.0.1',
      '--port',
      90,
      '--send',
      1000,
      '--receive',
      200_000,
      '--exchanges',
      5,
    ]);
    const closed = await child.event('closed');
    await settle(50);
    const summary = await recorder.finish();
    const after = client.counters('lo');
    const flow = flowOf(summary, closed['localPort']);
    expect(summary.flows).toHaveLength(1);
    expect(flow.sent.payloadBytes).toBe(5000);
    expect(flow.received.payloadBytes).toBe(1_000_000);
    expect([flow.sent.packets, flow.received.packets]).toEqual([
      (closed['tcp'] as Record<string, number>)['segmentsOut'],
      (closed['tcp'] as Record<string, number>)['segmentsIn'],
    ]);
    expect(summary.session.frames).toBe(after.rxPackets - before.rxPackets);
    expect(summary.session.lost).toEqual({ events: 0, packets: 0, flowPackets: 0 });
    expect(flow.clientProcess?.pid).toBe(child.pid);
    expect(flow.serverProcess?.pid).toBe(echo.pid);
  }, 60_000);
});
