/** Colours for the text of a filter while it is typed. Never throws. */
import type { FilterPart, HighlightRange } from '../contract/answers.ts';
import { parseAddress } from './address.ts';
import { findField, findProtocol } from './fields.ts';
import { tokenize, type Token } from './lexer.ts';
import { parse } from './parse.ts';

function wordClass(token: Token, previous: Token | null): FilterPart {
  const isValue =
    previous !== null &&
    (['{', ',', '..'].includes(previous.kind) ||
      (previous.kind === 'operator' && !['&&', '||', '!'].includes(previous.text)));
  if (!isValue) {
    if (findProtocol(token.text) !== null || /^(?:true|false)$/i.test(token.text)) return 'protocol';
    if (findField(token.text) !== null) return 'field';
  }
  if (!('error' in parseAddress(token.text))) return 'address';
  return /^[+\d]/.test(token.text) ? 'number' : 'keyword';
}

function classOf(token: Token, previous: Token | null): FilterPart {
  switch (token.kind) {
    case 'word':
      return wordClass(token, previous);
    case 'string':
      return 'string';
    case 'operator':
      return 'operator';
    case 'bad':
      return 'problem';
    default:
      return 'punctuation';
  }
}

/** Ranges for colouring; what the first problem points at is of kind `problem`. */
export function highlight(text: string): HighlightRange[] {
  const result = parse(text);
  const problem = result.ok ? null : result.problem;
  let previous: Token | null = null;
  const out: HighlightRange[] = [];
  for (const token of tokenize(text)) {
    if (token.kind === 'end') break;
    const wrong = problem !== null && token.start >= problem.start && token.end <= problem.end;
    out.push({ from: token.start, to: token.end, kind: wrong ? 'problem' : classOf(token, previous) });
    previous = token;
  }
  return out;
}
