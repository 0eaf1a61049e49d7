import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { complete } from './complete.ts';
import { describe as inWords } from './describe.ts';
import { findField } from './fields.ts';
import { highlight } from './highlight.ts';
import { parse } from './parse.ts';
import { clauseFor, refine, refined } from './refine.ts';

/** Labels offered where | stands. */
function labels(marked: string, values?: readonly string[]): string[] {
  const cursor = marked.indexOf('|');
  const text = marked.slice(0, cursor) + marked.slice(cursor + 1);
  return complete(text, cursor, values === undefined ? null : () => values).map((each) => each.label);
}

/** The text after taking the first suggestion. */
function taken(marked: string, values?: readonly string[]): string {
  const cursor = marked.indexOf('|');
  const text = marked.slice(0, cursor) + marked.slice(cursor + 1);
  const [first] = complete(text, cursor, values === undefined ? null : () => values);
  return first === undefined ? text : text.slice(0, first.start) + first.insert + text.slice(first.end);
}

describe('completion', () => {
  it('offers protocols and fields where a condition begins', () => {
    expect(labels('|').slice(0, 3)).toEqual(['tcp', 'udp', 'icmp']);
    expect(labels('tcp && rtt.p|')).toEqual(['rtt.p50', 'rtt.p90', 'rtt.p99']);
    expect(labels('!(proc|')[0]).toBe('process.name');
    expect(labels('sni|')).toContain('tls.sni');
  });

  it('offers the operators that the field takes', () => {
    expect(labels('process.name |')).toEqual(['==', '!=', 'contains', '~', 'in', '&&', '||']);
    expect(labels('ip.addr |').slice(0, 3)).toEqual(['==', '!=', 'in']);
    expect(labels('rtt.p99 >|')).toContain('>=');
    expect(labels('(tcp |')).toEqual(['&&', '||', ')']);
  });

  it('offers real values, quoted where they are text', () => {
    expect(labels('process.name == |', ['node', 'curl'])).toEqual(['"node"', '"curl"']);
    expect(taken('process.name == "cu|', ['node', 'curl'])).toBe('process.name == "curl"');
    expect(taken('process.name == cu|rl && tcp', ['curl'])).toBe('process.name == "curl" && tcp');
    expect(taken('process.name == "cu|rl" && tcp', ['curlew'])).toBe('process.name == "curlew" && tcp');
    expect(labels('state == est|')).toEqual(['established']);
    expect(labels('port in {80, |', ['443'])).toEqual(['443']);
  });

  it('offers units after a number', () => {
    expect(labels('rtt.p99 > 50|').slice(0, 2)).toEqual(['50ms', '50s']);
    expect(labels('rate > 1.5|')[0]).toBe('1.5Mbit/s');
    expect(labels('rtt.p99 > 50u|')).toEqual(['50us']);
  });

  it('offers braces for a set, then commas and the end', () => {
    expect(taken('port in |')).toBe('port in {');
    expect(labels('port in {80 |')).toEqual([',', '}']);
  });

  it('never throws, and replaces a range that contains the cursor', () => {
    const piece = fc.constantFrom('tcp', 'port', ' ', '==', '"', '{', '(', ')', '1', 'in', '&', ',', 'é', '\\');
    const texts = fc.array(piece, { maxLength: 10 }).map((each) => each.join(''));
    fc.assert(
      fc.property(texts, fc.nat(20), (text, cursor) => {
        const at = Math.min(cursor, text.length);
        return complete(text, cursor, () => ['x']).every(
          ({ start, end }) => start <= at && at <= end && end <= text.length,
        );
      }),
    );
  });
});

describe('highlighting', () => {
  it('classes the parts of a filter', () => {
    const text = 'tcp && process.name == "node" && rtt.p99 > 50ms';
    const shown = highlight(text).map((each) => [text.slice(each.from, each.to), each.kind]);
    expect(shown).toEqual([
      ['tcp', 'protocol'],
      ['&&', 'operator'],
      ['process.name', 'field'],
      ['==', 'operator'],
      ['"node"', 'string'],
      ['&&', 'operator'],
      ['rtt.p99', 'field'],
      ['>', 'operator'],
      ['50ms', 'number'],
    ]);
  });

  it('marks what the problem is about', () => {
    const text = 'process.name = "node"';
    expect(highlight(text).find((each) => each.kind === 'problem')).toEqual({ from: 13, to: 14, kind: 'problem' });
  });

  it('leaves only white space out, in order, for any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        let at = 0;
        let rest = '';
        for (const { from, to } of highlight(text)) {
          if (from < at || to <= from) return false;
          rest += text.slice(at, from);
          at = to;
        }
        return (rest + text.slice(at)).trim() === '';
      }),
    );
  });
});

describe('describing', () => {
  it.each([
    ['', 'every flow'],
    [
      'tcp && server.port in {80, 8000..8100}',
      'TCP flows, and port of the end that was connected to is one of 80, 8000 to 8100',
    ],
    ['udp || !(rtt.p99 > 50ms)', 'UDP flows, or not (99th percentile of the round-trip time is above 50ms)'],
    ['started > +10s', 'when the first packet was seen is after +10s'],
  ])('says %j in words', (text, words) => {
    const result = parse(text);
    expect(result.ok && inWords(result.ast)).toBe(words);
  });
});

describe('one-click refinement', () => {
  const curl = clauseFor('process.name', 'curl');

  it('adds a clause with &&, keeping alternatives together', () => {
    expect(refined('udp', 'tcp', true)).toBe('udp && !tcp');
    expect(refined('udp && !tcp', 'tcp', false)).toBe('udp && tcp');
    expect(refined('udp &&', 'tcp', false)).toBeNull();
    expect(refined('udp', 'rtt.p99 > 50', false)).toBeNull();
    expect(refine('', curl)).toBe('process.name == "curl"');
    expect(refine('tcp || udp', curl)).toBe('(tcp || udp) && process.name == "curl"');
    expect(refine('tcp', clauseFor('client.addr', 'fe80::1'))).toBe('tcp && client.addr == fe80::1');
    expect(refine('tcp', clauseFor('process.pid', null))).toBe('tcp && !process.pid');
  });

  it('replaces the opposite and does not repeat itself', () => {
    const once = refine('tcp', curl) ?? '';
    expect(refine(once, curl)).toBe(once);
    expect(refine(once, { kind: 'not', operand: curl })).toBe('tcp && !(process.name == "curl")');
    expect(refine('tcp &&', curl)).toBeNull();
  });

  it('knows every field it is given a value of', () => {
    expect(findField('process.commandLine')?.name).toBe('process.cmdline');
    expect(() => clauseFor('nonsense', 1)).toThrow(RangeError);
  });
});
