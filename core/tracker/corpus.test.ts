/**
 * The corpus against what tshark, capinfos and the makers' intents say (truth.json). The m- files are in the repository;
 * the public ones are read where FLOWGLASS_CORPUS (or ../shared/corpus beside the checkout) has them.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { flowSummary, type FlowSummary } from '../summary/flow.ts';
import { sessionSummary } from '../summary/session.ts';
import { summaryFlows } from '../summary/summary.ts';
import { openForeign } from './open-foreign.ts';

interface Stream {
  stream: number;
  a: string;
  b: string;
  first: string;
  last: string;
  frames_ab: number;
  bytes_ab: number;
  payload_ab?: number;
  frames_ba: number;
  bytes_ba: number;
  payload_ba?: number;
  rst?: number;
  analysis?: Record<string, number>;
}

interface Truth {
  packets: number;
  packets_own_scan: number | null;
  tshark: { rc: number };
  tcp_streams: Stream[];
  udp_streams: Stream[];
  sni?: { over: string; name: string }[];
}

const root = fileURLToPath(new URL('../../', import.meta.url));
const own = join(root, 'test/corpus');
const outside = process.env['FLOWGLASS_CORPUS'] ?? join(root, '../shared/corpus');
const present = existsSync(join(outside, 'truth.json'));
if (!present) console.warn(`the corpus folder ${outside} is not there: only test/corpus is read`);

export async function summarize(path: string) {
  const { source } = await openForeign(path);
  const flows = [...summaryFlows(source)].map((flow) => flowSummary(source, flow));
  return { session: sessionSummary(source), durationNs: source.durationNs, flows, source };
}

const end = ({ address, port }: FlowSummary['client']): string => `${address}:${port ?? 0}`;

/** What the corpus' README and the notes on tshark's faults tell to leave out, or to take from elsewhere. */
const ELSEWHERE: Record<string, string> = {
  'm-any-duplicates-sll2.pcap': 'copies count as packets in tshark',
  'tcp-process-comments.pcapng': 'copies count as packets in tshark',
  'm-null-families.pcap': 'tshark does not know family 10',
  'm-epb-bad-interface.pcapng': 'tshark stops there, we read on',
  'm-trailer-mismatch.pcapng': 'tshark stops there, we read on',
  'vxlan.pcap': 'we count the innermost flow, tshark lists the tunnel too',
  'geneve.pcap': 'we count the innermost flow, tshark lists the tunnel too',
  'gre-sample.pcap': 'ICMP errors belong to the flow they quote',
  'ipv6-fragmented-dns.pcap': 'tshark gives a reassembled datagram the size of its last fragment',
};

/** Files whose times tshark itself gets wrong. */
const TIMES: Record<string, boolean> = { 'timestamp_invalid_nano.pcap': true, 'm-tsresol-extreme.pcapng': true };

/** "1700000000.500000000" as an instant. */
function instant(epoch: string): string {
  const [seconds, fraction] = epoch.split('.') as [string, string];
  return `${new Date(Number(seconds) * 1000).toISOString().slice(0, 19)}.${fraction}Z`;
}

/** tshark calls the SYN-ACK of a split handshake a retransmission. */
const SPLIT_HANDSHAKE = 'split-handshake-4whs.pcap';

for (const folder of present ? [own, outside] : [own]) {
  const truth = JSON.parse(readFileSync(join(folder, 'truth.json'), 'utf8')) as Record<string, Truth>;
  const files = readdirSync(folder).filter((name) => truth[name] !== undefined);
  describe(`flows of ${folder === own ? 'test/corpus' : 'the outside corpus'} are those of tshark`, () => {
    it.each(files)('%s', async (name) => {
      const { tcp_streams, udp_streams, sni, tshark, packets } = truth[name]!;
      let read: Awaited<ReturnType<typeof summarize>>;
      try {
        read = await summarize(join(folder, name));
      } catch (error) {
        // What is no capture at all has no flows in tshark either; that it is refused is tested in core/capture.
        expect(tcp_streams.length + udp_streams.length).toBe(0);
        expect(packets).toBe(0);
        expect(error).toHaveProperty('code');
        return;
      }
      const { session, flows } = read;
      if (tshark.rc === 0 && !ELSEWHERE[name]) expect(session.packets).toBe(packets);
      const unparsed = Object.values(session.unparsed).reduce((sum, count) => sum + count, 0);
      const inFlows = flows.reduce((sum, flow) => sum + flow.sent.packets + flow.received.packets, 0);
      expect(inFlows + unparsed).toBe(session.packets);
      for (const flow of flows) {
        expect(flow.latency.connectUs ?? 0).toBeGreaterThanOrEqual(0);
        expect(flow.latency.rtt?.minUs ?? 0).toBeGreaterThanOrEqual(0);
      }
      if (ELSEWHERE[name]) return;
      const left = new Set(flows);
      for (const [protocol, streams] of [
        ['tcp', tcp_streams],
        ['udp', udp_streams],
      ] as const) {
        for (const stream of streams) {
          const flow = [...left].find(
            (each) =>
              each.protocol === protocol &&
              ((end(each.client) === stream.a && end(each.server) === stream.b) ||
                (end(each.client) === stream.b && end(each.server) === stream.a)),
          );
          expect(flow, `${protocol} ${stream.a} ${stream.b}`).toBeDefined();
          if (flow === undefined) continue;
          left.delete(flow);
          const [ab, ba] = end(flow.client) === stream.a ? [flow.sent, flow.received] : [flow.received, flow.sent];
          expect([ab.packets, ab.bytes, ba.packets, ba.bytes]).toEqual([
            stream.frames_ab,
            stream.bytes_ab,
            stream.frames_ba,
            stream.bytes_ba,
          ]);
          if (stream.first !== '' && flow.started !== null && !TIMES[name]) {
            // Of a stream whose times step back tshark tells the first in the file, we the least.
            expect(flow.started <= instant(stream.first)).toBe(true);
            if (stream.first <= stream.last) expect(flow.started).toBe(instant(stream.first));
          }
          if (protocol === 'udp') continue;
          expect([ab.payloadBytes, ba.payloadBytes]).toEqual([stream.payload_ab, stream.payload_ba]);
          expect(flow.resets).toBe(stream.rst);
          expect(flow.zeroWindows).toBe(stream.analysis?.['zero_window'] ?? 0);
          const retransmits = name === SPLIT_HANDSHAKE ? 0 : (stream.analysis?.['retransmission'] ?? 0);
          expect(flow.retransmits).toBe(retransmits);
        }
      }
      for (const { name: serverName } of sni ?? []) {
        expect(flows.map((flow) => flow.tls?.serverName)).toContain(serverName);
      }
    });
  });
}

const made = (name: string) => summarize(join(own, name));

describe('what the made files are for', () => {
  it('m-karn-data-retransmit: no round trip from a segment that was sent twice', async () => {
    const { flows } = await made('m-karn-data-retransmit.pcap');
    expect(flows).toHaveLength(1);
    const { rtt, connectUs } = flows[0]!.latency;
    expect(rtt).toMatchObject({ n: 2, minUs: 50_000, maxUs: 51_000 });
    expect(connectUs).toBe(50_100);
    expect(flows[0]!.sentRetransmits).toBe(1);
    expect(flows[0]!.receivedRetransmits).toBe(0);
  });

  it('m-port-reuse: two connections, not one of thirty seconds', async () => {
    const { flows } = await made('m-port-reuse.pcap');
    expect(flows.map(({ state, end, roles }) => [state, end, roles])).toEqual([
      ['closed', 'fin', 'syn'],
      ['established', null, 'syn'],
    ]);
    expect(flows[0]!.ended).toBe('2023-11-14T22:13:20.150100000Z');
    expect(flows[1]!.started).toBe('2023-11-14T22:13:50.000000000Z');
  });

  it('m-half-close: the server goes on after the client closed its half', async () => {
    const { flows } = await made('m-half-close.pcap');
    expect(flows[0]).toMatchObject({ state: 'closed', end: 'fin', retransmits: 0 });
    expect(flows[0]!.received.payloadBytes).toBe(1500);
    expect(flows[0]!.latency.connectUs).toBe(50_100);
  });

  it('m-any-duplicates: copies on another interface are shown, not counted', async () => {
    const { session, flows } = await made('m-any-duplicates-sll2.pcap');
    expect(session.packets).toBe(16);
    expect(session.unparsed).toEqual({ duplicate: 8 });
    expect(flows).toHaveLength(1);
    expect(flows[0]).toMatchObject({ retransmits: 0, state: 'closed', end: 'fin' });
    expect([flows[0]!.sent.packets, flows[0]!.received.packets]).toEqual([5, 3]);
    expect([flows[0]!.sent.bytes, flows[0]!.received.bytes]).toEqual([342, 211]);
    expect(flows[0]!.latency.rtt).toMatchObject({ n: 3, minUs: 40_000, maxUs: 50_000 });
  });

  it('m-null-families: every family number of the BSDs and Linux, in both byte orders', async () => {
    const { session, flows } = await made('m-null-families.pcap');
    expect(session.unparsed).toEqual({});
    expect(flows.map(({ family, sent, received }) => [family, sent.packets + received.packets])).toEqual([
      [4, 2],
      [6, 4],
    ]);
  });

  it('m-dns-pointer-loops: loops end, the good answer is learnt', async () => {
    const { session, source } = await made('m-dns-pointer-loops.pcap');
    expect(session.packets).toBe(4);
    const names = [];
    for (let i = 0; i < source.model.strings.count; i++) names.push(source.model.strings.text(i));
    expect(names).toEqual(['www.example']);
  });

  it('m-hostile-names-dns: questions alone name nobody', async () => {
    const { flows } = await made('m-hostile-names-dns.pcap');
    expect(flows.reduce((sum, flow) => sum + flow.sent.packets, 0)).toBe(9);
    expect(flows.every(({ client, server }) => client.name === null && server.name === null)).toBe(true);
  });

  it('m-mdns: two one-way flows to the group', async () => {
    const { flows } = await made('m-mdns.pcap');
    expect(flows).toHaveLength(2);
    expect(flows.every((flow) => flow.sent.packets + flow.received.packets === 1)).toBe(true);
  });

  it('m-pflog: a SYN without answer is syn-sent while the capture is short', async () => {
    const { flows } = await made('m-pflog.pcap');
    expect(flows.map(({ protocol, state }) => [protocol, state])).toEqual([
      ['tcp', 'syn-sent'],
      ['udp', 'active'],
    ]);
  });

  it('m-usbmon: recorded, not decoded', async () => {
    const { session, flows } = await made('m-usbmon-220.pcap');
    expect(flows).toEqual([]);
    expect(session.unparsed).toEqual({ 'link-type': 2 });
    expect(session.interfaces[0]!.linkType).toBe(220);
  });

  it('m-epb-zero-length: packets without bytes are counted as truncated', async () => {
    const { session } = await made('m-epb-zero-length.pcapng');
    expect(session.packets).toBe(3);
    expect(session.unparsed).toEqual({ truncated: 2 });
  });

  it('m-cut-in-epb and m-epb-bad-interface: what is whole is told, and that something was lost', async () => {
    const cut = await made('m-cut-in-epb.pcapng');
    expect(cut.session).toMatchObject({ packets: 1, truncated: true });
    const bad = await made('m-epb-bad-interface.pcapng');
    expect(bad.session).toMatchObject({ packets: 2, truncated: true });
  });

  it('times are those of each interface of each section', async () => {
    const { flows, session } = await made('m-tsresol-base2-20.pcapng');
    expect(session.started).toBe('2023-11-14T22:13:20.500000000Z');
    expect(flows.reduce((sum, flow) => sum + flow.sent.packets, 0)).toBe(3);
    const extreme = await made('m-tsresol-extreme.pcapng');
    expect(extreme.session.started).toBe('1970-01-01T00:00:00.500000000Z');
    expect(extreme.durationNs).toBe(1_699_999_999_999_999_999n + 1n);
    const offset = await made('m-tsoffset.pcapng');
    expect(offset.durationNs).toBeGreaterThanOrEqual(0n);
  });
});

const publicFile = describe.skipIf(!present);

publicFile('what the public files are for', () => {
  const read = (name: string) => summarize(join(outside, name));

  it('y2038-bgp: seconds of 2^31 and more are unsigned; a step of 28 years and back spoils no other time', async () => {
    const { flows, durationNs, session } = await read('y2038-bgp.pcap');
    expect(session.started).toBe('2009-11-26T18:48:44.435140000Z');
    expect(durationNs).toBe(2164247948_451127000n - 1259261324_435140000n);
    expect(flows).toHaveLength(1);
    expect(flows[0]!.started).toBe(session.started);
  });

  it('dns-udp-gap: three years between packets cost nothing', async () => {
    const begun = performance.now();
    const { durationNs, flows } = await read('dns-udp-gap.pcap');
    expect(durationNs / 1_000_000_000n).toBe(97_366_512n);
    expect(flows).toHaveLength(3);
    expect(performance.now() - begun).toBeLessThan(1000);
  });

  it('tls-split-client-hello: the name spans two segments', async () => {
    const { flows } = await read('tls-split-client-hello.pcap');
    expect(flows[0]!.tls).toMatchObject({ serverName: 'clients2.google.com', alpn: ['h2', 'http/1.1'] });
    expect(flows[0]!.server.name).toBe('clients2.google.com');
  });

  it('curl-enabled-tls13: the answer of DNS names the server, ALPN is told', async () => {
    const { flows } = await read('curl-enabled-tls13.pcap');
    const tcp = flows.find((flow) => flow.protocol === 'tcp')!;
    expect(tcp.server).toMatchObject({ address: '104.16.125.34', port: 443, name: 'enabled.tls13.com' });
    expect(tcp.tls!.alpn).toEqual(['h2', 'http/1.1']);
    expect(tcp.client.name).toBeNull();
  });

  it('tls_ech: the outer name is shown', async () => {
    const { flows } = await read('tls_ech.pcapng');
    expect(flows.map((flow) => flow.tls?.serverName)).toContain('performance.radar.cloudflare.com');
  });

  it('port-reuse-bug-3844: refused, then a connection from the same port', async () => {
    const { flows } = await read('port-reuse-bug-3844.pcap');
    expect(flows.map(({ end, resets }) => [end, resets])).toEqual([
      ['refused', 1],
      ['reset', 1],
    ]);
  });

  it('split-handshake-4whs: simultaneous SYNs establish one connection, with its client first', async () => {
    const { flows } = await read('split-handshake-4whs.pcap');
    expect(flows).toHaveLength(1);
    expect(flows[0]).toMatchObject({ roles: 'syn', retransmits: 0, end: 'reset' });
    expect(flows[0]!.client.address).toBe('1.1.1.1');
    expect(flows[0]!.latency.connectUs).toBe(1640);
  });

  it('retransmit-fast009: a snaplen of 68 does not change what is counted', async () => {
    const { flows, session } = await read('retransmit-fast009.pcap');
    expect(session.captured.bytes).toBeLessThan(session.bytes);
    expect(flows[0]!.received.payloadBytes).toBe(28_073);
    expect(flows[0]).toMatchObject({ sentRetransmits: 0, receivedRetransmits: 3 });
  });

  it('tcp-process-comments: copies out, the client is curl, the other end is not guessed', async () => {
    const { flows, session } = await read('tcp-process-comments.pcapng');
    expect(session.unparsed).toEqual({ duplicate: 12 });
    expect(flows).toHaveLength(1);
    expect(flows[0]!.clientProcess).toMatchObject({
      pid: 345650,
      name: 'curl',
      exe: '/usr/bin/curl',
      commandLine: 'curl http://127.0.0.1:8000/notfound',
      source: 'capture',
    });
    expect(flows[0]!.serverProcess).toBeNull();
    expect([flows[0]!.sent.payloadBytes, flows[0]!.received.payloadBytes]).toEqual([86, 655]);
    expect(flows[0]!.retransmits).toBe(0);
  });

  it('mpeg-apple-peb: processes by the index of their Darwin block', async () => {
    const { flows } = await read('mpeg-apple-peb.pcap');
    const sides = flows.flatMap((flow) => [flow.clientProcess, flow.serverProcess]);
    expect(sides.some((process) => process !== null && process.source === 'capture')).toBe(true);
  });

  it.each([
    ['vxlan.pcap', ['icmp', 'udp']],
    ['geneve.pcap', ['icmp']],
    ['ipip-tunnel-pkt-flows.pcap', ['icmp']],
  ])('%s: the innermost flow counts, an unnamed inside counts in the tunnel', async (name, protocols) => {
    const { flows } = await read(name);
    expect([...new Set(flows.map((flow) => flow.protocol))].sort()).toEqual(protocols);
  });

  it('ipv6-fragmented-dns: later fragments count in the flow of their first', async () => {
    const { flows, session } = await read('ipv6-fragmented-dns.pcap');
    expect(session.unparsed).toEqual({ fragment: 1 });
    expect(flows[1]!.received.bytes).toBe(1494 + 1494 + 436);
  });

  it('icmp-destunreach-udp and icmp6-toobig: an error belongs to the flow it quotes', async () => {
    expect((await read('icmp-destunreach-udp.pcap')).flows[0]).toMatchObject({ protocol: 'udp', server: { port: 53 } });
    expect((await read('icmp6-toobig.pcap')).flows[0]).toMatchObject({ protocol: 'udp', family: 6 });
  });

  it('le-test010-spb: without any time there are no instants', async () => {
    const { session, flows } = await read('le-test010-spb.pcapng');
    expect(session.started).toBeNull();
    expect(flows.every((flow) => flow.started === null)).toBe(true);
  });
});
