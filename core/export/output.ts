import * as fs from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { errnoName, errnoText, FlowglassError } from '../errors.ts';

const BUFFER_BYTES = 1 << 20;
const encoder = new TextEncoder();

function refused(code: string, what: string, where: string, hint: string, cause?: unknown): FlowglassError {
  return new FlowglassError({ code, what, where, hint, cause });
}

/**
 * What an export is written into: a new file, 0600, that appears under its name only when it is whole, or standard
 * output (`-`), or an existing FIFO or device. Nothing is waited for but the write itself: readers of captures call
 * their handlers without waiting, and a slow reader of a pipe must slow us down.
 */
export class Output {
  readonly path: string;
  /** Bytes written so far, those in the buffer included. */
  bytes = 0;
  readonly #force: boolean;
  readonly #buffer = new Uint8Array(BUFFER_BYTES);
  #fill = 0;
  #fd: number;
  /** Under which name it is written until it is whole; null = in place. */
  #temporary: string | null = null;

  /** Throws FlowglassError when the file exists (unless `force`), is the one that is read, or cannot be created. */
  constructor(path: string, options: { readonly force: boolean; readonly input: string }) {
    this.path = path;
    this.#force = options.force;
    if (path === '-') {
      this.#fd = 1;
      return;
    }
    const found = fs.statSync(path, { throwIfNoEntry: false });
    if (found !== undefined) this.#check(found, options.input);
    const inPlace = found !== undefined && !found.isFile();
    try {
      if (inPlace) this.#fd = fs.openSync(path, fs.constants.O_WRONLY);
      else {
        this.#temporary = join(dirname(path), `.${basename(path).slice(0, 200)}.${process.pid}.part`);
        this.#fd = fs.openSync(this.#temporary, 'wx', 0o600);
      }
    } catch (error) {
      throw refused('unwritable-file', errnoText(error), path, 'give the path of a file that you may create', error);
    }
  }

  #check(found: fs.Stats, input: string): void {
    const { path } = this;
    if (found.isDirectory()) throw refused('unwritable-file', 'is a directory', path, 'give the name of a file');
    const read = input === '-' ? undefined : fs.statSync(input, { throwIfNoEntry: false });
    if (read !== undefined && read.dev === found.dev && read.ino === found.ino)
      throw refused('same-file', 'this is the file that is being read', path, 'give another name');
    if (!this.#force && found.isFile())
      throw refused('file-exists', 'the file exists', path, 'give another name, or --force to replace it');
  }

  write(bytes: Uint8Array, start = 0, end = bytes.length): void {
    const length = end - start;
    this.bytes += length;
    if (length > BUFFER_BYTES - this.#fill) this.#flush();
    if (length > BUFFER_BYTES) {
      this.#all(bytes, start, end);
      return;
    }
    this.#buffer.set(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end), this.#fill);
    this.#fill += length;
  }

  text(text: string): void {
    this.write(encoder.encode(text));
  }

  #flush(): void {
    this.#all(this.#buffer, 0, this.#fill);
    this.#fill = 0;
  }

  #all(bytes: Uint8Array, start: number, end: number): void {
    for (let at = start; at < end;) {
      try {
        at += fs.writeSync(this.#fd, bytes, at, end - at);
      } catch (error) {
        const name = errnoName(error);
        if (name === 'EINTR') continue;
        if (name === 'EAGAIN') {
          // A pipe that somebody made non-blocking: wait for its reader.
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
          continue;
        }
        const where = this.path === '-' ? 'standard output' : this.path;
        throw refused('write-failed', errnoText(error), where, 'nothing is left of it; check the disk', error);
      }
    }
  }

  /** Writes what is left and gives the file its name. */
  finish(): void {
    this.#flush();
    if (this.path === '-') return;
    fs.closeSync(this.#fd);
    this.#fd = -1;
    if (this.#temporary === null) return;
    try {
      if (this.#force) fs.renameSync(this.#temporary, this.path);
      else {
        // Not rename: it would replace a file that came into being meanwhile.
        fs.linkSync(this.#temporary, this.path);
        fs.unlinkSync(this.#temporary);
      }
    } catch (error) {
      if (errnoName(error) === 'EEXIST')
        throw refused(
          'file-exists',
          'the file exists',
          this.path,
          'give another name, or --force to replace it',
          error,
        );
      // A file system without hard links (vfat, a share).
      if (fs.existsSync(this.path)) throw error;
      fs.renameSync(this.#temporary, this.path);
    }
    this.#temporary = null;
  }

  /** Leaves nothing behind; does nothing after `finish`. */
  abandon(): void {
    if (this.path !== '-' && this.#fd >= 0) fs.closeSync(this.#fd);
    this.#fd = -1;
    if (this.#temporary !== null) fs.rmSync(this.#temporary, { force: true });
    this.#temporary = null;
  }
}
