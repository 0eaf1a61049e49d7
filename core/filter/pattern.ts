/**
 * Matching of `~` patterns in time bounded by length of subject × size of pattern, whatever either contains: names and
 * command lines come from outside, and a backtracking matcher (JavaScript's own) can be made to run for years. A
 * Thompson simulation over preallocated arrays (R. Cox, "Regular Expression Matching Can Be Simple And Fast"); answers
 * are remembered by subject, since few distinct names occur in many flows.
 */
import { PatternError, readPattern, type Assertion, type CharacterSet, type PatternNode } from './pattern-syntax.ts';

/** Longest pattern and longest part of a subject that is looked at, in UTF-16 units. */
export const PATTERN_MAX = 1000;
export const SUBJECT_MAX = 4096;
const PROGRAM_MAX = 2000;
const REMEMBERED_MAX = 4096;

type Instruction =
  | { readonly op: 'set'; readonly set: CharacterSet }
  | { readonly op: 'assertion'; readonly assertion: Assertion }
  | { readonly op: 'split'; x: number; y: number }
  | { readonly op: 'jump'; x: number }
  | { readonly op: 'match' };

export interface Pattern {
  /** Whether the pattern is found anywhere in the subject (only its first 4,096 units are searched). */
  test(subject: string): boolean;
}

function emit(node: PatternNode, program: Instruction[]): void {
  if (program.length > PROGRAM_MAX) throw new PatternError('this pattern is too large');
  switch (node.kind) {
    case 'empty':
      return;
    case 'set':
      program.push({ op: 'set', set: node.set });
      return;
    case 'assertion':
      program.push({ op: 'assertion', assertion: node.assertion });
      return;
    case 'sequence':
      for (const each of node.nodes) emit(each, program);
      return;
    case 'choice': {
      const jumps: { x: number }[] = [];
      node.nodes.forEach((each, i) => {
        if (i === node.nodes.length - 1) return emit(each, program);
        const split = { op: 'split' as const, x: program.length + 1, y: 0 };
        const jump = { op: 'jump' as const, x: 0 };
        program.push(split);
        emit(each, program);
        program.push(jump);
        jumps.push(jump);
        split.y = program.length;
      });
      for (const jump of jumps) jump.x = program.length;
      return;
    }
    case 'repeat': {
      for (let i = 0; i < node.min; i++) emit(node.node, program);
      if (node.max === Infinity) {
        const split = { op: 'split' as const, x: program.length + 1, y: 0 };
        program.push(split);
        emit(node.node, program);
        program.push({ op: 'jump', x: program.indexOf(split) });
        split.y = program.length;
        return;
      }
      for (let i = node.min; i < node.max; i++) {
        const split = { op: 'split' as const, x: program.length + 1, y: 0 };
        program.push(split);
        emit(node.node, program);
        split.y = program.length;
      }
    }
  }
}

function inRanges(ranges: readonly number[], point: number): boolean {
  for (let i = 0; i < ranges.length; i += 2)
    if (point >= (ranges[i] ?? 0) && point <= (ranges[i + 1] ?? -1)) return true;
  return false;
}

function isWord(point: number): boolean {
  return (
    (point >= 0x30 && point <= 0x39) ||
    (point >= 0x41 && point <= 0x5a) ||
    point === 0x5f ||
    (point >= 0x61 && point <= 0x7a)
  );
}

function foldPoint(point: number, upper: boolean): number {
  if (point < 0x80) {
    if (upper) return point >= 0x61 && point <= 0x7a ? point - 32 : point;
    return point >= 0x41 && point <= 0x5a ? point + 32 : point;
  }
  const char = String.fromCodePoint(point);
  const folded = upper ? char.toUpperCase() : char.toLowerCase();
  const first = folded.codePointAt(0) ?? point;
  return folded.length === String.fromCodePoint(first).length ? first : point;
}

class Machine implements Pattern {
  private readonly program: readonly Instruction[];
  private readonly ignoreCase: boolean;
  private current: Int32Array;
  private following: Int32Array;
  private readonly stack: Int32Array;
  private readonly seen: Float64Array;
  private mark = 0;
  private count = 0;
  private readonly remembered = new Map<string, boolean>();

  constructor(program: readonly Instruction[], ignoreCase: boolean) {
    this.program = program;
    this.ignoreCase = ignoreCase;
    this.current = new Int32Array(program.length);
    this.following = new Int32Array(program.length);
    this.stack = new Int32Array(program.length * 2 + 2);
    this.seen = new Float64Array(program.length);
  }

  test(subject: string): boolean {
    const known = this.remembered.get(subject);
    if (known !== undefined) return known;
    if (this.remembered.size >= REMEMBERED_MAX) this.remembered.clear();
    const found = this.search(subject);
    this.remembered.set(subject, found);
    return found;
  }

  private search(subject: string): boolean {
    const length = Math.min(subject.length, SUBJECT_MAX);
    let threads = 0;
    let before = -1;
    this.mark++;
    for (let at = 0; ;) {
      const point = at < length ? (subject.codePointAt(at) ?? 0) : -1;
      this.count = threads;
      if (this.add(0, before, point, this.current)) return true;
      threads = this.count;
      if (point < 0) return false;
      const next = at + (point > 0xffff ? 2 : 1);
      const after = next < length ? (subject.codePointAt(next) ?? 0) : -1;
      this.mark++;
      this.count = 0;
      const lower = this.ignoreCase ? foldPoint(point, false) : point;
      const upper = this.ignoreCase ? foldPoint(point, true) : point;
      for (let i = 0; i < threads; i++) {
        const pc = this.current[i] ?? 0;
        const instruction = this.program[pc];
        if (instruction === undefined || instruction.op !== 'set') continue;
        const { ranges, negated } = instruction.set;
        const inside = inRanges(ranges, point) || inRanges(ranges, lower) || inRanges(ranges, upper);
        if (inside !== negated && this.add(pc + 1, point, after, this.following)) return true;
      }
      threads = this.count;
      [this.current, this.following] = [this.following, this.current];
      before = point;
      at = next;
    }
  }

  /** Adds the threads reachable from pc without reading to `list`; true when the match is complete. */
  private add(pc: number, before: number, after: number, list: Int32Array): boolean {
    let top = 0;
    this.stack[top++] = pc;
    while (top > 0) {
      const at = this.stack[--top] ?? 0;
      if (this.seen[at] === this.mark) continue;
      this.seen[at] = this.mark;
      const instruction = this.program[at];
      if (instruction === undefined) continue;
      if (instruction.op === 'match') return true;
      if (instruction.op === 'set') list[this.count++] = at;
      else if (instruction.op === 'jump') this.stack[top++] = instruction.x;
      else if (instruction.op === 'split') {
        this.stack[top++] = instruction.y;
        this.stack[top++] = instruction.x;
      } else if (holds(instruction.assertion, before, after)) this.stack[top++] = at + 1;
    }
    return false;
  }
}

function holds(assertion: Assertion, before: number, after: number): boolean {
  if (assertion === 'start') return before < 0;
  if (assertion === 'end') return after < 0;
  const boundary = isWord(before) !== isWord(after);
  return assertion === 'boundary' ? boundary : !boundary;
}

/**
 * A matcher, or a sentence that says what is wrong with the pattern. Case is ignored, as by Wireshark's `matches`,
 * unless the pattern begins with `(?-i)`.
 */
export function compilePattern(text: string): Pattern | string {
  if (text.length > PATTERN_MAX) return `a pattern has at most ${PATTERN_MAX} characters`;
  const flag = /^\(\?(-?)i\)/.exec(text);
  try {
    const program: Instruction[] = [];
    emit(readPattern(flag === null ? text : text.slice(flag[0].length)), program);
    program.push({ op: 'match' });
    if (program.length > PROGRAM_MAX) return 'this pattern is too large';
    return new Machine(program, flag?.[1] !== '-');
  } catch (error) {
    if (error instanceof PatternError) return error.message;
    throw error;
  }
}
