/**
 * Every field of the filter language. Names are what the summary and the screens call things; aliases are Wireshark's
 * names and plain shorter ones. docs/filter.md documents each (a test compares).
 */
import { PROTOCOLS as PROTOCOL_WORDS } from '../flow/applications.ts';
import { NAME_SOURCES } from '../flow/observed-names.ts';
import { NETWORKS } from '../place/ranges.ts';
import { SEGMENT_FIELDS } from './segment-fields.ts';

export type FieldType = 'count' | 'port' | 'size' | 'duration' | 'rate' | 'instant' | 'text' | 'enum' | 'address';

export interface FieldSpec {
  readonly name: string;
  readonly type: FieldType;
  /** One line for completion and documentation. */
  readonly doc: string;
  readonly aliases: readonly string[];
  /** Of the value as accessors give it (FlowFields): bytes, bytes/s, ns, or nothing. */
  readonly unit: string | null;
  /** Words an enum can have. */
  readonly values: readonly string[];
  /** Largest value a number can have. */
  readonly max: number;
  /** A field that looks at both ends: the comparison holds when it holds for one of these (`!=`: for none). */
  readonly either: readonly string[];
  /** Only flows of this IP protocol have the field (`tcp.port`). */
  readonly protocol: number | null;
  /** Where the value comes from when this is another name for it under a protocol (`tcp.srcport` → `client.port`). */
  readonly source: string;
  /** Several values at once (drop reasons): any of them may match. */
  readonly list: boolean;
  /** Compared without regard to case: DNS names (RFC 4343), codes of countries. */
  readonly caseless: boolean;
}

type Options = Partial<Omit<FieldSpec, 'name' | 'type' | 'doc' | 'unit'>>;

const UNITS: Record<FieldType, string | null> = {
  count: null,
  port: null,
  size: 'bytes',
  duration: 'ns',
  rate: 'bytes/s',
  instant: 'ns from the start of the session',
  text: null,
  enum: null,
  address: null,
};

function field(name: string, type: FieldType, doc: string, options: Options = {}): FieldSpec {
  return {
    name,
    type,
    doc,
    aliases: [],
    unit: UNITS[type],
    values: [],
    max: type === 'port' ? 65535 : Number.MAX_SAFE_INTEGER,
    either: [],
    protocol: null,
    source: name,
    list: false,
    caseless: false,
    ...options,
  };
}

/** IP protocol numbers (IANA) by name; also the bare predicates, beside `ip` and `ipv6`. */
export const PROTOCOL_NUMBERS: ReadonlyMap<string, number> = new Map([
  ['tcp', 6],
  ['udp', 17],
  ['icmp', 1],
  ['icmpv6', 58],
  ['sctp', 132],
]);

/** Bare predicates and what they mean; `ip` is IPv4 only, as in Wireshark. */
export const PROTOCOLS: ReadonlyMap<string, string> = new Map([
  ['tcp', 'TCP flows'],
  ['udp', 'UDP flows'],
  ['icmp', 'ICMP for IPv4'],
  ['icmpv6', 'ICMP for IPv6'],
  ['sctp', 'SCTP flows'],
  ['ip', 'IPv4 flows'],
  ['ipv6', 'IPv6 flows'],
]);

export const PROTOCOL_ALIASES: ReadonlyMap<string, string> = new Map([
  ['ipv4', 'ip'],
  ['ip4', 'ip'],
  ['ip6', 'ipv6'],
  ['icmp6', 'icmpv6'],
]);

const SOURCES = NAME_SOURCES.filter((word) => word !== null);
const APPLICATIONS = PROTOCOL_WORDS.filter((word) => word !== null);

const NETWORK: readonly (readonly [string, FieldType, string, Options])[] = [
  ['network', 'enum', "what the address's range is for (IANA)", { values: NETWORKS, aliases: ['scope'] }],
  ['asn', 'count', 'number of the autonomous system', { max: 0xffffffff }],
  ['organisation', 'text', 'organisation of the autonomous system', { aliases: ['organization', 'org'] }],
  ['country', 'text', 'country (two letters, ISO 3166-1)', { caseless: true }],
];

const ENDS: FieldSpec[] = [
  field('ip.addr', 'address', 'address of either end; a prefix matches every address in it', {
    aliases: ['addr', 'address', 'host'],
    either: ['client.addr', 'server.addr'],
  }),
  field('client.addr', 'address', 'address of the end that connected', {
    aliases: ['client.address', 'ip.src', 'src'],
  }),
  field('server.addr', 'address', 'address of the end that was connected to', {
    aliases: ['server.address', 'ip.dst', 'dst'],
  }),
  field('port', 'port', 'port of either end', { either: ['client.port', 'server.port'] }),
  field('client.port', 'port', 'port of the end that connected'),
  field('server.port', 'port', 'port of the end that was connected to'),
  ...['tcp', 'udp'].flatMap((name) => {
    const protocol = PROTOCOL_NUMBERS.get(name) ?? null;
    const upper = name.toUpperCase();
    return [
      field(`${name}.port`, 'port', `${upper} port of either end`, {
        either: ['client.port', 'server.port'],
        protocol,
      }),
      field(`${name}.srcport`, 'port', `${upper} port of the client`, { source: 'client.port', protocol }),
      field(`${name}.dstport`, 'port', `${upper} port of the server`, { source: 'server.port', protocol }),
    ];
  }),
  field('peer.name', 'text', 'name of either end, as seen in DNS answers, TLS or /etc/hosts', {
    aliases: ['name'],
    either: ['client.name', 'server.name'],
    caseless: true,
  }),
  field('client.name', 'text', 'name of the client', { caseless: true }),
  field('server.name', 'text', 'name of the server', { caseless: true }),
  ...NETWORK.flatMap(([name, type, doc, options]) => [
    field(name, type, `${doc} of either end`, { ...options, either: [`client.${name}`, `server.${name}`] }),
    field(`client.${name}`, type, `${doc} of the client`, { ...options, aliases: [] }),
    field(`server.${name}`, type, `${doc} of the server`, { ...options, aliases: [] }),
  ]),
  field('family', 'count', 'IP version: 4 or 6', { max: 6 }),
  field('protocol', 'count', 'IP protocol number: 6 is TCP, 17 is UDP', { aliases: ['ip.proto'], max: 255 }),
  field('interface', 'text', 'name of the interface that saw the flow', { aliases: ['iface', 'frame.interface_name'] }),
  field('netns', 'count', 'network namespace, as the inode number that lsns shows', { max: 0xffffffff }),
  field('id', 'text', 'the flow itself, by its identifier in summaries', { aliases: ['flow.id'] }),
];

const OWNER: readonly (readonly [string, FieldType, string, readonly string[]])[] = [
  ['name', 'text', 'name', []],
  ['pid', 'count', 'process id', []],
  ['exe', 'text', 'path of the executable', []],
  ['cmdline', 'text', 'command line', ['commandLine']],
  ['uid', 'count', 'numeric user id', []],
  ['user', 'text', 'user name', []],
  ['cgroup', 'text', 'control group path', []],
  ['unit', 'text', 'systemd unit', []],
  ['container', 'text', 'container (its name, else the beginning of its id)', []],
  ['image', 'text', 'image of the container', []],
  ['pod', 'text', 'Kubernetes pod', []],
  ['namespace', 'text', 'namespace of the Kubernetes pod', []],
  ['workload', 'text', 'Kubernetes workload (by the name of the pod)', []],
  ['package', 'text', 'Flatpak, Snap or AppImage', []],
  ['script', 'text', 'interpreted script', []],
];

const PROCESSES: FieldSpec[] = [
  ...OWNER.map(([part, type, doc, aliases]) =>
    field(
      `process.${part}`,
      type,
      `${part === 'name' ? 'name, or name of the script,' : doc} of the local process at either end`,
      {
        aliases: aliases.map((alias) => `process.${alias}`),
        either: (part === 'name' ? ['name', 'script'] : [part]).flatMap((each) => [
          `client.process.${each}`,
          `server.process.${each}`,
        ]),
        ...(type === 'count' ? { max: 0xffffffff } : {}),
      },
    ),
  ),
  field('parent.pid', 'count', 'process id of the parent of the local process at either end', {
    aliases: ['process.ppid'],
    either: ['client.parent.pid', 'server.parent.pid'],
    max: 0xffffffff,
  }),
  ...['client', 'server'].flatMap((side) => [
    ...OWNER.map(([part, type, doc]) =>
      field(
        `${side}.process.${part}`,
        type,
        `${doc} of the ${side}'s process`,
        type === 'count' ? { max: 0xffffffff } : {},
      ),
    ),
    field(`${side}.parent.pid`, 'count', `process id of the parent of the ${side}'s process`, { max: 0xffffffff }),
  ]),
];

const LIFE: FieldSpec[] = [
  field('state', 'enum', 'state of the flow', {
    values: ['new', 'syn-sent', 'syn-received', 'established', 'closing', 'closed', 'active', 'idle'],
    aliases: ['tcp.state'],
  }),
  field('end', 'enum', 'how a TCP flow ended', { values: ['fin', 'reset', 'timeout', 'refused'] }),
  field('roles', 'enum', 'how client and server were told apart', {
    values: ['syn', 'connect', 'port', 'first-packet'],
  }),
  field('started', 'instant', 'when the first packet was seen'),
  field('ended', 'instant', 'when the flow ended; unknown while it is open'),
  field('duration', 'duration', 'from the start to the end, or until now while open'),
  field('age', 'duration', 'time since the flow started'),
  field('idle', 'duration', 'time since its last packet'),
];

const AMOUNTS: readonly (readonly [string, FieldType, string])[] = [
  ['packets', 'count', 'wire packets'],
  ['bytes', 'size', 'wire bytes, link header included'],
  ['payload', 'size', 'transport payload bytes, retransmitted ones counted again'],
  ['frames', 'count', 'frames as the kernel handed them over'],
  ['rate', 'rate', 'bytes a second, averaged over the life of the flow'],
  ['retransmits', 'count', 'TCP segments sent again'],
];

const TRAFFIC: FieldSpec[] = [
  ...AMOUNTS.map(([name, type, doc]) => field(name, type, `${doc}, both directions`)),
  ...AMOUNTS.map(([name, type, doc]) => field(`sent.${name}`, type, `${doc}, client to server`)),
  ...AMOUNTS.map(([name, type, doc]) => field(`received.${name}`, type, `${doc}, server to client`)),
];

const SEGMENTS: FieldSpec[] = SEGMENT_FIELDS.flatMap(([name, , doc, theirs]) => [
  field(name, 'count', `${doc}, both directions`, { aliases: [`tcp.analysis.${theirs}`] }),
  field(`sent.${name}`, 'count', `${doc}, client to server`),
  field(`received.${name}`, 'count', `${doc}, server to client`),
]);

const PARTS: readonly (readonly [string, FieldType, string])[] = [
  ['min', 'duration', 'smallest'],
  ['mean', 'duration', 'mean'],
  ['p50', 'duration', 'median'],
  ['p90', 'duration', '90th percentile of the'],
  ['p99', 'duration', '99th percentile of the'],
  ['max', 'duration', 'largest'],
  ['jitter', 'duration', 'jitter (RFC 3550) of the'],
];

const METRICS: readonly (readonly [string, string])[] = [
  ['rtt', 'round-trip time'],
  ['response', 'time from a request to its response'],
  ['dns', 'time from a DNS question to its answer'],
  ['http', 'time from an HTTP request to its answer'],
  ['postgresql', 'time from a PostgreSQL request to its answer'],
  ['mysql', 'time from a MySQL command to its answer'],
  ['redis', 'time from a Redis command to its answer'],
  ['ntp', 'time from an NTP request to its answer'],
  ['dhcp', 'time from a DHCP message to its reply'],
];

const LATENCY: FieldSpec[] = [
  ...METRICS.flatMap(([metric, word]) => {
    return [
      ...PARTS.map(([part, type, doc]) => field(`${metric}.${part}`, type, `${doc} ${word}`)),
      field(`${metric}.n`, 'count', `number of samples of the ${word}; unknown when there are none`),
    ];
  }),
  field('connect', 'duration', 'from the SYN to the connection being established'),
  field('tls.handshake', 'duration', 'from the TLS ClientHello to the end of the handshake'),
];

const TROUBLE: FieldSpec[] = [
  field('resets', 'count', 'TCP resets, both directions'),
  field('zero_windows', 'count', 'segments that advertised a closed receive window', { aliases: ['zeroWindows'] }),
  field('drops', 'count', 'packets that the kernel dropped'),
  field('drop.reason', 'text', "kernel's reason for a dropped packet, as in NO_SOCKET", { list: true }),
  field('name_source', 'enum', 'what the name of either end comes from', {
    values: SOURCES,
    either: ['client.name_source', 'server.name_source'],
  }),
  field('client.name_source', 'enum', "what the client's name comes from", { values: SOURCES }),
  field('server.name_source', 'enum', "what the server's name comes from", { values: SOURCES }),
  field('application', 'enum', 'application protocol, recognised by content', {
    values: APPLICATIONS,
    aliases: ['app'],
  }),
  field('banner', 'text', 'first line that SSH sent, version of a PostgreSQL or MySQL server, version of QUIC'),
  field('dns.question', 'text', 'name that was asked for last', { aliases: ['dns.qry.name'], caseless: true }),
  field('dns.type', 'text', 'type of that question, as in AAAA'),
  field('dns.code', 'text', 'response code of its answer, as in NXDOMAIN; unknown without an answer'),
  field('http.method', 'text', 'method of the last HTTP/1 request', { aliases: ['http.request.method'] }),
  field('http.path', 'text', 'its path, without query', { aliases: ['http.request.uri.path'] }),
  field('http.status', 'count', 'status of the last HTTP/1 answer', { aliases: ['http.response.code'], max: 999 }),
  field('tls.version', 'text', 'TLS version that was agreed on, as in 1.3'),
  field('tls.certificate', 'text', "name in the server's certificate (up to TLS 1.2)", { caseless: true }),
  field('tls.ech', 'count', '1 when the ClientHello has an encrypted part, so that the name is that of the front', {
    max: 1,
  }),
  field('tls.sni', 'text', 'server name asked for in the TLS handshake', {
    aliases: ['tls.serverName', 'tls.handshake.extensions_server_name'],
    caseless: true,
  }),
  field('tls.alpn', 'text', 'application protocols offered in the TLS handshake', { list: true }),
  field('label', 'text', 'label that a rule of yours put on the flow', { list: true }),
];

/** Every field, in the order of the documentation. */
export const FIELDS: readonly FieldSpec[] = [
  ...ENDS,
  ...PROCESSES,
  ...LIFE,
  ...TRAFFIC,
  ...SEGMENTS,
  ...LATENCY,
  ...TROUBLE,
];

const BY_NAME = new Map<string, FieldSpec>();
for (const spec of FIELDS) for (const name of [spec.name, ...spec.aliases]) BY_NAME.set(name.toLowerCase(), spec);

/** The field of that name or alias (case does not matter), or null. */
export function findField(name: string): FieldSpec | null {
  return BY_NAME.get(name.toLowerCase()) ?? null;
}

/** The field of that canonical name; throws on a name that no parser produced. */
export function fieldOf(name: string): FieldSpec {
  const spec = BY_NAME.get(name.toLowerCase());
  if (spec === undefined) throw new RangeError(`no filter field is named ${name}`);
  return spec;
}

/** Canonical name of a bare protocol predicate, or null. */
export function findProtocol(name: string): string | null {
  const lower = name.toLowerCase();
  const canonical = PROTOCOL_ALIASES.get(lower) ?? lower;
  return PROTOCOLS.has(canonical) ? canonical : null;
}

/** Comparison operators that a field's type allows, as written. */
export function operatorsOf(spec: FieldSpec): readonly string[] {
  switch (spec.type) {
    case 'text':
      return ['==', '!=', 'contains', '~', 'in'];
    case 'enum':
    case 'address':
      return ['==', '!=', 'in'];
    default:
      return ['==', '!=', '<', '<=', '>', '>=', 'in'];
  }
}
