import { parseArgs } from 'node:util';
import { EXIT_USAGE, FlowglassError, printable } from '../core/errors.ts';
import { LEVELS } from './terminal.ts';

/** One option of a command; without `value` it is a switch. */
export interface OptionSpec {
  readonly short?: string;
  /** Name of its value in the help. */
  readonly value?: string;
  /** All that its value may be; completions offer them. */
  readonly choices?: readonly string[];
  /** May be given several times. */
  readonly multiple?: boolean;
  readonly help: string;
}

/** One word of the command line: its file exports one of these as `command`. */
export interface Command {
  readonly name: string;
  /** What follows the name in the usage line. */
  readonly usage: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** More for its own help; may be empty. */
  readonly details?: string;
  readonly options: Readonly<Record<string, OptionSpec>>;
  run(given: Given): Promise<void>;
}

/** What was given on the command line, checked against the options of the command. */
export interface Given {
  /** The value of an option, the last checks are the command's. */
  text(name: string): string | undefined;
  /** All values of an option that may be given several times. */
  texts(name: string): readonly string[];
  has(name: string): boolean;
  readonly positionals: readonly string[];
}

/** Understood by every command. */
export const COMMON: Readonly<Record<string, OptionSpec>> = {
  quiet: { short: 'q', help: 'print nothing but errors' },
  'log-level': { value: 'LEVEL', choices: LEVELS, help: 'error, warning (default), info or debug' },
  help: { short: 'h', help: 'show this help' },
};

/** A mistake on the command line: exit status 2. */
export function usageError(what: string, where: string, hint: string): FlowglassError {
  return new FlowglassError({ code: 'usage', what, where: printable(where), hint, exitCode: EXIT_USAGE });
}

/** Reads arguments strictly: an unknown option, one given twice, a missing or superfluous value is a usage error. */
export function readArguments(command: Command, argv: readonly string[]): Given {
  const specs: Readonly<Record<string, OptionSpec>> = { ...command.options, ...COMMON };
  const see = `see flowglass ${command.name} --help`;
  const options = Object.fromEntries(
    Object.entries(specs).map(([name, { short, value }]) => [
      name,
      { type: value === undefined ? ('boolean' as const) : ('string' as const), multiple: true, ...(short === undefined ? {} : { short }) }, // prettier-ignore
    ]),
  );
  let parsed;
  try {
    // Not strict: parseArgs' own sentences have several lines and name no command. What it found is judged below.
    parsed = parseArgs({ args: [...argv], options, strict: false, allowPositionals: true, tokens: true });
  } catch (error) {
    throw usageError(
      error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error),
      'command line',
      see,
    );
  }
  const seen = new Map<string, string[]>();
  for (const token of parsed.tokens) {
    if (token.kind !== 'option') continue;
    const spec = Object.hasOwn(specs, token.name) ? specs[token.name] : undefined;
    if (spec === undefined) throw usageError('unknown option', token.rawName, see);
    const { value } = token;
    if (spec.value === undefined && value !== undefined)
      throw usageError('this option takes no value', token.rawName, see);
    if (spec.value !== undefined) {
      const optionLike = value !== undefined && !token.inlineValue && value.length > 1 && value.startsWith('-');
      if (value === undefined || value === '' || optionLike) {
        throw usageError('this option needs a value', token.rawName, `give ${spec.value}; ${see}`);
      }
    }
    const values = seen.get(token.name) ?? [];
    if (values.length > 0 && spec.multiple !== true) throw usageError('given twice', token.rawName, see);
    seen.set(token.name, [...values, value ?? '']);
  }
  return {
    text: (name) => seen.get(name)?.[0],
    texts: (name) => seen.get(name) ?? [],
    has: (name) => seen.has(name),
    positionals: parsed.positionals,
  };
}

/** The help of one command. */
export function helpText(command: Command): string {
  const line = (name: string, spec: OptionSpec): string => {
    const left = `  ${spec.short === undefined ? '   ' : `-${spec.short},`} --${name}${spec.value === undefined ? '' : ` ${spec.value}`}`;
    return left.length < 34 ? left.padEnd(34) + spec.help : `${left}\n${' '.repeat(34)}${spec.help}`;
  };
  const lines = Object.entries({ ...command.options, ...COMMON }).map(([name, spec]) => line(name, spec));
  const details = command.details === undefined ? '' : `\n${command.details.trim()}\n`;
  return `usage: flowglass ${command.name} ${command.usage}\n\n${command.summary}\n${details}\n${lines.join('\n')}\n`;
}
