import { type ChildProcess, spawn } from 'node:child_process';

/** One line of a lab program's output. */
export type LabEvent = Record<string, unknown> & { event?: string };

/** What a finished program left behind. */
export interface Outcome {
  /** Exit status, null when a signal ended it. */
  status: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface ChildOptions {
  /** Milliseconds after which it is killed and `done` is rejected; always bounded. */
  timeoutMs?: number;
  env?: NodeJS.ProcessEnv;
  cwd?: string;
}

/**
 * A bounded child process in its own process group: output collected, JSON lines parsed as they come. Everything a
 * laboratory starts is one of these, and {@link Child.kill} ends the group, never anything found by name.
 */
export class Child {
  readonly pid: number;
  /** Settles when the program ended and its output is complete; rejects when it had to be killed for time. */
  readonly done: Promise<Outcome>;
  readonly events: LabEvent[] = [];
  readonly command: string;
  stdout = '';
  stderr = '';
  ended: Outcome | null = null;
  readonly #process: ChildProcess;
  #partial = '';
  readonly #watchers = new Set<() => void>();

  constructor(program: string, args: readonly string[], options: ChildOptions = {}) {
    this.command = [program, ...args].join(' ');
    const timeoutMs = options.timeoutMs ?? 60_000;
    this.#process = spawn(program, args, {
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
      env: options.env ?? process.env,
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    this.pid = this.#process.pid ?? -1;
    let expired = false;
    const timer = setTimeout(() => {
      expired = true;
      this.kill('SIGKILL');
    }, timeoutMs);
    const { stdin, stdout, stderr } = this.#process;
    stdin?.on('error', () => undefined); // it may be gone before it was written to
    stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
      this.#wake();
    });
    stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
      const lines = (this.#partial + text).split('\n');
      this.#partial = lines.pop() ?? '';
      for (const line of lines) if (line.startsWith('{"event":')) this.#parse(line);
      this.#wake();
    });
    this.done = new Promise((resolve, reject) => {
      this.#process.on('error', (error) => {
        clearTimeout(timer);
        this.ended = { status: null, signal: null, stdout: this.stdout, stderr: error.message };
        this.#wake();
        reject(error);
      });
      this.#process.on('close', (status, signal) => {
        clearTimeout(timer);
        this.ended = { status, signal, stdout: this.stdout, stderr: this.stderr };
        this.#wake();
        if (expired) reject(new Error(`still running after ${timeoutMs} ms: ${this.command}\n${this.stderr}`));
        else resolve(this.ended);
      });
    });
    this.done.catch(() => undefined); // reported to whoever waits; nobody may
  }

  /** Settles as soon as `ready` is true of this process; rejects when it ends or the time is over first. */
  until(what: string, ready: (child: Child) => boolean, timeoutMs = 20_000): Promise<void> {
    return new Promise((resolve, reject) => {
      const finish = (error?: Error) => {
        clearTimeout(timer);
        this.#watchers.delete(check);
        if (error === undefined) resolve();
        else reject(error);
      };
      const check = () => {
        if (ready(this)) finish();
        else if (this.ended !== null) finish(new Error(`ended before ${what}: ${this.command}\n${this.ended.stderr}`));
      };
      const timer = setTimeout(
        () => finish(new Error(`no ${what} within ${timeoutMs} ms: ${this.command}\n${this.stderr}`)),
        timeoutMs,
      );
      this.#watchers.add(check);
      check();
    });
  }

  /** The next (or already seen) line with this event name. */
  async event(name: string, timeoutMs?: number): Promise<LabEvent> {
    const find = () => this.events.find((event) => event.event === name);
    await this.until(`event ${name}`, () => find() !== undefined, timeoutMs);
    return find() ?? {};
  }

  /** A line (or bytes) on its standard input. */
  write(text: string | Uint8Array): void {
    this.#process.stdin?.write(text);
  }

  /** Ends its standard input. */
  closeInput(): void {
    this.#process.stdin?.end();
  }

  /** A signal to this process alone. */
  signal(signal: NodeJS.Signals): void {
    if (this.ended === null) this.#process.kill(signal);
  }

  /** A signal to its whole process group. */
  kill(signal: NodeJS.Signals = 'SIGKILL'): void {
    if (this.ended !== null || this.pid <= 0) return;
    try {
      process.kill(-this.pid, signal);
    } catch {
      // already gone
    }
  }

  /** Asks it to end, kills it when it does not within `graceMs`. */
  async stop(signal: NodeJS.Signals = 'SIGTERM', graceMs = 3000): Promise<Outcome> {
    this.signal(signal);
    const timer = setTimeout(() => this.kill('SIGKILL'), graceMs);
    try {
      return await this.done;
    } finally {
      clearTimeout(timer);
    }
  }

  #parse(line: string): void {
    try {
      const value: unknown = JSON.parse(line);
      if (typeof value === 'object' && value !== null) this.events.push({ ...value });
    } catch {
      // not ours
    }
  }

  #wake(): void {
    for (const watcher of [...this.#watchers]) watcher();
  }
}
