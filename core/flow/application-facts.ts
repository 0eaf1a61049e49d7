/** What was recognised in a flow's payload, in words and numbers for summaries, filters and screens. */
import { dnsTypeText } from '../dissect/dns-types.ts';
import {
  APP_LLMNR,
  DNS_UNANSWERED,
  PROTOCOLS,
  TLS_ANSWERED,
  TLS_ENCRYPTED_HELLO,
  TLS_RESUMED,
  tlsVersionText,
  type ApplicationProtocol,
} from './applications.ts';
import { NONE } from './flows.ts';
import type { FlowModel } from './model.ts';

/** Response codes (RFC 1035, 2136). */
const DNS_CODES = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED', 'YXDOMAIN', 'YXRRSET', 'NXRRSET', 'NOTAUTH', 'NOTZONE']; // prettier-ignore

/** Row of `applications`, -1 = nothing was recognised. */
const rowOf = (model: FlowModel, flow: number): number => model.flows.application.data[flow]!;

/** The application protocol, null when it was not recognised. */
export function applicationOf(model: FlowModel, flow: number): ApplicationProtocol | null {
  const row = rowOf(model, flow);
  return row < 0 ? null : (PROTOCOLS[model.applications.protocol.data[row]!] ?? null);
}

const isDns = (model: FlowModel, row: number): boolean => {
  const protocol = model.applications.protocol.data[row]!;
  return protocol > 0 && protocol <= APP_LLMNR;
};

/** Protocols whose answers are timed, by the name under which the times stand. */
export const TIMED = ['dns', 'http', 'postgresql', 'mysql', 'redis', 'ntp', 'dhcp'] as const;
export type Timed = (typeof TIMED)[number];

/** By protocol's number; null = it has no answers, or they are not timed. */
const TIMED_OF: readonly (Timed | null)[] = PROTOCOLS.map((protocol) => {
  if (protocol === 'mdns' || protocol === 'llmnr') return 'dns';
  if (protocol === 'http2') return 'http';
  return TIMED.find((each) => each === protocol) ?? null;
});

/** Histogram of the times from a request to its answer in this protocol, -1 = none. */
export function answersOf(model: FlowModel, flow: number, protocol: Timed): number {
  const row = rowOf(model, flow);
  if (row < 0 || TIMED_OF[model.applications.protocol.data[row]!] !== protocol) return NONE;
  return model.applications.latency.data[row]!;
}

/** ns from the ClientHello to the end of the handshake, NaN = not known. */
export function handshakeNsOf(model: FlowModel, flow: number): number {
  const row = rowOf(model, flow);
  return row < 0 ? NaN : model.applications.handshakeNs.data[row]!;
}

/** What the payload said, in words. Strings are interned bytes: `text` decodes a string's number + 1. */
export function dnsOf(model: FlowModel, flow: number, text: (string: number) => string | null) {
  const row = rowOf(model, flow);
  if (row < 0 || !isDns(model, row)) return null;
  const { applications } = model;
  const question = text(applications.dnsQuestion.data[row]!);
  const code = applications.dnsCode.data[row]!;
  return {
    question,
    type: question === null ? null : dnsTypeText(applications.dnsType.data[row]!),
    /** null = no answer yet */
    code: code === DNS_UNANSWERED ? null : (DNS_CODES[code] ?? `RCODE${code}`),
    questions: applications.requests.data[row]!,
  };
}

export function tlsOf(model: FlowModel, flow: number, text: (string: number) => string | null) {
  const row = rowOf(model, flow);
  if (row < 0) return null;
  const { applications } = model;
  const protocol = PROTOCOLS[applications.protocol.data[row]!];
  const flags = applications.tlsFlags.data[row]!;
  // Other protocols may go on in TLS (STARTTLS, CONNECT, PostgreSQL).
  const begun = flags !== 0 || applications.tlsVersion.data[row] !== 0 || applications.tlsAlpn.data[row] !== 0;
  const within = begun || applications.tlsName.data[row] !== 0;
  if (protocol !== 'tls' && protocol !== 'quic' && !within) return null;
  const offered = text(applications.tlsAlpn.data[row]!);
  return {
    serverName: text(applications.tlsName.data[row]!),
    alpn: offered === null ? [] : offered.split('\0'),
    chosenAlpn: text(applications.tlsChosen.data[row]!),
    version: tlsVersionText(applications.tlsVersion.data[row]!),
    certificate: text(applications.tlsCertificate.data[row]!),
    encryptedHello: (flags & TLS_ENCRYPTED_HELLO) !== 0,
    resumed: (flags & TLS_ANSWERED) === 0 ? null : (flags & TLS_RESUMED) !== 0,
  };
}

export function httpOf(model: FlowModel, flow: number, text: (string: number) => string | null) {
  const row = rowOf(model, flow);
  if (row < 0 || TIMED_OF[model.applications.protocol.data[row]!] !== 'http') return null;
  const { applications } = model;
  const request = text(applications.httpRequest.data[row]!);
  const space = request === null ? -1 : request.indexOf(' ');
  return {
    method: request === null ? null : request.slice(0, space),
    path: request === null ? null : request.slice(space + 1),
    status: applications.httpStatus.data[row]! || null,
    requests: applications.requests.data[row]!,
  };
}

/** First line of SSH, version of a server; null = none. */
export function bannerOf(model: FlowModel, flow: number, text: (string: number) => string | null): string | null {
  const row = rowOf(model, flow);
  return row < 0 ? null : text(model.applications.banner.data[row]!);
}
