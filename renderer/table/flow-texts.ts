/** A row of the table as text: conditions of the filter language that name its values, and what is copied. */
import type { FlowCells } from './rows.ts';
import {
  formatAge,
  formatBytes,
  formatCount,
  formatLatency,
  formatRate,
  joined,
  visibleText,
  UNKNOWN,
} from '../draw/format.ts';
import { t } from '../language/language.ts';
import { word } from '../language/words.ts';

const quote = (text: string): string => `"${text.replace(/[\\"]/g, '\\$&')}"`;

export interface Condition {
  /** As a menu says it. */
  label: string;
  text: string;
}

/** What "only this" means in a column; null = the column's value is no condition. */
export function conditionOf(row: FlowCells, column: string): Condition | null {
  switch (column) {
    case 'process':
      return row.process === null
        ? { label: t('table.unknownProcess'), text: '!process.pid' }
        : { label: row.process, text: `process.name == ${quote(row.process)}` };
    case 'peer':
      return row.peer === row.address
        ? { label: row.address, text: `ip.addr == ${row.address}` }
        : { label: row.peer, text: `peer.name == ${quote(row.peer)}` };
    case 'address':
      return { label: row.address, text: `ip.addr == ${row.address}` };
    case 'protocol':
      return /^(tcp|udp|icmp|icmpv6|sctp)$/i.test(row.protocol)
        ? { label: row.protocol, text: row.protocol.toLowerCase() }
        : null;
    case 'labels': {
      const [first] = row.labels.split('; ');
      return first === undefined || first === '' ? null : { label: first, text: `label == ${quote(first)}` };
    }
    case 'network':
      return networkCondition(row.network);
    case 'interface':
      return row.interface === '' ? null : { label: row.interface, text: `interface == ${quote(row.interface)}` };
    case 'state':
      return { label: word(row.state), text: `state == ${row.state}` };
    case 'retransmits':
      return { label: t('table.retransmits'), text: 'retransmits > 0' };
    default:
      return null;
  }
}

/** Of `AS64500 Example, DE`, `DE` or `private`: the first that it names. */
function networkCondition(network: string): Condition | null {
  const asn = /^AS(\d+)/.exec(network)?.[1];
  if (asn !== undefined) return { label: `AS${asn}`, text: `asn == ${asn}` };
  if (/^[A-Z]{2}$/.test(network)) return { label: network, text: `country == ${quote(network)}` };
  return /^[a-z-]+$/.test(network) ? { label: network, text: `network == ${network}` } : null;
}

/** Conditions that a row offers beside that of the cell under the pointer. */
export function conditionsOf(row: FlowCells, column: string | null): Condition[] {
  const ids = [...(column === null ? [] : [column]), 'process', 'peer', 'protocol'];
  const found = [...new Set(ids)].flatMap((id) => conditionOf(row, id) ?? []);
  if (row.port > 0) found.push({ label: t('table.port', { port: String(row.port) }), text: `port == ${row.port}` });
  return found;
}

/** The value of one cell as it is shown, without what only helps the eye. */
export function cellText(row: FlowCells, column: string): string {
  switch (column) {
    case 'state':
      return word(row.state);
    case 'process':
      return row.process === null ? `${UNKNOWN} ${word(row.unknown ?? '')}`.trim() : `${row.process} ${row.pid}`;
    case 'group':
      return row.group ?? '';
    case 'peer':
      return row.port ? `${row.peer}:${row.port}` : row.peer;
    case 'address':
      return row.address;
    case 'protocol':
      return row.application === null ? row.protocol : `${row.protocol} ${row.application}`;
    case 'interface':
      return row.interface;
    case 'labels':
      return row.labels;
    case 'network':
      return row.network;
    case 'rate':
      return joined(formatRate(row.bps));
    case 'sent':
      return joined(formatBytes(row.sent));
    case 'received':
      return joined(formatBytes(row.received));
    case 'packets':
      return joined(formatCount(row.packets));
    case 'rttP50':
      return joined(formatLatency(row.rttP50Us));
    case 'rttP99':
      return joined(formatLatency(row.rttP99Us));
    case 'responseP50':
      return joined(formatLatency(row.responseP50Us));
    case 'response':
      return joined(formatLatency(row.responseP99Us));
    case 'retransmits':
      return joined(formatCount(row.retransmits));
    case 'age':
      return formatAge(row.ageNs);
    default:
      return '';
  }
}

/** One line that says what the flow is, for a message to a colleague. */
export function describeFlow(row: FlowCells): string {
  const process = row.process === null ? t('table.anUnknownProcess') : `${visibleText(row.process)} (${row.pid})`;
  const peer = `${visibleText(row.peer)}${row.port ? `:${row.port}` : ''}${row.peer === row.address ? '' : ` [${row.address}]`}`;
  const protocol = `${row.protocol}${row.application === null ? '' : ` ${visibleText(row.application)}`}`;
  const parts = [
    t('table.lineTo', row.inbound ? { from: peer, to: process } : { from: process, to: peer }),
    protocol,
    t('table.lineState', { state: word(row.state), age: formatAge(row.ageNs) }),
    t('table.lineVolume', { sent: joined(formatBytes(row.sent)), received: joined(formatBytes(row.received)) }),
  ];
  if (!Number.isNaN(row.rttP50Us))
    parts.push(
      t('table.lineRtt', { p50: joined(formatLatency(row.rttP50Us)), p99: joined(formatLatency(row.rttP99Us)) }),
    );
  if (!Number.isNaN(row.responseP99Us))
    parts.push(t('table.lineResponse', { p99: joined(formatLatency(row.responseP99Us)) }));
  if (row.retransmits > 0) parts.push(t('table.lineRetransmits', { n: row.retransmits }));
  return parts.join('; ');
}

/** The row's values under the names of `summary --json` where it has the same; unknown is null. */
export function flowJson(row: FlowCells): string {
  const known = (value: number): number | null => (Number.isNaN(value) ? null : value);
  return JSON.stringify(
    {
      protocol: row.protocol.toLowerCase(),
      interface: row.interface || null,
      inbound: row.inbound,
      process: row.process === null ? null : { name: row.process, pid: row.pid },
      processUnknown: row.unknown,
      group: row.group,
      peer: { name: row.peer === row.address ? null : row.peer, address: row.address, port: row.port || null },
      application: row.application,
      state: row.state,
      ageNs: row.ageNs,
      sentBytes: row.sent,
      receivedBytes: row.received,
      packets: row.packets,
      rtt: { p50Us: known(row.rttP50Us), p99Us: known(row.rttP99Us) },
      response: { p50Us: known(row.responseP50Us), p99Us: known(row.responseP99Us) },
      retransmits: known(row.retransmits),
    },
    null,
    2,
  );
}
