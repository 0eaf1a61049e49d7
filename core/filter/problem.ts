/** What is wrong with a filter, where, and how to put it right. */

/** Replace text[start, end) by `text`. */
export interface Fix {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

export interface FilterProblem {
  /** Stable name of the kind of mistake, for tests and translations. */
  readonly code: string;
  /** Half-open range of UTF-16 offsets that the message is about; never beyond the text by more than one. */
  readonly start: number;
  readonly end: number;
  /** One clause without a full stop: "compare with two equals signs". */
  readonly message: string;
  /** What to write instead, for people; null when there is nothing to propose. */
  readonly hint: string | null;
  /** The same as an edit, when it can be made by machine. */
  readonly fix: Fix | null;
}

/** Thrown inside the parser only; `parse` returns the problem instead. */
export class FilterSyntaxError extends Error {
  readonly problem: FilterProblem;

  constructor(problem: FilterProblem) {
    super(problem.message);
    this.problem = problem;
  }
}

/** Stops parsing with a problem over [start, end). */
export function fail(
  code: string,
  span: { readonly start: number; readonly end: number },
  message: string,
  hint: string | null = null,
  fix: Fix | null = null,
): never {
  throw new FilterSyntaxError({ code, start: span.start, end: span.end, message, hint, fix });
}

/** One line for terminals: `character 21: compare with two equals signs; write process.name == "node"`. */
export function explain(problem: FilterProblem): string {
  const place = `character ${problem.start + 1}: ${problem.message}`;
  return problem.hint === null ? place : `${place}; ${problem.hint}`;
}

/** The text with the proposed edit made, or null when there is none. */
export function applyFix(text: string, problem: FilterProblem): string | null {
  const fix = problem.fix;
  return fix === null ? null : text.slice(0, fix.start) + fix.text + text.slice(fix.end);
}

/** Number of single-character edits between two short names (Levenshtein, with transposition of neighbours). */
export function editDistance(a: string, b: string): number {
  const width = b.length + 1;
  let before: number[] = [];
  let previous = Array.from({ length: width }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const swap = a[i - 1] === b[j - 1] ? 0 : 1;
      let best = Math.min((previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (previous[j - 1] ?? 0) + swap);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        best = Math.min(best, (before[j - 2] ?? 0) + 1);
      row.push(best);
    }
    before = previous;
    previous = row;
  }
  return previous[b.length] ?? 0;
}

/** The candidate nearest to a mistyped name, or null when none is near (a third of its length, at least one edit). */
export function nearest(name: string, candidates: Iterable<string>): string | null {
  const wanted = name.toLowerCase().slice(0, 64);
  let best: string | null = null;
  let bestDistance = Math.max(1, Math.floor(wanted.length / 3)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(wanted, candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}
