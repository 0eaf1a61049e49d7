/**
 * The filter language's syntax tree. One tree serves the exact predicate (compile.ts), the kernel prefilter
 * (kernel.ts), the formatter and the description, so that they cannot disagree about what was asked.
 */

/** Half-open range of UTF-16 offsets in the text that was parsed. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/**
 * An IPv4 or IPv6 address or prefix. `bytes` always has 16 bytes in network order: an IPv4 address occupies the first
 * four, the rest is zero (as in bpf/abi.h). Bits past `prefix` are zero.
 */
export interface AddressValue {
  readonly kind: 'address';
  readonly family: 4 | 6;
  readonly bytes: Uint8Array;
  readonly prefix: number;
  /** RFC 4007 zone (an interface name), only on link-local addresses. */
  readonly zone: string | null;
}

/** A number in the unit of its field's type: bytes, bytes per second, nanoseconds, or a plain count. */
export interface NumberValue {
  readonly kind: 'number';
  readonly value: number;
}

export interface TextValue {
  readonly kind: 'text';
  readonly value: string;
}

/** A moment: nanoseconds since 1970-01-01T00:00:00Z. */
export interface InstantValue {
  readonly kind: 'instant';
  readonly epochNs: bigint;
}

/** A moment given as nanoseconds from the start of the session (`+10s`). */
export interface OffsetValue {
  readonly kind: 'offset';
  readonly ns: number;
}

export type Value = AddressValue | NumberValue | TextValue | InstantValue | OffsetValue;

export type Operator = '==' | '!=' | '<' | '<=' | '>' | '>=' | '~' | 'contains';

/** A member of a set: one value (`to` null) or an inclusive range. */
export interface Member {
  readonly from: Value;
  readonly to: Value | null;
}

interface Located {
  readonly span?: Span;
}

/** `true` and `false`; an empty filter is `true`. */
export interface Constant extends Located {
  readonly kind: 'constant';
  readonly value: boolean;
}

export interface Not extends Located {
  readonly kind: 'not';
  readonly operand: Expression;
}

/** At least two operands, none of the same kind (the constructors below flatten). */
export interface Junction extends Located {
  readonly kind: 'and' | 'or';
  readonly operands: readonly Expression[];
}

/** A protocol name used as a predicate: `tcp`. */
export interface Protocol extends Located {
  readonly kind: 'protocol';
  readonly name: string;
}

/** A field used as a predicate: its value is known. */
export interface Known extends Located {
  readonly kind: 'known';
  readonly field: string;
}

export interface Compare extends Located {
  readonly kind: 'compare';
  readonly field: string;
  readonly operator: Operator;
  readonly value: Value;
}

export interface In extends Located {
  readonly kind: 'in';
  readonly field: string;
  readonly members: readonly Member[];
}

export type Expression = Constant | Not | Junction | Protocol | Known | Compare | In;

function junction(kind: 'and' | 'or', operands: readonly Expression[], span?: Span): Expression {
  const flat: Expression[] = [];
  for (const operand of operands) {
    if (operand.kind === kind) flat.push(...operand.operands);
    else flat.push(operand);
  }
  const only = flat[0];
  if (only === undefined) return { kind: 'constant', value: kind === 'and' };
  if (flat.length === 1) return only;
  return span === undefined ? { kind, operands: flat } : { kind, operands: flat, span };
}

/** Conjunction; nested conjunctions are flattened, none is `true`. */
export function and(operands: readonly Expression[], span?: Span): Expression {
  return junction('and', operands, span);
}

/** Disjunction; nested disjunctions are flattened, none is `false`. */
export function or(operands: readonly Expression[], span?: Span): Expression {
  return junction('or', operands, span);
}

/** Negation, kept as written (a double negation stays). */
export function not(operand: Expression, span?: Span): Expression {
  return span === undefined ? { kind: 'not', operand } : { kind: 'not', operand, span };
}

function sameValue(a: Value, b: Value): boolean {
  switch (a.kind) {
    case 'address':
      return (
        b.kind === 'address' &&
        a.family === b.family &&
        a.prefix === b.prefix &&
        a.zone === b.zone &&
        a.bytes.every((byte, i) => byte === b.bytes[i])
      );
    case 'number':
      return b.kind === 'number' && a.value === b.value;
    case 'text':
      return b.kind === 'text' && a.value === b.value;
    case 'instant':
      return b.kind === 'instant' && a.epochNs === b.epochNs;
    case 'offset':
      return b.kind === 'offset' && a.ns === b.ns;
  }
}

/** Whether two trees say the same, positions aside. */
export function sameExpression(a: Expression, b: Expression): boolean {
  switch (a.kind) {
    case 'constant':
      return b.kind === 'constant' && a.value === b.value;
    case 'not':
      return b.kind === 'not' && sameExpression(a.operand, b.operand);
    case 'and':
    case 'or':
      return (
        b.kind === a.kind &&
        a.operands.length === b.operands.length &&
        a.operands.every((operand, i) => {
          const other = b.operands[i];
          return other !== undefined && sameExpression(operand, other);
        })
      );
    case 'protocol':
      return b.kind === 'protocol' && a.name === b.name;
    case 'known':
      return b.kind === 'known' && a.field === b.field;
    case 'compare':
      return b.kind === 'compare' && a.field === b.field && a.operator === b.operator && sameValue(a.value, b.value);
    case 'in':
      return (
        b.kind === 'in' &&
        a.field === b.field &&
        a.members.length === b.members.length &&
        a.members.every((member, i) => {
          const other = b.members[i];
          if (other === undefined || !sameValue(member.from, other.from)) return false;
          if (member.to === null || other.to === null) return member.to === other.to;
          return sameValue(member.to, other.to);
        })
      );
  }
}
