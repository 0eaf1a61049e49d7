/**
 * Names of the user's own for flows: rules in the filter language, in a YAML file (docs/labels.md). Every rule that
 * matches gives its label; the first is what the flow is called.
 */
import { stringify } from 'yaml';
import { z } from 'zod';
import { parseConfig, readConfig } from '../config/yaml.ts';
import type { Expression } from '../filter/ast.ts';
import { explain, parse } from '../filter/filter.ts';
import { leaves } from '../filter/leaves.ts';

const RULES_MAX = 256;

export interface LabelRule {
  readonly label: string;
  /** The condition as it was written. */
  readonly where: string;
  readonly ast: Expression;
}

/** A condition with its tree; a mistake is told with the character in it and what was expected. */
const condition = z
  .string()
  .max(4096)
  .transform((text, context) => {
    const parsed = parse(text);
    const asksLabels = parsed.ok && leaves(parsed.ast).some((leaf) => 'field' in leaf && leaf.field === 'label');
    const problem = !parsed.ok ? explain(parsed.problem) : asksLabels ? 'a rule cannot ask for labels' : null;
    if (problem !== null) context.addIssue({ code: 'custom', message: problem });
    return { text, ast: parsed.ok ? parsed.ast : null };
  });

const labelFile = z.strictObject({
  labels: z
    .array(
      z.strictObject({
        label: z
          .string()
          .min(1)
          .max(64)
          .regex(/^[^\u0000-\u001f\u007f;]+$/, 'a label has no control characters and no semicolon'),
        where: condition,
      }),
    )
    .max(RULES_MAX)
    .default([]),
});

const rulesOf = ({ labels }: z.output<typeof labelFile>): LabelRule[] =>
  labels.flatMap(({ label, where: { text, ast } }) => (ast === null ? [] : [{ label, where: text, ast }]));

/** Rules of a file. @throws FlowglassError with one sentence: what, file:line:column, what to do */
export const readLabelRules = (path: string): LabelRule[] => rulesOf(readConfig(path, labelFile));

/** The same for text; `path` is for the sentences. */
export const parseLabelRules = (text: string, path: string): LabelRule[] => rulesOf(parseConfig(text, labelFile, path));

/** The rules as a file that says the same. */
export const labelRulesText = (rules: readonly LabelRule[]): string =>
  stringify({ labels: rules.map(({ label, where }) => ({ label, where })) });
