/** A filter in plain English, for tooltips and screen readers. */
import type { Expression, Member } from './ast.ts';
import { fieldOf, PROTOCOLS, type FieldSpec } from './fields.ts';
import { formatValue } from './format.ts';

const VERBS: Readonly<Record<string, string>> = {
  '==': 'is',
  '!=': 'is known and is not',
  '<': 'is below',
  '<=': 'is at most',
  '>': 'is above',
  '>=': 'is at least',
  '~': 'matches',
  contains: 'contains',
};
const TIME_VERBS: Readonly<Record<string, string>> = {
  '<': 'is before',
  '<=': 'is not after',
  '>': 'is after',
  '>=': 'is not before',
};

function subject(spec: FieldSpec): string {
  return spec.doc.replace(/[;,] .*$/, '').replace(/ \(.*?\)/, '');
}

function verb(spec: FieldSpec, operator: string): string {
  const time = spec.type === 'instant' ? TIME_VERBS[operator] : undefined;
  return time ?? VERBS[operator] ?? operator;
}

function member(spec: FieldSpec, { from, to }: Member): string {
  return to === null ? formatValue(spec, from) : `${formatValue(spec, from)} to ${formatValue(spec, to)}`;
}

/** One clause without a full stop: `TCP flows, and name of … is "curl"`. */
export function describe(ast: Expression): string {
  switch (ast.kind) {
    case 'constant':
      return ast.value ? 'every flow' : 'no flow';
    case 'protocol':
      return PROTOCOLS.get(ast.name) ?? ast.name;
    case 'not':
      return `not (${describe(ast.operand)})`;
    case 'and':
      return ast.operands.map((each) => (each.kind === 'or' ? `(${describe(each)})` : describe(each))).join(', and ');
    case 'or':
      return ast.operands.map((each) => (each.kind === 'and' ? `(${describe(each)})` : describe(each))).join(', or ');
    case 'known':
      return `${subject(fieldOf(ast.field))} is known`;
    case 'compare': {
      const spec = fieldOf(ast.field);
      return `${subject(spec)} ${verb(spec, ast.operator)} ${formatValue(spec, ast.value)}`;
    }
    case 'in': {
      const spec = fieldOf(ast.field);
      return `${subject(spec)} is one of ${ast.members.map((each) => member(spec, each)).join(', ')}`;
    }
  }
}
