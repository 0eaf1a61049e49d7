/**
 * Flows as comma-separated values (RFC 4180): one record a line, CRLF, a header line. The columns are the paths of the
 * summary's JSON (docs/export.md). What came from the wire stays text for spreadsheets: a cell that they would take for
 * a formula gets an apostrophe in front, line breaks and control characters are written as escapes.
 */
import { printable } from '../errors.ts';
import { flowSummary, type FlowSummary } from '../summary/flow.ts';
import type { ProcessSummary } from '../summary/process.ts';
import type { SummarySource } from '../summary/source.ts';
import { summaryFlows } from '../summary/summary.ts';

type Cell = string | number | null;

const endpoint = (side: 'client' | 'server'): [string, (flow: FlowSummary) => Cell][] => [
  [`${side}.address`, (flow) => flow[side].address],
  [`${side}.port`, (flow) => flow[side].port],
  [`${side}.name`, (flow) => named(flow[side].name, flow[side].nameRaw)],
];

const owner = (side: 'clientProcess' | 'serverProcess'): [string, (flow: FlowSummary) => Cell][] => [
  [`${side}.pid`, (flow) => flow[side]?.pid ?? null],
  [`${side}.name`, (flow) => processName(flow[side])],
  [`${side}Unknown`, (flow) => flow[`${side}Unknown`]],
];

const counters = (way: 'sent' | 'received'): [string, (flow: FlowSummary) => Cell][] =>
  (['packets', 'bytes', 'payloadBytes', 'frames', 'frameBytes'] as const).map((name) => [
    `${way}.${name}`,
    (flow) => flow[way][name],
  ]);

const durations = (metric: 'rtt' | 'response'): [string, (flow: FlowSummary) => Cell][] =>
  (['n', 'minUs', 'meanUs', 'p50Us', 'p90Us', 'p99Us', 'maxUs', 'deviationUs', 'jitterUs'] as const).map((name) => [
    `latency.${metric}.${name}`,
    (flow) => flow.latency[metric]?.[name] ?? null,
  ]);

/** Name of each column and where its value is. */
export const COLUMNS: readonly [string, (flow: FlowSummary) => Cell][] = [
  ['id', (flow) => flow.id],
  ['protocol', (flow) => flow.protocol],
  ['family', (flow) => flow.family],
  ['interface', (flow) => flow.interface],
  ...endpoint('client'),
  ...endpoint('server'),
  ['roles', (flow) => flow.roles],
  ...owner('clientProcess'),
  ...owner('serverProcess'),
  ['started', (flow) => flow.started],
  ['ended', (flow) => flow.ended],
  ['state', (flow) => flow.state],
  ['end', (flow) => flow.end],
  ...counters('sent'),
  ...counters('received'),
  ['latency.connectUs', (flow) => flow.latency.connectUs],
  ...durations('rtt'),
  ...durations('response'),
  ['retransmits', (flow) => flow.retransmits],
  ['sentRetransmits', (flow) => flow.sentRetransmits],
  ['receivedRetransmits', (flow) => flow.receivedRetransmits],
  ['resets', (flow) => flow.resets],
  ['zeroWindows', (flow) => flow.zeroWindows],
  ['drops', (flow) => list(flow.drops.map(({ reason, count }) => `${reason} ${count}`))],
  ['tls.serverName', (flow) => flow.tls?.serverName ?? null],
  ['tls.alpn', (flow) => list(flow.tls?.alpn ?? [])],
  ['labels', (flow) => list(flow.labels)],
];

function list(values: readonly string[]): string | null {
  return values.length === 0 ? null : values.join('; ');
}

function processName(process: ProcessSummary | null): string | null {
  return process === null ? null : named(process.name, process.nameRaw);
}

/** A name whose bytes are not all UTF-8 is written with `\xNN` for those that are not. */
function named(text: string | null, raw: string | undefined): string | null {
  return raw === undefined ? text : escapeInvalid(Buffer.from(raw, 'base64'));
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export function escapeInvalid(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length;) {
    let length = 0;
    for (let size = 1; size <= 4 && length === 0 && at + size <= bytes.length; size++) {
      try {
        text += strict.decode(bytes.subarray(at, at + size));
        length = size;
      } catch {
        // Not a character yet, or none at all.
      }
    }
    if (length === 0) text += `\\x${(bytes[at] ?? 0).toString(16).padStart(2, '0')}`;
    at += length === 0 ? 1 : length;
  }
  return text;
}

/** What spreadsheets take for the beginning of a formula, also after blanks (OWASP, "CSV Injection"). */
const FORMULA = /^\s*[=+\-@\uff1d\uff0b\uff0d\uff20]/;

export function csvCell(value: Cell): string {
  if (value === null) return '';
  if (typeof value === 'number') return String(value);
  const plain = printable(value);
  const guarded = FORMULA.test(plain) || /^[\t\r]/.test(value) ? `'${plain}` : plain;
  return /[",;\s]/.test(guarded) ? `"${guarded.replaceAll('"', '""')}"` : guarded;
}

/** The document in lines. */
export function* flowsCsv(source: SummarySource): Generator<string> {
  yield `${COLUMNS.map(([name]) => name).join(',')}\r\n`;
  for (const flow of summaryFlows(source)) {
    const summary = flowSummary(source, flow);
    yield `${COLUMNS.map(([, value]) => csvCell(value(summary))).join(',')}\r\n`;
  }
}
