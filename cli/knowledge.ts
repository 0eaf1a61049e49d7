/** Options by which the user brings knowledge of networks to a command. */
import { NO_KNOWLEDGE, type Knowledge } from '../core/engine/knowledge.ts';
import { Databases } from '../core/place/databases.ts';
import type { Given, OptionSpec } from './command.ts';
import { note } from './terminal.ts';

export const KNOWLEDGE_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  mmdb: {
    value: 'FILE',
    multiple: true,
    help: 'database of networks (ASN, country), MMDB; may be given several times',
  },
};

/** Reads them; a database that cannot be used is told once, and everything else goes on. */
export function readKnowledge(given: Given): Knowledge {
  const paths = given.texts('mmdb');
  if (paths.length === 0) return NO_KNOWLEDGE;
  const databases = Databases.open(paths, ({ what, where }) => note('warning', `${what}: ${where}`));
  return { databases };
}
