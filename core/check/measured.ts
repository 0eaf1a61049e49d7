/** What iperf3 and ping said of their own measurement, read from their output. */
import { z } from 'zod';
import { FlowglassError, printable } from '../errors.ts';

/** One connection, or one series of echoes, as the tool that made it saw it. */
export interface Measured {
  readonly tool: 'iperf3' | 'ping';
  readonly protocol: 'tcp' | 'udp' | 'icmp';
  readonly client: { readonly address: string | null; readonly port: number | null };
  readonly server: { readonly address: string; readonly port: number | null };
  /** Payload bytes that the client wrote, and of those what the server read; null = the tool does not say. */
  readonly sentBytes: number | null;
  readonly deliveredBytes: number | null;
  readonly receivedBytes: number | null;
  /** Echoes or datagrams. */
  readonly sentPackets: number | null;
  readonly receivedPackets: number | null;
  readonly retransmits: number | null;
  readonly rttMinUs: number | null;
  readonly rttMeanUs: number | null;
  readonly rttMaxUs: number | null;
}

/** A test of iperf3 is large when it reports often: more than this is something else. */
export const MEASURED_MAX_BYTES = 64 << 20;

function refuse(what: string, path: string, hint: string): FlowglassError {
  return new FlowglassError({ code: 'bad-measurement', what, where: printable(path), hint });
}

const bytes = z.number().nonnegative();
const side = z.looseObject({ bytes, retransmits: z.number().optional(), min_rtt: z.number().optional(), mean_rtt: z.number().optional(), max_rtt: z.number().optional(), packets: z.number().optional(), socket: z.number() }); // prettier-ignore
const iperf3 = z.looseObject({
  start: z.looseObject({
    connected: z.array(z.looseObject({ socket: z.number(), local_host: z.string(), local_port: z.number(), remote_host: z.string(), remote_port: z.number() })), // prettier-ignore
    test_start: z.looseObject({ protocol: z.string(), reverse: z.number().default(0) }),
  }),
  end: z.looseObject({
    streams: z.array(z.looseObject({ sender: side.optional(), receiver: side.optional(), udp: side.optional() })),
  }),
});

/** `iperf3 -c … -J`, of the client: one for each stream. Throws FlowglassError. */
export function readIperf3(text: string, path: string): Measured[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw refuse('this is no JSON', path, 'give the output of iperf3 -c HOST -J');
  }
  const failed = z.object({ error: z.string() }).safeParse(value);
  if (failed.success) throw refuse(`iperf3 failed (${printable(failed.data.error)})`, path, 'measure again');
  const parsed = iperf3.safeParse(value);
  if (!parsed.success) throw refuse('this is no result of iperf3', path, 'give the output of iperf3 -c HOST -J');
  const { start, end } = parsed.data;
  const reverse = start.test_start.reverse !== 0;
  return start.connected.map((connected) => {
    const stream = end.streams.find((each) => [each.sender, each.receiver, each.udp].some((one) => one?.socket === connected.socket)); // prettier-ignore
    const sender = stream?.sender;
    const udp = stream?.udp;
    const forward = udp?.bytes ?? sender?.bytes ?? null;
    return {
      tool: 'iperf3',
      protocol: start.test_start.protocol.toLowerCase() === 'udp' ? 'udp' : 'tcp',
      client: { address: connected.local_host, port: connected.local_port },
      server: { address: connected.remote_host, port: connected.remote_port },
      sentBytes: reverse ? null : forward,
      deliveredBytes: reverse ? null : (stream?.receiver?.bytes ?? null),
      receivedBytes: reverse ? (stream?.receiver?.bytes ?? forward) : null,
      sentPackets: reverse ? null : (udp?.packets ?? null),
      receivedPackets: reverse ? (udp?.packets ?? null) : null,
      retransmits: reverse ? null : (sender?.retransmits ?? null),
      // The sender's own smoothed round trips, sampled once an interval.
      rttMinUs: reverse ? null : (sender?.min_rtt ?? null),
      rttMeanUs: reverse ? null : (sender?.mean_rtt ?? null),
      rttMaxUs: reverse ? null : (sender?.max_rtt ?? null),
    };
  });
}

/** The text that `ping` prints. Throws FlowglassError. */
export function readPing(text: string, path: string): Measured {
  const head = /^PING \S+?\s?\(?([0-9a-fA-F.:]+)\)?(?: \(.*?\))? /m.exec(text);
  const counts = /^(\d+) packets transmitted, (\d+) (?:packets )?received/m.exec(text);
  const times = /^(?:rtt|round-trip) min\/avg\/max(?:\/\w+)? = ([\d.]+)\/([\d.]+)\/([\d.]+)/m.exec(text);
  const address = /^PING [^(]*\(([0-9a-fA-F.:]+)\)/m.exec(text)?.[1] ?? head?.[1];
  if (counts === null || address === undefined)
    throw refuse('this is not what ping prints at its end', path, 'give the whole output of ping -c N HOST');
  const us = (field: number): number | null => (times === null ? null : Number(times[field]) * 1000);
  return {
    tool: 'ping',
    protocol: 'icmp',
    client: { address: null, port: null },
    server: { address, port: null },
    sentBytes: null,
    deliveredBytes: null,
    receivedBytes: null,
    sentPackets: Number(counts[1]),
    receivedPackets: Number(counts[2]),
    retransmits: null,
    rttMinUs: us(1),
    rttMeanUs: us(2),
    rttMaxUs: us(3),
  };
}
