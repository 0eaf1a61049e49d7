/** An active measurement beside what a recording has of the same packets. */
import type { FlowSummary } from '../summary/flow.ts';
import type { Measured } from './measured.ts';

/** One figure, as measured and as recorded; null = that side does not say. */
export interface Difference {
  readonly what: string;
  readonly unit: 'bytes' | 'packets' | 'segments' | 'us';
  readonly measured: number;
  readonly recorded: number | null;
  /** recorded − measured */
  readonly difference: number | null;
}

export interface Comparison {
  readonly measured: Measured;
  /** Flows of the recording that are this measurement: one, or none when it was not recorded; several series of echoes. */
  readonly flows: readonly string[];
  readonly differences: readonly Difference[];
}

/** Whether a flow is what was measured; the echoes of ping have no ports and no side that it says. */
function isOf(flow: FlowSummary, measured: Measured): boolean {
  const protocol = flow.protocol === 'icmpv6' ? 'icmp' : flow.protocol;
  if (protocol !== measured.protocol || flow.server.address !== measured.server.address) return false;
  if (measured.tool === 'ping') return true;
  return (
    flow.client.address === measured.client.address &&
    flow.client.port === measured.client.port &&
    flow.server.port === measured.server.port
  );
}

/** Lays each measurement over the recording's flows. */
export function compare(measurements: readonly Measured[], flows: readonly FlowSummary[]): Comparison[] {
  return measurements.map((measured) => {
    const mine = flows.filter((flow) => isOf(flow, measured));
    return { measured, flows: mine.map(({ id }) => id), differences: differencesOf(measured, mine) };
  });
}

function differencesOf(measured: Measured, flows: readonly FlowSummary[]): Difference[] {
  const sum = (of: (flow: FlowSummary) => number | null): number | null => {
    const values = flows.map(of);
    return values.length === 0 || values.includes(null) ? null : values.reduce<number>((a, b) => a + (b ?? 0), 0);
  };
  // Of several series of echoes to one address the round trips of the longest are told.
  const [longest] = [...flows].sort((a, b) => b.sent.packets - a.sent.packets);
  const rtt = longest?.latency.rtt ?? null;
  const resent = sum((flow) => flow.sentRetransmits);
  const rows: [string, Difference['unit'], number | null, number | null][] = [
    // A segment sent again is on the wire again; iperf3 counts what it wrote, also what never left when its time was over.
    ['payload written', 'bytes', measured.sentBytes, sum((flow) => flow.sent.payloadBytes)],
    ['payload delivered', 'bytes', measured.deliveredBytes, sum((flow) => flow.sent.payloadBytes)],
    ['payload received', 'bytes', measured.receivedBytes, sum((flow) => flow.received.payloadBytes)],
    ['packets sent', 'packets', measured.sentPackets, sum((flow) => flow.sent.packets)],
    ['packets received', 'packets', measured.receivedPackets, sum((flow) => flow.received.packets)],
    ['segments sent again', 'segments', measured.retransmits, resent],
    ['round trip, least', 'us', measured.rttMinUs, rtt?.minUs ?? null],
    ['round trip, mean', 'us', measured.rttMeanUs, rtt?.meanUs ?? null],
    ['round trip, greatest', 'us', measured.rttMaxUs, rtt?.maxUs ?? null],
  ];
  return rows.flatMap(([what, unit, value, recorded]) =>
    value === null
      ? []
      : [{ what, unit, measured: value, recorded, difference: recorded === null ? null : recorded - value }],
  );
}
