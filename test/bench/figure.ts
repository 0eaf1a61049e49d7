/** One row of the bench's table; see build/bench.mjs for what a budget and a least do. */
export interface Figure {
  name: string;
  value: number;
  unit?: string;
  /** The value must not be above it. */
  budget?: number;
  /** The value must not be below it. */
  least?: number;
  /** Figure / baseline, both of this run. */
  ratio?: number;
}

/** Prints a row as the runner reads it. */
export function print(figure: Figure): void {
  process.stdout.write(`${JSON.stringify(figure)}\n`);
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2;
}

/** Ends a bench that needs root, in plain words and without failing it. */
export function needRoot(): void {
  if (process.getuid?.() === 0) return;
  process.stderr.write('left out: needs root\n');
  process.exit(0);
}
