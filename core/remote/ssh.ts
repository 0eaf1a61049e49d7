/**
 * The system's ssh, with the user's own configuration, keys and agent. Nothing of ours asks for a password: what ssh asks
 * for it asks at the terminal.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { createReadStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { errnoName, FlowglassError, printable } from '../errors.ts';
import { SSH_FAILED } from '../helper/launch.ts';

/** A connection that does not answer is given up after this. */
const CONNECT_SECONDS = 15;
/** Three of these without an answer: the host is gone. Unless the configuration says something else. */
const ALIVE_SECONDS = 3;
const OUTPUT_MAX = 16 << 20;

/** What ssh may be given: no option of its own, nothing that a ProxyCommand's shell would take apart. */
const DESTINATION = /^[\w[][\w.@:/%+[\]-]{0,254}$/;

export interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** One destination (`user@host`, a name of ssh_config, or ssh://user@host:port), reached by one connection where that is possible. */
export class Ssh {
  readonly destination: string;
  readonly #options: readonly string[];
  readonly #directory: string | null;

  /** Throws FlowglassError when there is no ssh, or the destination is none. */
  constructor(destination: string) {
    if (!DESTINATION.test(destination)) throw failure('that is no destination', destination, 'give user@host');
    this.destination = destination;
    const { status, error, stdout, stderr } = spawnSync('ssh', ['-G', destination], { encoding: 'utf8' });
    if (error !== undefined)
      throw failure(errnoName(error) === 'ENOENT' ? 'there is no ssh' : error.message, 'ssh', 'install openssh-client');
    if (status !== 0) throw failure(lastLine(stderr), destination, 'see ssh_config(5)');
    // Who shares connections by configuration goes on doing so; else all of our commands share one of their own.
    const shared = /^controlpath (?!none$).+$/m.test(stdout);
    this.#directory = shared ? null : mkdtempSync(join(tmpdir(), 'flowglass-ssh-')); // 0700 by mkdtemp(3)
    const own = this.#directory === null ? [] : ['-o', 'ControlMaster=auto', '-o', `ControlPath=${join(this.#directory, 'c')}`, '-o', 'ControlPersist=60']; // prettier-ignore
    const alive = /^serveraliveinterval [1-9]/m.test(stdout) ? [] : ['-o', `ServerAliveInterval=${ALIVE_SECONDS}`, '-o', 'ServerAliveCountMax=3']; // prettier-ignore
    this.#options = ['-T', '-o', `ConnectTimeout=${CONNECT_SECONDS}`, ...alive, ...own];
  }

  /** A command of that host's shell, running; `before` = further options of ssh. */
  spawn(command: string, before: readonly string[] = []): ChildProcess {
    // A process group of its own: Ctrl-C reaches us alone, and we end it in order. It asks nothing: `run` came first.
    return this.#start(command, before, true);
  }

  #start(command: string, before: readonly string[], detached: boolean): ChildProcess {
    return spawn('ssh', [...this.#options, ...before, '--', this.destination, command], { stdio: 'pipe', detached });
  }

  /** A command, run to its end; `input` is a file for its standard input, or text; `limitMs` = no longer. Throws when ssh itself fails. */
  run(command: string, input: { readonly text: string } | { readonly file: string }, limitMs?: number): Promise<Ran> {
    return new Promise((resolve, reject) => {
      const child = this.#start(command, [], false); // it may ask at the terminal
      const timer = limitMs === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), limitMs);
      let [stdout, stderr] = ['', ''];
      child.stdout?.setEncoding('utf8').on('data', (text: string) => {
        stdout += text;
        if (stdout.length > OUTPUT_MAX) child.kill('SIGKILL');
      });
      child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr = (stderr + text).slice(-16_384)));
      child.once('error', (error) => reject(failure(error.message, this.destination, 'try again')));
      child.once('close', (status) => {
        clearTimeout(timer);
        if (status === SSH_FAILED) reject(this.failed(stderr));
        else resolve({ status, stdout, stderr });
      });
      if (child.stdin === null) return;
      child.stdin.on('error', () => undefined); // it ended before reading all: its status says why
      if ('text' in input) child.stdin.end(input.text);
      else createReadStream(input.file).pipe(child.stdin);
    });
  }

  /** The sentence for a connection that failed or was lost. */
  failed(stderr: string): FlowglassError {
    const said = lastLine(stderr);
    return failure(said === '' ? 'the connection was lost' : `ssh failed (${said})`, this.destination, 'see that ssh reaches it by itself'); // prettier-ignore
  }

  /** Ends the shared connection, if it is ours. */
  close(): void {
    if (this.#directory === null) return;
    spawnSync('ssh', [...this.#options, '-O', 'exit', '--', this.destination], { stdio: 'ignore', timeout: 5000 });
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

function failure(what: string, where: string, hint: string): FlowglassError {
  return new FlowglassError({ code: 'ssh-failed', what, where: printable(where), hint });
}

/** What it said last, without what ssh says of every new host and of its own end. */
function lastLine(text: string): string {
  const lines = text.split('\n').map((line) => line.trim());
  return printable(lines.findLast((line) => line !== '' && !/^(Warning: Permanently|Connection to .* closed)/.test(line)) ?? ''); // prettier-ignore
}
