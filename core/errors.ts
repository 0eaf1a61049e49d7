/** Exit status of the `flowglass` command (docs/architecture.md). */
export const EXIT_FAILED = 1;
export const EXIT_USAGE = 2;
export const EXIT_PERMISSION = 3;

/** What is known of a failure that the user can do something about. */
export interface Failure {
  /** Stable word for programs, e.g. `unknown-interface`. */
  readonly code: string;
  /** What went wrong, a clause without a full stop: `no such interface`. */
  readonly what: string;
  /** The file, interface, option or host it happened at. */
  readonly where: string;
  /** What to do about it. */
  readonly hint: string;
  /** Exit status of the command: 1 failed, 2 usage, 3 permission missing. */
  readonly exitCode?: number;
  readonly cause?: unknown;
}

/** A failure with one clear sentence for the user; anything else that is thrown is a bug of ours. */
export class FlowglassError extends Error {
  readonly code: string;
  readonly what: string;
  readonly where: string;
  readonly hint: string;
  readonly exitCode: number;

  constructor(failure: Failure) {
    super([failure.what, failure.where, failure.hint].filter((part) => part !== '').join(', '), {
      cause: failure.cause,
    });
    this.name = 'FlowglassError';
    this.code = failure.code;
    this.what = failure.what;
    this.where = failure.where;
    this.hint = failure.hint;
    this.exitCode = failure.exitCode ?? EXIT_FAILED;
  }
}

/** The errno name (`ENOENT`) of an error thrown by Node, or `''`. */
export function errnoName(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  return '';
}

const ERRNO_TEXT: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EEXIST: 'file exists',
  EFBIG: 'file too large',
  EIO: 'input/output error',
  EISDIR: 'is a directory',
  EMFILE: 'too many open files',
  ENAMETOOLONG: 'file name too long',
  ENOENT: 'no such file or directory',
  ENOSPC: 'no space left on device',
  ENOTDIR: 'not a directory',
  EPERM: 'operation not permitted',
  ENXIO: 'is a socket or a device that cannot be read',
  EROFS: 'read-only file system',
};

/** An error's errno as words (`no space left on device`), else its message's first line. */
export function errnoText(error: unknown): string {
  const name = errnoName(error);
  return ERRNO_TEXT[name] ?? (error instanceof Error ? (error.message.split('\n')[0] ?? name) : String(error));
}

/** Text from outside (interface, process and host names) with control characters shown as escapes, for a terminal. */
export function printable(text: string): string {
  // C0, DEL, C1, line and paragraph separators, bidirectional controls: all can rewrite what the terminal shows.
  return text.replace(
    /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/g,
    (character) => {
      const code = character.charCodeAt(0);
      return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
    },
  );
}

/** A capture that cannot be opened or read on: what the system said, as a sentence. Other errors come back as they are. */
export function unreadableFile(error: unknown, where: string): unknown {
  if (error instanceof FlowglassError || errnoName(error) === '') return error;
  return new FlowglassError({
    code: 'unreadable-file',
    what: errnoText(error),
    where,
    hint: 'give the path of a capture file that you may read',
    cause: error,
  });
}
