/** Where syslog collectors and listeners are, as configurations write them. */
import { z } from 'zod';

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** HOST:PORT, [IPV6]:PORT or :PORT (every address); null = it is none. */
export function parseListen(text: string): Endpoint | null {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65535) return null;
  return { host: match[1] ?? (match[2] === '' ? '::' : (match[2] ?? '')), port };
}

export interface Collector extends Endpoint {
  readonly transport: 'udp' | 'tcp' | 'tls';
}

export function parseCollector(text: string): Collector | null {
  const match = /^(udp|tcp|tls):\/\/(.+)$/.exec(text);
  const endpoint = match === null ? null : parseListen(match[2] ?? '');
  if (match === null || endpoint === null || endpoint.host === '::' || endpoint.port === 0) return null;
  return { ...endpoint, transport: match[1] as Collector['transport'] };
}

/** What a configuration says of a syslog collector. */
export const syslogKeys = {
  collector: z
    .string()
    .max(300)
    .refine((text) => parseCollector(text) !== null, 'give udp://HOST:PORT, tcp://HOST:PORT or tls://HOST:PORT'),
  /** RFC 5424, 6.2.1 */
  facility: z.number().int().min(0).max(23).default(16),
  /** PEM of the authorities that may have signed the collector's certificate; else those of the system. */
  ca: z.string().min(1).max(4096).optional(),
};

/** The same, read. */
export interface SyslogTarget {
  readonly collector: string;
  readonly facility: number;
  readonly ca?: string | undefined;
}
