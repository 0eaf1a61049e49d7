/** Splits the text of a filter into tokens. Never throws: what is wrong becomes a token that says why. */
import type { FilterProblem, Fix } from './problem.ts';

export type TokenKind = 'word' | 'string' | 'operator' | '(' | ')' | '{' | '}' | ',' | '..' | 'bad' | 'end';

export interface Token {
  readonly kind: TokenKind;
  readonly start: number;
  readonly end: number;
  /** The operator in its canonical form, the word as written, or the string with its escapes undone. */
  readonly text: string;
  /** Why a `bad` token is bad. */
  readonly problem: FilterProblem | null;
}

/** Longest first. Those with a correction are common slips from other languages. */
const OPERATORS: readonly (readonly [string, string | null, string])[] = [
  ['===', '==', 'compare with two equals signs'],
  ['!==', '!=', 'write "not equal" as !='],
  ['&&', null, ''],
  ['||', null, ''],
  ['==', null, ''],
  ['!=', null, ''],
  ['<=', null, ''],
  ['>=', null, ''],
  ['=~', '~', 'match a pattern with ~'],
  ['<>', '!=', 'write "not equal" as !='],
  ['=<', '<=', 'write "at most" as <='],
  ['=>', '>=', 'write "at least" as >='],
  ['=', '==', 'compare with two equals signs'],
  ['<', null, ''],
  ['>', null, ''],
  ['~', null, ''],
  ['!', null, ''],
  ['&', '&&', 'write "and" as &&'],
  ['|', '||', 'write "or" as ||'],
];

/** Operators that are words, with Wireshark's names. */
export const WORD_OPERATORS: ReadonlyMap<string, string> = new Map([
  ['and', '&&'],
  ['or', '||'],
  ['not', '!'],
  ['eq', '=='],
  ['ne', '!='],
  ['lt', '<'],
  ['le', '<='],
  ['gt', '>'],
  ['ge', '>='],
  ['matches', '~'],
  ['contains', 'contains'],
  ['in', 'in'],
]);

/** What other keyboards and word processors make of ASCII. */
const LOOKALIKES: ReadonlyMap<string, string> = new Map([
  ['“', '"'],
  ['”', '"'],
  ['„', '"'],
  ['‘', "'"],
  ['’', "'"],
  ['（', '('],
  ['）', ')'],
  ['＝', '='],
  ['！', '!'],
  ['＆', '&'],
  ['｜', '|'],
  ['＜', '<'],
  ['＞', '>'],
  ['，', ','],
  ['：', ':'],
  ['≤', '<='],
  ['≥', '>='],
  ['≠', '!='],
  ['∧', '&&'],
  ['∨', '||'],
  ['¬', '!'],
]);

const WORD = /[A-Za-z0-9_\u00b5\u03bc:+-](?:[A-Za-z0-9_\u00b5\u03bc:%/+@-]|\.(?!\.))*/y;
const SIMPLE: ReadonlySet<string> = new Set(['(', ')', '{', '}', ',']);
const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['n', '\n'],
  ['t', '\t'],
  ['r', '\r'],
  ['"', '"'],
  ["'", "'"],
  ['\\', '\\'],
]);

function bad(code: string, start: number, end: number, message: string, hint: string | null, fix: Fix | null): Token {
  return { kind: 'bad', start, end, text: '', problem: { code, start, end, message, hint, fix } };
}

/** A string in double or single quotes. A backslash before any other character stays, so that patterns read well. */
function readString(text: string, start: number): Token {
  const quote = text[start] ?? '"';
  let value = '';
  let at = start + 1;
  while (at < text.length) {
    const char = text[at] ?? '';
    if (char === quote) return { kind: 'string', start, end: at + 1, text: value, problem: null };
    if (char !== '\\') {
      value += char;
      at++;
      continue;
    }
    const code = /^\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|u\{([0-9a-fA-F]{1,6})\})/.exec(text.slice(at, at + 12));
    const point = code === null ? NaN : parseInt(code[1] ?? code[2] ?? code[3] ?? '', 16);
    if (code !== null && point <= 0x10ffff) {
      value += String.fromCodePoint(point);
      at += code[0].length;
      continue;
    }
    const next = text[at + 1] ?? '';
    if (next === '') break;
    value += ESCAPES.get(next) ?? `\\${next}`;
    at += 2;
  }
  const fix = { start: text.length, end: text.length, text: quote };
  return bad('string', start, text.length, 'this text has no closing quote', `end it with ${quote}`, fix);
}

function readSymbol(text: string, at: number): Token {
  for (const [symbol, correction, message] of OPERATORS) {
    if (!text.startsWith(symbol, at)) continue;
    const end = at + symbol.length;
    if (correction === null) return { kind: 'operator', start: at, end, text: symbol, problem: null };
    return bad('operator', at, end, message, `write ${correction}`, { start: at, end, text: correction });
  }
  const char = String.fromCodePoint(text.codePointAt(at) ?? 0);
  const end = at + char.length;
  const ascii = LOOKALIKES.get(char);
  if (ascii !== undefined)
    return bad('character', at, end, `${char} is not ${ascii}`, `write ${ascii}`, { start: at, end, text: ascii });
  const shown = /[\p{C}\p{Z}]/u.test(char) ? `U+${(char.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}` : char;
  return bad('character', at, end, `${shown} has no meaning here`, 'put text in quotes', null);
}

/** All tokens of the text, the last of kind `end`. Offsets are UTF-16 units. */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  for (;;) {
    while (at < text.length && /\s/.test(text[at] ?? '')) at++;
    const char = text[at];
    if (char === undefined) break;
    let token: Token;
    WORD.lastIndex = at;
    const word = WORD.exec(text);
    if (char === '"' || char === "'") token = readString(text, at);
    else if (text.startsWith('..', at)) token = { kind: '..', start: at, end: at + 2, text: '..', problem: null };
    else if (SIMPLE.has(char)) token = { kind: simple(char), start: at, end: at + 1, text: char, problem: null };
    else if (word !== null) token = wordToken(word[0], at);
    else token = readSymbol(text, at);
    tokens.push(token);
    at = token.end;
  }
  tokens.push({ kind: 'end', start: text.length, end: text.length, text: '', problem: null });
  return tokens;
}

function simple(char: string): TokenKind {
  if (char === '(' || char === ')' || char === '{' || char === '}') return char;
  return ',';
}

function wordToken(word: string, start: number): Token {
  const end = start + word.length;
  const operator = WORD_OPERATORS.get(word.toLowerCase());
  if (operator !== undefined) return { kind: 'operator', start, end, text: operator, problem: null };
  return { kind: 'word', start, end, text: word, problem: null };
}
