/** What the invented machine answers about interfaces, flows, packets and filters. */
import type {
  ApplicationAnswer,
  CompletionAnswer,
  FilterAnswer,
  FlowAnswer,
  HostAnswer,
  InterfaceAnswer,
  LatencyAnswer,
  PacketAnswer,
  PacketRow,
  RecentAnswer,
  StreamAnswer,
  StreamPieceAnswer,
} from '../../core/contract/answers.ts';
import type { ExportLook, ExportWish } from '../../core/contract/exports.ts';
import { TROUBLE } from '../../core/contract/tables.ts';
import { parseAddress } from '../../core/filter/address.ts';
import { applyFix, compile, complete, parse, type FlowFields } from '../../core/filter/filter.ts';
import { bytesAt, noise, rateAt, type FakeFlow, type FakeProcess } from './fake-world.ts';
import { percentiles, troubleAt, type FakeMoment } from './fake-views.ts';

/** What an export of the invented session would have in it. */
export function exportLook(wish: ExportWish, state: { flows: number; matching: number }): ExportLook {
  const flows = wish.filtered || wish.ranged ? state.matching : state.flows;
  const name = `checkout-slow.${wish.format}`;
  if (!wish.share) return { name, bytes: 4_812_000, exact: wish.format === 'pcapng', flows, replaced: [], removed: null, packets: null, records: false }; // prettier-ignore
  return {
    name: 'shared.pcapng',
    bytes: 1_204_000,
    exact: true,
    flows,
    packets: 18_240,
    records: !wish.filtered && !wish.ranged,
    replaced: [
      { kind: 'address', count: 214, examples: [['10.20.0.11', '10.93.201.7'], ['203.0.113.20', '84.146.97.128'], ['2001:db8::7', '3a41:90c2::b1f']] }, // prettier-ignore
      { kind: 'mac', count: 6, examples: [['3a:7c:40:79:09:d2', 'f6:bd:42:97:8a:d5']] },
      { kind: 'name', count: 31, examples: [['pay.example.com', 'n-7hq2m9xk.n-c4d8wz3p.n-q2r7s5t9']] },
      {
        kind: 'process',
        count: 12,
        examples: [
          ['checkout', 'p-syvstpa2'],
          ['redis-server', 'p-hy9kjusn'],
        ],
      },
      { kind: 'arguments', count: 12, examples: [['/opt/shop/checkout --host pay.example.com --token 9f2c1b7e', '/d-na3dzcj7/p-syvstpa2 a-tivfwine']] }, // prettier-ignore
      { kind: 'path', count: 9, examples: [['/opt/shop/checkout', '/d-na3dzcj7/p-syvstpa2']] },
      { kind: 'uid', count: 3, examples: [['1000', '517478679']] },
    ],
    removed: { payloadBytes: 3_608_112, emptied: 0, comments: 2, blocks: 1, records: 0 },
  };
}

/** `denied` refuses, `plain` has no sudo, any other host has what this machine has. */
export function hostAnswer(host: string): HostAnswer | Promise<HostAnswer> {
  if (host === 'denied')
    return Promise.reject({ trouble: { code: 'ssh-failed', what: 'ssh failed (Permission denied (publickey).)', where: host, hint: 'see that ssh reaches it by itself' } }); // prettier-ignore
  const problem = host === 'plain' ? { code: 'remote', what: 'capturing needs root there, and guest may not become root without a password', where: host, hint: 'log in as root' } : null; // prettier-ignore
  return { name: host, interfaces: interfaces(1), problem, tcpdump: true };
}

export function interfaces(atS: number): InterfaceAnswer[] {
  const make = (
    index: number,
    name: string,
    kind: InterfaceAnswer['kind'],
    detail: string,
    addresses: string[],
    driver: string | null,
    speedBps: number | null,
    attach: [string, string],
    bps: number,
    up = true,
  ): InterfaceAnswer => {
    let bytes = 0;
    for (let s = 0; s < atS; s++)
      bytes += (bps / 8) * (0.4 + 1.2 * noise(index, s)) * (noise(index + 50, s) > 0.93 ? 3 : 1);
    return {
      name, index, kind, detail, addresses, driver, mtu: kind === 'loopback' ? 65536 : kind === 'tunnel' ? 1420 : 1500, up, speedBps,
      attach: { rung: attach[0], reason: attach[1] }, rxBytes: Math.round(bytes * 0.7), txBytes: Math.round(bytes * 0.3), rxPackets: Math.round(bytes / 900), txPackets: Math.round(bytes / 1400),
    }; // prettier-ignore
  };
  return [
    make(2, 'eth0', 'ethernet', 'Ethernet, default route', ['192.0.2.10/24', '2001:db8:1::10/64'], 'ixgbe', 10e9, ['XDP native', 'fastest, sees packets first'], 306e6),
    make(3, 'docker0', 'bridge', 'bridge, 6 containers', ['203.0.113.1/24', '2001:db8:d0::1/64'], 'bridge', null, ['tcx', 'one hook on each veth'], 243e6),
    make(4, 'wlan0', 'wifi', 'Wi-Fi, example-net', ['198.51.100.23/24', '2001:db8:2::23/64'], 'iwlwifi', 866e6, ['tcx', 'driver has no native XDP'], 1.24e6),
    make(5, 'wg0', 'tunnel', 'WireGuard tunnel', ['2001:db8:ff::2/64'], 'wireguard', null, ['tcx', 'traffic inside the tunnel'], 840e3),
    make(1, 'lo', 'loopback', 'this machine only', ['127.0.0.1/8', '::1/128'], 'loopback', null, ['tcx', 'processes talking locally'], 38.1e6),
    make(6, 'eth1', 'ethernet', 'Ethernet', [], 'ixgbe', null, ['XDP native', 'attaches when the link is up'], 0, false),
  ]; // prettier-ignore
}

export const recent = (): RecentAnswer[] =>
  [
    ['checkout-slow', '2026-11-24T12:10:04Z', 412e6],
    ['deploy-canary-2', '2026-11-24T09:31:00Z', 1.18e9],
    ['home-office-vpn', '2026-11-23T17:05:00Z', 38.4e6],
    ['nightly-backup', '2026-11-21T02:00:00Z', 4.02e9],
    ['customer-trace', '2026-11-19T15:20:00Z', 96e6],
  ].map(([name, modified, bytes]) => ({
    path: `/var/lib/flowglass/${name}.pcapng`,
    name: `${name}.pcapng`,
    modified: String(modified),
    bytes: Number(bytes),
  }));

function fieldsOf(moment: () => FakeMoment): FlowFields {
  const at = (flow: number): FakeFlow => moment().world.flows[flow] as FakeFlow;
  const client = (flow: FakeFlow) => (flow.inbound ? flow.peer : { ...flow.local, name: null });
  const server = (flow: FakeFlow) => (flow.inbound ? { ...flow.local, name: null } : flow.peer);
  const ns = (us: number): number => us * 1000;
  const numbers: Record<string, (flow: FakeFlow) => number> = {
    protocol: ({ protocol }) => (protocol === 'tcp' ? 6 : 17),
    family: ({ peer }) => (peer.address.includes(':') ? 6 : 4),
    'client.port': (flow) => client(flow).port,
    'server.port': (flow) => server(flow).port,
    'client.process.pid': (flow) => (flow.inbound ? NaN : (flow.process?.pid ?? NaN)),
    'server.process.pid': (flow) => (flow.inbound ? (flow.process?.pid ?? NaN) : NaN),
    'rtt.p50': (flow) => ns(percentiles(moment(), flow)[0]),
    'rtt.p99': (flow) => ns(percentiles(moment(), flow)[1]),
    'response.p99': (flow) => ns(percentiles(moment(), flow)[3]),
    retransmits: (flow) => (troubleAt(moment(), flow) ? flow.retransmits : 0),
    rate: (flow) => rateAt(moment().world, flow, moment().atS) / 8,
    bytes: (flow) => bytesAt(flow, moment().atS),
  };
  const texts: Record<string, (flow: FakeFlow) => string | null> = {
    'client.name': (flow) => client(flow).name,
    'server.name': (flow) => server(flow).name,
    'client.process.name': (flow) => (flow.inbound ? null : (flow.process?.name ?? null)),
    'server.process.name': (flow) => (flow.inbound ? (flow.process?.name ?? null) : null),
  };
  return {
    number: (field) => (numbers[field] ? (flow) => (numbers[field] as (flow: FakeFlow) => number)(at(flow)) : null),
    text: (field) => (texts[field] ? (flow) => (texts[field] as (flow: FakeFlow) => string | null)(at(flow)) : null),
    list: () => null,
    address: (field) => (flow, word) => {
      const parsed = parseAddress((field === 'client.addr' ? client(at(flow)) : server(at(flow))).address);
      if ('error' in parsed) return NaN;
      const { bytes } = parsed as unknown as { bytes: Uint8Array };
      return new DataView(bytes.buffer, bytes.byteOffset).getUint32(word * 4);
    },
    zone: () => () => null,
    fromStart: () => 0,
  };
}

/** Sets a filter as the engine does: a wrong one answers with its place and keeps the last that worked. */
export function filterOf(
  text: string,
  moment: () => FakeMoment,
): { answer: FilterAnswer | null; matches: ((flow: FakeFlow) => boolean) | null } {
  if (text.trim() === '') return { answer: null, matches: null };
  const result = parse(text);
  if (!result.ok) {
    const { problem } = result;
    return {
      answer: {
        ok: false,
        position: problem.start,
        length: problem.end - problem.start,
        message: problem.message,
        fix: applyFix(text, problem),
      },
      matches: null,
    };
  }
  const predicate = compile(result.ast, fieldsOf(moment));
  return { answer: null, matches: (flow) => predicate(flow.index) };
}

export function completionOf(text: string, cursor: number): CompletionAnswer {
  const items = complete(text, cursor, (field) =>
    field.name.endsWith('process.name') ? ['node', 'nginx', 'postgres', 'firefox'] : [],
  );
  return {
    from: items[0]?.start ?? cursor,
    to: items[0]?.end ?? cursor,
    items: items.slice(0, 20).map(({ insert, doc }) => ({ text: insert, detail: doc })),
  };
}

const process = (value: FakeProcess | null): FlowAnswer['clientProcess'] =>
  value && {
    pid: value.pid,
    name: value.name,
    exe: `/usr/bin/${value.name}`,
    commandLine: value.commandLine,
    uid: 1000,
    started: '2026-11-24T09:47:12.000Z',
    cgroup: `/system.slice/${value.group ?? ''}`,
    place: value.group,
    source: 'connect',
  };

function latency(p50: number, p99: number, n: number): LatencyAnswer | null {
  if (Number.isNaN(p50)) return null;
  const [centre, width] = [Math.log10(p50), Math.log10(p99 / p50) / 2.3];
  const bins = Array.from({ length: 60 }, (_, i): [number, number] => {
    const us = 10 ** (centre + (i - 30) * width * 0.13);
    const weight = Math.exp(-((((i - 30) * 0.13) / 1) ** 2) / 2);
    return [Math.round(us), Math.round(n * 0.052 * weight * (0.85 + 0.3 * noise(i, 4)))];
  });
  return { n, minUs: p50 * 0.4, meanUs: p50 * 1.2, p50Us: p50, p90Us: p50 * (p99 / p50) ** 0.55, p99Us: p99, maxUs: p99 * 2.9, jitterUs: p50 * 0.18, bins }; // prettier-ignore
}

const namesOf = ({ peer, application }: FakeFlow): { name: string; source: string; at: string | null }[] =>
  peer.name === null
    ? []
    : [
        ...(application?.includes('TLS')
          ? [{ name: peer.name, source: 'sni', at: '2026-11-24T12:01:07.000000000Z' }]
          : []),
        { name: peer.name, source: 'dns', at: '2026-11-24T12:01:06.900000000Z' },
        { name: `alias.${peer.name}`, source: 'file', at: null },
      ];

function applicationAnswer({ application, peer }: FakeFlow): ApplicationAnswer {
  const tls = application?.includes('TLS') ?? false;
  return {
    name: application,
    banner: null,
    dns: application === 'DNS' ? { question: 'shop.example.test', type: 'A', code: 'NOERROR', questions: 212 } : null,
    tls: tls
      ? { serverName: peer.name, alpn: ['h2', 'http/1.1'], chosenAlpn: 'h2', version: '1.3', certificate: null, encryptedHello: false, resumed: true }
      : null,
    http: null,
  }; // prettier-ignore
}

export function flowAnswer(moment: FakeMoment, flow: FakeFlow, clock: (atS: number) => string): FlowAnswer {
  const [p50, p99, response50, response99] = percentiles(moment, flow);
  const trouble = troubleAt(moment, flow);
  const ended = moment.atS > flow.endS;
  const bytes = bytesAt(flow, moment.atS);
  const local = { ...flow.local, name: null };
  const remote = flow.peer;
  const owner = process(flow.process);
  return {
    flow: flow.index,
    id: `flow-${flow.index}`,
    protocol: flow.protocol,
    interface: 'eth0',
    client: { ...(flow.inbound ? remote : local), network: 'private', names: flow.inbound ? namesOf(flow) : [] },
    server: { ...(flow.inbound ? local : remote), network: 'private', names: flow.inbound ? [] : namesOf(flow) },
    roles: 'syn',
    clientProcess: flow.inbound ? null : owner,
    clientProcessUnknown: flow.inbound ? 'remote' : flow.unknown,
    serverProcess: flow.inbound ? owner : null,
    serverProcessUnknown: flow.inbound ? flow.unknown : 'remote',
    tree: flow.process ? [{ pid: 1, name: 'systemd' }, { pid: 1190, name: 'dockerd' }, { pid: 3984, name: 'containerd-shim' }, { pid: flow.process.pid, name: flow.process.name }] : [],
    startedNs: flow.startS * 1e9,
    endedNs: ended ? flow.endS * 1e9 : null,
    started: clock(flow.startS),
    ended: ended ? clock(flow.endS) : null,
    state: ended ? 'closed' : 'established',
    end: ended ? flow.end : null,
    states:
      flow.protocol === 'tcp'
        ? [
            { atNs: flow.startS * 1e9, from: 'CLOSE', to: 'SYN_SENT' },
            { atNs: flow.startS * 1e9 + p50 * 1000, from: 'SYN_SENT', to: 'ESTABLISHED' },
            ...(ended ? [{ atNs: flow.endS * 1e9, from: 'ESTABLISHED', to: 'CLOSE' }] : []),
          ]
        : null,
    sent: { packets: Math.round(bytes / 2700), bytes: Math.round(bytes * 0.3), payloadBytes: Math.round(bytes * 0.28) },
    received: { packets: Math.round(bytes / 1400), bytes: Math.round(bytes * 0.7), payloadBytes: Math.round(bytes * 0.66) },
    connectUs: flow.protocol === 'tcp' ? p50 * 1.1 : null,
    rtt: latency(p50, p99, 8120),
    response: latency(response50, response99, 1204),
    setup: [
      { part: 'dns', us: flow.peer.port === 53 ? response50 : null, unknown: flow.peer.port === 53 ? null : 'own flow' },
      { part: 'connect', us: flow.protocol === 'tcp' ? p50 * 1.1 : null, unknown: flow.protocol === 'tcp' ? null : 'no handshake' },
      { part: 'tls', us: flow.application?.includes('TLS') ? p50 * 2.3 : null, unknown: flow.application?.includes('TLS') ? null : 'no tls' },
    ],
    where: [
      { part: 'network', meanUs: p50, unknown: null },
      { part: 'client kernel', meanUs: 40, unknown: null },
      { part: 'client application', meanUs: 1200, unknown: null },
      { part: 'server kernel', meanUs: null, unknown: 'remote' },
      { part: 'server application', meanUs: null, unknown: 'remote' },
      { part: 'peer', meanUs: response50 - p50, unknown: null },
    ],
    retransmits: flow.protocol === 'tcp' ? (trouble ? flow.retransmits : 0) : null,
    resets: flow.end === 'reset' ? 1 : 0,
    segments: [],
    zeroWindows: trouble & TROUBLE.zeroWindow ? 6 : 0,
    drops: trouble & TROUBLE.drop ? [{ reason: 'TCP_OFO_QUEUE', count: 41 }] : [],
    application: applicationAnswer(flow),
    owners: owner === null ? [] : [{ at: '2026-11-24T12:00:01.000000000Z', side: flow.inbound ? 'server' : 'client', pid: 4000, name: 'supervisor', source: 'create' }, { at: '2026-11-24T12:00:02.000000000Z', side: flow.inbound ? 'server' : 'client', pid: owner.pid, name: owner.name, source: 'send' }],
    packetsStored: flow.bps === 0 ? 0 : 20_412,
  }; // prettier-ignore
}

const KINDS: readonly [string, string, number, boolean][] = [
  ['Data', 'seq 81,204,049, 1,448 B, arrived out of order', 1514, false],
  ['Ack', 'ack 81,202,601, SACK 81,204,049–81,205,497', 78, true],
  ['Data', 'seq 81,205,497', 1514, false],
  ['Data', 'seq 81,202,601, retransmitted after 204 ms', 1514, false],
  ['Ack', 'ack 81,205,497, window 61,440 B', 66, true],
  ['DataRow', 'Postgres: 7 rows, 812 B', 933, false],
  ['Parse', 'Postgres: SELECT … FROM orders WHERE …', 161, true],
];

export function packetRow(flow: number, index: number, clock: (atS: number) => string): PacketRow {
  const [kind, info, bytes, fromClient] = KINDS[index % KINDS.length] as (typeof KINDS)[number];
  const atS = 38.861 + index * 0.0137;
  return { packet: flow * 100_000 + index, atNs: atS * 1e9, time: clock(atS), outbound: fromClient, fromClient, bytes, captured: Math.min(256, bytes), kind, info }; // prettier-ignore
}

export function packetAnswer(packet: number, clock: (atS: number) => string): PacketAnswer {
  const row = packetRow(Math.floor(packet / 100_000), packet % 100_000, clock);
  const bytes = Uint8Array.from({ length: row.captured }, (_, i) => Math.floor(noise(packet, i) * 256));
  const field = (label: string, value: string, offset: number, length: number) => ({ label, value, offset, length });
  return {
    ...row,
    interface: 'eth0',
    layers: [
      { label: 'Ethernet', summary: '02:42:c0:00:02:29 → 02:42:ac:12:00:05', offset: 0, length: 14, fields: [field('Destination', '02:42:ac:12:00:05', 0, 6), field('Source', '02:42:c0:00:02:29', 6, 6), field('Type', 'IPv4 (0x0800)', 12, 2)] },
      { label: 'IPv4', summary: '192.0.2.41 → 192.0.2.10, TTL 62', offset: 14, length: 20, fields: [field('Total length', '1500', 16, 2), field('Time to live', '62', 22, 1), field('Source', '192.0.2.41', 26, 4), field('Destination', '192.0.2.10', 30, 4)] },
      { label: 'TCP', summary: '5432 → 48122, ACK', offset: 34, length: 32, fields: [field('Sequence', '81,202,601', 38, 4), field('Acknowledgement', '1,204,331', 42, 4), field('Flags', 'ACK', 47, 1), field('Window', '501 × 128 = 64,128 B', 48, 2), field('Options', 'timestamp, echoes a segment sent 204 ms earlier', 54, 12)] },
    ],
    data: Buffer.from(bytes).toString('base64'),
  }; // prettier-ignore
}

/** A request, its answer with hostile bytes in it, and a hole of each kind. */
export function streamAnswer(flow: number, clock: (atS: number) => string): StreamAnswer {
  const piece = (fromClient: boolean, atS: number, text: string, missing = 0, cut = false): StreamPieceAnswer => ({
    fromClient,
    time: clock(atS),
    packet: Math.round(atS * 10),
    data: Buffer.from(text).toString('base64'),
    missing,
    cut,
  });
  return {
    ordered: true,
    truncated: false,
    pieces: [
      piece(true, 61, `GET /orders/${flow} HTTP/1.1\r\nHost: orders-db.example.test\r\n\r\n`),
      piece(
        false,
        61.2,
        'HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<b onclick="alert(1)">\u202eorders</b>\u0000',
      ),
      piece(false, 61.3, '', 1192, true),
      piece(true, 62, '', 4096),
      piece(true, 62.1, 'QUIT\r\n'),
    ],
  };
}
