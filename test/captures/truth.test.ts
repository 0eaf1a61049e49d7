/**
 * The corpus against what its truth.json says beyond packets (core/capture/corpus.test.ts) and flows' counters
 * (core/tracker/corpus.test.ts): interfaces and sections as capinfos tells them, sizes and times of the whole, state and
 * round trips of each connection, protocols besides TCP and UDP, names. The m- files are in the repository; the others
 * are read where FLOWGLASS_CORPUS (or ../shared/corpus beside the checkout) has them.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { CaptureSection } from '../../core/capture/interface.ts';
import { readCapture } from '../../core/capture/read.ts';
import { quicVersionText } from '../../core/dissect/quic.ts';
import type { SegmentClass } from '../../core/flow/tcp-trouble.ts';
import { flowSummary, type FlowSummary } from '../../core/summary/flow.ts';
import { sessionSummary } from '../../core/summary/session.ts';
import { summaryFlows } from '../../core/summary/summary.ts';
import { openForeign } from '../../core/tracker/open-foreign.ts';

interface Stream {
  stream: number;
  a: string;
  b: string;
  first: string;
  last: string;
  frames_ab: number;
  frames_ba: number;
  syn: number;
  synack: number;
  fin: number;
  rst: number;
  initial_rtt: string | null;
  ack_rtt: [number, number, string][];
  analysis: Record<string, number>;
}

interface Truth {
  tshark: { rc: number };
  caution?: { about: string };
  first_epoch: string | null;
  last_epoch: string | null;
  bytes_len: number;
  bytes_cap: number;
  frame_list: [number, string, ...unknown[]][];
  packets: number;
  interface_frames: Record<string, number>;
  capinfos: { long?: string };
  tcp_streams: Stream[];
  udp_streams: Stream[];
  sctp: Record<string, number>;
  arp: Record<string, number>;
  icmp: { v: number; type: string; code: string }[];
  quic_versions: string[];
  http: { stream: number; method?: string; host?: string; uri?: string; code?: string }[];
  dns: { proto: string; response: string; rcode?: string; qry?: string; a?: string; aaaa?: string }[];
}

const root = fileURLToPath(new URL('../../', import.meta.url));
const own = join(root, 'test/corpus');
const outside = process.env['FLOWGLASS_CORPUS'] ?? join(root, '../shared/corpus');
const present = existsSync(join(outside, 'truth.json'));
if (!present) console.warn(`the corpus folder ${outside} is not there: only test/corpus is compared`);

/** Epoch seconds as tshark prints them ("-1.500000000" too) in ns. */
function ns(epoch: string): bigint {
  const [seconds = '0', fraction = ''] = epoch.replace('-', '').split('.');
  const value = BigInt(seconds) * 1_000_000_000n + BigInt(fraction.padEnd(9, '0'));
  return epoch.startsWith('-') ? -value : value;
}

const micros = (seconds: string): number => Number(ns(seconds)) / 1000;

/** Whose frames tshark counts otherwise, and why (README of the corpus, `caution`). */
const FRAMES = new Set([
  'le-test018-custom.pcapng', // custom blocks as frames
  'le-test202-mixed-endian-sections.pcapng', // and its interface numbers go on over sections
  'm-journal-unknown-blocks.pcapng',
  'm-section-length.pcapng', // interface numbers again
  'fuzz-huge-caplen.pcap', // a record of garbage
]);
/** We read on where tshark stops. */
const STOPPED = new Set(['m-epb-bad-interface.pcapng', 'm-trailer-mismatch.pcapng', 'shb-option-too-long.pcapng']);
/** 34 bytes captured of 32: we count what is there, tshark what was said. */
const LENGTHS = new Set(['aoe-oobr-1-caplen-gt-len.pcap']);
const TIMES = new Set(['timestamp_invalid_nano.pcap', 'm-tsresol-extreme.pcapng', 'fuzz-huge-caplen.pcap']);

/** What `capinfos` says of each interface and section, by its own words; a value may go on over lines. */
function capinfos(long: string): Record<string, string>[] {
  const found: Record<string, string>[] = [];
  let last = '';
  for (const line of long.split('\n')) {
    if (/^Interface #\d+ info:/.test(line)) found.push({});
    const entry = /^\s{20,}([A-Z][A-Za-z ]+?) = (.*)$/.exec(line);
    const into = found.at(-1);
    if (into === undefined) continue;
    if (entry) {
      last = entry[1]!;
      into[last] = entry[2]!;
    } else if (last !== '' && !/^(Interface #|Number of)/.test(line)) into[last] += `\n${line}`;
  }
  return found;
}

/** capinfos breaks and indents texts of several lines. */
const words = (text: unknown): string => String(text).replace(/\s+/g, ' ').trim();

const end = ({ address, port }: FlowSummary['client']): string => `${address}:${port ?? 0}`;

/** The flow of a stream, by both ends and its packets; tshark's a may be either side. */
function flowOf(flows: readonly FlowSummary[], protocol: string, stream: Stream): FlowSummary | undefined {
  return flows.find(({ protocol: p, client, server, sent, received }) => {
    if (p !== protocol) return false;
    const forward = end(client) === stream.a && end(server) === stream.b;
    if (!forward && !(end(client) === stream.b && end(server) === stream.a)) return false;
    const [ab, ba] = forward ? [sent, received] : [received, sent];
    return ab.packets === stream.frames_ab && ba.packets === stream.frames_ba;
  });
}

for (const folder of present ? [own, outside] : [own]) {
  const truth = JSON.parse(readFileSync(join(folder, 'truth.json'), 'utf8')) as Record<string, Truth>;
  const files = readdirSync(folder).filter((name) => truth[name] !== undefined);

  describe(`${folder === own ? 'test/corpus' : 'the outside corpus'}: the file`, () => {
    it.each(files)('%s', async (name) => {
      const t = truth[name]!;
      const sections: CaptureSection[] = [];
      const times: bigint[] = [];
      let bytes = 0;
      let captured = 0;
      const result = await readCapture(join(folder, name), {
        section: (section) => sections.push(section),
        packet: (packet) => {
          if (packet.atNs !== null) times.push(packet.atNs);
          bytes += packet.length;
          captured += packet.captured;
        },
      }).catch(() => null);
      if (result === null) return; // refused: tested in core/capture
      if (!FRAMES.has(name) && !STOPPED.has(name)) {
        if (!LENGTHS.has(name)) expect([bytes, captured]).toEqual([t.bytes_len, t.bytes_cap]);
        for (const [id, count] of Object.entries(t.interface_frames)) {
          expect([id, result.interfaces[Number(id)]?.packets]).toEqual([id, count]);
        }
        if (!TIMES.has(name)) {
          if (t.first_epoch) expect(times[0]).toBe(ns(t.first_epoch));
          if (t.last_epoch) expect(times.at(-1)).toBe(ns(t.last_epoch));
        }
      }
      if (STOPPED.has(name)) return;
      const { long } = t.capinfos;
      const said = (key: string): string | undefined => new RegExp(`^${key}: +(.*)$`, 'm').exec(long ?? '')?.[1];
      const line = (text: string | null | undefined): string | undefined => text?.split(/\r?\n/)[0]?.trim();
      for (const [key, value] of [
        ['Capture hardware', sections[0]?.hardware],
        ['Capture oper-sys', sections[0]?.os],
        ['Capture application', sections[0]?.application],
        ['Capture comment', sections[0]?.comments[0]],
      ] as const) {
        if (said(key) !== undefined) expect([key, line(value)]).toEqual([key, line(said(key))]);
      }
      // capinfos gives every section the interfaces of all.
      capinfos(sections.length > 1 ? '' : (long ?? '')).forEach((said, i) => {
        const info = result.interfaces[i]!;
        const put = (key: string, value: unknown): void => {
          if (said[key] !== undefined) expect([i, key, words(value)]).toEqual([i, key, words(said[key])]);
        };
        put('Name', info.name);
        put('Description', info.description);
        put('Speed', String(info.speed));
        if (said['Capture length'] !== '0') put('Capture length', String(info.snaplen));
        put('Time resolution', `0x${info.scale.resolution.toString(16).padStart(2, '0')}`);
        put('Timestamp offset', String(info.scale.offset));
        put('Filter string', info.filter);
        put('Operating system', info.os);
        put('Hardware', info.hardware);
        put('Comment', info.comments[0]);
        if (!FRAMES.has(name)) put('Number of packets', String(info.packets));
      });
    });
  });

  describe(`${folder === own ? 'test/corpus' : 'the outside corpus'}: connections, protocols, names`, () => {
    it.each(files)('%s', async (name) => {
      const t = truth[name]!;
      const opened = await openForeign(join(folder, name)).catch(() => null);
      if (opened === null) return;
      const { source } = opened;
      const session = sessionSummary(source);
      const flows = [...summaryFlows(source)].map((row) => flowSummary(source, row));
      const copies = session.unparsed['duplicate'] ?? 0;
      for (const stream of copies > 0 || TIMES.has(name) ? [] : t.tcp_streams) {
        const flow = flowOf(flows, 'tcp', stream);
        expect(flow, `${stream.a} ${stream.b}`).toBeDefined();
        if (flow === undefined) continue;
        stateAsSegmentsTell(flow, stream);
        roundTripsOf(flow, stream);
        if (t.caution?.about !== 'analysis') healthOf(flow, stream);
      }
      // SCTP: one flow for both ways.
      const sctp = flows.filter(({ protocol }) => protocol === 'sctp');
      const told = sctp.flatMap(({ client, server, sent, received }) => [[`${end(client)}>${end(server)}`, sent.packets], [`${end(server)}>${end(client)}`, received.packets]]); // prettier-ignore
      expect(Object.fromEntries(told.filter(([, packets]) => packets !== 0))).toEqual(t.sctp);
      // ICMP: an echo is a flow of its own, an error belongs to the flow that it quotes.
      const echoes = t.icmp.filter(({ v, type }) => (v === 4 ? ['8', '0'] : ['128', '129']).includes(type)).length;
      const counted = flows.filter(({ protocol }) => /^icmp/.test(protocol)).reduce((sum, { sent, received }) => sum + sent.packets + received.packets, 0); // prettier-ignore
      expect(counted).toBeGreaterThanOrEqual(echoes);
      if (echoes === 0 && t.icmp.length === 0) expect(counted).toBe(0);
      // ARP within a tunnel counts in the tunnel.
      const arp = Object.values(t.arp).reduce((sum, count) => sum + count, 0);
      expect(session.unparsed['arp'] ?? 0).toBeLessThanOrEqual(STOPPED.has(name) ? Infinity : arp);
      if (NAMELESS[name] === undefined) namesLearnt(source, t);
      const banners = flows.filter(({ application }) => application === 'quic').map(({ banner }) => banner);
      expect([...new Set(banners)]).toEqual(t.quic_versions.map((version) => quicVersionText(Number(version))));
      for (const stream of copies > 0 ? [] : t.tcp_streams) {
        const told = t.http.filter((each) => each.stream === stream.stream);
        if (told.length > 0) httpOf(flowOf(flows, 'tcp', stream)!, told);
      }
    });
  });
}

/** State and end of a connection from the segments that tshark counts. */
function stateAsSegmentsTell(
  flow: FlowSummary,
  { rst, fin, syn, synack, analysis, frames_ab, frames_ba }: Stream,
): void {
  const unclear = Object.keys(analysis).some((key) => /lost|retransmission/.test(key));
  if (rst > 0) expect(['closed', 'closing']).toContain(flow.state);
  else if (fin >= 2 && !unclear) expect(flow).toMatchObject({ state: 'closed', end: 'fin' });
  else if (fin === 1) expect(flow.state).toBe('closing');
  else if (syn > 0 && synack > 0 && fin === 0) expect(flow).toMatchObject({ state: 'established', end: null });
  if (syn > 0 && rst === 0 && fin === 0 && frames_ab + frames_ba === syn) expect(flow.state).toBe('syn-sent'); // prettier-ignore
  if (syn > 0 || synack > 0) expect(flow.roles).toBe('syn');
}

/**
 * The time to connect is tshark's initial RTT (from the *last* SYN there, none here when it was repeated). Each of our
 * round trips is one of the times that tshark calls ack_rtt: there may be more of those, for it knows no Karn and takes
 * both directions.
 */
function roundTripsOf(flow: FlowSummary, { syn, synack, initial_rtt, ack_rtt, analysis }: Stream): void {
  const { connectUs, rtt } = flow.latency;
  if (syn === 1 && synack === 1 && initial_rtt !== null && flow.end !== 'refused' && connectUs !== null) {
    expect(connectUs).toBe(micros(initial_rtt));
  }
  if (syn > 1) expect(flow.end === 'reset' || connectUs === null).toBe(true);
  // Of repeated segments TCP timestamps may tell which one was answered; tshark does not ask them.
  if (rtt === null || analysis['lost_segment'] !== undefined || analysis['retransmission'] !== undefined) return;
  expect(rtt.n).toBeLessThanOrEqual(ack_rtt.length);
  const known = new Set(ack_rtt.map(([, , seconds]) => micros(seconds)));
  const exact = [rtt.minUs, rtt.maxUs].filter((value) => known.has(value));
  expect([flow.server.address, exact]).toEqual([flow.server.address, [rtt.minUs, rtt.maxUs]]);
}

/** What else segments were, both directions together, as tshark's TCP analysis counts it. */
function healthOf(flow: FlowSummary, { analysis }: Stream): void {
  const { sent, received } = flow.segments!;
  const of = (which: SegmentClass): number => sent[which] + received[which];
  expect({
    duplicate_ack: flow.sentDuplicateAcks! + flow.receivedDuplicateAcks!,
    out_of_order: flow.sentOutOfOrder! + flow.receivedOutOfOrder!,
    fast_retransmission: of('fastRetransmits'),
    spurious_retransmission: of('spuriousRetransmits'),
    keep_alive: of('keepAlives'),
    lost_segment: of('lostBefore'),
    ack_lost_segment: of('acknowledgedUnseen'),
    window_full: of('windowFull'),
    window_update: of('windowUpdates'),
  }).toEqual({
    ...{ duplicate_ack: 0, out_of_order: 0, fast_retransmission: 0, spurious_retransmission: 0, keep_alive: 0 },
    ...{ lost_segment: 0, ack_lost_segment: 0, window_full: 0, window_update: 0 },
    ...Object.fromEntries(Object.entries(analysis).filter(([key]) => HEALTH.has(key))),
  });
}

/** The others are compared in core/tracker/corpus.test.ts. */
const HEALTH = new Set(['duplicate_ack', 'out_of_order', 'fast_retransmission', 'spurious_retransmission', 'keep_alive', 'lost_segment', 'ack_lost_segment', 'window_full', 'window_update']); // prettier-ignore

/** Requests, the last one and its answer, and the host that it names, as tshark's HTTP reader tells. */
function httpOf(flow: FlowSummary, told: Truth['http']): void {
  const requests = told.filter(({ method }) => method !== undefined);
  const last = requests.at(-1);
  expect(flow.application).toBe('http');
  expect(flow.http).toMatchObject({ requests: requests.length, method: last?.method });
  // Long ones are cut in the truth.
  expect(flow.http!.path!.slice(0, 120)).toBe(last?.uri?.split('?')[0]);
  if (told.at(-1)!.code !== undefined) expect(flow.http!.status).toBe(Number(told.at(-1)!.code));
  const host = last?.host?.replace(/:\d+$/, '');
  if (host !== undefined && !/^[\d.]+$/.test(host)) expect(flow.server.name).toBe(host);
}

/** Answers that are none to whoever asked. */
const NAMELESS: Record<string, string> = {
  'icmp-destunreach-udp.pcap': 'an answer that an ICMP error quotes',
  'dns-max-compression-depth.pcap': 'an answer sent to port 53',
  'ipv6-fragmented-dns.pcap': 'the address stands in the additional section, of another name',
};

/** Every name that an answer gives to an address is known afterwards. */
function namesLearnt(source: Awaited<ReturnType<typeof openForeign>>['source'], t: Truth): void {
  const { strings } = source.model;
  const texts = new Set(Array.from({ length: strings.count }, (_, i) => strings.text(i)));
  for (const { proto, response, rcode, qry, a, aaaa } of t.dns) {
    if (proto !== 'dns' || response !== '1' || rcode !== '0' || (a ?? aaaa) === undefined) continue;
    const asked = qry?.split('|')[0] ?? '';
    if (asked !== '' && !asked.startsWith('<')) expect([...texts]).toContain(asked);
  }
}
