import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Expression, Member, Value } from './ast.ts';
import { compile } from './compile.ts';
import { fieldOf, PROTOCOL_NUMBERS } from './fields.ts';
import { parse } from './parse.ts';
import { expressions, fieldsOver, flows, type TestFlow } from './testing.ts';

type Known = number | string | Uint8Array;
const EPOCH = 1_000_000_000_000_000_000n;

/** What a field is worth in a flow: the known values of either end or of a list. */
function valuesOf(flow: TestFlow, name: string): Known[] {
  const spec = fieldOf(name);
  if (spec.protocol !== null && spec.protocol !== flow.protocol) return [];
  return (spec.either.length > 0 ? spec.either : [spec.source]).flatMap((source): Known[] => {
    if (source === 'client.addr') return [flow.client];
    if (source === 'server.addr') return [flow.server];
    if (source === 'family') return [flow.family];
    if (source === 'protocol') return [flow.protocol];
    const value = flow.values.get(source);
    return value === undefined ? [] : typeof value === 'object' ? [...value] : [value];
  });
}

function bits(bytes: Uint8Array, count: number): string {
  return Array.from(bytes, (byte) => byte.toString(2).padStart(8, '0'))
    .join('')
    .slice(0, count);
}

function scalar(value: Value): number | string {
  if (value.kind === 'number') return value.value;
  if (value.kind === 'text') return value.value;
  if (value.kind === 'offset') return value.ns;
  if (value.kind === 'instant') return Number(value.epochNs - EPOCH);
  throw new Error('an address');
}

function within(known: Known, member: Member, flow: TestFlow, caseless: boolean): boolean {
  const { from, to } = member;
  if (known instanceof Uint8Array) {
    if (from.kind !== 'address' || from.family !== flow.family) return false;
    if (to === null) return bits(known, from.prefix) === bits(from.bytes, from.prefix);
    const all = bits(known, 128);
    return to.kind === 'address' && all >= bits(from.bytes, 128) && all <= bits(to.bytes, 128);
  }
  if (to !== null) return known >= scalar(from) && known <= scalar(to);
  const wanted = scalar(from);
  if (caseless && typeof known === 'string' && typeof wanted === 'string')
    return known.toLowerCase() === wanted.toLowerCase();
  return known === wanted;
}

/** The language by its documentation, one sentence a line. */
function evaluate(ast: Expression, flow: TestFlow): boolean {
  switch (ast.kind) {
    case 'constant':
      return ast.value;
    case 'not':
      return !evaluate(ast.operand, flow);
    case 'and':
      return ast.operands.every((each) => evaluate(each, flow));
    case 'or':
      return ast.operands.some((each) => evaluate(each, flow));
    case 'protocol':
      if (ast.name === 'ip') return flow.family === 4;
      if (ast.name === 'ipv6') return flow.family === 6;
      return PROTOCOL_NUMBERS.get(ast.name) === flow.protocol;
    case 'known':
      return valuesOf(flow, ast.field).length > 0;
    case 'in': {
      const { caseless } = fieldOf(ast.field);
      return valuesOf(flow, ast.field).some((known) =>
        ast.members.some((member) => within(known, member, flow, caseless)),
      );
    }
    case 'compare': {
      const { caseless } = fieldOf(ast.field);
      const values = valuesOf(flow, ast.field);
      const equal = (known: Known): boolean => within(known, { from: ast.value, to: null }, flow, caseless);
      if (ast.operator === '==') return values.some(equal);
      if (ast.operator === '!=') return values.length > 0 && !values.some(equal);
      const wanted = scalar(ast.value);
      return values.some((known) => {
        if (ast.operator === '~') return new RegExp(String(wanted), 'iu').test(String(known));
        if (ast.operator === 'contains')
          return caseless
            ? String(known).toLowerCase().includes(String(wanted).toLowerCase())
            : String(known).includes(String(wanted));
        if (ast.operator === '<') return known < wanted;
        if (ast.operator === '<=') return known <= wanted;
        return ast.operator === '>' ? known > wanted : known >= wanted;
      });
    }
  }
}

const bytes = (...first: number[]): Uint8Array => Uint8Array.from([...first, ...Array(16 - first.length).fill(0)]);

const CURL: TestFlow = {
  family: 4,
  protocol: 6,
  client: bytes(10, 0, 0, 1),
  server: bytes(192, 168, 255, 2),
  values: new Map<string, number | string | readonly string[]>([
    ['client.port', 40000],
    ['server.port', 443],
    ['client.process.name', 'curl'],
    ['server.name', 'API.example.com'],
    ['rtt.p99', 60e6],
    ['bytes', 2048],
    ['state', 'closed'],
    ['end', 'fin'],
    ['drop.reason', ['NO_SOCKET', 'TCP_OFO_QUEUE']],
    ['started', 5e9],
  ]),
};

function matches(text: string, flow: TestFlow = CURL): boolean {
  const result = parse(text);
  if (!result.ok) throw new Error(`${text}: ${result.problem.message}`);
  return compile(result.ast, fieldsOver([flow]))(0);
}

describe('a compiled filter', () => {
  it.each([
    'tcp.port == 443 && process.name == "curl" && rtt.p99 > 50ms',
    'ip.addr == 192.168.0.0/16 && ip.addr == 10.0.0.1',
    'ip.addr in {192.168.255.1..192.168.255.3}',
    'client.addr != 192.168.0.0/16',
    'server.name == "api.EXAMPLE.com"',
    'peer.name ~ "example\\.com$"',
    'drop.reason == "TCP_OFO_QUEUE"',
    'drop.reason != "NETFILTER_DROP"',
    'bytes >= 2KiB && bytes <= 2048',
    'end && rtt.p99 && !connect',
    'started < +6s && started > 2001-09-09T01:46:40Z',
    '!(connect > 1ms)',
    'port in {1..1023}',
    '',
  ])('matches with %j', (text) => {
    expect(matches(text)).toBe(true);
  });

  it.each([
    'udp.port == 443',
    'ipv6',
    'ip.addr == ::/0',
    'ip.addr != 10.0.0.1',
    'port != 443',
    'process.name == "Curl"',
    'process.pid != 1',
    'connect < 1s',
    'connect != 1s',
    'drop.reason != "NO_SOCKET"',
    'server.addr == fe80::1%eth0',
    'false',
  ])('does not match with %j', (text) => {
    expect(matches(text)).toBe(false);
  });

  it('agrees with the language as documented, for random filters and flows', () => {
    fc.assert(
      fc.property(expressions(), fc.array(flows(), { minLength: 1, maxLength: 4 }), (ast, all) => {
        const predicate = compile(ast, fieldsOver(all));
        all.forEach((flow, i) => expect(predicate(i)).toBe(evaluate(ast, flow)));
      }),
      { numRuns: 1200 },
    );
  });

  it('finds a link-local address only in its zone', () => {
    const flow: TestFlow = { ...CURL, family: 6, client: bytes(0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1) };
    const inZone = (zone: string | null): boolean => {
      const result = parse('ip.addr == fe80::1%eth0');
      if (!result.ok) throw new Error('parse');
      return compile(result.ast, { ...fieldsOver([flow]), zone: () => () => zone })(0);
    };
    expect([inZone('eth0'), inZone('eth1'), inZone(null), matches('ip.addr == fe80::1', flow)]).toEqual([
      true,
      false,
      false,
      true,
    ]);
  });

  it('asks for the cheapest field first, and for nothing when the answer is constant', () => {
    const asked: string[] = [];
    const result = parse('process.cmdline ~ "x" && rtt.p99 > 1s && udp');
    if (!result.ok) throw new Error('parse');
    const base = fieldsOver([CURL]);
    const fields = {
      ...base,
      number: (field: string) => (flow: number) => {
        asked.push(field);
        return base.number(field)?.(flow) ?? NaN;
      },
    };
    expect(compile(result.ast, fields)(0)).toBe(false);
    expect(asked).toEqual(['protocol']);
    const never = parse('false && tcp || false');
    if (never.ok) compile(never.ast, fields)(0);
    expect(asked).toEqual(['protocol']);
  });

  it('treats a field that the flows do not have as unknown', () => {
    const result = parse('rtt.p99 > 1ms || !(rtt.p99 > 1ms) && !rtt.p99');
    if (!result.ok) throw new Error('parse');
    expect(compile(result.ast, { ...fieldsOver([CURL]), number: () => null })(0)).toBe(true);
  });
});
