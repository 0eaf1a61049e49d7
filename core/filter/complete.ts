/** Completion for the filter bar: what can stand at the cursor, with the range it replaces. */
import { quote } from './check.ts';
import { FIELDS, findField, findProtocol, operatorsOf, PROTOCOLS, type FieldSpec } from './fields.ts';
import { tokenize, type Token } from './lexer.ts';
import { exampleOf } from './parse.ts';
import { DURATION_NAMES, RATE_NAMES, SIZE_NAMES } from './units.ts';

export interface Suggestion {
  /** What it looks like in the list. */
  readonly label: string;
  /** Replace text[start, end) by this. */
  readonly insert: string;
  readonly start: number;
  readonly end: number;
  readonly kind: 'protocol' | 'field' | 'operator' | 'value';
  /** One line of explanation, may be empty. */
  readonly doc: string;
}

/** Real values of a field, most frequent first; texts and numbers as they would be typed, without quotes. */
export type Values = (field: FieldSpec) => Iterable<string>;

const SUGGESTIONS_MAX = 50;

const OPERATOR_DOCS: Readonly<Record<string, string>> = {
  '==': 'equal',
  '!=': 'known and not equal',
  '<': 'less than',
  '<=': 'at most',
  '>': 'greater than',
  '>=': 'at least',
  '~': 'matches a pattern',
  contains: 'contains the text',
  in: 'is one of { }',
  '&&': 'and',
  '||': 'or',
  ')': 'closes the parenthesis',
};

type Expected =
  | { readonly kind: 'condition' }
  | { readonly kind: 'after'; readonly field: FieldSpec | null; readonly open: number }
  | { readonly kind: 'value'; readonly field: FieldSpec; readonly set: boolean }
  | { readonly kind: 'set'; readonly field: FieldSpec }
  | { readonly kind: 'separator' };

/** What the grammar wants after these tokens. */
function expectedAfter(tokens: readonly Token[]): Expected {
  let expected: Expected = { kind: 'condition' };
  let open = 0;
  let field: FieldSpec | null = null;
  for (const token of tokens) {
    if (token.kind === '(') open++;
    else if (token.kind === ')') {
      open = Math.max(0, open - 1);
      expected = { kind: 'after', field: null, open };
    } else if (token.kind === '}') expected = { kind: 'after', field: null, open };
    else if (token.kind === '{' && field !== null) expected = { kind: 'value', field, set: true };
    else if ((token.kind === ',' || token.kind === '..') && field !== null)
      expected = { kind: 'value', field, set: true };
    else if (token.kind === 'operator' && ['&&', '||', '!'].includes(token.text)) expected = { kind: 'condition' };
    else if (token.kind === 'operator' && field !== null)
      expected = token.text === 'in' ? { kind: 'set', field } : { kind: 'value', field, set: false };
    else if (token.kind === 'word' || token.kind === 'string') {
      if (expected.kind === 'value')
        expected = expected.set ? { kind: 'separator' } : { kind: 'after', field: null, open };
      else if (expected.kind === 'condition') {
        field = findField(token.text);
        expected = { kind: 'after', field, open };
      }
    }
  }
  return expected.kind === 'after' ? { ...expected, open } : expected;
}

/** 0 = begins with it, 1 = a part after a dot begins with it, 2 = contains it, -1 = no match. */
function rank(candidate: string, typed: string): number {
  const lower = candidate.toLowerCase();
  if (lower.startsWith(typed)) return 0;
  if (lower.includes(`.${typed}`)) return 1;
  return lower.includes(typed) ? 2 : -1;
}

interface Candidate {
  readonly label: string;
  readonly insert: string;
  readonly kind: Suggestion['kind'];
  readonly doc: string;
}

function conditions(): Candidate[] {
  const protocols = [...PROTOCOLS].map(([label, doc]): Candidate => ({ label, insert: label, kind: 'protocol', doc }));
  return [
    ...protocols,
    ...FIELDS.map(({ name, doc }): Candidate => ({ label: name, insert: name, kind: 'field', doc })),
  ];
}

function operators(names: readonly string[]): Candidate[] {
  return names.map((label) => ({ label, insert: label, kind: 'operator', doc: OPERATOR_DOCS[label] ?? '' }));
}

function* valuesOf(field: FieldSpec, typed: string, values: Values | null): Iterable<Candidate> {
  const seen = new Set<string>();
  const candidate = (value: string, doc = ''): Candidate => {
    const insert = field.type === 'text' ? quote(value) : value;
    return { label: insert, insert, kind: 'value', doc };
  };
  for (const value of [...field.values, ...(values === null ? [] : values(field))]) {
    if (seen.has(value)) continue;
    seen.add(value);
    yield candidate(value);
  }
  const units = { duration: DURATION_NAMES, size: SIZE_NAMES, rate: RATE_NAMES }[String(field.type)];
  const number = /^\d+(?:\.\d+)?/.exec(typed);
  if (units !== undefined && number !== null) for (const unit of units) yield candidate(`${number[0]}${unit}`);
  else if (seen.size === 0 && typed === '' && field.type !== 'text') yield candidate(exampleOf(field), 'for instance');
}

function candidatesFor(expected: Expected, typed: string, values: Values | null): Iterable<Candidate> {
  switch (expected.kind) {
    case 'condition':
      return conditions();
    case 'after': {
      const close = expected.open > 0 ? [')'] : [];
      const comparisons = expected.field === null ? [] : operatorsOf(expected.field);
      return operators([...comparisons, '&&', '||', ...close]);
    }
    case 'value':
      return valuesOf(expected.field, typed, values);
    case 'set':
      return [{ label: '{ }', insert: '{', kind: 'operator', doc: `as in {${exampleOf(expected.field)}}` }];
    case 'separator':
      return [
        { label: ',', insert: ', ', kind: 'operator', doc: 'another member' },
        { label: '}', insert: '}', kind: 'operator', doc: 'closes the set' },
      ];
  }
}

/**
 * Suggestions at the cursor (a UTF-16 offset), best first, at most 50. The word or text under the cursor is what they
 * complete and replace; just after a finished word the word itself is still being completed.
 */
export function complete(text: string, cursor: number, values: Values | null = null): Suggestion[] {
  const at = Math.max(0, Math.min(cursor, text.length));
  const tokens = tokenize(text).filter((token) => token.kind !== 'end');
  const replaceable = (token: Token): boolean =>
    token.kind === 'word' ||
    (token.kind === 'operator' && (/^[a-z]/.test(text.slice(token.start, token.end)) || token.end === at)) ||
    (token.kind === 'string' && at < token.end) ||
    (token.kind === 'bad' && (token.problem?.code === 'string' || token.end === at));
  const current = tokens.find((token) => token.start < at && at <= token.end && replaceable(token)) ?? null;
  const before = tokens.filter((token) => token.end <= at && token !== current);
  const start = current?.start ?? at;
  const end = current?.end ?? at;
  const unfinished = current !== null && current.kind === 'bad' && current.problem?.code === 'string';
  const typed = text.slice(start, at).replace(/^["']/, '').toLowerCase();
  const expected = expectedAfter(before);
  const ranked: { candidate: Candidate; rank: number }[] = [];
  for (const candidate of candidatesFor(expected, typed, values)) {
    const subject = candidate.label.replace(/^"/, '');
    const place = rank(subject, typed);
    if (place >= 0 && (candidate.insert !== text.slice(start, end) || candidate.kind === 'value'))
      ranked.push({ candidate, rank: place });
  }
  ranked.sort((a, b) => a.rank - b.rank);
  const last = unfinished ? text.length : end;
  return ranked.slice(0, SUGGESTIONS_MAX).map(({ candidate }) => ({ ...candidate, start, end: last }));
}

/** Whether a name is a field, an alias or a protocol. */
export function isName(name: string): boolean {
  return findField(name) !== null || findProtocol(name) !== null;
}
