/** One flow event as a syslog message (RFC 5424). */
import type { FlowSummary } from '../../summary/flow.ts';

/** RFC 5612: for documentation; we have no number of our own, and a receiver only wants the name to be unique. */
const ENTERPRISE = 32473;
/** Severities of RFC 5424, 6.2.1. */
const NOTICE = 5;
const INFORMATIONAL = 6;
/** RFC 5426, 3.2: what every receiver of datagrams should take. */
export const MESSAGE_MAX = 2048;
/** In characters; three of them are names that may be anything, so that the whole stays below MESSAGE_MAX. */
const VALUE_MAX = 96;

export interface SyslogSource {
  readonly facility: number;
  readonly host: string;
  readonly pid: number;
}

/** PRINTUSASCII without spaces, as HOSTNAME and the like have to be. */
const token = (text: string, most: number): string => text.replace(/[^\x21-\x7e]/g, '?').slice(0, most) || '-';

/** RFC 5424, 6.3.3. Control characters would break receivers that read lines. */
function parameter(name: string, value: string | number | null | undefined): string {
  if (value === null || value === undefined || value === '') return '';
  const text = String(value)
    .replace(/[\u0000-\u001f\u007f-\u009f]/g, '?')
    .slice(0, VALUE_MAX);
  return ` ${name}="${text.replace(/["\\\]]/g, '\\$&')}"`;
}

/** `at` = RFC 3339 with at most six digits of a second. `event` is `opened` or `closed`. */
export function syslogMessage(source: SyslogSource, event: string, at: Date, flow: FlowSummary): Buffer {
  const bad = flow.end !== null && flow.end !== 'fin';
  const priority = source.facility * 8 + (bad ? NOTICE : INFORMATIONAL);
  const own = flow.clientProcess ?? flow.serverProcess;
  const client = `${flow.client.address}${flow.client.port === null ? '' : ` ${flow.client.port}`}`;
  const server = `${flow.server.address}${flow.server.port === null ? '' : ` ${flow.server.port}`}`;
  const data = [
    parameter('id', flow.id),
    parameter('protocol', flow.protocol),
    parameter('client', client),
    parameter('server', server),
    parameter('serverName', flow.server.name),
    parameter('process', own?.name),
    parameter('pid', own?.pid),
    parameter('unit', own?.unit),
    parameter('end', flow.end),
    parameter('sentBytes', flow.sent.bytes),
    parameter('receivedBytes', flow.received.bytes),
    parameter('sentPackets', flow.sent.packets),
    parameter('receivedPackets', flow.received.packets),
    parameter('retransmits', flow.retransmits),
    parameter('connectUs', flow.latency.connectUs),
    parameter('responseP99Us', flow.latency.response?.p99Us),
  ].join('');
  const head = `<${priority}>1 ${at.toISOString()} ${token(source.host, 255)} flowglass ${source.pid} ${token(event, 32)} [flow@${ENTERPRISE}${data}]`;
  const text = `${flow.protocol} ${client} to ${server} ${event}${flow.end === null ? '' : `: ${flow.end}`}`;
  return Buffer.from(`${head} ${text}`, 'utf8').subarray(0, MESSAGE_MAX);
}
