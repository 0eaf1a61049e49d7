/**
 * Comparisons as predicates over one accessor. An unknown value (NaN, null) makes every comparison false, `!=` too.
 * `cost` orders the operands of && and ||: about nanoseconds.
 */
import { wordsOf } from './address.ts';
import type { Compare, Expression, In, Member, Value } from './ast.ts';
import type { FieldSpec } from './fields.ts';
import type { FlowFields, Predicate } from './flow-fields.ts';
import { compilePattern } from './pattern.ts';

export interface Test {
  readonly predicate: Predicate;
  readonly cost: number;
}

type Leaf = Compare | In | Extract<Expression, { kind: 'known' }>;

/** The value as a number in the accessor's unit; NaN for what is no number. */
function numberOf(value: Value, fields: FlowFields): number {
  if (value.kind === 'number') return value.value;
  if (value.kind === 'offset') return value.ns;
  if (value.kind === 'instant') return fields.fromStart(value.epochNs);
  return NaN;
}

function numberTest(leaf: Leaf, get: (flow: number) => number, fields: FlowFields): Predicate {
  if (leaf.kind === 'known') {
    return (flow) => {
      const v = get(flow);
      return v === v;
    };
  }
  if (leaf.kind === 'in') return numberSet(leaf.members, get, fields);
  const wanted = numberOf(leaf.value, fields);
  switch (leaf.operator) {
    case '==':
      return (flow) => get(flow) === wanted;
    case '!=':
      return (flow) => {
        const v = get(flow);
        return v === v && v !== wanted;
      };
    case '<':
      return (flow) => get(flow) < wanted;
    case '<=':
      return (flow) => get(flow) <= wanted;
    case '>':
      return (flow) => get(flow) > wanted;
    case '>=':
      return (flow) => get(flow) >= wanted;
    default:
      return () => false;
  }
}

function numberSet(members: readonly Member[], get: (flow: number) => number, fields: FlowFields): Predicate {
  const singles = new Set<number>();
  const ranges: number[] = [];
  for (const { from, to } of members) {
    if (to === null) singles.add(numberOf(from, fields));
    else ranges.push(numberOf(from, fields), numberOf(to, fields));
  }
  const bounds = Float64Array.from(ranges);
  return (flow) => {
    const v = get(flow);
    if (singles.has(v)) return v === v;
    for (let i = 0; i < bounds.length; i += 2) if (v >= (bounds[i] ?? NaN) && v <= (bounds[i + 1] ?? NaN)) return true;
    return false;
  };
}

function textOf(value: Value, spec: FieldSpec): string {
  const text = value.kind === 'text' ? value.value : '';
  return spec.caseless ? text.toLowerCase() : text;
}

/** The test on a single known text. */
function textMatcher(leaf: Compare | In, spec: FieldSpec): (text: string) => boolean {
  const fold = spec.caseless;
  if (leaf.kind === 'in') {
    const members = new Set(leaf.members.map((member) => textOf(member.from, spec)));
    return fold ? (text) => members.has(text) || members.has(text.toLowerCase()) : (text) => members.has(text);
  }
  const wanted = textOf(leaf.value, spec);
  if (leaf.operator === '~') {
    const pattern = compilePattern(leaf.value.kind === 'text' ? leaf.value.value : '');
    if (typeof pattern === 'string') throw new RangeError(pattern);
    return (text) => pattern.test(text);
  }
  if (leaf.operator === 'contains')
    return fold ? (text) => text.toLowerCase().includes(wanted) : (text) => text.includes(wanted);
  if (fold) return (text) => text === wanted || (text.length === wanted.length && text.toLowerCase() === wanted);
  return (text) => text === wanted;
}

function textTest(leaf: Leaf, get: (flow: number) => string | null, spec: FieldSpec): Predicate {
  if (leaf.kind === 'known') return (flow) => get(flow) !== null;
  const matches = textMatcher(leaf, spec);
  const wanted = !(leaf.kind === 'compare' && leaf.operator === '!=');
  return (flow) => {
    const text = get(flow);
    return text !== null && matches(text) === wanted;
  };
}

function listTest(leaf: Leaf, get: (flow: number, index: number) => string | null, spec: FieldSpec): Predicate {
  if (leaf.kind === 'known') return (flow) => get(flow, 0) !== null;
  const matches = textMatcher(leaf, spec);
  const none = leaf.kind === 'compare' && leaf.operator === '!=';
  return (flow) => {
    for (let i = 0; ; i++) {
      const text = get(flow, i);
      if (text === null) return none && i > 0;
      if (matches(text)) return !none;
    }
  };
}

type Address = (flow: number, word: number) => number;

function addressMember(member: Member, get: Address, fields: FlowFields): Predicate {
  const low = member.from;
  const high = member.to;
  const family = fields.number('family');
  if (low.kind !== 'address' || family === null) return () => false;
  const wantedFamily = low.family;
  if (high !== null && high.kind === 'address') {
    const [a0, a1, a2, a3] = wordsOf(low.bytes);
    const [b0, b1, b2, b3] = wordsOf(high.bytes);
    const low4 = Float64Array.of(a0, a1, a2, a3);
    const high4 = Float64Array.of(b0, b1, b2, b3);
    return (flow) => family(flow) === wantedFamily && order(get, flow, low4) >= 0 && order(get, flow, high4) <= 0;
  }
  const words = wordsOf(low.bytes);
  const masks = [0, 1, 2, 3].map((i) => {
    const bits = Math.max(0, Math.min(32, low.prefix - 32 * i));
    return bits === 0 ? 0 : (0xffffffff << (32 - bits)) >>> 0;
  });
  const [w0, w1, w2, w3] = words;
  const [m0 = 0, m1 = 0, m2 = 0, m3 = 0] = masks;
  const zone = low.zone === null ? null : fields.zone();
  const wantedZone = low.zone;
  if (wantedZone !== null && zone === null) return () => false;
  return (flow) => {
    if (family(flow) !== wantedFamily) return false;
    const first = get(flow, 0);
    if (first !== first || (first & m0) >>> 0 !== w0) return false;
    if (m1 !== 0 && (get(flow, 1) & m1) >>> 0 !== w1) return false;
    if (m2 !== 0 && (get(flow, 2) & m2) >>> 0 !== w2) return false;
    if (m3 !== 0 && (get(flow, 3) & m3) >>> 0 !== w3) return false;
    return zone === null || zone(flow) === wantedZone;
  };
}

/** Negative, zero or positive as the flow's address is below, at or above `words`; NaN when unknown. */
function order(get: Address, flow: number, words: Float64Array): number {
  for (let i = 0; i < 4; i++) {
    const difference = get(flow, i) - (words[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function addressTest(leaf: Leaf, get: Address, fields: FlowFields): Predicate {
  const known: Predicate = (flow) => {
    const first = get(flow, 0);
    return first === first;
  };
  if (leaf.kind === 'known') return known;
  const members = leaf.kind === 'in' ? leaf.members : [{ from: leaf.value, to: null }];
  const tests = members.map((member) => addressMember(member, get, fields));
  const only = tests[0];
  const negated = leaf.kind === 'compare' && leaf.operator === '!=';
  if (only !== undefined && tests.length === 1 && !negated) return only;
  return (flow) => {
    if (!known(flow)) return false;
    for (const test of tests) if (test(flow)) return !negated;
    return negated;
  };
}

/** The test of a leaf on the single-valued field `source`; null when the source of flows does not have it. */
export function fieldTest(leaf: Leaf, spec: FieldSpec, source: string, fields: FlowFields): Test | null {
  const pattern = leaf.kind === 'compare' && leaf.operator === '~';
  if (spec.type === 'address') {
    const get = fields.address(source);
    const cost = leaf.kind === 'in' ? 5 * leaf.members.length : 5;
    return get === null ? null : { predicate: addressTest(leaf, get, fields), cost };
  }
  if (spec.list) {
    const get = fields.list(source);
    return get === null ? null : { predicate: listTest(leaf, get, spec), cost: pattern ? 100 : 30 };
  }
  if (spec.type === 'text' || spec.type === 'enum') {
    const get = fields.text(source);
    return get === null ? null : { predicate: textTest(leaf, get, spec), cost: textCost(source) + (pattern ? 40 : 0) };
  }
  const get = fields.number(source);
  return get === null ? null : { predicate: numberTest(leaf, get, fields), cost: numberCost(source) };
}

function numberCost(source: string): number {
  if (/^(?:rtt|response)\./.test(source)) return 150;
  if (/^(?:ended|duration|connect|rate|.*\.rate)$/.test(source)) return 120;
  if (/process|parent|retransmits/.test(source)) return 60;
  return source === 'protocol' || source === 'family' ? 2 : 10;
}

function textCost(source: string): number {
  if (source === 'state' || source === 'end') return 120;
  return source.includes('process') ? 60 : 15;
}
