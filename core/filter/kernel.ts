/**
 * Tree → kernel prefilter. The rules may match more than the filter, never less: what the kernel's flow key does not
 * hold (processes, latency, names, states) counts as matching, and so does the negation of anything unknown.
 * The kernel compares the flow key of a packet (for an ICMP error: of the flow it quotes), not single headers.
 */
import type { AddressValue, Compare, Expression, In, Member, Operator } from './ast.ts';
import { fieldOf, PROTOCOL_NUMBERS, type FieldSpec } from './fields.ts';
import { coarsen, intersection, rangePrefix, RULES_MAX, union, type Rule } from './rules.ts';

const EVERYTHING: readonly Rule[] = [{}];
const NOTHING: readonly Rule[] = [];

function addressRule(value: AddressValue, to: AddressValue | null): Rule {
  const { family } = value;
  if (to !== null) return { family, address: rangePrefix(family, value.bytes, to.bytes) };
  return value.prefix === 0 ? { family } : { family, address: { bytes: value.bytes, prefix: value.prefix } };
}

/** Numbers that a comparison lets through, within [0, max]; null = none. */
function rangeOf(operator: Operator, value: number, max: number): { from: number; to: number } | null {
  const range = { from: 0, to: max };
  if (operator === '==') Object.assign(range, { from: value, to: value });
  else if (operator === '<') range.to = value - 1;
  else if (operator === '<=') range.to = Math.min(max, value);
  else if (operator === '>') range.from = value + 1;
  else if (operator === '>=') range.from = value;
  return range.from <= range.to ? range : null;
}

/** A member, or a value under an operator other than `!=`, as rules. */
function memberRules(spec: FieldSpec, member: Member, operator: Operator): readonly Rule[] {
  const { from, to } = member;
  if (from.kind === 'address') return [addressRule(from, to !== null && to.kind === 'address' ? to : null)];
  if (spec.name === 'interface')
    return from.kind === 'text' && operator === '==' ? [{ interface: from.value }] : EVERYTHING;
  if (from.kind !== 'number') return EVERYTHING;
  const isRange = to !== null && to.kind === 'number';
  const range = isRange ? { from: from.value, to: to.value } : rangeOf(operator, from.value, spec.max);
  if (range === null) return NOTHING;
  if (spec.type === 'port') return range.from === 0 && range.to === 65535 ? EVERYTHING : [{ port: range }];
  if (spec.name === 'family') {
    return ([4, 6] as const).filter((each) => each >= range.from && each <= range.to).map((family) => ({ family }));
  }
  if (spec.name === 'protocol' && range.to - range.from < RULES_MAX)
    return Array.from({ length: range.to - range.from + 1 }, (_, i) => ({ protocol: range.from + i }));
  return EVERYTHING;
}

function leafRules(leaf: Compare | In): readonly Rule[] {
  const spec = fieldOf(leaf.field);
  if (leaf.kind === 'compare') {
    const { operator } = leaf;
    if (operator === '!=' || operator === '~' || operator === 'contains') return EVERYTHING;
    return memberRules(spec, { from: leaf.value, to: null }, operator);
  }
  return union(
    leaf.members.flatMap((member) => memberRules(spec, member, '==')),
    NOTHING,
  );
}

function positive(ast: Expression): readonly Rule[] {
  switch (ast.kind) {
    case 'constant':
      return ast.value ? EVERYTHING : NOTHING;
    case 'not':
      return negative(ast.operand);
    case 'and':
      return ast.operands.map(positive).reduce(intersection);
    case 'or':
      return ast.operands.map(positive).reduce(union);
    case 'protocol': {
      const protocol = PROTOCOL_NUMBERS.get(ast.name);
      return protocol === undefined ? [{ family: ast.name === 'ip' ? 4 : 6 }] : [{ protocol }];
    }
    case 'known':
    case 'compare':
    case 'in': {
      const { protocol } = fieldOf(ast.field);
      const rules = ast.kind === 'known' ? EVERYTHING : leafRules(ast);
      return protocol === null ? rules : intersection([{ protocol }], rules);
    }
  }
}

function negative(ast: Expression): readonly Rule[] {
  switch (ast.kind) {
    case 'constant':
      return ast.value ? NOTHING : EVERYTHING;
    case 'not':
      return positive(ast.operand);
    case 'and':
      return ast.operands.map(negative).reduce(union);
    case 'or':
      return ast.operands.map(negative).reduce(intersection);
    case 'protocol':
      if (ast.name === 'ip') return [{ family: 6 }];
      return ast.name === 'ipv6' ? [{ family: 4 }] : EVERYTHING;
    default:
      return EVERYTHING;
  }
}

/**
 * At most 64 rules of which one matches whenever the filter does. Null: everything must be copied. An empty list: the
 * filter matches no flow at all.
 */
export function toKernelRules(ast: Expression): Rule[] | null {
  const rules = coarsen(positive(ast), RULES_MAX);
  return rules.some((rule) => Object.keys(rule).length === 0) ? null : rules;
}
