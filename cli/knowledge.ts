/** Options by which the user brings knowledge of networks and names of his own to a command. */
import { NO_KNOWLEDGE, type Knowledge } from '../core/engine/knowledge.ts';
import { readLabelRules } from '../core/labels/label-rules.ts';
import { Databases } from '../core/place/databases.ts';
import type { Given, OptionSpec } from './command.ts';
import { note } from './terminal.ts';

export const KNOWLEDGE_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  labels: { value: 'FILE', help: 'rules that give flows names of your own (docs/labels.md)' },
  mmdb: {
    value: 'FILE',
    multiple: true,
    help: 'database of networks (ASN, country), MMDB; may be given several times',
  },
};

/** Reads them; a database that cannot be used is told once, and everything else goes on; rules with a mistake are an error. */
export function readKnowledge(given: Given): Knowledge {
  const paths = given.texts('mmdb');
  const rules = given.text('labels');
  if (paths.length === 0 && rules === undefined) return NO_KNOWLEDGE;
  const databases = Databases.open(paths, ({ what, where }) => note('warning', `${what}: ${where}`));
  return { databases, labels: rules === undefined ? [] : readLabelRules(rules) };
}
