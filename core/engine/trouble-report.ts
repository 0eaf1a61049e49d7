/** Findings of a capture file as text or JSON, for the command line. Reads all of it, from its beginning. */
import { findingWords } from '../contract/findings.ts';
import { printable } from '../errors.ts';
import type { FlowModel } from '../flow/model.ts';
import { instant } from '../summary/text.ts';
import type { DescribedFinding } from './finding-facts.ts';
import { ForeignSource } from './foreign-source.ts';
import { spool } from './open.ts';
import { ReplaySource, type OpeningOptions } from './replay-source.ts';

/** Durations as text: three significant digits, the unit that fits. */
function duration(us: number): string {
  const [value, unit] = us < 1e3 ? [us, 'µs'] : us < 1e6 ? [us / 1e3, 'ms'] : [us / 1e6, 's'];
  return `${Number(value.toPrecision(3))} ${unit}`;
}
const FORMAT = { latency: duration, count: (n: number): string => n.toLocaleString('en-US') };

/** The list, most important first; throws FlowglassError when the file cannot be read. `-` is standard input. */
export async function troubleReport(path: string, json: boolean): Promise<string> {
  if (path === '-') return spool('-', (file) => troubleReport(file, json));
  const options: OpeningOptions = { signal: new AbortController().signal, progress: () => undefined, clock: () => '' };
  const source = (await ReplaySource.open(path, options)) ?? (await ForeignSource.open(path, options));
  try {
    const found = source.findings.rows(source.gaps, source.endNs);
    return json ? asJson(found, source.model) : asText(found, source.model);
  } finally {
    await source.close();
  }
}

const at = (model: FlowModel, ns: number): string | null => {
  const wallNs = model.clock.wallNs(ns);
  return wallNs === null ? null : instant(wallNs);
};
const number = (value: number): number | null => (Number.isNaN(value) ? null : value);

function asJson(found: readonly DescribedFinding[], model: FlowModel): string {
  const findings = found.map((finding) => ({
    kind: finding.kind,
    ...findingWords(finding, FORMAT),
    subject: finding.subject,
    process: finding.process,
    reason: finding.reason,
    since: at(model, finding.sinceNs),
    until: at(model, finding.untilNs),
    count: finding.count,
    usualUs: number(finding.usualUs),
    nowUs: number(finding.nowUs),
    waitedNs: Math.round(finding.waitedNs),
    measured: finding.measured,
    flows: finding.flowList.map((flow) => String(flow + 1)),
    filter: finding.filter,
  }));
  return `${JSON.stringify({ findings }, null, 1)}\n`;
}

function asText(found: readonly DescribedFinding[], model: FlowModel): string {
  if (found.length === 0) return 'Nothing is wrong in this file.\n';
  return found
    .map((finding) => {
      const { title, detail } = findingWords(finding, FORMAT);
      const since = at(model, finding.sinceNs)?.slice(0, 23).replace('T', ' ') ?? '–';
      return `${since}  ${printable(title)}\n${' '.repeat(25)}${printable(detail)}\n`;
    })
    .join('');
}
