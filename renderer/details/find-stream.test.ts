import { describe, expect, it } from 'vitest';
import { allIn, indexIn, needleOf } from '../../core/contract/find.ts';
import { findInStream } from './find-stream.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const needle = (text: string, as: 'text' | 'hex' = 'text', caseless = true) => {
  const made = needleOf(text, as, caseless);
  if (!made) throw new Error(`${text} is nothing to look for`);
  return made;
};

describe('what is looked for', () => {
  it('is text in UTF-8, or pairs of hex digits in any of the usual forms', () => {
    expect([...needle('é').bytes]).toEqual([0xc3, 0xa9]);
    for (const typed of ['de ad BE ef', 'deadbeef', '0xde 0xad 0xbe 0xef', 'de:ad:be:ef'])
      expect([...needle(typed, 'hex').bytes]).toEqual([0xde, 0xad, 0xbe, 0xef]);
    for (const typed of ['', 'd', 'xy', 'de a']) expect(needleOf(typed, 'hex', true)).toBeNull();
    expect(needleOf('', 'text', true)).toBeNull();
  });

  it('is found in both cases unless case counts, and without overlaps', () => {
    expect(allIn(bytes('Get GET get'), needle('get'), 10)).toEqual([0, 4, 8]);
    expect(allIn(bytes('Get GET get'), needle('get', 'text', false), 10)).toEqual([8]);
    expect(allIn(bytes('aaaa'), needle('aa'), 10)).toEqual([0, 2]);
    expect(allIn(bytes('aaaa'), needle('a'), 3)).toEqual([0, 1, 2]);
    expect(indexIn(bytes('xxab'), needle('ab'), 0, 3)).toBe(-1);
    expect(indexIn(Uint8Array.of(0, 0x40, 0x60), needle('60', 'hex'))).toBe(2);
  });
});

describe('finding in a stream', () => {
  const piece = (fromClient: boolean, text: string, missing = 0) => ({ fromClient, bytes: bytes(text), missing });

  it('finds across pieces of a side with the other side between, and numbers matches as they are read', () => {
    const pieces = [piece(true, 'he'), piece(false, 'hello '), piece(true, 'llo, hello')];
    const { count, parts } = findInStream(pieces, needle('hello'));
    expect(count).toBe(3);
    expect(parts.get(0)).toEqual([{ match: 0, from: 0, to: 2 }]);
    expect(parts.get(1)).toEqual([{ match: 1, from: 0, to: 5 }]);
    expect(parts.get(2)).toEqual([
      { match: 0, from: 0, to: 3 },
      { match: 2, from: 5, to: 10 },
    ]);
  });

  it('never across a hole', () => {
    expect(findInStream([piece(true, 'he'), piece(true, '', 5), piece(true, 'llo')], needle('hello')).count).toBe(0);
  });
});
