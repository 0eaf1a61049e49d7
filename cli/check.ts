import { readFileSync, statSync } from 'node:fs';
import { compare, type Comparison, type Difference } from '../core/check/compare.ts';
import { MEASURED_MAX_BYTES, readIperf3, readPing, type Measured } from '../core/check/measured.ts';
import { openCapture } from '../core/engine/open.ts';
import { errnoText, FlowglassError, printable } from '../core/errors.ts';
import { flowSummary } from '../core/summary/flow.ts';
import { summaryFlows } from '../core/summary/summary.ts';
import { usageError, type Command, type Given } from './command.ts';
import { print, table } from './terminal.ts';

function text(path: string): string {
  const fail = (what: string): FlowglassError => new FlowglassError({ code: 'unreadable-file', what, where: printable(path), hint: 'give what the tool printed' }); // prettier-ignore
  try {
    if (statSync(path).size > MEASURED_MAX_BYTES) throw fail('the file is too large to be a measurement');
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw error instanceof FlowglassError ? error : fail(errnoText(error));
  }
}

function endText({ address, port }: Measured['server']): string {
  return port === null ? address : `${address.includes(':') ? `[${address}]` : address}:${port}`;
}

const shown = (value: number | null, unit: Difference['unit']): string =>
  value === null ? 'not known' : unit === 'us' ? `${(value / 1000).toFixed(3)} ms` : value.toLocaleString('en');

function lines({ measured, flows, differences }: Comparison): string {
  const { tool, protocol, server } = measured;
  const head = `${tool}, ${protocol} to ${endText(server)}: ${flows.length === 0 ? 'not in the recording' : `flow ${flows.join(', ')}`}\n`;
  if (flows.length === 0) return head;
  const rows = differences.map(({ what, unit, measured: value, recorded, difference }) => {
    const share = difference === null || value === 0 ? '' : ` (${difference >= 0 ? '+' : ''}${((difference / value) * 100).toFixed(2)} %)`; // prettier-ignore
    return [what, shown(value, unit), shown(recorded, unit), difference === null ? '' : `${difference > 0 ? '+' : ''}${shown(difference, unit)}${share}`]; // prettier-ignore
  });
  return head + table([['', 'MEASURED', 'RECORDED', 'DIFFERENCE'], ...rows]);
}

export const command: Command = {
  name: 'check',
  usage: '--iperf3 FILE.json|--ping FILE RECORDING [--json]',
  summary: 'Lay an active measurement over a recording of it and state the difference',
  details: `
FILE is what iperf3 -c HOST -J, or ping -c N HOST, printed while RECORDING was made. See docs/check.md.`,
  options: {
    iperf3: { value: 'FILE', help: "the client's result, as JSON (iperf3 -J)" },
    ping: { value: 'FILE', help: 'what ping printed' },
    json: { help: 'as JSON' },
  },
  async run(given: Given): Promise<void> {
    const [path, extra] = given.positionals;
    const [iperf3, ping] = [given.text('iperf3'), given.text('ping')];
    if (extra !== undefined) throw usageError('more than one recording', extra, 'give one');
    if (path === undefined) throw usageError('no recording', 'flowglass check', 'give a capture file');
    if ((iperf3 === undefined) === (ping === undefined))
      throw usageError('one measurement is needed', 'flowglass check', 'give --iperf3 FILE or --ping FILE');
    const measured = iperf3 === undefined ? [readPing(text(ping ?? ''), ping ?? '')] : readIperf3(text(iperf3), iperf3);
    const source = await openCapture(path);
    const flows = Array.from(summaryFlows(source), (flow) => flowSummary(source, flow));
    const found = compare(measured, flows);
    if (found.every((each) => each.flows.length === 0))
      throw new FlowglassError({ code: 'not-recorded', what: 'nothing of the measurement is in the recording', where: printable(path), hint: 'record the interface that it goes through, while it runs' }); // prettier-ignore
    await print(given.has('json') ? `${JSON.stringify(found)}\n` : found.map(lines).join('\n'));
  },
};
