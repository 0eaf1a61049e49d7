/** The filter language: parse once, then compile, translate for the kernel, format, describe, complete, colour. */
import { EXIT_USAGE, FlowglassError } from '../errors.ts';
import type { Expression } from './ast.ts';
import { parse } from './parse.ts';

export { and, not, or, sameExpression } from './ast.ts';
export type { Expression, Operator, Span, Value } from './ast.ts';
export { compile } from './compile.ts';
export { complete, type Suggestion, type Values } from './complete.ts';
export { describe } from './describe.ts';
export { encodeRules } from './encode.ts';
export { FIELDS, findField, operatorsOf, PROTOCOLS, type FieldSpec, type FieldType } from './fields.ts';
export type { FlowFields, Predicate } from './flow-fields.ts';
export { format } from './format.ts';
export { highlight } from './highlight.ts';
export { toKernelRules } from './kernel.ts';
export { parse, type ParseResult } from './parse.ts';
export { applyFix, explain, type FilterProblem, type Fix } from './problem.ts';
export { clauseFor, refine } from './refine.ts';
export type { Rule } from './rules.ts';

/** Parses a filter given on the command line; throws FlowglassError (exit 2) that names the character. */
export function requireFilter(text: string, option = '--filter'): Expression {
  const result = parse(text);
  if (result.ok) return result.ast;
  const { start, message, hint } = result.problem;
  throw new FlowglassError({
    code: 'bad-filter',
    what: message,
    where: `${option}, character ${start + 1}`,
    hint: hint ?? 'see docs/filter.md',
    exitCode: EXIT_USAGE,
  });
}
