/** Recursive descent over the tokens; each comparison is type-checked where it is read, so problems come in order. */
import { and, not, or, type Expression, type Member, type Operator, type Value } from './ast.ts';
import { checkOperator, checkValue } from './check.ts';
import { FIELDS, findField, findProtocol, PROTOCOLS, type FieldSpec } from './fields.ts';
import { tokenize, type Token } from './lexer.ts';
import { fail, FilterSyntaxError, nearest, type FilterProblem } from './problem.ts';

/** Longest filter in UTF-16 units, deepest nesting, most members of a set. */
export const FILTER_MAX = 20_000;
const DEPTH_MAX = 200;
export const MEMBERS_MAX = 1_000;

export type ParseResult =
  { readonly ok: true; readonly ast: Expression } | { readonly ok: false; readonly problem: FilterProblem };

const OPERATORS: ReadonlyMap<string, Operator> = new Map(
  (['==', '!=', '<', '<=', '>', '>=', '~', 'contains'] as const).map((operator) => [operator, operator]),
);

class Parser {
  private readonly source: string;
  private readonly tokens: readonly Token[];
  private at = 0;
  private depth = 0;

  constructor(source: string) {
    this.source = source;
    this.tokens = tokenize(source);
  }

  private peek(ahead = 0): Token {
    const token = this.tokens[Math.min(this.at + ahead, this.tokens.length - 1)];
    if (token === undefined) throw new RangeError('no tokens');
    return token;
  }

  /** The next token; a bad one stops the parser. */
  private next(): Token {
    const token = this.peek();
    if (token.problem !== null) throw new FilterSyntaxError(token.problem);
    if (token.kind !== 'end') this.at++;
    return token;
  }

  private isOperator(text: string): boolean {
    return this.peek().kind === 'operator' && this.peek().text === text;
  }

  parse(): Expression {
    if (this.peek().kind === 'end') return { kind: 'constant', value: true, span: { start: 0, end: 0 } };
    const ast = this.alternatives();
    const rest = this.next();
    if (rest.kind === 'end') return ast;
    if (rest.kind === ')')
      fail('parenthesis', rest, 'this ) closes nothing', 'take it away', { ...place(rest), text: '' });
    this.failBetween(rest);
  }

  private alternatives(): Expression {
    return this.chain('||', or, () => this.chain('&&', and, () => this.unary()));
  }

  private chain(operator: string, join: typeof and, operand: () => Expression): Expression {
    const start = this.peek().start;
    const operands = [operand()];
    while (this.isOperator(operator)) {
      this.at++;
      operands.push(operand());
    }
    return join(operands, { start, end: this.peek(-1).end });
  }

  private unary(): Expression {
    const token = this.peek();
    if (++this.depth > DEPTH_MAX) fail('depth', token, `a filter is nested at most ${DEPTH_MAX} deep`);
    try {
      if (this.isOperator('!')) {
        this.at++;
        const operand = this.unary();
        return not(operand, { start: token.start, end: this.peek(-1).end });
      }
      if (token.kind !== '(') return this.predicate();
      this.at++;
      const inner = this.alternatives();
      const close = this.next();
      if (close.kind === ')') return inner;
      if (close.kind !== 'end') this.failBetween(close);
      const fix = { start: this.source.length, end: this.source.length, text: ')' };
      fail('parenthesis', token, 'this ( is not closed', 'write ) at the end', fix);
    } finally {
      this.depth--;
    }
  }

  private predicate(): Expression {
    const token = this.next();
    if (token.kind !== 'word') this.failOperand(token);
    const span = place(token);
    const lower = token.text.toLowerCase();
    if (lower === 'true' || lower === 'false') return { kind: 'constant', value: lower === 'true', span };
    const protocol = findProtocol(token.text);
    if (protocol !== null) {
      const operator = this.comparison();
      if (operator !== null)
        fail('operator', operator, `${protocol} is a protocol and stands alone`, `write ${protocol} && …`);
      return { kind: 'protocol', name: protocol, span };
    }
    const spec = findField(token.text) ?? this.failUnknown(token);
    const operator = this.comparison();
    if (operator === null) return { kind: 'known', field: spec.name, span };
    checkOperator(spec, operator);
    const node = operator.text === 'in' ? this.membership(spec, operator) : this.compare(spec, token, operator);
    const end = this.peek(-1).end;
    const again = this.comparison();
    if (again !== null)
      fail(
        'chain',
        again,
        'one comparison cannot follow another',
        `write && and the field again: && ${spec.name} ${again.text} …`,
      );
    return { ...node, span: { start: token.start, end } };
  }

  /** The comparison operator at hand, read; null when there is none. Slips such as `=` and `!~` stop here. */
  private comparison(): Token | null {
    const token = this.peek();
    if (token.problem !== null && token.problem.code === 'operator') this.failSlip(token);
    if (token.kind !== 'operator') return null;
    if (token.text === '!') {
      const next = this.peek(1);
      if (next.kind === 'operator' && ['~', 'in', 'contains'].includes(next.text))
        fail(
          'operator',
          { start: token.start, end: next.end },
          `"not ${next.text}" is written around the comparison`,
          `write !(field ${next.text} …)`,
        );
      return null;
    }
    if (!OPERATORS.has(token.text) && token.text !== 'in') return null;
    this.at++;
    return token;
  }

  /** Shows the whole comparison put right where that is possible. */
  private failSlip(token: Token): never {
    const problem = token.problem;
    if (problem === null || problem.fix === null) throw new RangeError('a slip has a correction');
    const field = this.peek(-1);
    const value = this.peek(1);
    const joined = problem.fix.text === '&&' || problem.fix.text === '||';
    if (joined || (value.kind !== 'word' && value.kind !== 'string')) throw new FilterSyntaxError(problem);
    const fixed = `${field.text} ${problem.fix.text} ${this.source.slice(value.start, value.end)}`;
    throw new FilterSyntaxError({ ...problem, hint: `write ${fixed}` });
  }

  private compare(spec: FieldSpec, field: Token, operator: Token): Expression {
    const kind = OPERATORS.get(operator.text);
    if (kind === undefined) throw new RangeError(`no operator ${operator.text}`);
    if (this.peek().kind === '{') {
      const fix = { ...place(operator), text: 'in' };
      fail('set', operator, 'a set is asked for with in', `write ${field.text} in { … }`, fix);
    }
    const value = checkValue(spec, this.literal(spec, operator.text), operator.text);
    if (this.peek().kind === '..') {
      fail(
        'range',
        this.peek(),
        'a range stands in a set',
        `write ${field.text} in {${exampleOf(spec)}..${exampleOf(spec)}}`,
      );
    }
    return { kind: 'compare', field: spec.name, operator: kind, value };
  }

  private literal(spec: FieldSpec, operator: string): Token {
    const token = this.peek();
    const example = exampleOf(spec);
    if (token.kind === 'end')
      fail(
        'value',
        token,
        `a value is missing after ${operator}`,
        `write ${spec.name} ${operator === 'in' ? `{${example}}` : `${operator} ${example}`}`,
      );
    this.next();
    if (token.kind !== 'word' && token.kind !== 'string')
      fail('value', token, `a value belongs here, not ${token.text}`, `for instance ${example}`);
    const other = token.kind === 'word' && spec.type !== 'enum' ? findField(token.text) : null;
    if (other !== null && token.text.includes('.'))
      fail('value', token, 'a field is compared with a value, not with another field', `for instance ${example}`);
    return token;
  }

  private membership(spec: FieldSpec, operator: Token): Expression {
    const open = this.peek();
    if (open.kind !== '{') {
      const isValue = open.kind === 'word' || open.kind === 'string';
      const fix = isValue ? { ...place(open), text: `{${this.source.slice(open.start, open.end)}}` } : null;
      if (open.problem !== null) throw new FilterSyntaxError(open.problem);
      fail('set', open, 'a set in braces belongs after in', `write ${spec.name} in {${exampleOf(spec)}}`, fix);
    }
    this.at++;
    const members: Member[] = [];
    for (;;) {
      if (this.peek().kind === '}') break;
      if (members.length >= MEMBERS_MAX) fail('length', this.peek(), `a set has at most ${MEMBERS_MAX} members`);
      if (this.peek().kind === 'end') this.failOpenSet(open);
      members.push(this.member(spec, operator));
      const token = this.peek();
      if (token.kind === ',') this.at++;
      else if (token.kind === 'end') this.failOpenSet(open);
      else if (token.kind !== '}') {
        if (token.problem !== null) throw new FilterSyntaxError(token.problem);
        const end = this.peek(-1).end;
        fail('set', token, 'members of a set are separated by commas', 'write a comma', { start: end, end, text: ',' });
      }
    }
    const close = this.next();
    if (members.length === 0)
      fail(
        'set',
        { start: open.start, end: close.end },
        'this set is empty',
        `write ${spec.name} in {${exampleOf(spec)}}`,
      );
    return { kind: 'in', field: spec.name, members };
  }

  private failOpenSet(open: Token): never {
    const end = this.source.length;
    fail('set', open, 'this { is not closed', 'write } at the end', { start: end, end, text: '}' });
  }

  private member(spec: FieldSpec, operator: Token): Member {
    const first = this.literal(spec, operator.text);
    const from = checkValue(spec, first, operator.text);
    if (this.peek().kind !== '..') return { from, to: null };
    this.at++;
    const last = this.literal(spec, operator.text);
    const span = { start: first.start, end: last.end };
    if (spec.type === 'text' || spec.type === 'enum')
      fail('range', span, `${spec.name} has no ranges`, `write {${exampleOf(spec)}}`);
    const to = checkValue(spec, last, operator.text);
    if (!ordered(from, to)) fail('range', span, 'this range is empty: its end comes before its start');
    return { from, to };
  }

  private failOperand(token: Token): never {
    if (token.kind === 'end') {
      const before = this.peek(-1);
      if (before.kind === 'operator') fail('operand', before, `something is missing after ${before.text}`);
      fail('operand', token, 'a condition is missing here', 'write tcp or rtt.p99 > 50ms');
    }
    if (token.kind === ')') fail('operand', token, 'a condition is missing before )');
    if (token.kind === 'operator') fail('operand', token, `a field or protocol is missing before ${token.text}`);
    this.failValueFirst(token);
    if (token.kind === 'string')
      fail(
        'operand',
        token,
        'a text alone is no condition',
        `write process.name == ${this.source.slice(token.start, token.end)}`,
      );
    fail('operand', token, `${token.text} has no meaning here`, 'write a field or a protocol');
  }

  /** `443 == port` → `port == 443`. */
  private failValueFirst(token: Token): void {
    const operator = this.peek();
    const field = this.peek(1);
    if (operator.kind !== 'operator' || field.kind !== 'word' || findField(field.text) === null) return;
    const turned = { '<': '>', '<=': '>=', '>': '<', '>=': '<=' }[operator.text] ?? operator.text;
    const text = `${field.text} ${turned} ${this.source.slice(token.start, token.end)}`;
    fail('order', token, 'the field comes first', `write ${text}`, { start: token.start, end: field.end, text });
  }

  private failUnknown(token: Token): never {
    this.failValueFirst(token);
    const names = FIELDS.flatMap((spec) => [spec.name, ...spec.aliases]);
    const near = nearest(token.text, [...PROTOCOLS.keys(), ...names]);
    const fix = near === null ? null : { ...place(token), text: near };
    if (/^[\d:+-]/.test(token.text))
      fail('operand', token, `${token.text} alone is no condition`, 'write a field before it, as in port == 443');
    fail('field', token, `no field is named ${token.text}`, near === null ? null : `write ${near}`, fix);
  }

  private failBetween(token: Token): never {
    if (
      token.kind === 'word' ||
      token.kind === 'string' ||
      token.kind === '(' ||
      (token.kind === 'operator' && token.text === '!')
    ) {
      const end = this.peek(-2).end;
      fail('junction', token, 'two conditions are joined by && or ||', 'write && before it', {
        start: end,
        end,
        text: ' &&',
      });
    }
    fail('junction', token, `${token.text} has no meaning here`);
  }
}

function place(token: Token): { start: number; end: number } {
  return { start: token.start, end: token.end };
}

function ordered(from: Value, to: Value): boolean {
  if (from.kind === 'number' && to.kind === 'number') return from.value <= to.value;
  if (from.kind === 'instant' && to.kind === 'instant') return from.epochNs <= to.epochNs;
  if (from.kind === 'offset' && to.kind === 'offset') return from.ns <= to.ns;
  if (from.kind === 'address' && to.kind === 'address') {
    const bits = from.family === 4 ? 32 : 128;
    if (from.family !== to.family || from.prefix !== bits || to.prefix !== bits) return false;
    if (from.zone !== null || to.zone !== null) return false;
    for (let i = 0; i < 16; i++) {
      const difference = (from.bytes[i] ?? 0) - (to.bytes[i] ?? 0);
      if (difference !== 0) return difference < 0;
    }
    return true;
  }
  return true;
}

/** A literal that the field takes, for hints and completion. */
export function exampleOf(spec: FieldSpec): string {
  switch (spec.type) {
    case 'port':
      return '443';
    case 'size':
      return '10MB';
    case 'duration':
      return '50ms';
    case 'rate':
      return '10Mbit/s';
    case 'instant':
      return '+10s';
    case 'address':
      return '10.0.0.0/8';
    case 'enum':
      return spec.values[0] ?? '';
    case 'count':
      return '1';
    case 'text':
      return spec.name.endsWith('name') && spec.name.includes('process') ? '"curl"' : '"…"';
  }
}

/** Parses and checks a filter. An empty text is `true`. Never throws for any text. */
export function parse(text: string): ParseResult {
  try {
    if (text.length > FILTER_MAX)
      fail('length', { start: FILTER_MAX, end: text.length }, `a filter has at most ${FILTER_MAX} characters`);
    return { ok: true, ast: new Parser(text).parse() };
  } catch (error) {
    if (error instanceof FilterSyntaxError) return { ok: false, problem: error.problem };
    throw error;
  }
}
