import { errnoName, printable, type FlowglassError } from '../core/errors.ts';

export const LEVELS = ['error', 'warning', 'info', 'debug'] as const;

/** How much is said on standard error, from `error` to `debug`. */
export type Level = (typeof LEVELS)[number];

let spoken: Level = 'warning';

export function isLevel(text: string): text is Level {
  return LEVELS.some((level) => level === text);
}

/** Sets how much note() says. */
export function speak(level: Level): void {
  spoken = level;
}

/** Whether notes of this level are shown. */
export function speaks(level: Level): boolean {
  return LEVELS.indexOf(level) <= LEVELS.indexOf(spoken);
}

/** One line on standard error, with control characters of foreign text shown as escapes. */
export function note(level: Level, text: string): void {
  if (speaks(level)) process.stderr.write(`flowglass: ${printable(text)}\n`);
}

/** The one line of a failure: `flowglass: what, where, what to do`. */
export function failureLine(error: FlowglassError): string {
  return `flowglass: ${printable(error.message)}\n`;
}

/** Writes to standard output and waits while the reader is slow. */
export function print(text: string): Promise<void> {
  return new Promise((resolve) => {
    if (process.stdout.write(text)) resolve();
    else process.stdout.once('drain', resolve);
  });
}

/** A reader that went away (`flowglass … | head`) ends the command quietly. */
export function quietBrokenPipe(): void {
  process.stdout.on('error', (error) => {
    if (errnoName(error) === 'EPIPE') process.exit(0);
    process.stderr.write(`flowglass: ${printable(error.message)}, standard output, check where it goes\n`);
    process.exit(1);
  });
  process.stderr.on('error', () => undefined);
}

/** Rows as aligned columns; the first row is the heading. Control characters of cells are shown as escapes. */
export function table(rows: readonly (readonly string[])[]): string {
  const safe = rows.map((row) => row.map(printable));
  const widths = (safe[0] ?? []).map((_, column) => Math.max(...safe.map((row) => row[column]?.length ?? 0)));
  return safe
    .map(
      (row) =>
        `${row
          .map((cell, i) => cell.padEnd(widths[i] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}

/** Settles on the first of these signals; npx forwards what a terminal sends to the whole group, so more may follow. */
export function signalled(signals: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP']): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of signals) process.on(signal, () => resolve());
  });
}
