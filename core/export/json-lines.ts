import { flowSummary } from '../summary/flow.ts';
import type { SummarySource } from '../summary/source.ts';
import { summaryFlows } from '../summary/summary.ts';

/** One flow a line, each the object that `summary --json` has in `flows`. */
export function* flowsJsonLines(source: SummarySource): Generator<string> {
  for (const flow of summaryFlows(source)) {
    // These three end a line for some readers, although not for JSON.
    const line = JSON.stringify(flowSummary(source, flow)).replace(
      /[\u0085\u2028\u2029]/g,
      (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
    );
    yield `${line}\n`;
  }
}
