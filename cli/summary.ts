import { knowing, surroundingsOf } from '../core/engine/knowledge.ts';
import { openCapture } from '../core/engine/open.ts';
import { troubleReport } from '../core/engine/trouble-report.ts';
import { modelFields } from '../core/filter/adapter.ts';
import { compile } from '../core/filter/filter.ts';
import { writeSummary } from '../core/summary/summary.ts';
import { writeTable } from '../core/summary/table.ts';
import { usageError, type Command, type Given } from './command.ts';
import { KNOWLEDGE_OPTIONS, readKnowledge } from './knowledge.ts';
import { readFilter } from './source.ts';

export const command: Command = {
  name: 'summary',
  usage: 'FILE [--json] [--filter EXPR] [--trouble] [OPTION…]',
  summary: 'Tell what a capture file holds: flows, processes, latency, trouble',
  details: `
FILE is a recording of ours, or any pcap or pcapng file, also compressed; - is standard input. A file that was cut or
damaged gives what is whole, and says so.`,
  options: {
    json: { help: 'as JSON: a stable interface for other programs' },
    trouble: { help: 'what went wrong, since when and of whom, most important first (docs/trouble.md)' },
    filter: { value: 'EXPR', help: "only flows that match, e.g. 'tcp.port == 443 && rtt.p99 > 50ms'" },
    ...KNOWLEDGE_OPTIONS,
  },
  async run(given: Given): Promise<void> {
    const [path, extra] = given.positionals;
    if (path === undefined)
      throw usageError('no file to read', 'flowglass summary', 'give a FILE (- is standard input)');
    if (extra !== undefined) throw usageError('more than one file', extra, 'give one FILE');
    if (given.has('trouble')) {
      if (given.text('filter') !== undefined)
        throw usageError('--filter and --trouble together', 'flowglass summary', 'leave one of them out');
      process.stdout.write(await troubleReport(path, given.has('json')));
      return;
    }
    const filter = readFilter(given.text('filter'));
    const opened = await openCapture(path);
    const surroundings = surroundingsOf(opened.model, readKnowledge(given));
    const known = knowing(opened, surroundings);
    const source =
      filter === null ? known : { ...known, matches: compile(filter.ast, modelFields(known.model, surroundings)) };
    await (given.has('json') ? writeSummary : writeTable)(source, process.stdout);
  },
};
