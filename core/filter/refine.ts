/** One-click "only this" and "not this": clauses from values, and filters with a clause added. */
import { parseAddress } from './address.ts';
import { and, not, sameExpression, type Expression, type Value } from './ast.ts';
import { fieldOf } from './fields.ts';
import { format } from './format.ts';
import { parse } from './parse.ts';

/** `field == value` for a value as the flow model has it (numbers in the field's unit); null = the field is unknown. */
export function clauseFor(field: string, value: string | number | null): Expression {
  const spec = fieldOf(field);
  if (value === null) return not({ kind: 'known', field: spec.name });
  let literal: Value;
  if (spec.type === 'address') {
    const address = parseAddress(String(value));
    if ('error' in address) throw new RangeError(address.error);
    literal = address;
  } else literal = typeof value === 'number' ? { kind: 'number', value } : { kind: 'text', value };
  return { kind: 'compare', field: spec.name, operator: '==', value: literal };
}

/**
 * The filter's text with a clause added by `&&`. Adding what is there already changes nothing; adding the opposite of
 * what is there replaces it. A text that does not parse is left alone (null).
 */
export function refine(text: string, clause: Expression): string | null {
  const result = parse(text);
  if (!result.ok) return null;
  const opposite = clause.kind === 'not' ? clause.operand : not(clause);
  const parts = result.ast.kind === 'and' ? result.ast.operands : [result.ast];
  const kept = parts.filter(
    (part) =>
      !(part.kind === 'constant' && part.value) && !sameExpression(part, opposite) && !sameExpression(part, clause),
  );
  return format(and([...kept, clause]));
}

/** The filter's text with a condition (or its opposite) added, both as text; null when one of them does not parse. */
export function refined(text: string, condition: string, hide: boolean): string | null {
  const clause = parse(condition);
  return clause.ok ? refine(text, hide ? not(clause.ast) : clause.ast) : null;
}
