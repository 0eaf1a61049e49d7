import * as fs from 'node:fs';
import { errnoName, errnoText, FlowglassError } from '../errors.ts';

/** The system calls used, replaceable so that tests can make each of them fail. */
export interface FileCalls {
  open(path: string, flags: number, mode: number): number;
  write(fd: number, bytes: Uint8Array, offset: number, length: number): number;
  truncate(fd: number, length: number): void;
  sync(fd: number): void;
  close(fd: number): void;
  unlink(path: string): void;
  /** Of the disk that holds a folder, for ordinary users; null when it cannot tell. */
  space(folder: string): { readonly freeBytes: number; readonly totalBytes: number } | null;
}

function spaceOf(folder: string): ReturnType<FileCalls['space']> {
  try {
    const { bavail, blocks, bsize } = fs.statfsSync(folder);
    return blocks === 0 ? null : { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
  } catch {
    return null; // writing tells what is wrong
  }
}

export const SYSTEM_CALLS: FileCalls = {
  open: fs.openSync,
  write: (fd, bytes, offset, length) => fs.writeSync(fd, bytes, offset, length),
  truncate: fs.ftruncateSync,
  sync: fs.fsyncSync,
  close: fs.closeSync,
  unlink: fs.unlinkSync,
  space: spaceOf,
};

const CREATE = fs.constants.O_WRONLY | fs.constants.O_CREAT | fs.constants.O_EXCL;

/**
 * The file being written: append-only, whole blocks at a time. When a write fails the file is cut back to the last
 * whole block and nothing more is written. Files are 0600; `-` is standard output, which cannot be cut back.
 */
export class FileSink {
  readonly path: string;
  /** Bytes in the file. */
  size = 0;
  readonly #calls: FileCalls;
  readonly #fd: number;
  readonly #stdout: boolean;
  #open = true;

  /** Creates the file; an existing one is refused unless `force`, which replaces it (a regular file only). */
  constructor(path: string, force: boolean, calls: FileCalls = SYSTEM_CALLS) {
    this.path = path;
    this.#calls = calls;
    this.#stdout = path === '-';
    if (this.#stdout) {
      this.#fd = 1;
      return;
    }
    try {
      this.#fd = this.#create(path, force);
    } catch (error) {
      const exists = errnoName(error) === 'EEXIST';
      throw new FlowglassError({
        code: exists ? 'file-exists' : 'unwritable-file',
        what: exists ? 'the file exists' : errnoText(error),
        where: path,
        hint: exists ? 'give another name, or --force to replace it' : 'give the path of a file that you may create',
        cause: error,
      });
    }
  }

  #create(path: string, force: boolean): number {
    try {
      return this.#calls.open(path, CREATE, 0o600);
    } catch (error) {
      if (!force || errnoName(error) !== 'EEXIST') throw error;
      const found = fs.lstatSync(path);
      // A FIFO or device is written into; anything else is replaced, so that its mode is ours.
      if (!found.isFile() && !found.isSymbolicLink()) return this.#calls.open(path, fs.constants.O_WRONLY, 0o600);
      this.#calls.unlink(path);
      return this.#calls.open(path, CREATE, 0o600);
    }
  }

  /**
   * Appends whole pcapng blocks. Throws FlowglassError with code `write-failed` after the tail has been cut back to
   * the last whole block; `size` is then what is kept.
   */
  write(bytes: Uint8Array): void {
    let done = 0;
    while (done < bytes.length) {
      try {
        const wrote = this.#calls.write(this.#fd, bytes, done, bytes.length - done);
        if (wrote <= 0) throw Object.assign(new Error('nothing was written'), { code: 'EIO' });
        done += wrote;
      } catch (error) {
        const name = errnoName(error);
        if (name === 'EINTR') continue;
        if (name === 'EAGAIN' && this.#stdout) {
          // A pipe that somebody made non-blocking: wait for its reader.
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
          continue;
        }
        throw this.#failed(error, bytes, done);
      }
    }
    this.size += done;
  }

  #failed(error: unknown, bytes: Uint8Array, done: number): FlowglassError {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let whole = 0;
    while (whole + 8 <= bytes.length) {
      const length = view.getUint32(whole + 4, true);
      if (whole + length > done) break;
      whole += length;
    }
    let cut = true;
    if (!this.#stdout) {
      try {
        this.#calls.truncate(this.#fd, this.size + whole);
      } catch {
        cut = false; // A FIFO or a device: readers skip the torn tail.
      }
    }
    this.size += whole;
    return new FlowglassError({
      code: 'write-failed',
      what: errnoText(error),
      where: this.path,
      hint: `the first ${this.size} bytes are kept${cut ? ' and can be opened' : ''}; free some space and record again`,
      cause: error,
    });
  }

  /** Makes the file safe on disk and closes it. */
  close(): void {
    if (!this.#open || this.#stdout) return;
    this.#open = false;
    try {
      this.#calls.sync(this.#fd);
    } catch (error) {
      // EINVAL: a FIFO or a device, which has nothing to make safe.
      if (errnoName(error) !== 'EINVAL' && errnoName(error) !== 'ENOTSUP' && errnoName(error) !== 'EROFS') {
        this.#calls.close(this.#fd);
        throw new FlowglassError({
          code: 'write-failed',
          what: errnoText(error),
          where: this.path,
          hint: 'the last seconds of the recording may be missing; check the disk',
          cause: error,
        });
      }
    }
    this.#calls.close(this.#fd);
  }
}
