/** The summary for people: a few lines about the session and a line a flow, at most 120 columns wide. */
import type { Writable } from 'node:stream';
import { printable } from '../errors.ts';
import { LINK_TYPE_NAMES } from '../dissect/link.ts';
import { UNPARSED_LINK_TYPE } from '../dissect/packet.ts';
import { COUNTERS } from '../flow/flows.ts';
import { TOTALS_UNPARSED } from '../flow/interfaces.ts';
import { PROTOCOL_ICMP, PROTOCOL_ICMPV6, protocolName } from '../flow/names.ts';
import { ownerOfSide } from '../flow/owners.ts';
import { nameOf } from '../flow/peer-name.ts';
import { clientOf } from '../flow/roles.ts';
import { lifeOf, responseOf, retransmitsOf, rttOf } from '../flow/state.ts';
import { processName } from './process.ts';
import { sessionSummary } from './session.ts';
import type { SummarySource } from './source.ts';
import { summaryFlows, writePieces } from './summary.ts';
import { addressText, decode } from './text.ts';

/** Widths with one space between: 22 1 6 36 8 8 7 7 4 12 = 120 */
const PROCESS = 22;
const PROTOCOL = 6;
const PEER = 36;
const NUMBER = 8;
const STATE = 12;

export function* summaryTable(source: SummarySource): Generator<string> {
  yield sessionLines(source);
  const order = summaryFlows(source);
  if (order.length === 0) {
    yield 'no flows\n';
    return;
  }
  yield row('PROCESS', ' ', 'PROTO', 'PEER', 'PACKETS', 'BYTES', 'RTT', 'RESP', 'RETR', 'STATE');
  for (const flow of order) yield flowLine(source, flow);
}

/** Writes the table. */
export function writeTable(source: SummarySource, out: Writable, signal?: AbortSignal): Promise<void> {
  return writePieces(summaryTable(source), out, signal);
}

function sessionLines(source: SummarySource): string {
  const session = sessionSummary(source);
  const names = session.interfaces.map(({ name, attach }) => {
    const rungs = [attach?.ingress, attach?.egress].filter((rung) => rung !== null && rung !== undefined);
    return rungs.length === 0 ? (name ?? '?') : `${name ?? '?'} (${[...new Set(rungs)].join('/')})`;
  });
  const seconds = (Number(source.durationNs / 1_000_000n) / 1000).toFixed(3);
  const lines = [
    `${session.started ?? 'time not known'}, ${seconds} s${source.host === null ? '' : `, ${source.host}`}`,
    `interfaces: ${names.join(', ') || 'none'}`,
    `packets ${session.packets}, bytes ${session.bytes}, stored ${session.captured.packets}, filtered ${session.filtered}`,
  ];
  const { events, packets, flowPackets } = session.lost;
  if (events + packets + flowPackets > 0) {
    lines.push(`LOST: events ${events}, packets not stored ${packets}, packets without a flow ${flowPackets}`);
  }
  const unparsed = Object.entries(session.unparsed);
  if (unparsed.length > 0) lines.push(`not decoded: ${unparsed.map(([reason, n]) => `${reason} ${n}`).join(', ')}`);
  const recorded = undecodedLinkTypes(source);
  if (recorded.length > 0) lines.push(`recorded, not decoded: ${recorded.join(', ')}`);
  if (source.truncated) lines.push(source.damage ?? 'the file was cut off or damaged: this is what could be read');
  return `${lines.map((line) => cut(printable(line), 120)).join('\n')}\n\n`;
}

/** Link types of which no packet is decoded, with what came of each. */
function undecodedLinkTypes({ model: { interfaces } }: SummarySource): string[] {
  const counts = new Map<number, number>();
  for (const { iface, linkType } of interfaces.list) {
    if (LINK_TYPE_NAMES.has(linkType)) continue;
    const packets = interfaces.total(iface, TOTALS_UNPARSED + UNPARSED_LINK_TYPE);
    if (packets > 0) counts.set(linkType, (counts.get(linkType) ?? 0) + packets);
  }
  return [...counts].map(([type, packets]) => `${packets} packets of link type ${type}`);
}

function flowLine(source: SummarySource, flow: number): string {
  const { model } = source;
  const { flows } = model;
  const client = clientOf(model, flow);
  const clientOwner = ownerOfSide(model, flow, client);
  let side = client;
  let who = clientOwner.owner >= 0 ? named(source, clientOwner.process) : '';
  let reason = clientOwner.reason;
  const serverOwner = ownerOfSide(model, flow, 1 - client);
  if (who === '' && (serverOwner.owner >= 0 || reason === 'remote')) {
    side = 1 - client;
    who = serverOwner.owner >= 0 ? named(source, serverOwner.process) : '';
    reason = serverOwner.reason;
  }
  if (who === '') who = `? ${reason ?? ''}`;
  const peer = 1 - side;
  let peerText = endpointText(source, flow, peer);
  if (side === client && serverOwner.owner >= 0) peerText = `${named(source, serverOwner.process)} ${peerText}`;
  const counters = flows.counters.data;
  const at = flow * 2 * COUNTERS;
  const retransmits = [retransmitsOf(model, flow, 0), retransmitsOf(model, flow, 1)].filter((n) => n !== null);
  const { state, end } = lifeOf(model, flow);
  return row(
    printable(who),
    side === client ? '→' : '←',
    protocolName(flows.protocolOf(flow)),
    printable(peerText),
    String(counters[at]! + counters[at + COUNTERS]!),
    size(counters[at + 1]! + counters[at + COUNTERS + 1]!),
    duration(source, rttOf(model, flow)),
    duration(source, responseOf(model, flow)),
    retransmits.length === 0 ? '-' : String(retransmits.reduce((sum, n) => sum + n, 0)),
    end !== null && end !== 'fin' ? end : state,
  );
}

function named({ model }: SummarySource, process: number): string {
  return `${processName(model, process) || '?'}[${model.processes.pid.data[process]!}]`;
}

function endpointText({ model }: SummarySource, flow: number, side: number): string {
  const { flows } = model;
  const family = flows.familyOf(flow);
  const name = nameOf(model, flow, side);
  const address = addressText(flows.key.data, flows.addressWord(flow, side), family);
  const host = name === 0 ? address : decode(model.strings.bytesOf(name - 1)).text;
  const protocol = flows.protocolOf(flow);
  const port = flows.portOf(flow, side);
  if (protocol === PROTOCOL_ICMP || protocol === PROTOCOL_ICMPV6 || port === 0) return host;
  return name === 0 && family === 6 ? `[${host}]:${port}` : `${host}:${port}`;
}

function row(process: string, arrow: string, protocol: string, peer: string, ...rest: string[]): string {
  const [packets, bytes, rtt, response, retransmits, state] = rest;
  return `${[
    cut(process, PROCESS).padEnd(PROCESS),
    arrow,
    cut(protocol, PROTOCOL).padEnd(PROTOCOL),
    cut(peer, PEER).padEnd(PEER),
    (packets ?? '').padStart(NUMBER),
    (bytes ?? '').padStart(NUMBER),
    (rtt ?? '').padStart(NUMBER - 1),
    (response ?? '').padStart(NUMBER - 1),
    (retransmits ?? '').padStart(4),
    cut(state ?? '', STATE),
  ]
    .join(' ')
    .trimEnd()}\n`;
}

const cut = (text: string, width: number): string => (text.length <= width ? text : `${text.slice(0, width - 1)}…`);

/** Bytes with three digits: 999B, 1.20K, 12.0M. */
export function size(bytes: number): string {
  if (bytes < 1000) return `${bytes}B`;
  let value = bytes;
  let unit = -1;
  while (value >= 999.5 && unit < 4) {
    value /= 1000;
    unit++;
  }
  return `${value.toPrecision(3)}${'kMGTP'[unit] ?? ''}`;
}

/** The median of a histogram: 12.3us, 1.20ms, 3.40s. */
function duration({ model }: SummarySource, histogram: number): string {
  if (histogram < 0 || model.histograms.samples(histogram) === 0) return '-';
  const ns = model.histograms.percentile(histogram, 0.5);
  if (ns < 999.5) return `${Math.round(ns)}ns`;
  if (ns < 999.5e3) return `${(ns / 1e3).toPrecision(3)}us`;
  if (ns < 999.5e6) return `${(ns / 1e6).toPrecision(3)}ms`;
  return `${(ns / 1e9).toPrecision(3)}s`;
}
