import { existsSync, readFileSync } from 'node:fs';
import { EXIT_FAILED, FlowglassError, errnoName, errnoText } from '../core/errors.ts';
import { helpText, readArguments, usageError, type Command } from './command.ts';
import { failureLine, isLevel, print, quietBrokenPipe, speak } from './terminal.ts';

/** Loaded only when used: a command pays for its own modules alone. */
const COMMANDS: Readonly<Record<string, () => Promise<{ command: Command }>>> = {
  interfaces: () => import('./interfaces.ts'),
  record: () => import('./record.ts'),
  summary: () => import('./summary.ts'),
  export: () => import('./export.ts'),
  alerts: () => import('./alerts.ts'),
  labels: () => import('./labels.ts'),
  open: () => import('./open.ts'),
  serve: () => import('./serve/command.ts'),
  agent: () => import('./agent.ts'),
  check: () => import('./check.ts'),
  extcap: () => import('./extcap.ts'),
  doctor: () => import('./doctor.ts'),
};

/** Every command with its options: what help, completions and the manual page are made from. */
export const allCommands = (): Promise<Command[]> =>
  Promise.all(Object.values(COMMANDS).map(async (load) => (await load()).command));

async function overview(): Promise<string> {
  const commands = await allCommands();
  const lines = commands.map(({ name, summary }) => `  ${name.padEnd(12)}${summary}`);
  return `usage: flowglass [FILE]\n       flowglass COMMAND [OPTION…]\n\nWho this machine talks to, which process, how slow it is, and why.\n\n${lines.join('\n')}\n
  --help      show this, or the help of a command
  --version   show the version

Exit status: 0 done, 1 failed, 2 usage, 3 permission missing.
`;
}

/** Version from the package.json beside dist/ (or beside cli/ when run from source). */
export function version(): string {
  for (const path of ['../package.json', '../../package.json']) {
    try {
      const parsed: unknown = JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8'));
      if (typeof parsed === 'object' && parsed !== null && 'version' in parsed) return String(parsed.version);
    } catch {
      continue;
    }
  }
  return 'unknown';
}

/** `flowglass [FILE]`: a word that is no command and no file is a mistake in the command. */
async function runFile(file: string | undefined, rest: readonly string[]): Promise<void> {
  if (rest[0] !== undefined) throw usageError('unexpected argument', rest[0], 'see flowglass --help');
  if (file !== undefined && !/[./]/.test(file) && !existsSync(file)) {
    throw usageError('no such command', file, `there are ${Object.keys(COMMANDS).join(', ')}`);
  }
  const { runApp } = await import('./app.ts');
  await runApp(file);
}

async function run(argv: readonly string[]): Promise<void> {
  const [name, ...rest] = argv;
  if (name === '--version') return print(`flowglass ${version()}\n`);
  if (name === '--help' || name === '-h' || name === 'help') return print(await overview());
  if (name?.startsWith('-') === true) throw usageError('unknown option', name, 'see flowglass --help');
  const load = name !== undefined && Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (load === undefined) return runFile(name, rest);
  const { command } = await load();
  if (rest.includes('--help') || rest.includes('-h')) return print(helpText(command));
  const given = readArguments(command, rest);
  const level = given.text('log-level');
  if (level !== undefined) {
    if (!isLevel(level)) throw usageError('no such log level', level, 'give error, warning, info or debug');
    if (given.has('quiet')) throw usageError('--quiet and --log-level exclude each other', 'command line', 'give one of them'); // prettier-ignore
    speak(level);
  } else if (given.has('quiet')) speak('error');
  await command.run(given);
}

/** The `flowglass` command; sets the exit status. Every failure becomes one line on standard error. */
export async function main(argv: readonly string[]): Promise<void> {
  quietBrokenPipe();
  try {
    await run(argv);
    process.exit(0);
  } catch (error) {
    if (error instanceof FlowglassError) {
      process.stderr.write(failureLine(error));
      process.exit(error.exitCode);
    }
    // A bug of ours, or a system error that nobody put into words: still one line; the stack only when asked for.
    const trace =
      process.env['FLOWGLASS_TRACE'] !== undefined && error instanceof Error ? `\n${error.stack ?? ''}` : '';
    const what = errnoName(error) === '' ? `internal error (${errnoText(error)})` : errnoText(error);
    const where = error instanceof Error && 'path' in error ? String(error.path) : 'flowglass';
    process.stderr.write(
      `${failureLine(new FlowglassError({ code: 'internal', what, where, hint: 'run again with FLOWGLASS_TRACE=1 and report what it prints' })).trimEnd()}${trace}\n`,
    );
    process.exit(EXIT_FAILED);
  }
}
