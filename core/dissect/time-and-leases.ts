/** NTP (RFC 5905) and DHCP (RFC 2131) messages: what they are, and by what a request knows its answer. */
import { u32 } from './bytes.ts';

const NTP_SIZE = 48;
export const NTP_CLIENT = 3;
export const NTP_SERVER = 4;
const NTP_ORIGIN = 24;
const NTP_TRANSMIT = 40;

/** Mode of an NTP message of version 3 or 4 between client and server; 0 = it is none. */
export function ntpMode(bytes: Uint8Array, start: number, length: number): number {
  if (length < NTP_SIZE || length % 4 !== 0) return 0;
  const version = (bytes[start]! >> 3) & 7;
  const mode = bytes[start]! & 7;
  if ((version !== 3 && version !== 4) || bytes[start + 1]! > 16) return 0;
  return mode === NTP_CLIENT || mode === NTP_SERVER ? mode : 0;
}

/** The time by which an answer is known (its origin is the request's transmit time), as one number; 0 = none is given. */
export function ntpKey(bytes: Uint8Array, start: number, mode: number): number {
  const at = start + (mode === NTP_CLIENT ? NTP_TRANSMIT : NTP_ORIGIN);
  return (u32(bytes, at) & 0x1fffff) * 2 ** 32 + u32(bytes, at + 4);
}

const DHCP_COOKIE_AT = 236;
const DHCP_COOKIE = 0x63825363;
const DHCP_REPLY = 2;

/** A DHCP message (BOOTP with the magic cookie) of a client or a server. */
export function isDhcp(bytes: Uint8Array, start: number, length: number): boolean {
  if (length < DHCP_COOKIE_AT + 4 || bytes[start + 2]! > 16) return false;
  const operation = bytes[start]!;
  return (operation === 1 || operation === DHCP_REPLY) && u32(bytes, start + DHCP_COOKIE_AT) === DHCP_COOKIE;
}

export const isDhcpReply = (bytes: Uint8Array, start: number): boolean => bytes[start] === DHCP_REPLY;

/** Transaction, and the end of the hardware address: by these a reply is known. */
export const dhcpKey = (bytes: Uint8Array, start: number): number =>
  u32(bytes, start + 4) + (u32(bytes, start + 30) & 0xfffff) * 2 ** 32;
