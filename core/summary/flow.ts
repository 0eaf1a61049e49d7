/** One flow as the summary tells it: every key always there, null for what is not known. */
import { COUNTERS } from '../flow/flows.ts';
import type { Distribution } from '../flow/histogram.ts';
import type { FlowModel } from '../flow/model.ts';
import { PROTOCOL_ICMP, PROTOCOL_ICMPV6, PROTOCOL_TCP, protocolName, ROLES, TCP_STATES } from '../flow/names.ts';
import { FEATURE_CONNTRACK } from '../abi/generated.ts';
import { pathsOf } from '../flow/paths.ts';
import {
  answersOf,
  applicationOf,
  bannerOf,
  dnsOf,
  handshakeNsOf,
  httpOf,
  tlsOf,
  type Timed,
} from '../flow/application-facts.ts';
import type { NameSource } from '../flow/observed-names.ts';
import { nameOf, namesOf, nameSourceOf } from '../flow/peer-name.ts';
import { clientOf, rolesOf } from '../flow/roles.ts';
import {
  connectNsOf,
  lifeOf,
  resetsBy,
  resetsOf,
  responseOf,
  retransmitsOf,
  rttOf,
  transitionsOf,
  zeroWindowsOf,
} from '../flow/state.ts';
import { ownerSummaries, type OwnerSummary, type ProcessSummary, sideSummary } from './process.ts';
import {
  duplicateAcksOf,
  outOfOrderOf,
  SEGMENT_CLASSES,
  segmentsOf,
  timeoutsOf,
  type SegmentClass,
} from '../flow/tcp-trouble.ts';
import { localWhere, peerWhere } from '../flow/where.ts';
import { NO_OWNER } from '../place/databases.ts';
import { networkOf, type Network } from '../place/ranges.ts';
import type { SummarySource } from './source.ts';
import { addressText, decode, instant, isLinkLocal } from './text.ts';

export interface EndpointSummary {
  readonly address: string;
  readonly port: number | null;
  readonly zone: string | null;
  readonly name: string | null;
  readonly nameRaw?: string;
  /** Where `name` comes from; and all names that were heard of the address, this one first, then the newest. */
  readonly nameSource: NameSource | null;
  readonly names: readonly { readonly name: string; readonly source: NameSource; readonly at: string | null }[];
  /** What the address's range is for: public, private, link-local … */
  readonly network: Network;
  /** Autonomous system, its organisation, country: of the databases that were named. */
  readonly asn: number | null;
  readonly organisation: string | null;
  readonly country: string | null;
}

export interface CountersSummary {
  readonly packets: number;
  readonly bytes: number;
  readonly payloadBytes: number;
  readonly frames: number;
  readonly frameBytes: number;
}

/** Microseconds, with the nanoseconds as decimals. */
export interface DistributionSummary {
  readonly n: number;
  readonly minUs: number;
  readonly meanUs: number;
  readonly p50Us: number;
  readonly p90Us: number;
  readonly p99Us: number;
  readonly maxUs: number;
  /** Standard deviation, what ping calls mdev; at most 0.8 % of `maxUs` wrong. */
  readonly deviationUs: number;
  /** After RFC 3550, 6.4.1. */
  readonly jitterUs: number | null;
}

/** Where the time of the exchanges went; each part that is null has its reason beside it. */
export interface WhereSummary {
  /** Round trips. */
  readonly network: DistributionSummary | null;
  readonly networkUnknown: string | null;
  /** From the last segment's arrival to the read that returned it; from there to the first segment of the answer. */
  readonly clientQueue: DistributionSummary | null;
  readonly clientApplication: DistributionSummary | null;
  readonly clientUnknown: string | null;
  readonly serverQueue: DistributionSummary | null;
  readonly serverApplication: DistributionSummary | null;
  readonly serverUnknown: string | null;
  /** Mean over its answers, the least round trip taken off. */
  readonly peerMeanUs: number | null;
  readonly peerUnknown: string | null;
}

/** The ends of a flow as they are on another interface. */
export interface NatSummary {
  readonly interface: string;
  readonly client: { readonly address: string; readonly port: number | null };
  readonly server: { readonly address: string; readonly port: number | null };
}

export interface FlowSummary {
  readonly id: string;
  readonly protocol: string;
  readonly family: number;
  /** Where it was counted, and all the interfaces that its packets passed, in their order. */
  readonly interface: string | null;
  readonly path: readonly string[];
  /** Other addresses that it has on the way, where this machine translates them (NAT), in that order; null = not known. */
  readonly nat: readonly NatSummary[] | null;
  /** Why not: no conntrack = nobody could be asked there; not recorded = a capture of others. */
  readonly natUnknown: 'no conntrack' | 'not recorded' | null;
  readonly client: EndpointSummary;
  readonly server: EndpointSummary;
  readonly roles: (typeof ROLES)[number];
  readonly clientProcess: ProcessSummary | null;
  readonly clientProcessUnknown: string | null;
  readonly serverProcess: ProcessSummary | null;
  readonly serverProcessUnknown: string | null;
  /** While a side is "not yet used": who listens there. A hint, not the owner. */
  readonly listener: ProcessSummary | null;
  readonly owners: readonly OwnerSummary[];
  readonly started: string | null;
  readonly ended: string | null;
  readonly state: string;
  readonly end: string | null;
  readonly states: readonly { readonly at: string | null; readonly from: string; readonly to: string }[] | null;
  readonly sent: CountersSummary;
  readonly received: CountersSummary;
  readonly latency: {
    readonly connectUs: number | null;
    readonly rtt: DistributionSummary | null;
    readonly response: DistributionSummary | null;
    readonly dns: DistributionSummary | null;
    readonly tls: DistributionSummary | null;
    /** HTTP/1 and HTTP/2 */
    readonly http: DistributionSummary | null;
    readonly postgresql: DistributionSummary | null;
    readonly mysql: DistributionSummary | null;
    readonly redis: DistributionSummary | null;
    readonly ntp: DistributionSummary | null;
    readonly dhcp: DistributionSummary | null;
    readonly where: WhereSummary;
  };
  readonly retransmits: number | null;
  readonly sentRetransmits: number | null;
  readonly receivedRetransmits: number | null;
  /** Those that the retransmission timer caused. */
  readonly sentTimeouts: number | null;
  readonly receivedTimeouts: number | null;
  /** Segments that arrived beyond a hole, and acknowledgements that said nothing new. */
  readonly sentOutOfOrder: number | null;
  readonly receivedOutOfOrder: number | null;
  readonly sentDuplicateAcks: number | null;
  readonly receivedDuplicateAcks: number | null;
  /** Classes of segments in captures of others, as Wireshark's TCP analysis has them; null where no packets are followed. */
  readonly segments: { readonly sent: SegmentsSummary; readonly received: SegmentsSummary } | null;
  readonly resets: number | null;
  readonly sentResets: number | null;
  readonly receivedResets: number | null;
  readonly zeroWindows: number | null;
  readonly drops: readonly { readonly reason: string; readonly count: number }[];
  /** Recognised by content; null = not recognised. */
  readonly application: string | null;
  readonly banner: string | null;
  readonly dns: ReturnType<typeof dnsOf>;
  readonly tls: ReturnType<typeof tlsOf>;
  readonly http: ReturnType<typeof httpOf>;
  readonly labels: readonly string[];
}

/** The flow's name in the session: the same whenever the file is opened. */
export const flowId = ({ flows }: FlowModel, flow: number): string => String(flows.id.data[flow]! + 1);

export type SegmentsSummary = Readonly<Record<SegmentClass, number>>;

function segments(model: FlowModel, flow: number, side: number): SegmentsSummary {
  const counts = SEGMENT_CLASSES.map((name) => [name, segmentsOf(model, flow, side, name) ?? 0]);
  return Object.fromEntries(counts) as Record<SegmentClass, number>;
}

/** The flow of that number in the source's model. */
export function flowSummary(source: SummarySource, flow: number): FlowSummary {
  const { model } = source;
  const { flows } = model;
  const text = (string: number): string | null => (string === 0 ? null : model.strings.text(string - 1));
  const client = clientOf(model, flow);
  const server = 1 - client;
  const clientSide = sideSummary(model, flow, client);
  const serverSide = sideSummary(model, flow, server);
  const { state, end, endedNs } = lifeOf(model, flow);
  const at = (ns: number): string | null => {
    const wallNs = Number.isNaN(ns) ? null : model.clock.wallNs(ns);
    return wallNs === null ? null : instant(wallNs);
  };
  const sent = retransmitsOf(model, flow, client);
  const received = retransmitsOf(model, flow, server);
  const nameOf = (each: number): string => model.interfaces.get(flows.ifaceOf(each))?.name ?? '';
  const members = pathsOf(model).members(flow);
  const tcp = flows.protocolOf(flow) === PROTOCOL_TCP;
  const answers = (protocol: Timed): DistributionSummary | null =>
    distribution(source, answersOf(model, flow, protocol));
  return {
    id: flowId(model, flow),
    protocol: protocolName(flows.protocolOf(flow)),
    family: flows.familyOf(flow),
    interface: nameOf(flow) === '' ? null : nameOf(flow),
    path: members.map(nameOf).filter((name) => name !== ''),
    ...natOf(source, flow, members),
    client: endpoint(source, flow, client),
    server: endpoint(source, flow, server),
    roles: ROLES[rolesOf(model, flow)] ?? null,
    clientProcess: clientSide.process,
    clientProcessUnknown: clientSide.unknown,
    serverProcess: serverSide.process,
    serverProcessUnknown: serverSide.unknown,
    listener: serverSide.listener ?? clientSide.listener,
    owners: [...ownerSummaries(model, flow, client, 'client'), ...ownerSummaries(model, flow, server, 'server')],
    started: at(flows.firstNs.data[flow]!),
    ended: at(endedNs),
    state,
    end,
    states:
      transitionsOf(model, flow)?.map(({ atNs, from, to }) => ({
        at: at(atNs),
        from: TCP_STATES[from] ?? String(from),
        to: TCP_STATES[to] ?? String(to),
      })) ?? null,
    sent: counters(source, flow, client),
    received: counters(source, flow, server),
    latency: {
      connectUs: us(connectNsOf(model, flow)),
      rtt: distribution(source, rttOf(model, flow)),
      response: distribution(source, responseOf(model, flow)),
      dns: answers('dns'),
      tls: single(handshakeNsOf(model, flow)),
      http: answers('http'),
      postgresql: answers('postgresql'),
      mysql: answers('mysql'),
      redis: answers('redis'),
      ntp: answers('ntp'),
      dhcp: answers('dhcp'),
      where: where(source, flow, client),
    },
    retransmits: sent === null && received === null ? null : (sent ?? 0) + (received ?? 0),
    sentRetransmits: sent,
    receivedRetransmits: received,
    sentTimeouts: timeoutsOf(model, flow, client),
    receivedTimeouts: timeoutsOf(model, flow, server),
    sentOutOfOrder: outOfOrderOf(model, flow, client),
    receivedOutOfOrder: outOfOrderOf(model, flow, server),
    sentDuplicateAcks: duplicateAcksOf(model, flow, client),
    receivedDuplicateAcks: duplicateAcksOf(model, flow, server),
    segments:
      tcp && model.countsFromPackets
        ? { sent: segments(model, flow, client), received: segments(model, flow, server) }
        : null,
    resets: resetsOf(model, flow),
    sentResets: tcp ? resetsBy(model, flow, client) : null,
    receivedResets: tcp ? resetsBy(model, flow, server) : null,
    zeroWindows: zeroWindowsOf(model, flow),
    drops: drops(source, members),
    application: applicationOf(model, flow),
    banner: bannerOf(model, flow, text),
    dns: dnsOf(model, flow, text),
    tls: tlsOf(model, flow, text),
    http: httpOf(model, flow, text),
    labels: source.labels?.(flow) ?? [],
  };
}

function endpoint(source: SummarySource, flow: number, side: number): EndpointSummary {
  const { model } = source;
  const { flows } = model;
  const protocol = flows.protocolOf(flow);
  const family = flows.familyOf(flow);
  const word = flows.addressWord(flow, side);
  const hasPorts = protocol !== PROTOCOL_ICMP && protocol !== PROTOCOL_ICMPV6;
  const name = nameOf(model, flow, side);
  const decoded = name === 0 ? null : decode(model.strings.bytesOf(name - 1));
  return {
    address: addressText(flows.key.data, word, family),
    port: hasPorts && (flows.portOf(flow, 0) | flows.portOf(flow, 1)) !== 0 ? flows.portOf(flow, side) : null,
    zone: isLinkLocal(flows.key.data, word, family) ? (model.interfaces.get(flows.ifaceOf(flow))?.name ?? null) : null,
    name: decoded?.text ?? null,
    ...(decoded === null || decoded.raw === null ? {} : { nameRaw: decoded.raw }),
    nameSource: nameSourceOf(model, flow, side),
    names: namesOf(model, flow, side).map(({ name, source, atNs }) => {
      const wallNs = atNs === null ? null : model.clock.wallNs(atNs);
      return { name, source, at: wallNs === null ? null : instant(wallNs) };
    }),
    network: networkOf(flows.key.data, word, family),
    ...(source.places?.owner(flow, side) ?? NO_OWNER),
  };
}

function counters({ model }: SummarySource, flow: number, direction: number): CountersSummary {
  const at = (flow * 2 + direction) * COUNTERS;
  const data = model.flows.counters.data;
  return {
    packets: data[at]!,
    bytes: data[at + 1]!,
    payloadBytes: data[at + 2]!,
    frames: data[at + 3]!,
    frameBytes: data[at + 4]!,
  };
}

/** ns to µs, three decimals at most; NaN is not known. */
const us = (ns: number): number | null => (Number.isNaN(ns) ? null : Math.round(ns) / 1000);

const usOf = (ns: number): number => Math.round(ns) / 1000;

function distribution({ model }: SummarySource, histogram: number): DistributionSummary | null {
  const read: Distribution | null = histogram < 0 ? null : model.histograms.read(histogram);
  if (read === null) return null;
  return {
    n: read.n,
    minUs: usOf(read.minNs),
    meanUs: usOf(read.meanNs),
    p50Us: usOf(read.p50Ns),
    p90Us: usOf(read.p90Ns),
    p99Us: usOf(read.p99Ns),
    maxUs: usOf(read.maxNs),
    deviationUs: usOf(model.histograms.deviation(histogram)),
    jitterUs: read.jitterNs === null ? null : usOf(read.jitterNs),
  };
}

function where(source: SummarySource, flow: number, client: number): WhereSummary {
  const { model } = source;
  const network = distribution(source, rttOf(model, flow));
  const [near, far] = [localWhere(model, flow, client), localWhere(model, flow, 1 - client)];
  const peer = peerWhere(model, flow);
  return {
    network,
    networkUnknown: network === null ? 'no round trip' : null,
    clientQueue: distribution(source, near.queue),
    clientApplication: distribution(source, near.application),
    clientUnknown: near.unknown,
    serverQueue: distribution(source, far.queue),
    serverApplication: distribution(source, far.application),
    serverUnknown: far.unknown,
    peerMeanUs: us(peer.meanNs),
    peerUnknown: peer.unknown,
  };
}

/** One measurement as a distribution of one sample; NaN is not known. */
function single(ns: number): DistributionSummary | null {
  if (Number.isNaN(ns)) return null;
  const value = usOf(ns);
  return {
    n: 1,
    minUs: value,
    meanUs: value,
    p50Us: value,
    p90Us: value,
    p99Us: value,
    maxUs: value,
    deviationUs: 0,
    jitterUs: null,
  };
}

/** Members of the path that have other ends than the flow that is shown; each pair of ends once. */
function natOf(
  source: SummarySource,
  flow: number,
  members: readonly number[],
): Pick<FlowSummary, 'nat' | 'natUnknown'> {
  const { model } = source;
  const { flows, interfaces, features, countsFromPackets } = model;
  if ((features & FEATURE_CONNTRACK) === 0)
    return { nat: null, natUnknown: countsFromPackets || features === 0 ? 'not recorded' : 'no conntrack' };
  const nat: NatSummary[] = [];
  const told = [flow];
  for (const member of members) {
    if (told.some((other) => flows.sameEnds(member, other))) continue;
    told.push(member);
    const client = clientOf(model, member);
    const end = (side: number): NatSummary['client'] => {
      const { address, port } = endpoint(source, member, side);
      return { address, port };
    };
    nat.push({ interface: interfaces.get(flows.ifaceOf(member))?.name ?? '', client: end(client), server: end(1 - client) }); // prettier-ignore
  }
  return { nat, natUnknown: null };
}

/** A drop is told of one interface of the path only: they add up. */
function drops({ model }: SummarySource, members: readonly number[]): { reason: string; count: number }[] {
  const counts = new Map<number, number>();
  for (const flow of members)
    for (let row = model.flows.drops.data[flow]!; row >= 0; row = model.dropNext.data[row]!) {
      const number = model.dropReason.data[row]!;
      counts.set(number, (counts.get(number) ?? 0) + model.dropCount.data[row]!);
    }
  const found = [...counts].map(([number, count]) => {
    const name = number < model.reasons.count ? model.reasonName.data[number]! : 0;
    return { reason: name === 0 ? String(number) : model.strings.text(name - 1), count };
  });
  return found.sort((a, b) => b.count - a.count || (a.reason < b.reason ? -1 : 1));
}
