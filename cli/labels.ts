import { knowing, surroundingsOf } from '../core/engine/knowledge.ts';
import { openCapture } from '../core/engine/open.ts';
import { printable } from '../core/errors.ts';
import { modelFields } from '../core/filter/adapter.ts';
import { compile } from '../core/filter/filter.ts';
import type { LabelRule } from '../core/labels/label-rules.ts';
import { flowSummary, type FlowSummary } from '../core/summary/flow.ts';
import { summaryFlows } from '../core/summary/summary.ts';
import { usageError, type Command, type Given } from './command.ts';
import { KNOWLEDGE_OPTIONS, readKnowledge } from './knowledge.ts';
import { print } from './terminal.ts';

/** Flows named for each rule, and of those that no rule names. */
const EXAMPLES = 3;

interface Tested {
  readonly rule: string | null;
  readonly where: string | null;
  flows: number;
  readonly examples: string[];
}

export const command: Command = {
  name: 'labels',
  usage: 'test FILE --labels RULES [--json]',
  summary: 'Try rules for labels on a capture: what each of them names, and what none does',
  details: `
FILE is a recording of ours, or any pcap or pcapng file; RULES a file of rules (docs/labels.md). A mistake in the rules is
told with line, column and what was expected.`,
  options: {
    json: { help: 'as JSON' },
    ...KNOWLEDGE_OPTIONS,
  },
  async run(given: Given): Promise<void> {
    const [action, path, extra] = given.positionals;
    if (action !== 'test') throw usageError('no such action', action ?? 'flowglass labels', 'write flowglass labels test FILE --labels RULES'); // prettier-ignore
    if (path === undefined) throw usageError('no file to read', 'flowglass labels test', 'give a FILE (- is standard input)'); // prettier-ignore
    if (extra !== undefined) throw usageError('more than one file', extra, 'give one FILE');
    if (!given.has('labels')) throw usageError('no rules to try', 'flowglass labels test', 'give --labels RULES');
    const knowledge = readKnowledge(given);
    const opened = await openCapture(path);
    const surroundings = surroundingsOf(opened.model, knowledge);
    const rules = knowledge.labels.map((rule) => testOf(rule));
    const unnamed: Tested = { rule: null, where: null, flows: 0, examples: [] };
    const matches = knowledge.labels.map(({ ast }) => compile(ast, modelFields(opened.model, surroundings)));
    const source = knowing(opened, surroundings);
    for (const flow of summaryFlows(source)) {
      const named = rules.filter((_, i) => matches[i]?.(flow));
      for (const tested of named.length === 0 ? [unnamed] : named) count(tested, () => flowSummary(source, flow));
    }
    const all = [...rules, unnamed];
    await print(given.has('json') ? `${JSON.stringify({ rules, unnamed })}\n` : all.map(lines).join(''));
  },
};

const testOf = ({ label, where }: LabelRule): Tested => ({ rule: label, where, flows: 0, examples: [] });

function count(tested: Tested, summary: () => FlowSummary): void {
  tested.flows++;
  if (tested.examples.length >= EXAMPLES) return;
  const { client, server, clientProcess, serverProcess } = summary();
  const process = clientProcess ?? serverProcess;
  const port = server.port === null ? '' : `:${server.port}`;
  tested.examples.push(printable(`${process?.name ?? client.address} → ${server.name ?? server.address}${port}`));
}

function lines({ rule, where, flows, examples }: Tested): string {
  const title = rule === null ? 'no label' : `${printable(rule)}  (${printable(where ?? '')})`;
  return `${String(flows).padStart(6)}  ${title}\n${examples.map((example) => `          ${example}\n`).join('')}`;
}
