/** What was recognised in the payload of flows: one row for each flow of which anything was. */
import { Table } from './columns.ts';
import type { SnapshotReader, SnapshotWriter } from './snapshot.ts';

/** Application protocols, by number. */
export const PROTOCOLS = [
  null,
  'dns',
  'mdns',
  'llmnr',
  'tls',
  'quic',
  'http',
  'ssh',
  'http2',
  'postgresql',
  'mysql',
  'redis',
  'ntp',
  'dhcp',
] as const;
export type ApplicationProtocol = Exclude<(typeof PROTOCOLS)[number], null>;
export const APP_DNS = 1;
export const APP_MDNS = 2;
export const APP_LLMNR = 3;
export const APP_TLS = 4;
export const APP_QUIC = 5;
export const APP_HTTP = 6;
export const APP_SSH = 7;
export const APP_HTTP2 = 8;
export const APP_POSTGRESQL = 9;
export const APP_MYSQL = 10;
export const APP_REDIS = 11;
export const APP_NTP = 12;
export const APP_DHCP = 13;

/** The protocol as people write it. */
export const PROTOCOL_LABELS: Readonly<Record<ApplicationProtocol, string>> = {
  dns: 'DNS',
  mdns: 'mDNS',
  llmnr: 'LLMNR',
  tls: 'TLS',
  quic: 'QUIC',
  http: 'HTTP',
  ssh: 'SSH',
  http2: 'HTTP/2',
  postgresql: 'PostgreSQL',
  mysql: 'MySQL',
  redis: 'Redis',
  ntp: 'NTP',
  dhcp: 'DHCP',
};

/** `1.3` of 0x0304; null for what is no version that we know. */
export function tlsVersionText(version: number): string | null {
  return version >= 0x0301 && version <= 0x0304 ? `1.${version - 0x0301}` : version === 0x0300 ? 'SSL 3' : null;
}

/** In `tlsFlags`: the ClientHello was encrypted, so that its server name is that of the front. */
export const TLS_ENCRYPTED_HELLO = 1;
/** The session was resumed (TLS 1.2; in 1.3 a ticket was accepted). */
export const TLS_RESUMED = 2;
/** The server's side of the handshake was seen. */
export const TLS_ANSWERED = 4;

/** `dnsCode` while no answer was seen. */
export const DNS_UNANSWERED = 255;

export class Applications {
  readonly rows = new Table();
  /** APP_* */
  readonly protocol = this.rows.uint8();
  /** SOURCE_* of `flows.name` */
  readonly nameSource = this.rows.uint8();
  readonly tlsFlags = this.rows.uint8();
  /** Response code of the last answer, DNS_UNANSWERED = none yet */
  readonly dnsCode = this.rows.uint8();
  /** As on the wire: 0x0303 = 1.2; 0 = not known */
  readonly tlsVersion = this.rows.uint16();
  /** Type of the last question */
  readonly dnsType = this.rows.uint16();
  /** Of the last answer, 0 = none */
  readonly httpStatus = this.rows.uint16();
  /** Strings + 1, 0 = not known: server name; ALPN offered, joined with NUL; ALPN chosen; name in the certificate */
  readonly tlsName = this.rows.uint32();
  readonly tlsAlpn = this.rows.uint32();
  readonly tlsChosen = this.rows.uint32();
  readonly tlsCertificate = this.rows.uint32();
  readonly dnsQuestion = this.rows.uint32();
  /** Method and path of the last request */
  readonly httpRequest = this.rows.uint32();
  /** First line of SSH, version of a server */
  readonly banner = this.rows.uint32();
  /** Questions or requests seen */
  readonly requests = this.rows.uint32();
  /** ns from ClientHello to the end of the handshake, NaN = not known */
  readonly handshakeNs = this.rows.float64();
  /** Histogram of question → answer or request → answer, −1 = no samples */
  readonly latency = this.rows.int32();

  /** Columns that hold strings + 1. */
  readonly texts = [
    this.tlsName,
    this.tlsAlpn,
    this.tlsChosen,
    this.tlsCertificate,
    this.dnsQuestion,
    this.httpRequest,
    this.banner,
  ] as const;

  create(): number {
    const row = this.rows.append();
    this.dnsCode.data[row] = DNS_UNANSWERED;
    this.handshakeNs.data[row] = NaN;
    this.latency.data[row] = -1;
    return row;
  }

  get bytes(): number {
    return this.rows.bytes;
  }
  save(out: SnapshotWriter): void {
    this.rows.save(out);
  }
  load(input: SnapshotReader): void {
    this.rows.load(input);
  }
}
