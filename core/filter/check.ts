/** The type checker: which operators and literals a field takes, and the literal as a value in the field's unit. */
import { parseAddress } from './address.ts';
import type { Value } from './ast.ts';
import { operatorsOf, PROTOCOL_NUMBERS, type FieldSpec } from './fields.ts';
import { parseInstant } from './instant.ts';
import type { Token } from './lexer.ts';
import { fail, nearest } from './problem.ts';
import { compilePattern } from './pattern.ts';
import { parseDuration, parseRate, parseSize } from './units.ts';

/** Longest text a filter may look for, in UTF-16 units. */
export const TEXT_MAX = 4096;

const SERVICES: ReadonlyMap<string, number> = new Map([
  ['ftp', 21],
  ['ssh', 22],
  ['smtp', 25],
  ['dns', 53],
  ['domain', 53],
  ['dhcp', 67],
  ['http', 80],
  ['ntp', 123],
  ['imap', 143],
  ['ldap', 389],
  ['https', 443],
  ['imaps', 993],
  ['mysql', 3306],
  ['postgres', 5432],
  ['postgresql', 5432],
  ['redis', 6379],
]);

/** Text as a literal that the lexer reads back: double quotes, escapes where needed. */
export function quote(text: string): string {
  if (/^[\w .:/@-]*$/.test(text)) return `"${text}"`; // most texts, at once
  let out = '"';
  for (const char of text) {
    if (char === '"' || char === '\\') out += `\\${char}`;
    else if (/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.test(char)) out += `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`;
    else out += char;
  }
  return `${out}"`;
}

/** Refuses operators that the field's type does not have. */
export function checkOperator(spec: FieldSpec, token: Token): void {
  if (operatorsOf(spec).includes(token.text)) return;
  const ordered = ['<', '<=', '>', '>='].includes(token.text);
  const what = spec.type === 'address' ? 'addresses' : spec.type === 'enum' ? 'states' : 'text';
  if (ordered)
    fail('operator', token, `${what} cannot be ordered with ${token.text}`, `use ${operatorsOf(spec).join(' ')}`);
  if (spec.type === 'address' && (token.text === 'contains' || token.text === '~'))
    fail('operator', token, `${spec.name} is an address, not text`, `write ${spec.name} == 10.0.0.0/8`);
  if (spec.type === 'enum')
    fail('operator', token, `${spec.name} is one of a few words`, `write ${spec.name} == ${spec.values[0] ?? ''}`);
  fail('operator', token, `${spec.name} is a number, not text`, `use ${operatorsOf(spec).join(' ')}`);
}

/** The value of a literal for this field, or a problem at the literal. */
export function checkValue(spec: FieldSpec, token: Token, operator: string): Value {
  switch (spec.type) {
    case 'text':
      return text(spec, token, operator);
    case 'enum':
      return word(spec, token);
    case 'address':
      return addressOf(spec, token, operator);
    case 'instant': {
      const value = parseInstant(token.text);
      if (value === null)
        fail('instant', token, `${token.text} is not a time`, `write ${spec.name} > 2026-11-24T12:00:00Z or +10s`);
      return value;
    }
    default:
      return { kind: 'number', value: number(spec, token) };
  }
}

function text(spec: FieldSpec, token: Token, operator: string): Value {
  if (token.kind === 'word') {
    const fix = { start: token.start, end: token.end, text: quote(token.text) };
    fail('quotes', token, `${spec.name} is compared with text, which stands in quotes`, `write ${fix.text}`, fix);
  }
  if (token.text.length > TEXT_MAX) fail('length', token, `this text is longer than ${TEXT_MAX} characters`);
  if (operator === 'contains' && token.text === '')
    fail('empty', token, 'every text contains an empty one', `write ${spec.name} alone to ask whether it is known`);
  if (operator === '~') {
    const pattern = compilePattern(token.text);
    if (typeof pattern === 'string') fail('pattern', token, pattern);
  }
  return { kind: 'text', value: token.text };
}

function word(spec: FieldSpec, token: Token): Value {
  const lower = token.text.toLowerCase();
  if (spec.values.includes(lower)) return { kind: 'text', value: lower };
  const near = nearest(lower, spec.values);
  fail(
    'value',
    token,
    `${spec.name} is never ${token.text}`,
    near === null ? `use one of ${spec.values.join(', ')}` : `write ${near}`,
    near === null ? null : { start: token.start, end: token.end, text: near },
  );
}

function addressOf(spec: FieldSpec, token: Token, operator: string): Value {
  const value = parseAddress(token.text);
  if (!('error' in value)) return value;
  if (token.kind === 'string' || /^[a-z]/i.test(token.text)) {
    const name = `peer.name == ${quote(token.text)}`;
    fail('address', token, `${token.text} is not an address`, operator === '==' ? `for a name write ${name}` : null);
  }
  const octets = /^(\d{1,3})((?:\.\d{1,3}){0,2})\.?(?:\/(\d+))?$/.exec(token.text);
  if (octets !== null) {
    const given = token.text.replace(/\.?(\/.*)?$/, '').split('.');
    const whole = [...given, '0', '0', '0'].slice(0, 4).join('.');
    const proposal = `${whole}/${octets[3] ?? given.length * 8}`;
    if (!('error' in parseAddress(proposal))) {
      const fix = { start: token.start, end: token.end, text: proposal };
      fail('address', token, 'an IPv4 address has four numbers', `write ${proposal}`, fix);
    }
  }
  fail('address', token, value.error, `${spec.name} takes addresses and prefixes, as 10.0.0.1 or 2001:db8::/32`);
}

function number(spec: FieldSpec, token: Token): number {
  const raw = token.text;
  if (raw.startsWith('-')) fail('number', token, `${spec.name} is never negative`);
  if (spec.type === 'duration' || spec.type === 'rate') return measured(spec, token);
  if (spec.type === 'size') {
    const size = parseSize(raw);
    if (size === null) fail('size', token, `${raw} is not a size`, 'write 1500, 10MB or 2GiB');
    return size;
  }
  const plain = /^(?:\d+|0x[0-9a-f]+)$/i.test(raw) ? Number(raw) : NaN;
  if (Number.isNaN(plain)) {
    const service = spec.type === 'port' ? SERVICES.get(raw.toLowerCase()) : undefined;
    const meant = service ?? (spec.name === 'protocol' ? PROTOCOL_NUMBERS.get(raw.toLowerCase()) : undefined);
    const fix = meant === undefined ? null : { start: token.start, end: token.end, text: String(meant) };
    const hint = fix === null ? null : `write ${fix.text}`;
    if (/^[\d.]+[a-z]/i.test(raw)) fail('number', token, `${spec.name} has no unit`, hint, fix);
    if (/^\d+\.\d+$/.test(raw)) fail('number', token, `${spec.name} is a whole number`);
    fail('number', token, `${spec.name} is a number, and ${raw === '' ? 'empty text' : raw} is not`, hint, fix);
  }
  if (plain > spec.max) fail('range', token, `${spec.name} goes from 0 to ${spec.max}`);
  return plain;
}

function measured(spec: FieldSpec, token: Token): number {
  const duration = spec.type === 'duration';
  const value = duration ? parseDuration(token.text) : parseRate(token.text);
  if (value !== null) return value;
  const unit = duration ? 'ms' : 'Mbit/s';
  if (/^\d+(\.\d+)?$/.test(token.text)) {
    const fix = { start: token.start, end: token.end, text: token.text + unit };
    fail('unit', token, `${token.text} needs a unit`, `write ${fix.text}`, fix);
  }
  const examples = duration ? '50ms, 1.5s or 2m' : '10Mbit/s or 2MB/s';
  fail(spec.type, token, `${token.text} is not a ${spec.type}`, `write ${examples}`);
}
