import { FlowglassError, EXIT_PERMISSION } from '../errors.ts';

function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** The one line that runs this same command as root: sudo resets PATH, so Node and the script are named by path. */
export function sudoLine(argv: readonly string[] = process.argv): string {
  return ['sudo', ...argv].map(shellWord).join(' ');
}

/** Capturing is not allowed: exit status 3, and the one thing to do. */
export function permissionMissing(what: string, where: string): FlowglassError {
  return new FlowglassError({ code: 'permission', what, where, hint: `run: ${sudoLine()}`, exitCode: EXIT_PERMISSION });
}
