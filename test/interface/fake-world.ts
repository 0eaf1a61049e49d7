/**
 * An invented machine, build-07, for tests and pictures of the interface: a shop whose database turns slow. Everything
 * is a pure function of the second, so that two looks at the same time see the same. Names and addresses come from
 * RFC 5737, RFC 3849 and RFC 2606.
 */
import { TROUBLE } from '../../core/contract/tables.ts';

export interface FakeProcess {
  name: string;
  pid: number;
  group: string | null;
  groupKind: string;
  commandLine: string;
}

export interface FakePeer {
  name: string | null;
  address: string;
  port: number;
}

export interface FakeMark {
  atS: number;
  flow: number;
  /** Index into MARK_KINDS. */
  kind: number;
  count: number;
  text: string | null;
}

export interface FakeFlow {
  index: number;
  process: FakeProcess | null;
  unknown: string | null;
  peer: FakePeer;
  local: { address: string; port: number };
  protocol: 'tcp' | 'udp';
  application: string | null;
  bps: number;
  /** Medians, µs; NaN = not observable. */
  rttUs: number;
  responseUs: number;
  responsesPerSecond: number;
  /** What the database's bad time multiplies latency by; 1 = not touched. */
  slowBy: number;
  trouble: number;
  retransmits: number;
  drops: number;
  inbound: boolean;
  startS: number;
  endS: number;
  end: string | null;
}

export interface World {
  processes: FakeProcess[];
  flows: FakeFlow[];
  marks: FakeMark[];
  /** Seconds between which the database is slow. */
  slow: (atS: number) => boolean;
  gaps: { fromS: number; toS: number; records: number }[];
}

/** A number in 0..1 that depends on its arguments only. */
export function noise(seed: number, step: number): number {
  let h = Math.imul(seed + 0x9e3779b9, 0x85ebca6b) ^ Math.imul(step + 0x7f4a7c15, 0xc2b2ae35);
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
  h = Math.imul(h ^ (h >>> 12), 0x297a2d39);
  return ((h ^ (h >>> 15)) >>> 0) / 2 ** 32;
}
/** About normal, mean 0, deviation 1. */
export const bell = (seed: number, step: number): number =>
  (noise(seed, step) + noise(seed + 1, step) + noise(seed + 2, step) - 1.5) * 2;

const P: FakeProcess[] = [
  { name: 'node', pid: 4121, group: 'shop-api', groupKind: 'container', commandLine: 'node server.js --port 8080' },
  { name: 'node', pid: 4155, group: 'shop-api', groupKind: 'container', commandLine: 'node worker.js' },
  { name: 'postgres', pid: 1822, group: 'postgresql.service', groupKind: 'unit', commandLine: 'postgres -D /srv/db' },
  { name: 'nginx', pid: 3310, group: 'edge', groupKind: 'container', commandLine: 'nginx: worker process' },
  { name: 'sshd', pid: 9120, group: 'ssh.service', groupKind: 'unit', commandLine: 'sshd: ada@pts/0' },
  { name: 'firefox', pid: 8842, group: 'user@1000', groupKind: 'session', commandLine: 'firefox' },
  { name: 'curl', pid: 9917, group: 'user@1000', groupKind: 'session', commandLine: 'curl -sS https://registry' },
  { name: 'dockerd', pid: 1190, group: 'docker.service', groupKind: 'unit', commandLine: 'dockerd -H fd://' },
  { name: 'systemd-resolve', pid: 702, group: 'systemd-resolved.service', groupKind: 'unit', commandLine: 'systemd-resolved' },
  { name: 'chronyd', pid: 811, group: 'chronyd.service', groupKind: 'unit', commandLine: 'chronyd' },
]; // prettier-ignore

/** [process, name, address, port, protocol, application, bit/s, RTT ms, response ms, responses/s, slowBy, trouble, inbound] */
type Line = [number, string | null, string, number, 'tcp' | 'udp', string | null, number, number, number, number, number, number, boolean]; // prettier-ignore
const R = TROUBLE.retransmit;
const LINES: readonly Line[] = [
  [0, 'orders-db.example.test', '192.0.2.41', 5432, 'tcp', 'Postgres', 24.6e6, 3.8, 6.5, 1.6, 22, R | TROUBLE.drop, false],
  [1, 'cdn.example.org', '203.0.113.80', 443, 'tcp', 'TLS 1.3 h2', 12e6, 118, 260, 0.7, 1, TROUBLE.zeroWindow, false],
  [0, 'payments.example.com', '203.0.113.24', 443, 'tcp', 'TLS 1.3 h2', 3.8e6, 14, 150, 0.8, 1, 0, false],
  [1, 'orders-db.example.test', '192.0.2.41', 5432, 'tcp', 'Postgres', 6.2e6, 3.6, 7, 0.8, 19, R, false],
  [0, 'search.example.com', '203.0.113.31', 443, 'tcp', 'TLS 1.3 h2', 9.4e6, 11, 26, 1, 1, 0, false],
  [0, 'auth.example.com', '2001:db8:40::9', 443, 'tcp', 'TLS 1.2 http/1.1', 420e3, 19, 61, 0.4, 1, 0, false],
  [0, 'cache-1.example.test', '192.0.2.52', 6379, 'tcp', 'Redis', 41e6, 0.42, 0.6, 6, 1, 0, false],
  [1, 'cache-1.example.test', '192.0.2.52', 6379, 'tcp', 'Redis', 8e6, 0.38, 0.5, 3, 1, 0, false],
  [2, 'orders-db.example.test', '192.0.2.41', 5433, 'tcp', 'Postgres', 5.1e6, 0.9, 1.6, 1, 1, 0, false],
  [7, 'registry.example.org', '198.51.100.20', 443, 'tcp', 'TLS 1.3 http/1.1', 62e6, 12, 31, 0.5, 1, 0, false],
  [5, 'cdn.example.org', '2001:db8:80::2', 443, 'udp', 'QUIC v1', 18e6, 9, 26, 1.2, 1, 0, false],
  [5, 'search.example.com', '203.0.113.31', 443, 'tcp', 'TLS 1.3 h2', 900e3, 22, 40, 0.3, 1, 0, false],
  [5, 'auth.example.com', '2001:db8:40::9', 443, 'tcp', 'TLS 1.2 http/1.1', 100e3, 19, 55, 0.2, 1, 0, false],
  [6, 'registry.example.org', '198.51.100.20', 443, 'tcp', 'TLS 1.3', 30e3, 14, 22, 0.1, 1, TROUBLE.reset, false],
  [4, null, '198.51.100.77', 22, 'tcp', 'SSH', 24e3, 41, 55, 0.4, 1, 0, true],
  [3, null, '198.51.100.77', 443, 'tcp', 'TLS 1.3', 1.2e6, 310, 420, 0.3, 1, 0, true],
  [8, null, '2001:db8::53', 53, 'udp', 'DNS', 12e3, NaN, 7, 1.4, 1, 0, false],
  [8, null, '203.0.113.53', 53, 'udp', 'DNS', 4e3, NaN, 21, 0.3, 1, TROUBLE.timeout | TROUBLE.slow, false],
  [9, 'time.example.net', '192.0.2.123', 123, 'udp', 'NTP', 300, NaN, 34, 0.05, 1, 0, false],
  [6, 'billing.example.com', '203.0.113.99', 8443, 'tcp', null, 0, NaN, NaN, 0, 1, TROUBLE.refused, false],
]; // prettier-ignore

export const HOSTILE: readonly string[] = [
  '<img src=x onerror="document.title=\'owned\'">',
  '\u202egnp.exe\u202c reversed',
  'line\nbreak\tand\u0007bell\u001b[31m',
  '👩‍🚀 rocket 中文 اسم',
  `long-${'x'.repeat(4096)}`,
  '"; alert(1); //&amp;<b>bold</b>',
];

const LOCAL = '192.0.2.10';

/** The machine with `inboundPeers` clients of nginx besides the 20 flows of the story. */
export function makeWorld(options: { slow: [number, number][]; inboundPeers: number; hostile?: boolean }): World {
  const slow = (atS: number): boolean => options.slow.some(([from, to]) => atS >= from && atS < to);
  const flows: FakeFlow[] = LINES.map(
    ([process, name, address, port, protocol, application, bps, rtt, response, perSecond, slowBy, trouble, inbound], i) => ({
      index: i,
      process: P[process]!,
      unknown: null,
      peer: { name, address, port: inbound ? 40_000 + i : port },
      local: { address: address.includes(':') ? '2001:db8:1::10' : LOCAL, port: inbound ? port : 48_100 + i * 7 },
      protocol,
      application,
      bps,
      rttUs: rtt * 1000,
      responseUs: response * 1000,
      responsesPerSecond: perSecond,
      slowBy,
      trouble,
      retransmits: trouble & R ? 1204 - i * 97 : 0,
      drops: trouble & TROUBLE.drop ? 41 : 0,
      inbound,
      startS: i % 3 === 1 ? 14 + i : 0,
      endS: trouble & (TROUBLE.reset | TROUBLE.refused) ? 88 : Infinity,
      end: trouble & TROUBLE.reset ? 'reset' : trouble & TROUBLE.refused ? 'refused' : null,
    }),
  ); // prettier-ignore
  for (let i = 0; i < options.inboundPeers; i++) {
    const index = flows.length;
    const unknown = i % 41 === 40;
    flows.push({
      index,
      process: unknown ? null : P[3]!,
      unknown: unknown ? 'its socket was gone before it was asked' : null,
      peer: { name: null, address: `203.0.113.${100 + (i % 150)}`, port: 30_000 + i },
      local: { address: LOCAL, port: 443 },
      protocol: i % 5 ? 'tcp' : 'udp',
      application: i % 5 ? 'TLS 1.3 h2' : 'QUIC v1',
      bps: 1e3 * 10 ** (2.6 * noise(7, i)),
      rttUs: 1000 * (12 + 60 * noise(8, i)),
      responseUs: 1000 * (20 + 90 * noise(9, i)),
      responsesPerSecond: 0.02,
      slowBy: 1,
      trouble: i % 97 === 5 ? R : 0,
      retransmits: i % 97 === 5 ? 12 : 0,
      drops: 0,
      inbound: true,
      startS: (i * 0.37) % 60,
      endS: i % 4 === 0 ? ((i * 0.37) % 60) + 20 : Infinity,
      end: i % 4 === 0 ? 'closed' : null,
    });
  }
  if (options.hostile) {
    HOSTILE.forEach((name, i) => {
      const flow = flows[i]!;
      flow.peer = { ...flow.peer, name: `${name}.example.test` };
      flow.process = { ...flow.process!, name, group: name, commandLine: name };
      flow.application = name;
    });
  }
  return { processes: P, flows, marks: marksOf(flows, options.slow), slow, gaps: [] };
}

function marksOf(flows: readonly FakeFlow[], slow: readonly [number, number][]): FakeMark[] {
  const marks: FakeMark[] = [];
  for (const [from, to] of slow) {
    const at = (atS: number, flow: number, kind: number, count: number, text: string | null): void =>
      void marks.push({ atS, flow, kind, count, text });
    at(from, 0, 0, 12, null);
    at(from + 0.4, 3, 0, 4, null);
    at(from + 3.7, 0, 1, 41, 'TCP_OFO_QUEUE');
    at(from + 9, 1, 3, 6, null);
    at(Math.max(from + 12, to - 4), 0, 0, 7, null);
    at(to - 0.5, 17, 6, 14, null);
    at(to + 2, 13, 2, 1, null);
    at(to + 2.5, 19, 5, 1, null);
  }
  void flows;
  return marks.sort((a, b) => a.atS - b.atS);
}

/** Bits per second of a flow at a second. */
export function rateAt(world: World, flow: FakeFlow, atS: number): number {
  if (atS < flow.startS || atS > flow.endS) return 0;
  const slowed = flow.slowBy > 1 && world.slow(atS) ? 0.45 : 1;
  return flow.bps * slowed * (0.8 + 0.4 * noise(flow.index + 100, Math.floor(atS * 2)));
}

/** Latency of a flow around a second, µs, from its median. */
export function latencyAt(world: World, flow: FakeFlow, medianUs: number, atS: number, seed: number): number {
  if (Number.isNaN(medianUs) || atS < flow.startS || atS > flow.endS) return NaN;
  const slowed = flow.slowBy > 1 && world.slow(atS) ? flow.slowBy : 1;
  const step = atS * 3;
  const share = step - Math.floor(step);
  const at = (n: number): number => bell(seed + flow.index * 11, Math.floor(step) + n);
  return (
    medianUs *
    slowed *
    Math.exp(
      (seed === 1 ? 0.07 : 0.3) * (at(0) * (1 - share) + at(1) * share) +
        (seed === 1 ? 0.05 : 0.2) * bell(seed + 5 + flow.index, Math.floor(atS * 40)),
    )
  );
}

/** Bytes from the flow's beginning up to a second, both directions. */
export function bytesAt(flow: FakeFlow, atS: number): number {
  return Math.max(0, Math.min(atS, flow.endS) - flow.startS) * (flow.bps / 8);
}
