/**
 * Tree → predicate over flow indexes. Nothing is allocated per flow (answers of patterns are remembered per distinct
 * text). Constants are folded, and of the operands of && and || the cheapest are tried first.
 */
import type { Expression } from './ast.ts';
import { fieldOf, PROTOCOL_NUMBERS } from './fields.ts';
import type { FlowFields, Predicate } from './flow-fields.ts';
import { fieldTest, type Test } from './tests.ts';

const ALWAYS: Predicate = () => true;
const NEVER: Predicate = () => false;

function isConstant(test: Test): boolean {
  return test.predicate === ALWAYS || test.predicate === NEVER;
}

function constant(value: boolean): Test {
  return { predicate: value ? ALWAYS : NEVER, cost: 0 };
}

/** Conjunction (`stop` false) or disjunction (`stop` true) of tests: the first that gives `stop` decides. */
function join(tests: readonly Test[], stop: boolean): Test {
  const decider = stop ? ALWAYS : NEVER;
  if (tests.some((test) => test.predicate === decider)) return constant(stop);
  const rest = tests.filter((test) => !isConstant(test)).sort((a, b) => a.cost - b.cost);
  const [first, second, third] = rest;
  if (first === undefined) return constant(!stop);
  const cost = rest.reduce((sum, test) => sum + test.cost, 0);
  if (second === undefined) return first;
  const a = first.predicate;
  const b = second.predicate;
  if (third === undefined)
    return { predicate: stop ? (flow) => a(flow) || b(flow) : (flow) => a(flow) && b(flow), cost };
  const predicates = rest.map((test) => test.predicate);
  return {
    predicate: (flow) => {
      for (let i = 0; i < predicates.length; i++) if (predicates[i]?.(flow) === stop) return stop;
      return !stop;
    },
    cost,
  };
}

function negate(test: Test): Test {
  if (isConstant(test)) return constant(test.predicate === NEVER);
  const inner = test.predicate;
  return { predicate: (flow) => !inner(flow), cost: test.cost };
}

function numberIs(field: string, wanted: number, fields: FlowFields): Test {
  const get = fields.number(field);
  return get === null ? constant(false) : { predicate: (flow) => get(flow) === wanted, cost: 2 };
}

/** A comparison on a field, which may look at both ends and may belong to one protocol. */
function leafTest(leaf: Extract<Expression, { kind: 'known' | 'compare' | 'in' }>, fields: FlowFields): Test {
  const spec = fieldOf(leaf.field);
  const sources = spec.either.length > 0 ? spec.either : [spec.source];
  const tests = sources
    .map((source) => fieldTest(leaf, spec, source, fields))
    .filter((test): test is Test => test !== null);
  let test: Test;
  if (leaf.kind === 'compare' && leaf.operator === '!=' && tests.length > 1) {
    // Not equal at both ends, unknown ends aside, and at least one end known.
    const known = sources.map((source) => fieldTest({ kind: 'known', field: leaf.field }, spec, source, fields));
    const equal = sources.map((source) => fieldTest({ ...leaf, operator: '==' }, spec, source, fields));
    const present = (test: Test | null): Test => test ?? constant(false);
    test = join([join(known.map(present), true), negate(join(equal.map(present), true))], false);
  } else test = join(tests, true);
  return spec.protocol === null ? test : join([numberIs('protocol', spec.protocol, fields), test], false);
}

function build(ast: Expression, fields: FlowFields): Test {
  switch (ast.kind) {
    case 'constant':
      return constant(ast.value);
    case 'not':
      return negate(build(ast.operand, fields));
    case 'and':
    case 'or':
      return join(
        ast.operands.map((operand) => build(operand, fields)),
        ast.kind === 'or',
      );
    case 'protocol': {
      const number = PROTOCOL_NUMBERS.get(ast.name);
      if (number !== undefined) return numberIs('protocol', number, fields);
      return numberIs('family', ast.name === 'ip' ? 4 : 6, fields);
    }
    default:
      return leafTest(ast, fields);
  }
}

/** Compiles a tree against a source of flows. The predicate is valid as long as the accessors are. */
export function compile(ast: Expression, fields: FlowFields): Predicate {
  return build(ast, fields).predicate;
}
