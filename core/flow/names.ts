/** Numbers that columns hold, and the words that users see for them. */
import { UNPARSED_REASON_NAMES } from '../dissect/packet.ts';

export const ROLES_UNKNOWN = 0;
export const ROLES_SYN = 1;
export const ROLES_CONNECT = 2;
export const ROLES_PORT = 3;
export const ROLES_FIRST_PACKET = 4;
/** How client and server were decided. */
export const ROLES = [null, 'syn', 'connect', 'port', 'first-packet'] as const;

export const END_OPEN = 0;
export const END_FIN = 1;
export const END_RESET = 2;
export const END_TIMEOUT = 3;
export const END_REFUSED = 4;
export const ENDS = [null, 'fin', 'reset', 'timeout', 'refused'] as const;
export type End = (typeof ENDS)[number];

/** State of a flow as users see it; TCP from new to closed, everything else active or idle. */
export const STATES = [
  'new',
  'syn-sent',
  'syn-received',
  'established',
  'closing',
  'closed',
  'active',
  'idle',
] as const;
export type State = (typeof STATES)[number];

/** TCP_* of include/net/tcp_states.h, by number. */
export const TCP_ESTABLISHED = 1;
export const TCP_SYN_SENT = 2;
export const TCP_SYN_RECV = 3;
export const TCP_TIME_WAIT = 6;
export const TCP_CLOSE = 7;
export const TCP_LISTEN = 10;
export const TCP_NEW_SYN_RECV = 12;
export const TCP_STATES = [
  '',
  'ESTABLISHED',
  'SYN_SENT',
  'SYN_RECV',
  'FIN_WAIT1',
  'FIN_WAIT2',
  'TIME_WAIT',
  'CLOSE',
  'CLOSE_WAIT',
  'LAST_ACK',
  'LISTEN',
  'CLOSING',
  'NEW_SYN_RECV',
] as const;

/** The flow state that a kernel TCP state means. */
export function stateOfTcp(tcpState: number): State {
  switch (tcpState) {
    case TCP_ESTABLISHED:
      return 'established';
    case TCP_SYN_SENT:
      return 'syn-sent';
    case TCP_SYN_RECV:
    case TCP_NEW_SYN_RECV:
      return 'syn-received';
    case TCP_CLOSE:
      return 'closed';
    case 0:
    case TCP_LISTEN:
      return 'new';
    default:
      return 'closing';
  }
}

/** How the owner of a socket was learnt: enum fg_owner_source. */
export const SOURCES = [
  null,
  'create',
  'connect',
  'listen',
  'send',
  'receive',
  'release',
  'snapshot',
  'accept',
  'capture',
] as const;
/** A capture file says so: option 8, process blocks or comments. Not of the kernel's enumeration. */
export const SOURCE_CAPTURE = 9;

/** enum fg_unparsed_reason, and what only the tracker of foreign captures counts. */
export const UNPARSED = [...UNPARSED_REASON_NAMES, 'duplicate'] as const;
/** A copy of a packet that was seen on another interface or in another direction of one capture. */
export const UNPARSED_DUPLICATE = 9;

export const METRIC_CONNECT = 0;
export const METRIC_RTT = 1;
export const METRIC_RESPONSE = 2;

export const PROTOCOL_ICMP = 1;
export const PROTOCOL_TCP = 6;
export const PROTOCOL_UDP = 17;
export const PROTOCOL_ICMPV6 = 58;
export const PROTOCOL_SCTP = 132;

/** The protocol's word, or its number as text. */
export function protocolName(protocol: number): string {
  switch (protocol) {
    case PROTOCOL_ICMP:
      return 'icmp';
    case PROTOCOL_TCP:
      return 'tcp';
    case PROTOCOL_UDP:
      return 'udp';
    case PROTOCOL_ICMPV6:
      return 'icmpv6';
    case PROTOCOL_SCTP:
      return 'sctp';
    default:
      return String(protocol);
  }
}
