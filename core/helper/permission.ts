import { FlowglassError, EXIT_PERMISSION } from '../errors.ts';

function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/**
 * The one line that runs this same command as root: sudo resets PATH, so Node and the script are named by path. In an
 * installed package the launcher says its own name (FLOWGLASS_COMMAND), which sudo finds in /usr/bin.
 */
export function sudoLine(argv: readonly string[] = process.argv): string {
  const launcher = process.env['FLOWGLASS_COMMAND'];
  return ['sudo', ...(launcher ? [launcher, ...argv.slice(2)] : argv)].map(shellWord).join(' ');
}

/** Capturing is not allowed: exit status 3, and the one thing to do. */
export function permissionMissing(what: string, where: string): FlowglassError {
  return new FlowglassError({ code: 'permission', what, where, hint: `run: ${sudoLine()}`, exitCode: EXIT_PERMISSION });
}
