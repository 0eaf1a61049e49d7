import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sameExpression } from './ast.ts';
import { format } from './format.ts';
import { parse } from './parse.ts';
import { applyFix, explain, type FilterProblem } from './problem.ts';
import { expressions } from './testing.ts';

function problemOf(text: string): FilterProblem {
  const result = parse(text);
  if (result.ok) throw new Error(`${text} was accepted`);
  return result.problem;
}

function canonical(text: string): string {
  const result = parse(text);
  if (!result.ok) throw new Error(`${text}: ${explain(result.problem)}`);
  return format(result.ast);
}

describe('the parser', () => {
  it.each([
    ['', 'true'],
    ['  \t\n', 'true'],
    ['tcp', 'tcp'],
    ['TCP && IPv4', 'tcp && ip'],
    [
      'tcp.port==443&&process.name=="curl"&&rtt.p99>50ms',
      'tcp.port == 443 && process.name == "curl" && rtt.p99 > 50ms',
    ],
    ['not tcp and udp or icmp', '!tcp && udp || icmp'],
    ['tcp && (udp || icmp)', 'tcp && (udp || icmp)'],
    ['(tcp && udp) && icmp', 'tcp && udp && icmp'],
    ['!(port == 1)', '!(port == 1)'],
    ['! ! tcp', '!!tcp'],
    ['ip.src eq 10.1.2.3', 'client.addr == 10.1.2.3'],
    ['ip.addr == 10.1.2.3/8', 'ip.addr == 10.0.0.0/8'],
    ['ip.addr == 2001:DB8:0:0:0:0:0:1', 'ip.addr == 2001:db8::1'],
    ['ip.addr == ::', 'ip.addr == ::'],
    ['ip.addr == ::/0', 'ip.addr == ::/0'],
    ['ip.addr == fe80::1%eth0.7', 'ip.addr == fe80::1%eth0.7'],
    ['ip.addr == ::ffff:10.0.0.1', 'ip.addr == 10.0.0.1'],
    ['ip.addr in {10.0.0.1..10.0.0.9, fe80::/10}', 'ip.addr in {10.0.0.1..10.0.0.9, fe80::/10}'],
    ['port in {80, 443,8000 .. 8100,}', 'port in {80, 443, 8000..8100}'],
    ["process.name == 'it\"s'", 'process.name == "it\\"s"'],
    ['bytes > 1.5GB', 'bytes > 1500MB'],
    ['bytes > 2048', 'bytes > 2KiB'],
    ['rate >= 2MB/s', 'rate >= 16Mbit/s'],
    ['rate >= 16Mbps', 'rate >= 16Mbit/s'],
    ['age > 1h30m', 'age > 90m'],
    ['rtt.max < 1500\u00b5s', 'rtt.max < 1500us'],
    ['connect > 0', 'connect > 0'],
    ['started > 2026-11-24T13:00:00+01:00', 'started > 2026-11-24T12:00:00.000000000Z'],
    ['started > "2026-11-24 12:00"', 'started > 2026-11-24T12:00:00.000000000Z'],
    ['ended <= +1.5s', 'ended <= +1500ms'],
    ['state == ESTABLISHED', 'state == established'],
    ['end in {"reset", refused}', 'end in {reset, refused}'],
    ['server.name matches "\\.example\\.com$"', 'server.name ~ "\\\\.example\\\\.com$"'],
    ['process.cmdline contains "a\\"b\\x41\\u{1F600}\\n"', 'process.cmdline contains "a\\"bA😀\\u{a}"'],
  ])('reads %j', (text, expected) => {
    expect(canonical(text)).toBe(expected);
  });

  it('gives back the tree it formatted', () => {
    fc.assert(
      fc.property(expressions(), (ast) => {
        const result = parse(format(ast));
        return result.ok && sameExpression(result.ast, ast);
      }),
      { numRuns: 2000 },
    );
  });

  it('answers any text without throwing, and points inside it', () => {
    const fragment = fc.constantFrom(
      'tcp',
      'port',
      '==',
      '=',
      '&&',
      '!',
      '(',
      ')',
      '{',
      '}',
      ',',
      '..',
      '"',
      '443',
      'in',
      '10.0.0.1',
      ' ',
      '~',
      '\\',
    );
    const texts = fc.oneof(
      fc.string(),
      fc.array(fragment, { maxLength: 12 }).map((each) => each.join('')),
      fc.string({ unit: 'binary' }),
    );
    fc.assert(
      fc.property(texts, (text) => {
        const result = parse(text);
        if (result.ok) return true;
        const { start, end, fix } = result.problem;
        return start >= 0 && start <= end && end <= text.length && (fix === null || fix.end <= text.length);
      }),
      { numRuns: 3000 },
    );
  });

  it('keeps the span of each comparison', () => {
    const result = parse('tcp && (rtt.p99 > 50ms)');
    const last = result.ok && result.ast.kind === 'and' ? result.ast.operands[1] : undefined;
    expect(last?.span).toEqual({ start: 8, end: 22 });
  });
});

describe('problems', () => {
  it.each([
    ['tcp && process.name = "node"', 20, 'compare with two equals signs', 'tcp && process.name == "node"'],
    ['tcp & udp', 4, 'write "and" as &&', 'tcp && udp'],
    ['port === 80', 5, 'compare with two equals signs', 'port == 80'],
    ['prot == 80', 0, 'no field is named prot', 'port == 80'],
    ['rtt.p9 > 1ms', 0, 'no field is named rtt.p9', 'rtt.p90 > 1ms'],
    ['rtt.p99 > 50', 10, '50 needs a unit', 'rtt.p99 > 50ms'],
    [
      'process.name == curl',
      16,
      'process.name is compared with text, which stands in quotes',
      'process.name == "curl"',
    ],
    ['process.name == "curl', 16, 'this text has no closing quote', 'process.name == "curl"'],
    ['process.name == “curl”', 16, '“ is not "', null],
    ['tcp.port == https', 12, 'tcp.port is a number, and https is not', 'tcp.port == 443'],
    ['port > 70000', 7, 'port goes from 0 to 65535', null],
    ['ip.addr == 10.0/16', 11, 'an IPv4 address has four numbers', 'ip.addr == 10.0.0.0/16'],
    ['ip.addr == 10.0.0.1/33', 11, 'a prefix length of an IPv4 address goes from 0 to 32', null],
    ['ip.addr == 2001::%eth0', 11, 'only link-local addresses have a zone', null],
    ['state == establishd', 9, 'state is never establishd', 'state == established'],
    ['(tcp', 0, 'this ( is not closed', '(tcp)'],
    ['tcp)', 3, 'this ) closes nothing', 'tcp'],
    ['tcp udp', 4, 'two conditions are joined by && or ||', 'tcp && udp'],
    ['tcp &&', 4, 'something is missing after &&', null],
    ['443 == port', 0, 'the field comes first', 'port == 443'],
    ['port in 443', 8, 'a set in braces belongs after in', 'port in {443}'],
    ['port in {80 443}', 12, 'members of a set are separated by commas', 'port in {80, 443}'],
    ['port == {80}', 5, 'a set is asked for with in', 'port in {80}'],
    ['port in {9..1}', 9, 'this range is empty: its end comes before its start', null],
    ['port ==', 7, 'a value is missing after ==', null],
    ['tcp == 6', 4, 'tcp is a protocol and stands alone', null],
    ['process.name > "a"', 13, 'text cannot be ordered with >', null],
    ['ip.addr ~ "10"', 8, 'ip.addr is an address, not text', null],
    ['process.name ~ "("', 15, 'this pattern has a ( without its )', null],
    ['1 < packets < 5', 0, 'the field comes first', null],
    ['packets > 1 < 5', 12, 'one comparison cannot follow another', null],
    ['process.name !~ "x"', 13, '"not ~" is written around the comparison', null],
    ['port == 80，443', 10, '， is not ,', null],
  ])('of %j are at %i', (text, start, message, fixed) => {
    const problem = problemOf(text);
    expect([problem.start, problem.message]).toEqual([start, message]);
    if (fixed === null) return;
    const repaired = applyFix(text, problem);
    expect(repaired).toBe(fixed);
    expect(parse(repaired ?? '').ok).toBe(true);
  });

  it('are one line for a terminal, counted from 1', () => {
    expect(explain(problemOf('tcp && process.name = "node"'))).toBe(
      'character 21: compare with two equals signs; write process.name == "node"',
    );
  });
});
