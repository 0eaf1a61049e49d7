/** One flow event as a syslog message. */
import type { FlowSummary } from '../summary/flow.ts';
import { SEVERITY, syslogMessage, type SyslogSource } from './syslog-message.ts';

/** `event` is `opened` or `closed`. */
export function flowMessage(source: SyslogSource, event: string, at: Date, flow: FlowSummary): Buffer {
  const bad = flow.end !== null && flow.end !== 'fin';
  const own = flow.clientProcess ?? flow.serverProcess;
  const client = `${flow.client.address}${flow.client.port === null ? '' : ` ${flow.client.port}`}`;
  const server = `${flow.server.address}${flow.server.port === null ? '' : ` ${flow.server.port}`}`;
  return syslogMessage(source, {
    severity: bad ? SEVERITY.notice : SEVERITY.informational,
    at,
    id: event,
    data: 'flow',
    parameters: [
      ['id', flow.id],
      ['protocol', flow.protocol],
      ['client', client],
      ['server', server],
      ['serverName', flow.server.name],
      ['process', own?.name],
      ['pid', own?.pid],
      ['unit', own?.unit],
      ['end', flow.end],
      ['sentBytes', flow.sent.bytes],
      ['receivedBytes', flow.received.bytes],
      ['sentPackets', flow.sent.packets],
      ['receivedPackets', flow.received.packets],
      ['retransmits', flow.retransmits],
      ['connectUs', flow.latency.connectUs],
      ['responseP99Us', flow.latency.response?.p99Us],
    ],
    text: `${flow.protocol} ${client} to ${server} ${event}${flow.end === null ? '' : `: ${flow.end}`}`,
  });
}
