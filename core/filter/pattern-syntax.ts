/**
 * Regular expressions of the `~` operator as a tree. The subset: literals, `.`, `[…]`, `\d \w \s \D \W \S`, `^ $ \b \B`,
 * groups, `|`, `* + ? {m,n}` (also lazy, which changes nothing here). No back-references and no look-around, so that
 * pattern.ts can match in time proportional to the subject.
 */

/** Code points from `ranges` (pairs, inclusive); `negated` turns the set around. */
export interface CharacterSet {
  readonly ranges: readonly number[];
  readonly negated: boolean;
}

export type Assertion = 'start' | 'end' | 'boundary' | 'not-boundary';

export type PatternNode =
  | { readonly kind: 'empty' }
  | { readonly kind: 'set'; readonly set: CharacterSet }
  | { readonly kind: 'assertion'; readonly assertion: Assertion }
  | { readonly kind: 'sequence' | 'choice'; readonly nodes: readonly PatternNode[] }
  | { readonly kind: 'repeat'; readonly node: PatternNode; readonly min: number; readonly max: number };

/** Bound of `{m,n}`. */
export const REPEAT_MAX = 200;
const DEPTH_MAX = 50;

const DIGITS = [0x30, 0x39];
const WORDS = [0x30, 0x39, 0x41, 0x5a, 0x5f, 0x5f, 0x61, 0x7a];
const SPACES = [0x09, 0x0d, 0x20, 0x20, 0xa0, 0xa0, 0x1680, 0x1680, 0x2000, 0x200a, 0x2028, 0x2029, 0x202f, 0x202f];
SPACES.push(0x205f, 0x205f, 0x3000, 0x3000, 0xfeff, 0xfeff);
/** Line terminators, which `.` does not match. */
const LINES = [0x0a, 0x0a, 0x0d, 0x0d, 0x2028, 0x2029];
const CONTROLS: ReadonlyMap<string, number> = new Map([
  ['n', 10],
  ['r', 13],
  ['t', 9],
  ['f', 12],
  ['v', 11],
  ['0', 0],
]);

/** Thrown with a message for people; compilePattern turns it into its answer. */
export class PatternError extends Error {}

function complement(ranges: readonly number[]): number[] {
  const out: number[] = [];
  let from = 0;
  for (let i = 0; i < ranges.length; i += 2) {
    const lo = ranges[i] ?? 0;
    if (lo > from) out.push(from, lo - 1);
    from = (ranges[i + 1] ?? 0) + 1;
  }
  if (from <= 0x10ffff) out.push(from, 0x10ffff);
  return out;
}

class Reader {
  private readonly points: readonly number[];
  private at = 0;
  private depth = 0;

  constructor(text: string) {
    this.points = Array.from(text, (char) => char.codePointAt(0) ?? 0);
  }

  private peek(): string {
    const point = this.points[this.at];
    return point === undefined ? '' : String.fromCodePoint(point);
  }

  private next(): string {
    const char = this.peek();
    this.at++;
    return char;
  }

  read(): PatternNode {
    const node = this.choice();
    if (this.peek() !== '') throw new PatternError('this pattern has a ) without its (');
    return node;
  }

  private choice(): PatternNode {
    const nodes = [this.sequence()];
    while (this.peek() === '|') {
      this.at++;
      nodes.push(this.sequence());
    }
    const only = nodes[0];
    return nodes.length === 1 && only !== undefined ? only : { kind: 'choice', nodes };
  }

  private sequence(): PatternNode {
    const nodes: PatternNode[] = [];
    for (let char = this.peek(); char !== '' && char !== '|' && char !== ')'; char = this.peek())
      nodes.push(this.quantified());
    const only = nodes[0];
    if (only === undefined) return { kind: 'empty' };
    return nodes.length === 1 ? only : { kind: 'sequence', nodes };
  }

  private quantified(): PatternNode {
    const node = this.atom();
    let min = 1;
    let max = 1;
    const char = this.peek();
    if (char === '*' || char === '+' || char === '?') {
      this.at++;
      min = char === '+' ? 1 : 0;
      max = char === '?' ? 1 : Infinity;
    } else if (char === '{') {
      const rest = String.fromCodePoint(...this.points.slice(this.at, this.at + 16));
      const match = /^\{(\d{1,5})(?:(,)(\d{1,5})?)?\}/.exec(rest);
      if (match === null)
        throw new PatternError('in a pattern { begins a count like {2,5}; write \\{ for the character');
      min = Number(match[1]);
      max = match[2] === undefined ? min : match[3] === undefined ? Infinity : Number(match[3]);
      if (min > REPEAT_MAX || (max !== Infinity && max > REPEAT_MAX))
        throw new PatternError(`a pattern repeats at most ${REPEAT_MAX} times`);
      if (min > max) throw new PatternError('a count like {5,2} has its numbers the wrong way round');
      this.at += match[0].length;
    } else return node;
    if (this.peek() === '?') this.at++;
    if (/^[*+?{]$/.test(this.peek())) throw new PatternError('this pattern repeats a repetition; put it in ( )');
    return { kind: 'repeat', node, min, max };
  }

  private atom(): PatternNode {
    const char = this.next();
    switch (char) {
      case '(':
        return this.group();
      case '[':
        return { kind: 'set', set: this.characterClass() };
      case '.':
        return { kind: 'set', set: { ranges: LINES, negated: true } };
      case '^':
        return { kind: 'assertion', assertion: 'start' };
      case '$':
        return { kind: 'assertion', assertion: 'end' };
      case '\\':
        return this.escape();
      case '*':
      case '+':
      case '?':
      case '{':
        throw new PatternError(`in this pattern ${char} has nothing to repeat; write \\${char} for the character`);
      default: {
        const point = char.codePointAt(0) ?? 0;
        return { kind: 'set', set: { ranges: [point, point], negated: false } };
      }
    }
  }

  private group(): PatternNode {
    if (this.peek() === '?') {
      this.at++;
      if (this.next() !== ':')
        throw new PatternError('patterns have no look-around and no named groups, only ( ) and (?: )');
    }
    if (++this.depth > DEPTH_MAX) throw new PatternError('this pattern is nested too deeply');
    const node = this.choice();
    if (this.next() !== ')') throw new PatternError('this pattern has a ( without its )');
    this.depth--;
    return node;
  }

  private escape(): PatternNode {
    if (this.peek() === 'b' || this.peek() === 'B')
      return { kind: 'assertion', assertion: this.next() === 'b' ? 'boundary' : 'not-boundary' };
    return { kind: 'set', set: { ranges: this.escapedRanges(), negated: false } };
  }

  private escapedRanges(): readonly number[] {
    const char = this.next();
    const named: Readonly<Record<string, readonly number[]>> = { d: DIGITS, w: WORDS, s: SPACES };
    const set = named[char.toLowerCase()];
    if (set !== undefined && char !== '') return char === char.toLowerCase() ? set : complement(set);
    const control = CONTROLS.get(char);
    if (control !== undefined) return [control, control];
    if (char === '') throw new PatternError('this pattern ends in a lone backslash');
    if (/^[1-9]$/.test(char)) throw new PatternError('patterns have no back-references');
    if (/^[A-Za-z]$/.test(char)) throw new PatternError(`\\${char} means nothing in a pattern`);
    const point = char.codePointAt(0) ?? 0;
    return [point, point];
  }

  private characterClass(): CharacterSet {
    const negated = this.peek() === '^';
    if (negated) this.at++;
    const ranges: number[] = [];
    for (let char = this.next(); char !== ']'; char = this.next()) {
      if (char === '') throw new PatternError('this pattern has a [ without its ]');
      const low = this.member(char);
      if (this.peek() === '-' && this.points[this.at + 1] !== 0x5d && this.points[this.at + 1] !== undefined) {
        this.at++;
        const high = this.member(this.next());
        if (low.length !== 2 || low[0] !== low[1] || high.length !== 2 || high[0] !== high[1])
          throw new PatternError('a range in [ ] goes from one character to another');
        if ((low[0] ?? 0) > (high[1] ?? 0)) throw new PatternError('a range in [ ] has its ends the wrong way round');
        ranges.push(low[0] ?? 0, high[1] ?? 0);
      } else ranges.push(...low);
    }
    return { ranges, negated };
  }

  private member(char: string): readonly number[] {
    if (char === '\\') {
      if (this.peek() === 'b') {
        this.at++;
        return [8, 8];
      }
      return this.escapedRanges();
    }
    const point = char.codePointAt(0) ?? 0;
    return [point, point];
  }
}

/** The tree of a pattern; throws PatternError. */
export function readPattern(text: string): PatternNode {
  return new Reader(text).read();
}
